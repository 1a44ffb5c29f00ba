// Inline-assembly block-scaled mma on sm_120a, straight from global memory: one
// warp computes D[16,8] = sum over K of A[16,K] * B[8,K], K a multiple of 64.
#include <cstdint>

__device__ inline void mma(float (&d)[4], const uint32_t (&a)[4],
                           const uint32_t (&b)[2], uint32_t sa, uint32_t sb) {
  asm volatile(
      "mma.sync.aligned.m16n8k64.row.col.kind::mxf4nvf4.block_scale."
      "scale_vec::4X.f32.e2m1.e2m1.f32.ue4m3 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3}, "
      "%10, {0, 0}, %11, {0, 0};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]),
        "r"(sa), "r"(sb));
}

// Packed codes [rows][K/2], scales [rows][K/16].
extern "C" __global__ void nvfp4(const uint32_t *a, const uint32_t *b,
                                 const uint32_t *sfa, const uint32_t *sfb,
                                 float *d, int k) {
  int lane = threadIdx.x, g = lane / 4, t = lane % 4;
  int words = k / 8, scaleWords = k / 64;
  float acc[4] = {};
  for (int step = 0; step < k / 64; ++step) {
    uint32_t fa[4] = {a[g * words + step * 8 + t],
                      a[(g + 8) * words + step * 8 + t],
                      a[g * words + step * 8 + 4 + t],
                      a[(g + 8) * words + step * 8 + 4 + t]};
    uint32_t fb[2] = {b[g * words + step * 8 + t],
                      b[g * words + step * 8 + 4 + t]};
    uint32_t sa = sfa[(g + t % 2 * 8) * scaleWords + step];
    uint32_t sb = sfb[g * scaleWords + step];
    mma(acc, fa, fb, sa, sb);
  }
  d[g * 8 + t * 2] = acc[0];
  d[g * 8 + t * 2 + 1] = acc[1];
  d[(g + 8) * 8 + t * 2] = acc[2];
  d[(g + 8) * 8 + t * 2 + 1] = acc[3];
}
