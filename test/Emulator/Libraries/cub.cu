// Calls kernels of CUB and Thrust and compares with the standard library;
// scripts/emulate-libraries runs it on the emulator.
#include <algorithm>
#include <cstdio>
#include <cub/cub.cuh>
#include <map>
#include <numeric>
#include <random>
#include <thrust/device_vector.h>
#include <thrust/reduce.h>
#include <thrust/scan.h>
#include <thrust/sort.h>
#include <thrust/unique.h>
#include <vector>
static int failures;
static void check(bool ok, const char *what) {
  std::printf("%-28s %s\n", what, ok ? "passed" : "FAILED");
  failures += !ok;
}
template <typename F> void twice(F f) {
  void *temp = nullptr;
  size_t bytes = 0;
  f(temp, bytes);
  cudaMalloc(&temp, bytes);
  f(temp, bytes);
  cudaDeviceSynchronize();
  cudaFree(temp);
}
int main() {
  const int n = 20000;
  std::mt19937 gen(1);
  std::vector<unsigned> keys(n);
  std::vector<int> vals(n);
  for (auto &k : keys)
    k = gen();
  std::iota(vals.begin(), vals.end(), 0);
  thrust::device_vector<unsigned> k(keys.begin(), keys.end()), k2(n);
  thrust::device_vector<int> v(vals.begin(), vals.end()), v2(n);
  auto raw = [](auto &x) { return thrust::raw_pointer_cast(x.data()); };
  twice([&](void *t, size_t &b) {
    cub::DeviceRadixSort::SortPairs(t, b, raw(k), raw(k2), raw(v), raw(v2), n);
  });
  {
    std::vector<int> order(vals);
    std::stable_sort(order.begin(), order.end(),
                     [&](int a, int b) { return keys[a] < keys[b]; });
    std::vector<int> got(n);
    thrust::copy(v2.begin(), v2.end(), got.begin());
    check(got == order, "DeviceRadixSort::SortPairs");
  }
  thrust::device_vector<long long> s(1);
  twice([&](void *t, size_t &b) {
    cub::DeviceReduce::Sum(t, b, raw(v), raw(s), n);
  });
  check(s[0] == (long long)n * (n - 1) / 2, "DeviceReduce::Sum");
  thrust::device_vector<int> sc(n);
  twice([&](void *t, size_t &b) {
    cub::DeviceScan::InclusiveSum(t, b, raw(v), raw(sc), n);
  });
  {
    std::vector<int> want(n), got(n);
    std::partial_sum(vals.begin(), vals.end(), want.begin());
    thrust::copy(sc.begin(), sc.end(), got.begin());
    check(got == want, "DeviceScan::InclusiveSum");
  }
  {
    std::vector<float> x(n);
    for (auto &f : x)
      f = float(gen() % 1000) / 10;
    thrust::device_vector<float> dx(x.begin(), x.end());
    thrust::device_vector<int> h(16);
    twice([&](void *t, size_t &b) {
      cub::DeviceHistogram::HistogramEven(t, b, raw(dx), raw(h), 17, 0.f, 100.f,
                                          n);
    });
    std::vector<int> want(16), got(16);
    for (float f : x)
      want[int(f / 6.25f)]++;
    thrust::copy(h.begin(), h.end(), got.begin());
    check(got == want, "DeviceHistogram::HistogramEven");
  }
  {
    thrust::device_vector<int> sel(n);
    thrust::device_vector<int> num(1);
    twice([&](void *t, size_t &b) {
      cub::DeviceSelect::If(t, b, raw(v), raw(sel), raw(num), n,
                            [] __device__(int x) { return x % 3 == 0; });
    });
    check(num[0] == (n + 2) / 3 && sel[5] == 15, "DeviceSelect::If");
  }
  {
    thrust::device_vector<double> d(5000);
    std::vector<double> hd(5000);
    for (auto &x : hd)
      x = gen();
    thrust::copy(hd.begin(), hd.end(), d.begin());
    thrust::sort(d.begin(), d.end(),
                 [] __device__(double a, double b) { return a > b; });
    std::sort(hd.begin(), hd.end(), std::greater<double>());
    std::vector<double> got(5000);
    thrust::copy(d.begin(), d.end(), got.begin());
    check(got == hd, "thrust::sort (merge)");
  }
  {
    thrust::device_vector<int> a(3000), kk(3000), o(3000);
    std::vector<int> hk(3000);
    for (auto &x : hk)
      x = gen() % 7;
    std::sort(hk.begin(), hk.end());
    thrust::copy(hk.begin(), hk.end(), kk.begin());
    thrust::fill(a.begin(), a.end(), 1);
    auto end = thrust::reduce_by_key(kk.begin(), kk.end(), a.begin(), a.begin(),
                                     o.begin());
    bool ok = end.first - a.begin() == 7;
    for (int i = 0; i < 7; ++i)
      ok &= o[i] == std::count(hk.begin(), hk.end(), i);
    check(ok, "thrust::reduce_by_key");
  }
  return failures;
}
