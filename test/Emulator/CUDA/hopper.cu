// Hopper's asynchronous machinery: a wgmma GEMM fed by tensor copies through
// mbarriers, with the accumulator tile stored by a tensor copy, and distributed
// shared memory in clusters.
#include <cstdint>
#include <cuda_bf16.h>

struct alignas(64) TensorMap {
  uint8_t bytes[128];
};

__device__ inline uint32_t shared(const void *p) {
  return (uint32_t)__cvta_generic_to_shared(p);
}

__device__ inline void wait(uint64_t *barrier, uint32_t parity) {
  asm volatile("{\n.reg .pred p;\nWAIT:\n"
               "mbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1;\n"
               "@p bra DONE;\nbra WAIT;\nDONE:\n}" ::"r"(shared(barrier)),
               "r"(parity));
}

__device__ inline uint64_t descriptor(const void *p) {
  // K-major, 128-byte swizzle, 8 rows every 1024 bytes.
  return (uint64_t)(shared(p) & 0x3FFFF) >> 4 | (uint64_t)1 << 16 |
         (uint64_t)(1024 >> 4) << 32 | (uint64_t)1 << 62;
}

// D[64,64] = A[64,K] * B[64,K]^T for every CTA (blockIdx.x: rows of A).
extern "C" __global__ void __launch_bounds__(128)
    wgmma_gemm(const __grid_constant__ TensorMap mapA,
               const __grid_constant__ TensorMap mapB,
               const __grid_constant__ TensorMap mapD, int steps) {
  __shared__ __align__(1024) __nv_bfloat16 a[2][64][64], b[2][64][64];
  __shared__ __align__(1024) float d[64][64];
  __shared__ uint64_t full[2];
  if (threadIdx.x == 0) {
    for (int i = 0; i < 2; ++i)
      asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(
          shared(&full[i])));
    asm volatile("fence.mbarrier_init.release.cluster;");
  }
  __syncthreads();
  auto load = [&](int step) {
    int stage = step % 2;
    asm volatile(
        "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(
            shared(&full[stage])),
        "r"(2 * 64 * 64 * 2));
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::"
                 "complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(
                     shared(a[stage])),
                 "l"(&mapA), "r"(step * 64), "r"((int)blockIdx.x * 64),
                 "r"(shared(&full[stage])));
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::"
                 "complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(
                     shared(b[stage])),
                 "l"(&mapB), "r"(step * 64), "r"(0),
                 "r"(shared(&full[stage])));
  };
  if (threadIdx.x == 0)
    load(0);
  float acc[32] = {};
#pragma unroll 1
  for (int step = 0; step < steps; ++step) {
    int stage = step % 2;
    if (threadIdx.x == 0 && step + 1 < steps)
      load(step + 1);
    wait(&full[stage], step / 2 % 2);
    asm volatile("wgmma.fence.sync.aligned;");
    for (int kk = 0; kk < 4; ++kk) {
      uint64_t da = descriptor(a[stage]) + kk * 2;
      uint64_t db = descriptor(b[stage]) + kk * 2;
#define R(i) "+f"(acc[i]), "+f"(acc[i + 1]), "+f"(acc[i + 2]), "+f"(acc[i + 3])
      asm volatile(
          "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 "
          "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,"
          "%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31}, %32, %33, 1, "
          "1, 1, 0, 0;"
          : R(0), R(4), R(8), R(12), R(16), R(20), R(24), R(28)
          : "l"(da), "l"(db));
    }
    asm volatile("wgmma.commit_group.sync.aligned;");
    asm volatile("wgmma.wait_group.sync.aligned 0;"
                 : R(0), R(4), R(8), R(12), R(16), R(20), R(24), R(28));
    __syncthreads();
  }
  int lane = threadIdx.x % 32, row = threadIdx.x / 32 * 16 + lane / 4;
  for (int j = 0; j < 8; ++j)
    for (int i = 0; i < 4; ++i)
      d[row + i / 2 * 8][j * 8 + lane % 4 * 2 + i % 2] = acc[j * 4 + i];
  asm volatile("fence.proxy.async.shared::cta;");
  __syncthreads();
  if (threadIdx.x == 0) {
    asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group "
                 "[%0, {%1, %2}], [%3];" ::"l"(&mapD),
                 "r"(0), "r"((int)blockIdx.x * 64), "r"(shared(d)));
    asm volatile("cp.async.bulk.commit_group;");
    asm volatile("cp.async.bulk.wait_group 0;");
  }
}

// Each CTA of a cluster of four reads its neighbour's shared memory.
extern "C" __global__ void __cluster_dims__(4, 1, 1) ring(int *out) {
  __shared__ int value[32];
  uint32_t rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  value[threadIdx.x] = blockIdx.x * 100 + threadIdx.x;
  asm volatile("barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;");
  uint32_t remote, got;
  asm("mapa.shared::cluster.u32 %0, %1, %2;"
      : "=r"(remote)
      : "r"(shared(&value[threadIdx.x])), "r"((rank + 1) % 4));
  asm volatile("ld.shared::cluster.u32 %0, [%1];" : "=r"(got) : "r"(remote));
  out[blockIdx.x * 32 + threadIdx.x] = got;
  asm volatile("barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;");
}

#include <cstdio>
#include <cassert>

extern "C" __global__ void hello(int limit) {
  printf("thread %d of %d: %s %.2f %lld\n", threadIdx.x, blockDim.x, "text",
         threadIdx.x * 0.5, (long long)threadIdx.x << 40);
  assert((int)threadIdx.x < limit);
}
