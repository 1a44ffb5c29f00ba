//===- fp4_gemm.cuh - Design study: one FP4 matmul structure for Hopper ----===//
//
// A design study, not product code: it finds the kernel structure that the
// compiler's sm_90a backend should generate. One structure serves every M:
//
//   out[m][n] = sum_k x[m][k] * decode(w[n][k]),   f32 accumulation, bf16 result
//
// - swap-AB: 64 weight rows per warpgroup are the register operand A of wgmma,
//   the activations are the shared-memory operand B, so wgmma's N is M's tile.
// - NWG consumer warpgroups (64*NWG weight rows per CTA) decode and multiply, one
//   producer thread feeds a ring of STAGES stages (bulk copies + one tiled TMA).
// - stream-K over all CTAs with a deterministic fix-up: partial sums go to a
//   workspace slot per CTA, the owner of a tile adds them in CTA order.
//
// Weight formats are policies (NVFP4, MXFP4 -> bf16; MXFP4 -> e4m3). Their
// prepacked layout is documented at each policy. Everything of one (64 rows,
// one stage of K) block is contiguous, so it arrives by one bulk copy:
//
//   packed[n / 64][k / KT][kUnit bytes]
//
//===----------------------------------------------------------------------===//
#pragma once
#include "wgmma.cuh"
#include <cuda.h>
#include <cuda_bf16.h>
#include <cuda_runtime.h>

//===----------------------------------------------------------------------===//
// PTX wrappers
//===----------------------------------------------------------------------===//

__device__ inline uint32_t smemAddr(const void *p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}
__device__ inline void barInit(uint32_t bar, int count) {
  asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(bar), "r"(count));
}
__device__ inline void barExpect(uint32_t bar, uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], %1;" ::"r"(bar), "r"(bytes) : "memory");
}
__device__ inline void barArrive(uint32_t bar) {
  asm volatile("mbarrier.arrive.shared.b64 _, [%0];" ::"r"(bar) : "memory");
}
__device__ inline void barWait(uint32_t bar, uint32_t parity) {
  asm volatile("{\n.reg .pred p;\n"
               "W: mbarrier.try_wait.parity.shared.b64 p, [%0], %1;\n"
               "@p bra D;\nbra W;\nD:\n}\n" ::"r"(bar), "r"(parity) : "memory");
}
__device__ inline void bulkCopy(uint32_t dst, const void *src, uint32_t bytes, uint32_t bar, uint64_t policy) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint "
               "[%0], [%1], %2, [%3], %4;" ::"r"(dst), "l"(src), "r"(bytes), "r"(bar), "l"(policy) : "memory");
}
__device__ inline void tileCopy(uint32_t dst, const CUtensorMap *map, int x, int y, uint32_t bar) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
               "[%0], [%1, {%2, %3}], [%4];" ::"r"(dst), "l"(map), "r"(x), "r"(y), "r"(bar) : "memory");
}
__device__ inline void tileCopyMulticast(uint32_t dst, const CUtensorMap *map, int x, int y, uint32_t bar, uint16_t mask) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster "
               "[%0], [%1, {%2, %3}], [%4], %5;" ::"r"(dst), "l"(map), "r"(x), "r"(y), "r"(bar), "h"(mask) : "memory");
}
__device__ inline uint32_t mapToRank(uint32_t a, int rank) {
  uint32_t d;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(rank));
  return d;
}
__device__ inline void barArriveRemote(uint32_t clusterAddr) {
  asm volatile("mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%0];" ::"r"(clusterAddr) : "memory");
}
__device__ inline float4 ldsRemote(uint32_t clusterAddr) {
  float4 v;
  asm volatile("ld.shared::cluster.v4.f32 {%0,%1,%2,%3}, [%4];"
               : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w) : "r"(clusterAddr));
  return v;
}
__device__ inline void clusterSync() {
  asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}
__device__ inline uint64_t evictFirst() {
  uint64_t p;
  asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(p));
  return p;
}
__device__ inline uint64_t evictNormal() {
  uint64_t p;
  asm volatile("createpolicy.fractional.L2::evict_normal.b64 %0, 1.0;" : "=l"(p));
  return p;
}
__device__ inline uint4 lds128(uint32_t a) {
  uint4 v;
  asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "r"(a));
  return v;
}
__device__ inline uint2 lds64(uint32_t a) {
  uint2 v;
  asm volatile("ld.shared.v2.u32 {%0,%1}, [%2];" : "=r"(v.x), "=r"(v.y) : "r"(a));
  return v;
}
__device__ inline uint32_t lds32(uint32_t a) {
  uint32_t v;
  asm volatile("ld.shared.u32 %0, [%1];" : "=r"(v) : "r"(a));
  return v;
}
__device__ inline uint32_t mulBF16x2(uint32_t a, uint32_t b) {
  uint32_t d;
  asm("mul.rn.bf16x2 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(b));
  return d;
}
__device__ inline void wgmmaFence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ inline void wgmmaCommit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int N> __device__ inline void wgmmaWait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}
__device__ inline uint32_t transpose8x8(uint32_t v) {
  uint32_t d;
  asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(d) : "r"(v));
  return d;
}

//===----------------------------------------------------------------------===//
// Weight formats
//===----------------------------------------------------------------------===//

/// Decodes 8 e2m1 codes to four bf16x2 registers holding value * 2^-126, in nine
/// instructions (5 LOP3, 1 SHF, 3 IMAD). `x` carries, in each 16-bit half h, one
/// code (sign s, magnitude bits m2 m1 m0) of each register r0..r3:
///
///   r0: s -> 15, m -> 8 7 6      r1: s -> 12, m -> 5 4 3     r2: s -> 9, m -> 2 1 0
///   r3: s -> 14, m0 -> 11, m1 -> 10, m2 ^ m0 -> 13
///
/// r0..r2 reach bf16's sign and low exponent bits {15, 8, 7, 6} by a left shift,
/// which runs as IMAD beside the ALU pipe. The four bits left over reach them by
/// one multiplication with 69 = 1 + 4 + 64: z = bits {9, 8, 6, 5} of (x >> 5);
/// bit 15 of 69z is z9, bit 7 is z5, bit 6 is z6, bit 8 is z8 ^ z6.
__device__ inline void decode8(uint32_t x, uint32_t (&r)[4]) {
  constexpr uint32_t kMask = 0x81C081C0;
  r[0] = x & kMask;
  r[1] = (x * 8) & kMask;
  r[2] = (x * 64) & kMask;
  r[3] = (((x & 0x6C006C00) >> 5) * 69) & kMask;
}

/// mma fragment order, per warp (16 rows) and K step of 16: lane 4g+t holds
///   a0 = (row g,   k 2t, 2t+1)      a1 = (row g+8, k 2t, 2t+1)
///   a2 = (row g,   k 2t+8, 2t+9)    a3 = (row g+8, k 2t+8, 2t+9)
/// Unit = 64 rows x 64 k: weights [warp 4][lane 32][step 4] u32 (codes of a0..a3,
/// the even k in the low half), then scales [warp 4][g 8][2] u32.
///
/// NVFP4 scale byte: E5M3 b = (e5 << 3 | m) with bf16 0x7000 | b << 4 equal to
/// scale * 2^118 (an e4m3 scale 2^e * 1.m has e5 = e + 21; a zero scale is
/// packed as zero codes). Word i of (warp, g) holds steps 2i and 2i+1:
///   bits 11:4 = (row g, 2i), bits 27:20 = (row g+8, 2i); after rotating left by
///   8 the same places hold (row g, 2i+1), (row g+8, 2i+1).
/// Decoded value = w * scale * 2^-8; alpha carries 2^8 * tensor scale.
struct NVFP4 {
  static constexpr int kKT = 64, kUnit = 2304, kXBytes = 2;
  template <int N> using Mma = WgmmaBF16<N>;
  __device__ static void decode(uint32_t unit, int warp, int lane, uint32_t (&a)[16]) {
    uint4 q = lds128(unit + warp * 512 + lane * 16);
    uint2 s = lds64(unit + 2048 + warp * 64 + (lane >> 2) * 8);
    const uint32_t codes[4] = {q.x, q.y, q.z, q.w};
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      uint32_t word = j < 2 ? s.x : s.y;
      if (j & 1)
        word = __funnelshift_l(word, word, 8);
      uint32_t both = (word & 0x0FF00FF0) | 0x70007000;
      uint32_t s0 = __byte_perm(both, 0, 0x1010), s1 = __byte_perm(both, 0, 0x3232);
      uint32_t r[4];
      decode8(codes[j], r);
      a[4 * j + 0] = mulBF16x2(r[0], s0);
      a[4 * j + 1] = mulBF16x2(r[1], s1);
      a[4 * j + 2] = mulBF16x2(r[2], s0);
      a[4 * j + 3] = mulBF16x2(r[3], s1);
    }
  }
};

/// As NVFP4, but scales are [warp 4][g 8][1] u32: bits 14:7 = e8m0' of (row g,
/// k 0..31), bits 30:23 = (row g+8, k 0..31); after rotating left by 8 the same
/// places hold k 32..63. e8m0' = e8m0 - max + 253, with max the tensor's largest
/// e8m0; decoded value = w * 2^(e8m0 - max), alpha carries 2^(max - 127).
struct MXFP4 {
  static constexpr int kKT = 64, kUnit = 2176, kXBytes = 2;
  template <int N> using Mma = WgmmaBF16<N>;
  __device__ static void decode(uint32_t unit, int warp, int lane, uint32_t (&a)[16]) {
    uint4 q = lds128(unit + warp * 512 + lane * 16);
    uint32_t s = lds32(unit + 2048 + warp * 32 + (lane >> 2) * 4);
    const uint32_t codes[4] = {q.x, q.y, q.z, q.w};
    uint32_t s0 = 0, s1 = 0;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      if (!(j & 1)) {
        uint32_t word = j ? __funnelshift_l(s, s, 8) : s;
        uint32_t both = word & 0x7F807F80;
        s0 = __byte_perm(both, 0, 0x1010);
        s1 = __byte_perm(both, 0, 0x3232);
      }
      uint32_t r[4];
      decode8(codes[j], r);
      a[4 * j + 0] = mulBF16x2(r[0], s0);
      a[4 * j + 1] = mulBF16x2(r[1], s1);
      a[4 * j + 2] = mulBF16x2(r[2], s0);
      a[4 * j + 3] = mulBF16x2(r[3], s1);
    }
  }
};

/// MXFP4 weights folded into e4m3: value * 2^k, k = e8m0 - row's max + 6, in
/// -5..6 (12 binades per row, checked when packing). kk = k + 5 is stored.
/// e4m3 fragment per K step of 32: a0 = (row g, k 4t..4t+3), a1 = row g+8,
/// a2 = (row g, k 16+4t..), a3 = row g+8. A byte permute looks each magnitude up
/// in an 8-entry table of the block (two registers) that already holds 2^k.
/// Unit = 64 rows x 128 k: weights [warp 4][pair 2][lane 32][4] u32, word
/// (step & 1) * 2 + half of pair = step / 2, half 0 = row g, 1 = row g+8:
///   nibble i bits 2:0 = magnitude of k 4t+i (i < 4) or 16+4t+i-4;
///   bits 7, 15, 23, 31 = signs of k 4t+0..3; bits 3, 11, 19, 27 = of 16+4t+0..3.
/// Scales [warp 4][g 8][2] u32: byte j of word `half` = kk of step j.
struct MXFP4asE4M3 {
  static constexpr int kKT = 128, kUnit = 4352, kXBytes = 1;
  template <int N> using Mma = WgmmaE4M3<N>;
  __device__ static void decode(uint32_t unit, int warp, int lane, uint32_t (&a)[16]) {
    uint4 q[2] = {lds128(unit + warp * 1024 + lane * 16), lds128(unit + warp * 1024 + 512 + lane * 16)};
    uint2 s = lds64(unit + 4096 + warp * 64 + (lane >> 2) * 8);
#pragma unroll
    for (int j = 0; j < 4; ++j)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const uint4 &v = q[j >> 1];
        uint32_t x = (j & 1) ? (half ? v.w : v.z) : (half ? v.y : v.x);
        uint32_t kk = __byte_perm(half ? s.y : s.x, 0, 0x4440 + j);
        uint32_t lo = kk * 0x08080800u + 0x14100800u, hi = kk * 0x08080808u + 0x24201C18u;
        uint32_t m = x & 0x77777777;
        a[4 * j + half] = __byte_perm(lo, hi, m) | (x & 0x80808080);
        a[4 * j + 2 + half] = __byte_perm(lo, hi, m >> 16) | ((x * 16) & 0x80808080);
      }
  }
};

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

struct Args {
  const uint8_t *weights;
  __nv_bfloat16 *out;
  const float *rowScale;  // [N] or null
  const float *tokenScale; // [M] or null
  float alpha;
  int m, n, k;
  float *partials; // one slot of NWG*64*MT floats per CTA
  int *flags;      // [CTA][NWG], zero between launches
  int groupM;      // M tiles walked before the next N tile
  int pdl;
  int ks; // CTAs of a cluster that split K of one tile (reduced through DSMEM)
  int xm; // CTAs of a cluster that share one activation tile (multicast), 1 or 2
};

/// The share of one CTA: a stream-K range over the first `skTiles` tiles, then
/// whole tiles, one per wave.
struct Work {
  int kTiles, skTiles, dpWaves, cta, grid;
  __device__ int begin(int c) const { return (int)((long long)skTiles * kTiles * c / grid); }
  int __device__ static dp(int tiles, int grid) {
    int waves = tiles / grid;
    return tiles % grid == 0 ? waves : (waves > 0 ? waves - 1 : 0);
  }
};

template <class Fmt, int MT, int NWG, int STAGES, int DOUBLE>
__global__ void __launch_bounds__((NWG + 1) * 128, 1)
    fp4Gemm(const __grid_constant__ CUtensorMap xmap, const Args p) {
  constexpr int kX = MT * 128, kW = (Fmt::kUnit * NWG + 1023) / 1024 * 1024, kStage = kX + kW;
  constexpr int kRegs = MT / 2;
  extern __shared__ uint8_t raw[];
  __shared__ __align__(8) uint64_t bars[2 * STAGES];
  __shared__ int xk[STAGES], xm[STAGES];
  const uint32_t base = (smemAddr(raw) + 1023) & ~1023u;
  const uint32_t full = smemAddr(bars), empty = full + 8 * STAGES;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;

  const int clusterSize = p.ks * p.xm, rank = blockIdx.x % clusterSize, xr = rank % p.xm, kr = rank / p.xm;
  const int mTiles = (p.m + MT - 1) / MT, nTiles = p.n / (64 * NWG * p.xm), tiles = mTiles * nTiles;
  Work work; // counts clusters, and tiles of xm neighbours in n
  work.grid = gridDim.x / clusterSize;
  work.cta = blockIdx.x / clusterSize;
  work.kTiles = p.k / Fmt::kKT;
  work.dpWaves = p.ks > 1 ? 1 : Work::dp(tiles, work.grid);
  work.skTiles = p.ks > 1 ? 0 : tiles - work.dpWaves * work.grid;
  const int kTiles = work.kTiles;

  if (threadIdx.x == 0) {
    for (int s = 0; s < STAGES; ++s) {
      barInit(full + 8 * s, 1);
      barInit(empty + 8 * s, NWG * 4 * p.xm);
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  if (clusterSize > 1)
    clusterSync();
  else
    __syncthreads();
  if (p.pdl)
    asm volatile("griddepcontrol.launch_dependents;");

  int pos = work.begin(work.cta);
  const int posEnd = work.begin(work.cta + 1);
  int wave = 0;
  int tile, k0, k1;
  // Next segment of this CTA's share: tile and K range; false at the end.
  auto next = [&]() {
    if (pos < posEnd) {
      tile = pos / kTiles;
      k0 = pos - tile * kTiles;
      k1 = min(kTiles, k0 + posEnd - pos);
      pos += k1 - k0;
      return true;
    }
    if (wave < work.dpWaves) {
      tile = work.skTiles + wave++ * work.grid + work.cta;
      k0 = kTiles * kr / p.ks;
      k1 = kTiles * (kr + 1) / p.ks;
      return tile < tiles;
    }
    return false;
  };
  auto coords = [&](int &mt, int &nt) {
    int group = tile / (p.groupM * nTiles), first = group * p.groupM;
    int width = min(p.groupM, mTiles - first), r = tile - first * nTiles;
    mt = first + r % width;
    nt = r / width * p.xm + xr;
  };
  auto loadX = [&](uint32_t dst, int k, int m, uint32_t bar) {
    if (p.xm == 1)
      tileCopy(dst, &xmap, k, m, bar);
    else // each CTA of the pair fetches half of the rows for both
      tileCopyMulticast(dst + xr * (kX / 2), &xmap, k, m + xr * (MT / 2), bar, 3 << (kr * 2));
  };

  if (warp >= NWG * 4) { // producer
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(NWG == 4 ? 32 : 24));
    if (warp == NWG * 4 && lane == 0) {
      const uint64_t policy = mTiles == 1 ? evictFirst() : evictNormal();
      int it = 0;
      int deferred = -1; // stages whose x waits for the previous kernel
      bool waiting = p.pdl;
      auto flush = [&]() {
        asm volatile("griddepcontrol.wait;" ::: "memory");
        waiting = false;
        for (int s = 0; s <= deferred; ++s)
          loadX(base + s * kStage, xk[s], xm[s], full + 8 * s);
      };
      while (next()) {
        int mt, nt;
        coords(mt, nt);
        for (int kt = k0; kt < k1; ++kt, ++it) {
          int s = it % STAGES;
          if (waiting && it == STAGES)
            flush();
          if (it >= STAGES)
            barWait(empty + 8 * s, (it / STAGES - 1) & 1);
          uint32_t bar = full + 8 * s, dst = base + s * kStage;
          barExpect(bar, kX + Fmt::kUnit * NWG);
#pragma unroll
          for (int h = 0; h < NWG; ++h)
            bulkCopy(dst + kX + h * Fmt::kUnit,
                     p.weights + ((size_t)(nt * NWG + h) * kTiles + kt) * Fmt::kUnit, Fmt::kUnit, bar, policy);
          if (waiting) {
            xk[s] = kt * Fmt::kKT;
            xm[s] = mt * MT;
            deferred = s;
          } else {
            loadX(dst, kt * Fmt::kKT, mt * MT, bar);
          }
        }
      }
      if (waiting)
        flush();
    }
  } else {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(NWG == 4 ? 112 : NWG == 3 ? 160 : 240));
  const int wg = warp / 4, w = warp % 4, tid = threadIdx.x % 128;
  using Mma = typename Fmt::template Mma<MT>;
  int it = 0;
  while (next()) {
    int mt, nt;
    coords(mt, nt);
    float acc[kRegs];
    auto step = [&](uint32_t (&a)[16], bool first) {
      int s = it % STAGES;
      barWait(full + 8 * s, (it / STAGES) & 1);
      uint32_t x = base + s * kStage;
      Fmt::decode(x + kX + wg * Fmt::kUnit, w, lane, a);
      uint64_t desc = ((x >> 4) & 0x3FFF) | (1ull << 16) | (64ull << 32) | (1ull << 62);
      wgmmaFence();
#pragma unroll
      for (int j = 0; j < 4; ++j)
        Mma::mma(acc, a + 4 * j, desc + 2 * j, !(first && j == 0));
      wgmmaCommit();
    };
    // One warp's wait covers only its own part of the product, so every warp
    // arrives for itself.
    auto release = [&](int i) {
      uint32_t bar = empty + 8 * (i % STAGES);
      if (p.xm == 1 ? lane == 0 : lane < 2) {
        if (p.xm == 1)
          barArrive(bar);
        else
          barArriveRemote(mapToRank(bar, kr * 2 + lane));
      }
    };
    auto wgSync = [&]() { asm volatile("bar.sync %0, 128;" ::"r"(wg + 1) : "memory"); };
    if constexpr (DOUBLE) {
      uint32_t a0[16], a1[16];
      step(a0, true);
      ++it;
      int kt = k0 + 1;
      for (; kt + 1 < k1; kt += 2) {
        step(a1, false);
        wgmmaWait<1>();
        release(it - 1);
        ++it;
        step(a0, false);
        wgmmaWait<1>();
        release(it - 1);
        ++it;
      }
      if (kt < k1) {
        step(a1, false);
        wgmmaWait<1>();
        release(it - 1);
        ++it;
      }
      wgmmaWait<0>();
      release(it - 1);
    } else {
      uint32_t a[16];
      for (int kt = k0; kt < k1; ++kt) {
        step(a, kt == k0);
        wgmmaWait<0>();
        release(it);
        ++it;
      }
    }

    if (p.ks == 1 && k0 > 0) { // a later part of somebody else's tile
      float4 *slot = reinterpret_cast<float4 *>(p.partials + (((size_t)work.cta * p.xm + xr) * NWG + wg) * 64 * MT);
#pragma unroll
      for (int i = 0; i < kRegs / 4; ++i)
        __stcg(slot + i * 128 + tid, make_float4(acc[4 * i], acc[4 * i + 1], acc[4 * i + 2], acc[4 * i + 3]));
      __threadfence();
      wgSync();
      if (tid == 0)
        asm volatile("st.release.gpu.global.u32 [%0], 1;" ::"l"(p.flags + (work.cta * p.xm + xr) * NWG + wg) : "memory");
      continue;
    }
    if (p.ks == 1 && k1 < kTiles) {
      int end = (tile + 1) * kTiles;
      for (int c = work.cta + 1; work.begin(c) < end; ++c) {
        if (work.begin(c) == work.begin(c + 1))
          continue;
        int *flag = p.flags + (c * p.xm + xr) * NWG + wg;
        if (tid == 0) {
          int ready = 0;
          while (!ready)
            asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(ready) : "l"(flag) : "memory");
          *flag = 0;
        }
        wgSync();
        const float4 *slot = reinterpret_cast<const float4 *>(p.partials + (((size_t)c * p.xm + xr) * NWG + wg) * 64 * MT);
#pragma unroll
        for (int i = 0; i < kRegs / 4; ++i) {
          float4 v = __ldcg(slot + i * 128 + tid);
          acc[4 * i] += v.x;
          acc[4 * i + 1] += v.y;
          acc[4 * i + 2] += v.z;
          acc[4 * i + 3] += v.w;
        }
      }
    }
    int jBegin = 0, jCount = MT / 8;
    if (p.ks > 1) {
      // Reduce-scatter through distributed shared memory: the ring is idle now,
      // every CTA leaves its sums there and adds up its share of M's columns.
      asm volatile("bar.sync 8, %0;" ::"n"(NWG * 128) : "memory");
#pragma unroll
      for (int j = 0; j < MT / 8; ++j)
        asm volatile("st.shared.v4.f32 [%0], {%1,%2,%3,%4};" ::"r"(base + ((wg * (MT / 8) + j) * 128 + tid) * 16),
                     "f"(acc[4 * j]), "f"(acc[4 * j + 1]), "f"(acc[4 * j + 2]), "f"(acc[4 * j + 3]) : "memory");
      clusterSync();
      jBegin = MT / 8 * kr / p.ks;
      jCount = MT / 8 * (kr + 1) / p.ks - jBegin;
#pragma unroll
      for (int j = 0; j < MT / 8; ++j) {
        if (j >= jCount)
          break;
        uint32_t at = base + ((wg * (MT / 8) + jBegin + j) * 128 + tid) * 16;
        float4 v = ldsRemote(mapToRank(at, xr));
        for (int c = 1; c < p.ks; ++c) {
          float4 u = ldsRemote(mapToRank(at, c * p.xm + xr));
          v.x += u.x;
          v.y += u.y;
          v.z += u.z;
          v.w += u.w;
        }
        acc[4 * j] = v.x;
        acc[4 * j + 1] = v.y;
        acc[4 * j + 2] = v.z;
        acc[4 * j + 3] = v.w;
      }
    }
    const int g = lane / 4, t = lane % 4, n = (nt * NWG + wg) * 64 + w * 16;
    float r0 = p.alpha, r1 = p.alpha;
    if (p.rowScale) {
      r0 *= p.rowScale[n + g];
      r1 *= p.rowScale[n + g + 8];
    }
#pragma unroll
    for (int j = 0; j < MT / 8; ++j) {
      if (j >= jCount)
        break;
      float u = 1, v = 1;
      if (p.tokenScale) {
        int col = mt * MT + 8 * (jBegin + j) + 2 * t;
        u = col < p.m ? p.tokenScale[col] : 0;
        v = col + 1 < p.m ? p.tokenScale[col + 1] : 0;
      }
      __nv_bfloat162 lo = __floats2bfloat162_rn(acc[4 * j] * (r0 * u), acc[4 * j + 1] * (r0 * v));
      __nv_bfloat162 hi = __floats2bfloat162_rn(acc[4 * j + 2] * (r1 * u), acc[4 * j + 3] * (r1 * v));
      uint32_t tl = transpose8x8(reinterpret_cast<uint32_t &>(lo));
      uint32_t th = transpose8x8(reinterpret_cast<uint32_t &>(hi));
      int row = mt * MT + 8 * (jBegin + j) + g;
      if (row < p.m) {
        uint32_t *dst = reinterpret_cast<uint32_t *>(p.out + (size_t)row * p.n + n) + t;
        dst[0] = tl;
        dst[4] = th;
      }
    }
  }
  if (clusterSize > 1)
    clusterSync(); // peers may still read or signal this CTA
  }
}
