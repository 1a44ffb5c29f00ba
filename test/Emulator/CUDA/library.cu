// CUDA C++ of libraries that nobody wrote for the emulator: CUB, cooperative
// groups, libcu++ barriers, nvcuda::wmma and the math functions.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cub/cub.cuh>
#include <cuda/barrier>
#include <cuda/pipeline>
#include <cuda_fp16.h>
#include <mma.h>
namespace cg = cooperative_groups;
extern "C" __global__ void sort(unsigned *data) {
  using Sort = cub::BlockRadixSort<unsigned, 128, 4>;
  __shared__ typename Sort::TempStorage tmp;
  unsigned k[4];
  for (int i = 0; i < 4; i++)
    k[i] = data[threadIdx.x * 4 + i];
  Sort(tmp).Sort(k);
  for (int i = 0; i < 4; i++)
    data[threadIdx.x * 4 + i] = k[i];
}
extern "C" __global__ void scan(int *data) {
  using Scan = cub::BlockScan<int, 128>;
  __shared__ typename Scan::TempStorage tmp;
  int v = data[threadIdx.x], r;
  Scan(tmp).InclusiveSum(v, r);
  data[threadIdx.x] = r;
}
extern "C" __global__ void cgred(float *data) {
  auto tile = cg::tiled_partition<16>(cg::this_thread_block());
  float v = data[threadIdx.x];
  v = cg::reduce(tile, v, cg::plus<float>());
  data[threadIdx.x] = v;
}
extern "C" __global__ void wm(const half *a, const half *b, float *c) {
  using namespace nvcuda;
  wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> fa;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::col_major> fb;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> fc;
  wmma::fill_fragment(fc, 0.f);
  wmma::load_matrix_sync(fa, a, 16);
  wmma::load_matrix_sync(fb, b, 16);
  wmma::mma_sync(fc, fa, fb, fc);
  wmma::store_matrix_sync(c, fc, 16, wmma::mem_row_major);
}
extern "C" __global__ void bar(int *p) {
  __shared__ cuda::barrier<cuda::thread_scope_block> b;
  __shared__ int s[64];
  if (threadIdx.x == 0)
    init(&b, blockDim.x);
  __syncthreads();
  cuda::memcpy_async(&s[threadIdx.x], &p[threadIdx.x], sizeof(int), b);
  b.arrive_and_wait();
  p[threadIdx.x] = s[63 - threadIdx.x];
}
extern "C" __global__ void trig(const float *x, float *y, const double *d,
                                double *e) {
  int i = threadIdx.x;
  y[i] = sinf(x[i]) + logf(fabsf(x[i]) + 1) + powf(fabsf(x[i]) + .5f, 1.7f) +
         erff(x[i]) + tanhf(x[i]);
  e[i] =
      sin(d[i]) + exp(d[i]) + pow(fabs(d[i]) + 0.5, 1.3) + log(fabs(d[i]) + 1);
}
