// A tiled bf16 GEMM with cp.async double buffering, ldmatrix and mma.sync:
// D[M,N] = A[M,K] * B[N,K]^T, tiles of 64 x 64 x 32, four warps.
#include <cstdint>
#include <cuda_bf16.h>

constexpr int BM = 64, BN = 64, BK = 32, STRIDE = 40;

__device__ inline uint32_t shared(const void *p) {
  return (uint32_t)__cvta_generic_to_shared(p);
}

__device__ inline void copy16(void *to, const void *from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared(to)),
               "l"(from));
}

extern "C" __global__ void __launch_bounds__(128)
    gemm(const __nv_bfloat16 *a, const __nv_bfloat16 *b, float *d, int m, int n,
         int k) {
  __shared__ __align__(16) __nv_bfloat16 sa[2][BM][STRIDE], sb[2][BN][STRIDE];
  int row0 = blockIdx.y * BM, col0 = blockIdx.x * BN;
  int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  float acc[8][4] = {};
  auto load = [&](int stage, int k0) {
    for (int i = threadIdx.x; i < BM * BK / 8; i += 128) {
      int r = i / 4, c = i % 4 * 8;
      copy16(&sa[stage][r][c], a + (size_t)(row0 + r) * k + k0 + c);
      copy16(&sb[stage][r][c], b + (size_t)(col0 + r) * k + k0 + c);
    }
    asm volatile("cp.async.commit_group;");
  };
  load(0, 0);
  for (int k0 = 0, stage = 0; k0 < k; k0 += BK, stage ^= 1) {
    if (k0 + BK < k) {
      load(stage ^ 1, k0 + BK);
      asm volatile("cp.async.wait_group 1;");
    } else {
      asm volatile("cp.async.wait_group 0;");
    }
    __syncthreads();
    for (int kk = 0; kk < BK; kk += 16) {
      uint32_t fa[4];
      asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                   : "=r"(fa[0]), "=r"(fa[1]), "=r"(fa[2]), "=r"(fa[3])
                   : "r"(shared(&sa[stage][warp * 16 + lane % 16]
                                         [kk + lane / 16 * 8])));
      for (int j = 0; j < 8; ++j) {
        uint32_t fb[2];
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
                     : "=r"(fb[0]), "=r"(fb[1])
                     : "r"(shared(&sb[stage][j * 8 + lane % 8]
                                           [kk + lane / 8 % 2 * 8])));
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
            "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
            : "+f"(acc[j][0]), "+f"(acc[j][1]), "+f"(acc[j][2]), "+f"(acc[j][3])
            : "r"(fa[0]), "r"(fa[1]), "r"(fa[2]), "r"(fa[3]), "r"(fb[0]),
              "r"(fb[1]));
      }
    }
    __syncthreads();
  }
  int r = row0 + warp * 16 + lane / 4, c = col0 + lane % 4 * 2;
  for (int j = 0; j < 8; ++j) {
    d[(size_t)r * n + c + j * 8] = acc[j][0];
    d[(size_t)r * n + c + j * 8 + 1] = acc[j][1];
    d[(size_t)(r + 8) * n + c + j * 8] = acc[j][2];
    d[(size_t)(r + 8) * n + c + j * 8 + 1] = acc[j][3];
  }
}
