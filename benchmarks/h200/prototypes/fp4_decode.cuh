//===- fp4_decode.cuh - Design study: FP4 matmul for M <= 16 on Hopper -----===//
//
// A design study, not product code. The decode-size counterpart of
// fp4_gemm.cuh, over the same prepacked weights (NVFP4 and MXFP4 policies):
//
// - a CTA owns RB blocks of 64 weight rows and 1/ks of K; its WARPS warps take
//   turns at the K steps of 64; a producer warp fills a ring of STAGES stages of
//   WARPS steps each, with RB + 1 copies per stage (consecutive K steps are
//   contiguous in the packed weights; x comes by one three-dimensional TMA box);
// - mma.sync m16n8k16, weights as operand A, x (M padded to MT) as B;
// - sums meet once per block: over warps through shared memory, over the ks CTAs
//   of a cluster through distributed shared memory, both in a fixed order.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "fp4_gemm.cuh"

__device__ inline void ldmatrix4(uint32_t (&r)[4], uint32_t a) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(a));
}
__device__ inline void mmaBF16(float (&d)[4], const uint32_t *a, uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ inline void tileCopy3(uint32_t dst, const CUtensorMap *map, int x, int y, int z, uint32_t bar) {
  asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
               "[%0], [%1, {%2, %3, %4}], [%5];" ::"r"(dst),
               "l"(map), "r"(x), "r"(y), "r"(z), "r"(bar)
               : "memory");
}
template <class Fmt, int MT, int RB, int WARPS, int STAGES>
__global__ void __launch_bounds__(WARPS * 32 + 32, 1)
    fp4Decode(const __grid_constant__ CUtensorMap xmap, const Args p) {
  constexpr int kX = WARPS * MT * 128, kW = WARPS * Fmt::kUnit, kStage = kX + (RB * kW + 1023) / 1024 * 1024;
  constexpr int kN8 = MT / 8, kTiles16 = RB * 4;
  constexpr int kSlots = kTiles16 * kN8 * 32; // float4 of a CTA's sums
  extern __shared__ uint8_t raw[];
  __shared__ __align__(8) uint64_t bars[2 * STAGES + 1];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const uint32_t base = opaque((smemAddr(raw) + 1023) & ~1023u);
  const uint32_t sums = base + STAGES * kStage;
  const uint32_t full = opaque(smemAddr(bars)), empty = full + 8 * STAGES;

  const int clusters = gridDim.x / p.ks, cluster = blockIdx.x / p.ks, kr = blockIdx.x % p.ks;
  const int blocks = p.n / (64 * RB), kSteps = p.k / 64;
  const int kBegin = kSteps * kr / p.ks, kEnd = kSteps * (kr + 1) / p.ks;

  if (threadIdx.x == 0) {
    for (int s = 0; s < STAGES; ++s) {
      barInit(full + 8 * s, 1);
      barInit(empty + 8 * s, WARPS);
    }
    barInit(empty + 8 * STAGES, WARPS * p.ks);
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  if (p.ks > 1)
    clusterSync();
  else
    __syncthreads();
  if (p.pdl)
    asm volatile("griddepcontrol.launch_dependents;");

  if (warp == WARPS) { // producer: one copy of weights per 64 rows, one of x
    if (lane == 0) {
      const uint64_t policy = evictFirst();
      int stage = 0, parity = 1, filled = 0;
      bool waiting = p.pdl;
      int pendingK[STAGES];
      auto flush = [&]() {
        asm volatile("griddepcontrol.wait;" ::: "memory");
        waiting = false;
#pragma unroll
        for (int s = 0; s < STAGES; ++s)
          if (s < filled)
            tileCopy3(base + s * kStage, &xmap, 0, 0, pendingK[s], full + 8 * s);
      };
      for (int block = cluster; block < blocks; block += clusters)
        for (int k = kBegin; k < kEnd; k += WARPS) {
          if (waiting && filled == STAGES)
            flush();
          barWait(empty + 8 * stage, parity);
          const uint32_t bar = full + 8 * stage, dst = base + stage * kStage;
          const int bytes = min(WARPS, kEnd - k) * Fmt::kUnit;
          barExpect(bar, kX + RB * bytes);
          for (int r = 0; r < RB; ++r)
            bulkCopy(dst + kX + r * kW, p.weights + ((size_t)(block * RB + r) * kSteps + k) * Fmt::kUnit, bytes, bar,
                     policy);
          if (waiting) {
#pragma unroll
            for (int s = 0; s < STAGES; ++s)
              if (s == filled)
                pendingK[s] = k;
            ++filled;
          } else {
            tileCopy3(dst, &xmap, 0, 0, k, bar);
          }
          if (++stage == STAGES) {
            stage = 0;
            parity ^= 1;
          }
        }
      if (waiting)
        flush();
    }
    return;
  }

  // Barriers among consumers only (the producer is ahead, in later blocks): of
  // the CTA, and of the cluster through an mbarrier in each CTA.
  auto ctaSync = [&]() { asm volatile("bar.sync 1, %0;" ::"n"(WARPS * 32) : "memory"); };
  uint32_t meetings = 0;
  auto consumerClusterSync = [&]() {
    const uint32_t meet = empty + 8 * STAGES;
    __syncwarp();
    if (lane < p.ks)
      asm volatile("mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%0];" ::"r"(mapToRank(meet, lane))
                   : "memory");
    asm volatile("{\n.reg .pred p;\n"
                 "W: mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%0], %1;\n"
                 "@p bra D;\nbra W;\nD:\n}\n" ::"r"(meet),
                 "r"(meetings++ & 1)
                 : "memory");
  };

  uint32_t bar = full, parity = 0, at = base;
  const uint32_t xRow = warp * MT * 128 + lane % 8 * 128;
  const uint32_t xChunk[2] = {(lane / 8 ^ lane % 8) * 16u, ((4 + lane / 8) ^ lane % 8) * 16u};
  for (int block = cluster; block < blocks; block += clusters) {
    float acc[kTiles16][kN8][4];
#pragma unroll
    for (int r = 0; r < kTiles16; ++r)
#pragma unroll
      for (int j = 0; j < kN8; ++j)
#pragma unroll
        for (int i = 0; i < 4; ++i)
          acc[r][j][i] = 0;
    for (int k = kBegin; k < kEnd; k += WARPS) {
      barWait(bar, parity);
      if (k + warp < kEnd) {
        uint32_t b[kN8][2][4];
#pragma unroll
        for (int j = 0; j < kN8; ++j)
#pragma unroll
          for (int h = 0; h < 2; ++h)
            ldmatrix4(b[j][h], at + j * 1024 + xRow + xChunk[h]);
#pragma unroll
        for (int r = 0; r < kTiles16; ++r) {
          typename Fmt::Raw v = Fmt::load(at + kX + r / 4 * kW + warp * Fmt::kUnit, r % 4, lane);
#pragma unroll
          for (int h = 0; h < 2; ++h) {
            uint32_t a[8];
            Fmt::decode(v, h, a, p.mul);
#pragma unroll
            for (int s = 0; s < 2; ++s)
#pragma unroll
              for (int j = 0; j < kN8; ++j)
                mmaBF16(acc[r][j], a + 4 * s, b[j][h][2 * s], b[j][h][2 * s + 1]);
          }
        }
      }
      __syncwarp();
      if (lane == 0)
        barArrive(bar + 8 * STAGES);
      bar += 8;
      at += kStage;
      if (bar == empty) {
        bar = full;
        at = base;
        parity ^= 1;
      }
    }

    // Sum over warps, then over the cluster, in order.
#pragma unroll
    for (int r = 0; r < kTiles16; ++r)
#pragma unroll
      for (int j = 0; j < kN8; ++j)
        asm volatile(
            "st.shared.v4.f32 [%0], {%1,%2,%3,%4};" ::"r"(sums + ((warp * kTiles16 + r) * kN8 + j) * 512 + lane * 16),
            "f"(acc[r][j][0]), "f"(acc[r][j][1]), "f"(acc[r][j][2]), "f"(acc[r][j][3])
            : "memory");
    ctaSync();
    int slotBegin = 0, slotEnd = kSlots;
    if (p.ks > 1) {
      for (int slot = threadIdx.x; slot < kSlots; slot += WARPS * 32) {
        float4 v = ldsRemote(sums + slot * 16);
#pragma unroll
        for (int i = 1; i < WARPS; ++i) {
          float4 u = ldsRemote(sums + (i * kSlots + slot) * 16);
          v.x += u.x, v.y += u.y, v.z += u.z, v.w += u.w;
        }
        asm volatile("st.shared.v4.f32 [%0], {%1,%2,%3,%4};" ::"r"(sums + slot * 16), "f"(v.x), "f"(v.y), "f"(v.z),
                     "f"(v.w)
                     : "memory");
      }
      consumerClusterSync();
      slotBegin = kSlots / 32 * kr / p.ks * 32;
      slotEnd = kSlots / 32 * (kr + 1) / p.ks * 32;
    }
    for (int slot = slotBegin + threadIdx.x; slot < slotEnd; slot += WARPS * 32) {
      float4 v = make_float4(0, 0, 0, 0);
      if (p.ks > 1) {
        for (int c = 0; c < p.ks; ++c) {
          float4 u = ldsRemote(mapToRank(sums + slot * 16, c));
          v.x += u.x, v.y += u.y, v.z += u.z, v.w += u.w;
        }
      } else {
#pragma unroll
        for (int i = 0; i < WARPS; ++i) {
          float4 u = ldsRemote(sums + (i * kSlots + slot) * 16);
          v.x += u.x, v.y += u.y, v.z += u.z, v.w += u.w;
        }
      }
      int r = slot / 32 / kN8, j = slot / 32 % kN8;
      __nv_bfloat162 lo = __floats2bfloat162_rn(v.x * p.alpha, v.y * p.alpha);
      __nv_bfloat162 hi = __floats2bfloat162_rn(v.z * p.alpha, v.w * p.alpha);
      uint32_t tl = transpose8x8(reinterpret_cast<uint32_t &>(lo)), th = transpose8x8(reinterpret_cast<uint32_t &>(hi));
      int m = 8 * j + lane / 4, n = (block * RB * 4 + r) * 16 + lane % 4 * 2;
      if (m < p.m) {
        uint32_t *dst = reinterpret_cast<uint32_t *>(p.out + (size_t)m * p.n + n);
        dst[0] = tl;
        dst[4] = th;
      }
    }
    if (p.ks > 1)
      consumerClusterSync();
    else
      ctaSync();
  }
}
