// Ordinary CUDA C++: one kernel per idea. test/Unit/Emulator/CudaProgramsTest.cpp
// runs the PTX (regenerate.sh) and compares with the same arithmetic on the CPU.
#include <cstdint>

extern "C" __global__ void saxpy(float a, const float *x, float *y, int n) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n;
       i += gridDim.x * blockDim.x)
    y[i] = a * x[i] + y[i];
}

// Sum of n integers: shuffles inside of a warp, shared memory between warps,
// one atomic per block.
extern "C" __global__ void reduce(const int *x, int n, int *sum) {
  __shared__ int partial[32];
  int value = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n;
       i += gridDim.x * blockDim.x)
    value += x[i];
  for (int offset = 16; offset; offset /= 2)
    value += __shfl_down_sync(~0u, value, offset);
  if (threadIdx.x % 32 == 0)
    partial[threadIdx.x / 32] = value;
  __syncthreads();
  if (threadIdx.x < 32) {
    value = threadIdx.x < blockDim.x / 32 ? partial[threadIdx.x] : 0;
    for (int offset = 16; offset; offset /= 2)
      value += __shfl_down_sync(~0u, value, offset);
    if (threadIdx.x == 0)
      atomicAdd(sum, value);
  }
}

extern "C" __global__ void transpose(const float *in, float *out, int rows,
                                     int cols) {
  __shared__ float tile[32][33];
  int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 32 + threadIdx.y;
  for (int j = 0; j < 32; j += 8)
    if (x < cols && y + j < rows)
      tile[threadIdx.y + j][threadIdx.x] = in[(y + j) * cols + x];
  __syncthreads();
  x = blockIdx.y * 32 + threadIdx.x;
  y = blockIdx.x * 32 + threadIdx.y;
  for (int j = 0; j < 32; j += 8)
    if (x < rows && y + j < cols)
      out[(y + j) * rows + x] = tile[threadIdx.x][threadIdx.y + j];
}

// Inclusive scan of one block with divergence in every step.
extern "C" __global__ void scan(const int *in, int *out) {
  __shared__ int data[2][256];
  int t = threadIdx.x, from = 0;
  data[0][t] = in[blockIdx.x * 256 + t];
  __syncthreads();
  for (int offset = 1; offset < 256; offset *= 2) {
    int to = 1 - from;
    if (t >= offset)
      data[to][t] = data[from][t] + data[from][t - offset];
    else
      data[to][t] = data[from][t];
    from = to;
    __syncthreads();
  }
  out[blockIdx.x * 256 + t] = data[from][t];
}

// Divergent loops, switch and a call that is not inlined.
__device__ __noinline__ unsigned collatz(unsigned n, unsigned &peak) {
  unsigned steps = 0;
  peak = n;
  while (n != 1) {
    n = n % 2 ? 3 * n + 1 : n / 2;
    if (n > peak)
      peak = n;
    ++steps;
  }
  return steps;
}

__device__ __noinline__ int fibonacci(int n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

extern "C" __global__ void control(unsigned *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n)
    return;
  unsigned peak, steps = collatz(i + 1, peak);
  unsigned extra;
  switch (i % 7) {
  case 0: extra = fibonacci(i % 12); break;
  case 1: extra = peak; break;
  case 2: extra = __popc(i); break;
  case 3: extra = __brev(i); break;
  case 4: extra = __clz(i + 1); break;
  case 5: extra = i * 2654435761u; break;
  default: extra = ~i; break;
  }
  out[i] = steps * 1000003u ^ extra;
}

// A spin lock that deadlocks without independent thread scheduling.
extern "C" __global__ void spinlock(int *lock, int *counter) {
  bool done = false;
  while (!done) {
    if (atomicCAS(lock, 0, 1) == 0) {
      __threadfence();
      *(volatile int *)counter += 1;
      __threadfence();
      atomicExch(lock, 0);
      done = true;
    }
  }
}

// 64-bit and floating-point arithmetic through libdevice-like code.
extern "C" __global__ void math(const float *x, const double *d, float *f,
                                double *g, long long *q, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n)
    return;
  f[i] = sqrtf(fabsf(x[i])) + x[i] / 3.0f + expf(-x[i] * x[i]);
  g[i] = sqrt(d[i] * d[i] + 1.0) / (d[i] + 7.0);
  q[i] = (long long)(d[i] * 1e6) / (i + 1) + (long long)(d[i] * 1e3) % 17;
}

__constant__ int table[8] = {3, 1, 4, 1, 5, 9, 2, 6};
__device__ int counter = 40;

extern "C" __global__ void globals(int *out) {
  out[threadIdx.x] = table[threadIdx.x % 8] + counter;
}
