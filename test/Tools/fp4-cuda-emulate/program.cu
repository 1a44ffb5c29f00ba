// A CUDA program that uses most of what fp4-cuda-emulate provides, and checks
// itself. Prints "passed", or what went wrong.

#include <cassert>
#include <cooperative_groups.h>
#include <cstdio>
#include <cstring>
#include <vector>

__device__ int offset = 3;
__constant__ int factors[4];

template <typename T> __global__ void scale(T *x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n)
    x[i] = x[i] * factors[1] + offset;
}

// Each CTA of a pair writes its partner's value through cluster memory.
__global__ void exchange(int *out) {
  __shared__ int mine;
  auto cluster = cooperative_groups::this_cluster();
  if (threadIdx.x == 0)
    mine = 100 + int(blockIdx.x);
  cluster.sync();
  if (threadIdx.x == 0)
    out[blockIdx.x] = *cluster.map_shared_rank(&mine, cluster.block_rank() ^ 1);
  cluster.sync();
}

__global__ void sumDynamic(const int *in, int *out) {
  extern __shared__ int buffer[];
  buffer[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  if (threadIdx.x == 0) {
    int sum = 0;
    for (unsigned i = 0; i < blockDim.x; ++i)
      sum += buffer[i];
    printf("sum %d\n", sum);
    *out = sum;
  }
}

// Every CTA adds its number, and all see the sum behind the grid's barrier.
__global__ void meet(int *x) {
  auto grid = cooperative_groups::this_grid();
  if (threadIdx.x == 0)
    atomicAdd(x, int(blockIdx.x));
  grid.sync();
  if (threadIdx.x == 0)
    x[1 + blockIdx.x] = *(volatile int *)x;
}

__global__ void mustBe(int value, int expected) { assert(value == expected); }

__global__ void overrun(int *x) { x[64] = 1; }

static int failures = 0;
static void check(bool ok, const char *what) {
  if (!ok) {
    std::printf("failed: %s (%s)\n", what,
                cudaGetErrorString(cudaPeekAtLastError()));
    ++failures;
  }
}

int main(int argc, char **argv) {
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, 0) == cudaSuccess, "properties");
  std::printf("%s\n", properties.name);

  int host[64], *device;
  check(cudaMalloc(&device, sizeof host) == cudaSuccess, "malloc");
  if (argc > 1 && !std::strcmp(argv[1], "overrun")) {
    overrun<<<1, 1>>>(device);
    std::printf("%s\n", cudaGetErrorString(cudaDeviceSynchronize()));
    return 1;
  }
  for (int i = 0; i < 64; ++i)
    host[i] = i;
  int constants[] = {0, 5, 0, 0};
  check(!cudaMemcpyToSymbol(factors, constants, sizeof constants), "symbol");
  cudaMemcpy(device, host, sizeof host, cudaMemcpyHostToDevice);
  scale<<<2, 32>>>(device, 64);
  cudaMemcpy(host, device, sizeof host, cudaMemcpyDeviceToHost);
  // 7 * factors[1] + offset
  check(host[7] == 7 * 5 + 3, "scale");

  cudaLaunchConfig_t config{};
  config.gridDim = 2;
  config.blockDim = 32;
  cudaLaunchAttribute attribute;
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim = {2, 1, 1};
  config.attrs = &attribute;
  config.numAttrs = 1;
  check(!cudaLaunchKernelEx(&config, exchange, device), "cluster launch");
  cudaMemcpy(host, device, 8, cudaMemcpyDeviceToHost);
  check(host[0] == 101 && host[1] == 100, "exchange");

  // 0 + 1 + ... + 99; more CTAs than a host thread keeps otherwise.
  const int ctas = 100;
  int *sums;
  cudaMalloc(&sums, (1 + ctas) * sizeof(int));
  cudaMemset(sums, 0, (1 + ctas) * sizeof(int));
  void *arguments[] = {&sums};
  check(!cudaLaunchCooperativeKernel((void *)meet, ctas, 32, arguments, 0, 0),
        "cooperative launch");
  std::vector<int> met(1 + ctas);
  cudaMemcpy(met.data(), sums, met.size() * sizeof(int),
             cudaMemcpyDeviceToHost);
  for (int sum : met)
    check(sum == ctas * (ctas - 1) / 2, "grid barrier");
  cudaFree(sums);

  // Managed memory has one address on both sides. 64 KiB of shared memory need
  // the attribute.
  int *managed;
  cudaMallocManaged(&managed, 33 * sizeof(int));
  for (int i = 0; i < 32; ++i)
    managed[i] = i;
  sumDynamic<<<1, 32, 65536>>>(managed, managed + 32);
  check(cudaGetLastError() == cudaErrorInvalidValue, "shared memory limit");
  cudaFuncSetAttribute(sumDynamic, cudaFuncAttributeMaxDynamicSharedMemorySize,
                       65536);
  sumDynamic<<<1, 32, 65536>>>(managed, managed + 32);
  cudaDeviceSynchronize();
  check(managed[32] == 31 * 32 / 2, "managed sum");
  cudaFree(managed);
  check(!cudaFree(device), "free");
  check(cudaFree(device) == cudaErrorInvalidValue, "double free");

  // A trap is reported by the next call that waits, and stays.
  mustBe<<<1, 32>>>(1, 2);
  check(cudaDeviceSynchronize() == cudaErrorAssert, "assertion");
  check(cudaMalloc(&device, 4) == cudaErrorAssert, "sticky");
  cudaDeviceReset();
  check(cudaMalloc(&device, 4) == cudaSuccess, "reset");
  std::printf(failures ? "failed\n" : "passed\n");
  return failures;
}
