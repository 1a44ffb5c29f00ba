//===- rotate_quantize.cu - Design study: Hadamard + FP4 quantize, Hopper --===//
//
// A design study, not product code: bf16 rows -> blockwise Hadamard of size H ->
// NVFP4 (blocks of 16, e4m3 scales) or MXFP4 (blocks of 32, e8m0 scales).
//
// A thread owns 32 consecutive elements (four 16-byte loads, one 16-byte store of
// codes), so H <= 32 and both block sizes need no exchange; H = 128 adds two
// shuffle stages over four neighbouring lanes. Semantics, u the unnormalised
// butterfly in f32 (strides 1, 2, 4, ...), c = 1 / sqrt(H) in f32:
//   NVFP4: sf = e4m3(amax(u) * c * (1/6)),  r = (1 / sf) * c  (0 where sf is 0)
//   MXFP4: e8m0 = max(exponent(amax(u) * c) - 2, 0),  r = 2^(127 - e8m0) * c
//   code = nearest e2m1 of |u| * r (exact product, ties to even, at most 6), sign of u
// Codes: even element in the low nibble; scales row-major.
//
// sm_90a has no e2m1 conversion. The magnitude code of a is the nearest integer
// to min(2a, a + 2, a/2 + 4, 7), and adding 1.5 * 2^23 inside the same FMA rounds
// each line once; rounding is monotone, so the smallest rounded line is the code.
//
//===----------------------------------------------------------------------===//
#include <cstdint>
#include <cuda_fp8.h>
#include <cuda_runtime.h>

namespace {
template <int H, bool MX>
__global__ void __launch_bounds__(256) rotateQuantize(const uint4 *x, uint4 *codes, uint8_t *scales, long segments) {
  const long at = blockIdx.x * 256L + threadIdx.x;
  if (at >= segments)
    return;
  float u[32];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    uint4 v = __ldcs(x + at * 4 + i);
    const uint32_t words[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      u[i * 8 + 2 * j] = __uint_as_float(words[j] << 16);
      u[i * 8 + 2 * j + 1] = __uint_as_float(words[j] & 0xFFFF0000);
    }
  }
#pragma unroll
  for (int s = 1; s < (H < 32 ? H : 32); s *= 2)
#pragma unroll
    for (int i = 0; i < 32; ++i)
      if (!(i & s)) {
        float a = u[i], b = u[i + s];
        u[i] = a + b;
        u[i + s] = a - b;
      }
#pragma unroll
  for (int s = 32; s < H; s *= 2) {
    const float sign = (threadIdx.x & (s / 32)) ? -1.f : 1.f;
#pragma unroll
    for (int i = 0; i < 32; ++i)
      u[i] = fmaf(u[i], sign, __shfl_xor_sync(0xFFFFFFFF, u[i], s / 32));
  }

  constexpr float kC = H == 16 ? 0.25f : H == 32 ? 0.17677669529663687f : 0.08838834764831845f;
  constexpr int kBlock = MX ? 32 : 16;
  constexpr float kMagic = 12582912.f;
  uint32_t words[4], scale = 0;
#pragma unroll
  for (int b = 0; b < 32 / kBlock; ++b) {
    float amax = 0;
#pragma unroll
    for (int i = 0; i < kBlock; ++i)
      amax = fmaxf(amax, fabsf(u[b * kBlock + i]));
    amax *= kC;
    float r;
    if (MX) {
      int e = max((int)(__float_as_uint(amax) >> 23) - 2, 0);
      r = __uint_as_float((254 - e) << 23) * kC;
      scale = e;
    } else {
      uint32_t sf = __nv_cvt_float_to_fp8(amax * (1.f / 6.f), __NV_SATFINITE, __NV_E4M3);
      float s = __half2float(__nv_cvt_fp8_to_halfraw(sf, __NV_E4M3));
      r = s != 0 ? __fdiv_rn(1.f, s) * kC : 0.f;
      scale |= sf << 8 * b;
    }
    const float r2 = r * 2, rHalf = r * 0.5f;
#pragma unroll
    for (int i = 0; i < kBlock; ++i) {
      const int n = b * kBlock + i;
      const float a = fabsf(u[n]);
      float m =
          fminf(fminf(fmaf(a, r2, kMagic), fmaf(a, r, kMagic + 2)), fminf(fmaf(a, rHalf, kMagic + 4), kMagic + 7));
      // The code sits in the low bits of m; 0x4B400000 falls out by shifting.
      uint32_t code = (__float_as_uint(m) & 7) | ((__float_as_uint(u[n]) >> 28) & 8);
      words[n / 8] = n % 8 ? words[n / 8] | code << 4 * (n % 8) : code;
    }
  }
  __stcs(codes + at, make_uint4(words[0], words[1], words[2], words[3]));
  if (MX)
    scales[at] = scale;
  else
    reinterpret_cast<uint16_t *>(scales)[at] = scale;
}
} // namespace

/// Rotates and quantizes `elements` bf16 (a multiple of 128).
extern "C" int rotateQuantizeLaunch(int h, int mx, const void *x, void *codes, void *scales, long elements,
                                    cudaStream_t stream) {
  const long segments = elements / 32;
  const int grid = (segments + 255) / 256;
#define CASE(H, MX)                                                                                                    \
  if (h == H && mx == MX)                                                                                              \
    rotateQuantize<H, MX><<<grid, 256, 0, stream>>>((const uint4 *)x, (uint4 *)codes, (uint8_t *)scales, segments);
  CASE(16, 0) CASE(32, 0) CASE(128, 0) CASE(16, 1) CASE(32, 1) CASE(128, 1) return cudaGetLastError();
}
