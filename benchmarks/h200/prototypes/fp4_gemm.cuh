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
// - K is split in one of three ways, all with a fixed order of addition: stream-K
//   over all CTAs (the owner of a tile adds the partial sums of the CTAs after
//   it), over the `ks` CTAs of a cluster (reduce-scatter through distributed
//   shared memory), or over `gs` CTAs (reduce-scatter through L2).
// - stream-K and gs wait for other CTAs: the grid must fit the device at once.
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

__device__ inline uint32_t smemAddr(const void *p) { return static_cast<uint32_t>(__cvta_generic_to_shared(p)); }
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
               "@p bra D;\nbra W;\nD:\n}\n" ::"r"(bar),
               "r"(parity)
               : "memory");
}
__device__ inline void bulkCopy(uint32_t dst, const void *src, uint32_t bytes, uint32_t bar, uint64_t policy) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint "
               "[%0], [%1], %2, [%3], %4;" ::"r"(dst),
               "l"(src), "r"(bytes), "r"(bar), "l"(policy)
               : "memory");
}
__device__ inline void tileCopy(uint32_t dst, const CUtensorMap *map, int x, int y, uint32_t bar) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
               "[%0], [%1, {%2, %3}], [%4];" ::"r"(dst),
               "l"(map), "r"(x), "r"(y), "r"(bar)
               : "memory");
}
__device__ inline void tileCopyMulticast(uint32_t dst, const CUtensorMap *map, int x, int y, uint32_t bar,
                                         uint16_t mask) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster "
               "[%0], [%1, {%2, %3}], [%4], %5;" ::"r"(dst),
               "l"(map), "r"(x), "r"(y), "r"(bar), "h"(mask)
               : "memory");
}
__device__ inline uint32_t mapToRank(uint32_t a, int rank) {
  uint32_t d;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(rank));
  return d;
}
__device__ inline void barArriveRemote(uint32_t clusterAddr) {
  asm volatile("mbarrier.arrive.relaxed.cluster.shared::cluster.b64 _, [%0];" ::"r"(clusterAddr) : "memory");
}
__device__ inline float4 ldsRemote(uint32_t clusterAddr) {
  float4 v;
  asm volatile("ld.shared::cluster.v4.f32 {%0,%1,%2,%3}, [%4];"
               : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
               : "r"(clusterAddr));
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

/// Hides where a value comes from, so that it stays in a register instead of
/// being computed again at every use.
__device__ inline uint32_t opaque(uint32_t v) {
  asm volatile("" : "+r"(v));
  return v;
}

//===----------------------------------------------------------------------===//
// Weight formats
//===----------------------------------------------------------------------===//

/// Multipliers that arrive as kernel arguments, so that ptxas keeps the shifts
/// they stand for on the FMA pipe (IMAD): the ALU pipe is the scarce one.
struct Multipliers {
  uint32_t by8, by64, by69, scale, scaleBase;
};

/// Decodes 8 e2m1 codes to four bf16x2 registers holding value * 2^-126, in nine
/// instructions (5 LOP3, 1 SHF, 3 IMAD). `x` carries, in each 16-bit half, one
/// code (sign s, magnitude bits m2 m1 m0) of each register r0..r3:
///
///   r0: s -> 15, m -> 8 7 6      r1: s -> 12, m -> 5 4 3     r2: s -> 9, m -> 2 1 0
///   r3: s -> 14, m0 -> 11, m1 -> 10, m2 ^ m0 -> 13
///
/// r0..r2 reach bf16's sign and low exponent bits {15, 8, 7, 6} by a left shift.
/// The four bits left over reach them by one multiplication with 69 = 1 + 4 + 64:
/// with z = bits {9, 8, 6, 5} of (x >> 5), bit 15 of 69z is z9, bit 7 is z5,
/// bit 6 is z6, bit 8 is z8 ^ z6, and no carry reaches bit 15.
__device__ inline void decode8(uint32_t x, uint32_t (&r)[4], const Multipliers &c) {
  constexpr uint32_t kMask = 0x81C081C0;
  r[0] = x & kMask;
  r[1] = (x * c.by8) & kMask;
  r[2] = (x * c.by64) & kMask;
  r[3] = (((x & 0x6C006C00) >> 5) * c.by69) & kMask;
}

/// The bf16 scale of byte `i` of `word`, in both halves: 1 PRMT, 1 IMAD.
__device__ inline uint32_t scalePair(uint32_t word, int i, const Multipliers &c) {
  return __byte_perm(word, 0, 0x4040 + i * 0x0101) * c.scale + c.scaleBase;
}
__device__ inline void decodeStep(uint32_t code, uint32_t s0, uint32_t s1, uint32_t *a, const Multipliers &c) {
  uint32_t r[4];
  decode8(code, r, c);
  a[0] = mulBF16x2(r[0], s0);
  a[1] = mulBF16x2(r[1], s1);
  a[2] = mulBF16x2(r[2], s0);
  a[3] = mulBF16x2(r[3], s1);
}

/// mma fragment order, per warp (16 rows) and K step of 16: lane 4g+t holds
///   a0 = (row g,   k 2t, 2t+1)      a1 = (row g+8, k 2t, 2t+1)
///   a2 = (row g,   k 2t+8, 2t+9)    a3 = (row g+8, k 2t+8, 2t+9)
/// Unit = 64 rows x 64 k, 2304 bytes: weights [warp 4][lane 32][step 4] u32 (codes
/// of a0..a3, the even k in the low half), then scales [warp 4][g 8][8] bytes:
/// byte 2j = (row g, step j), byte 2j+1 = (row g+8, step j).
///
/// NVFP4 scale byte: E5M3 b = (e5 << 3 | m) with bf16 0x7000 + (b << 4) equal to
/// scale * 2^118 (an e4m3 scale 2^e * 1.m has e5 = e + 21; a zero scale is packed
/// as zero codes). Decoded value = w * scale * 2^-8; alpha carries 2^8 * tensor
/// scale. Multipliers: scale = 16, scaleBase = 0x70007000.
struct NVFP4 {
  static constexpr int kKT = 64, kUnit = 2304;
  template <int N> using Mma = WgmmaBF16<N>;
  struct Raw {
    uint4 q;
    uint2 s;
  };
  __device__ static Raw load(uint32_t unit, int warp, int lane) {
    return {lds128(unit + warp * 512 + lane * 16), lds64(unit + 2048 + warp * 64 + (lane >> 2) * 8)};
  }
  /// Steps 2h and 2h + 1.
  __device__ static void decode(const Raw &v, int h, uint32_t (&a)[8], const Multipliers &c) {
    uint32_t s = h ? v.s.y : v.s.x;
    decodeStep(h ? v.q.z : v.q.x, scalePair(s, 0, c), scalePair(s, 1, c), a, c);
    decodeStep(h ? v.q.w : v.q.y, scalePair(s, 2, c), scalePair(s, 3, c), a + 4, c);
  }
};

/// As NVFP4, 2176 bytes: scales [warp 4][g 8][4] bytes, byte 2h = (row g, k 32h..),
/// byte 2h+1 = row g+8, each e8m0' = e8m0 - max + 253 with max the tensor's largest
/// e8m0. Decoded value = w * 2^(e8m0 - max); alpha carries 2^(max - 127) * tensor
/// scale. Multipliers: scale = 128, scaleBase = 0.
struct MXFP4 {
  static constexpr int kKT = 64, kUnit = 2176;
  template <int N> using Mma = WgmmaBF16<N>;
  struct Raw {
    uint4 q;
    uint32_t s;
  };
  __device__ static Raw load(uint32_t unit, int warp, int lane) {
    return {lds128(unit + warp * 512 + lane * 16), lds32(unit + 2048 + warp * 32 + (lane >> 2) * 4)};
  }
  __device__ static void decode(const Raw &v, int h, uint32_t (&a)[8], const Multipliers &c) {
    uint32_t s0 = scalePair(v.s, 2 * h, c), s1 = scalePair(v.s, 2 * h + 1, c);
    decodeStep(h ? v.q.z : v.q.x, s0, s1, a, c);
    decodeStep(h ? v.q.w : v.q.y, s0, s1, a + 4, c);
  }
};

/// MXFP4 weights folded into e4m3: value * 2^k, k = e8m0 - row's max + 6, in
/// -5..6 (12 binades per row, checked when packing). kk = k + 5 is stored.
/// e4m3 fragment per K step of 32: a0 = (row g, k 4t..4t+3), a1 = row g+8,
/// a2 = (row g, k 16+4t..), a3 = row g+8. A byte permute looks each magnitude up
/// in an 8-entry table of the block (two registers) that already holds 2^k.
/// Unit = 64 rows x 128 k, 4352 bytes: weights [warp 4][pair 2][lane 32][4] u32,
/// word (step & 1) * 2 + half of pair = step / 2, half 0 = row g, 1 = row g+8:
///   nibble i bits 2:0 = magnitude of k 4t+i (i < 4) or 16+4t+i-4;
///   bits 7, 15, 23, 31 = signs of k 4t+0..3; bits 3, 11, 19, 27 = of 16+4t+0..3.
/// Scales [warp 4][g 8][half 2][step 4] bytes kk.
struct MXFP4asE4M3 {
  static constexpr int kKT = 128, kUnit = 4352;
  template <int N> using Mma = WgmmaE4M3<N>;
  struct Raw {
    uint4 q[2];
    uint2 s;
  };
  __device__ static Raw load(uint32_t unit, int warp, int lane) {
    return {{lds128(unit + warp * 1024 + lane * 16), lds128(unit + warp * 1024 + 512 + lane * 16)},
            lds64(unit + 4096 + warp * 64 + (lane >> 2) * 8)};
  }
  __device__ static void decode(const Raw &v, int h, uint32_t (&a)[8], const Multipliers &c) {
    const uint4 &q = v.q[h];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      int step = i >> 1, half = i & 1;
      uint32_t x = i == 0 ? q.x : i == 1 ? q.y : i == 2 ? q.z : q.w;
      uint32_t kk = __byte_perm(half ? v.s.y : v.s.x, 0, 0x4440 + 2 * h + step);
      uint32_t lo = kk * 0x08080800u + 0x14100800u, hi = kk * 0x08080808u + 0x24201C18u;
      uint32_t m = x & 0x77777777;
      a[4 * step + half] = __byte_perm(lo, hi, m) | (x & 0x80808080);
      a[4 * step + 2 + half] = __byte_perm(lo, hi, m >> 16) | ((x * 16) & 0x80808080);
    }
  }
};

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

struct Args {
  const uint8_t *weights;
  __nv_bfloat16 *out;
  const float *rowScale;   // [N] or null
  const float *tokenScale; // [M] or null
  float alpha;
  int m, n, k;
  float *partials; // one slot of NWG*64*MT floats per CTA
  int *flags;      // [CTA][NWG], zero between launches
  int groupM;      // M tiles walked before the next N tile
  int pdl;
  int ks; // CTAs of a cluster that split K of one tile (reduced through DSMEM)
  int xm; // CTAs of a cluster that share one activation tile (multicast), 1 or 2
  int gs; // clusters that split K of one tile (reduced through global memory)
  Multipliers mul;
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

template <class Fmt, int MT, int NWG, int STAGES>
__global__ void __launch_bounds__((NWG + 1) * 128, 1) fp4Gemm(const __grid_constant__ CUtensorMap xmap, const Args p) {
  constexpr int kX = MT * 128, kW = (Fmt::kUnit * NWG + 1023) / 1024 * 1024, kStage = kX + kW;
  constexpr int kRegs = MT / 2;
  extern __shared__ uint8_t raw[];
  __shared__ __align__(8) uint64_t bars[2 * STAGES];
  __shared__ int xk[STAGES], xm[STAGES];
  const uint32_t base = opaque((smemAddr(raw) + 1023) & ~1023u);
  const uint32_t full = opaque(smemAddr(bars)), empty = full + 8 * STAGES;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;

  const int clusterSize = p.ks * p.xm, rank = blockIdx.x % clusterSize, xr = rank % p.xm, kr = rank / p.xm;
  const int mTiles = (p.m + MT - 1) / MT, nTiles = p.n / (64 * NWG * p.xm), tiles = mTiles * nTiles;
  Work work; // counts clusters, and tiles of xm neighbours in n
  const int split = p.ks * p.gs, part = blockIdx.x / clusterSize % p.gs + kr;
  work.grid = gridDim.x / clusterSize / p.gs;
  work.cta = blockIdx.x / clusterSize / p.gs;
  work.kTiles = p.k / Fmt::kKT;
  work.dpWaves = split > 1 ? 1 : Work::dp(tiles, work.grid);
  work.skTiles = split > 1 ? 0 : tiles - work.dpWaves * work.grid;
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
      k0 = kTiles * part / split;
      k1 = kTiles * (part + 1) / split;
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
      int it = 0, s = 0, parity = 0;
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
          if (waiting && it == STAGES)
            flush();
          if (it >= STAGES)
            barWait(empty + 8 * s, parity ^ 1);
          uint32_t bar = full + 8 * s, dst = base + s * kStage;
          barExpect(bar, kX + Fmt::kUnit * NWG);
#pragma unroll
          for (int h = 0; h < NWG; ++h)
            bulkCopy(dst + kX + h * Fmt::kUnit, p.weights + ((size_t)(nt * NWG + h) * kTiles + kt) * Fmt::kUnit,
                     Fmt::kUnit, bar, policy);
          if (waiting) {
            xk[s] = kt * Fmt::kKT;
            xm[s] = mt * MT;
            deferred = s;
          } else {
            loadX(dst, kt * Fmt::kKT, mt * MT, bar);
          }
          if (++s == STAGES) {
            s = 0;
            parity ^= 1;
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
    uint32_t bar = full, at = base, parity = 0;
    const uint32_t unit = kX + wg * Fmt::kUnit;
    auto wgSync = [&]() { asm volatile("bar.sync %0, 128;" ::"r"(wg + 1) : "memory"); };
    while (next()) {
      int mt, nt;
      coords(mt, nt);
      float acc[kRegs];
      // One warp's wait covers only its own part of the product, so every warp
      // arrives for itself.
      auto release = [&](uint32_t bar) {
        if (p.xm == 1) {
          if (lane == 0)
            barArrive(bar);
        } else if (lane < 2) {
          barArriveRemote(mapToRank(bar, kr * 2 + lane));
        }
      };
      // Fragments of half a stage alternate between two register sets: one is
      // decoded while wgmma still reads the other.
      uint32_t a[2][8];
      uint32_t previous = 0;
      for (int kt = k0; kt < k1; ++kt) {
        barWait(bar, parity);
        typename Fmt::Raw v = Fmt::load(at + unit, w, lane);
        const uint64_t desc = (at >> 4) | (1ull << 16) | (64ull << 32) | (1ull << 62);
#pragma unroll
        for (int h = 0; h < 2; ++h) {
          Fmt::decode(v, h, a[h], p.mul);
          wgmmaFence();
          Mma::mma(acc, a[h], desc + 4 * h, h || kt > k0);
          Mma::mma(acc, a[h] + 4, desc + 4 * h + 2, 1);
          wgmmaCommit();
          wgmmaWait<1>();
          if (h == 0 && kt > k0)
            release(previous);
        }
        previous = bar + 8 * STAGES;
        bar += 8;
        at += kStage;
        if (bar == empty) {
          bar = full;
          at = base;
          parity ^= 1;
        }
      }
      wgmmaWait<0>();
      release(previous);

      if (split == 1 && k0 > 0) { // a later part of somebody else's tile
        float4 *slot = reinterpret_cast<float4 *>(p.partials + (((size_t)work.cta * p.xm + xr) * NWG + wg) * 64 * MT);
#pragma unroll
        for (int i = 0; i < kRegs / 4; ++i)
          __stcg(slot + i * 128 + tid, make_float4(acc[4 * i], acc[4 * i + 1], acc[4 * i + 2], acc[4 * i + 3]));
        wgSync();
        if (tid == 0)
          asm volatile("st.release.gpu.global.u32 [%0], 1;" ::"l"(p.flags + (work.cta * p.xm + xr) * NWG + wg)
                       : "memory");
        continue;
      }
      if (split == 1 && k1 < kTiles) {
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
          const float4 *slot =
              reinterpret_cast<const float4 *>(p.partials + (((size_t)c * p.xm + xr) * NWG + wg) * 64 * MT);
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
                       "f"(acc[4 * j]), "f"(acc[4 * j + 1]), "f"(acc[4 * j + 2]), "f"(acc[4 * j + 3])
                       : "memory");
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
      if (p.gs > 1) {
        // The same reduce-scatter through L2, for splits that clusters cannot hold.
        auto slot = [&](int c) {
          int block = ((work.cta * p.gs + c) * p.xm + xr) * NWG + wg;
          return reinterpret_cast<float4 *>(p.partials + (size_t)block * 64 * MT) + tid;
        };
        int *arrived = p.flags + ((work.cta * p.xm + xr) * NWG + wg) * 2;
        float4 *own = slot(part);
#pragma unroll
        for (int j = 0; j < MT / 8; ++j)
          __stcg(own + j * 128, make_float4(acc[4 * j], acc[4 * j + 1], acc[4 * j + 2], acc[4 * j + 3]));
        wgSync();
        if (tid == 0) {
          int seen = 0;
          asm volatile("red.release.gpu.global.add.s32 [%0], 1;" ::"l"(arrived) : "memory");
          while (seen < p.gs)
            asm volatile("ld.acquire.gpu.global.s32 %0, [%1];" : "=r"(seen) : "l"(arrived) : "memory");
          if (atomicAdd(arrived + 1, 1) == p.gs - 1) // the last to see it resets both
            arrived[0] = arrived[1] = 0;
        }
        wgSync();
        jBegin = MT / 8 * part / p.gs;
        jCount = MT / 8 * (part + 1) / p.gs - jBegin;
#pragma unroll
        for (int j = 0; j < MT / 8; ++j) {
          if (j >= jCount)
            break;
          float4 v = make_float4(0, 0, 0, 0);
#pragma unroll 4
          for (int c = 0; c < p.gs; ++c) {
            float4 u = __ldcg(slot(c) + (jBegin + j) * 128);
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
