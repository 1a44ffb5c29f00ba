//===- CudaProgramsTest.cpp - PTX that nvcc made
//----------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs the programs of test/Emulator/CUDA and compares with CPU code.
//
//===----------------------------------------------------------------------===//

#include "EmulatorTesting.h"
#include "fp4/Numerics/ElementFormat.h"
#include "fp4/Numerics/Half.h"
#include "fp4/Numerics/ScaleFormat.h"
#include <cmath>
#include <random>

using namespace fp4;
using namespace fp4::ptx;
using namespace fp4::ptx::testing;

namespace {

class CudaPrograms : public ::testing::TestWithParam<unsigned> {
protected:
  LaunchOptions options() const { return allAsyncModes()[GetParam()]; }

  Module load(const std::string &name) {
    Expected<Module> module = Module::parse(readTestFile("CUDA/" + name));
    EXPECT_TRUE(module.ok()) << module.message();
    return module.ok() ? *module : Module();
  }

  void launch(const Module &module, const char *kernel, Dim3 grid, Dim3 block,
              const Params &params) {
    LaunchConfig config;
    config.grid = grid;
    config.block = block;
    Expected<Statistics> stats = device.launch(
        module, kernel, config, params.data(), params.size(), options());
    ASSERT_TRUE(stats.ok()) << stats.message();
  }

  Device device;
  std::mt19937 random{7};
};

TEST_P(CudaPrograms, Saxpy) {
  std::vector<float> x(1000), y(1000);
  for (int i = 0; i < 1000; ++i) {
    x[i] = float(i) * 0.37f;
    y[i] = float(1000 - i);
  }
  uint64_t px = upload(device, x), py = upload(device, y);
  launch(load("basics.ptx"), "saxpy", {3}, {64},
         Params().add(1.5f).add(px).add(py).add(1000));
  std::vector<float> got = download<float>(device, py, 1000);
  for (int i = 0; i < 1000; ++i)
    EXPECT_EQ(got[i], std::fma(1.5f, x[i], y[i])) << i;
}

TEST_P(CudaPrograms, Reduce) {
  std::vector<int> x(5000);
  int sum = 0;
  for (int &value : x)
    sum += value = int(random() % 1000) - 500;
  uint64_t px = upload(device, x), ps = upload(device, std::vector<int>{0});
  launch(load("basics.ptx"), "reduce", {4}, {128},
         Params().add(px).add(5000).add(ps));
  EXPECT_EQ(download<int>(device, ps, 1)[0], sum);
}

TEST_P(CudaPrograms, Transpose) {
  const int rows = 70, cols = 45;
  std::vector<float> in(rows * cols);
  for (size_t i = 0; i < in.size(); ++i)
    in[i] = float(i);
  uint64_t pi = upload(device, in),
           po = upload(device, std::vector<float>(rows * cols));
  launch(load("basics.ptx"), "transpose", {2, 3}, {32, 8},
         Params().add(pi).add(po).add(rows).add(cols));
  std::vector<float> got = download<float>(device, po, in.size());
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < cols; ++c)
      ASSERT_EQ(got[c * rows + r], in[r * cols + c]) << r << "," << c;
}

TEST_P(CudaPrograms, Scan) {
  std::vector<int> in(512);
  for (int &value : in)
    value = int(random() % 100);
  uint64_t pi = upload(device, in), po = upload(device, std::vector<int>(512));
  launch(load("basics.ptx"), "scan", {2}, {256}, Params().add(pi).add(po));
  std::vector<int> got = download<int>(device, po, 512);
  for (int b = 0; b < 2; ++b)
    for (int i = 0, sum = 0; i < 256; ++i)
      ASSERT_EQ(got[b * 256 + i], sum += in[b * 256 + i]) << b << "," << i;
}

unsigned collatz(unsigned n, unsigned &peak) {
  unsigned steps = 0;
  peak = n;
  for (; n != 1; ++steps) {
    n = n % 2 ? 3 * n + 1 : n / 2;
    peak = std::max(peak, n);
  }
  return steps;
}

int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

unsigned reversed(unsigned value) {
  unsigned result = 0;
  for (int i = 0; i < 32; ++i)
    result |= (value >> i & 1) << (31 - i);
  return result;
}

TEST_P(CudaPrograms, Control) {
  const int n = 300;
  uint64_t po = upload(device, std::vector<unsigned>(n));
  launch(load("basics.ptx"), "control", {3}, {128}, Params().add(po).add(n));
  std::vector<unsigned> got = download<unsigned>(device, po, n);
  for (unsigned i = 0; i < unsigned(n); ++i) {
    unsigned peak, steps = collatz(i + 1, peak), extra = 0;
    switch (i % 7) {
    case 0:
      extra = unsigned(fibonacci(int(i % 12)));
      break;
    case 1:
      extra = peak;
      break;
    case 2:
      extra = unsigned(__builtin_popcount(i));
      break;
    case 3:
      extra = reversed(i);
      break;
    case 4:
      extra = unsigned(__builtin_clz(i + 1));
      break;
    case 5:
      extra = i * 2654435761u;
      break;
    default:
      extra = ~i;
    }
    ASSERT_EQ(got[i], (steps * 1000003u) ^ extra) << i;
  }
}

TEST_P(CudaPrograms, Spinlock) {
  uint64_t lock = upload(device, std::vector<int>{0});
  uint64_t counter = upload(device, std::vector<int>{0});
  launch(load("basics.ptx"), "spinlock", {2}, {48},
         Params().add(lock).add(counter));
  EXPECT_EQ(download<int>(device, counter, 1)[0], 96);
}

TEST_P(CudaPrograms, Math) {
  const int n = 100;
  std::vector<float> x(n);
  std::vector<double> d(n);
  for (int i = 0; i < n; ++i) {
    x[i] = float(i - 50) * 0.11f;
    d[i] = double(i) * 1.7 - 3;
  }
  uint64_t px = upload(device, x), pd = upload(device, d);
  uint64_t pf = upload(device, std::vector<float>(n));
  uint64_t pg = upload(device, std::vector<double>(n));
  uint64_t pq = upload(device, std::vector<long long>(n));
  launch(load("basics.ptx"), "math", {2}, {64},
         Params().add(px).add(pd).add(pf).add(pg).add(pq).add(n));
  std::vector<float> f = download<float>(device, pf, n);
  std::vector<double> g = download<double>(device, pg, n);
  std::vector<long long> q = download<long long>(device, pq, n);
  for (int i = 0; i < n; ++i) {
    double want = std::sqrt(std::fabs(x[i])) + x[i] / 3.0 +
                  std::exp(-double(x[i]) * x[i]);
    EXPECT_NEAR(f[i], want, 4e-7 * std::max(1.0, std::fabs(want))) << i;
    EXPECT_EQ(g[i], std::sqrt(std::fma(d[i], d[i], 1.0)) / (d[i] + 7.0)) << i;
    EXPECT_EQ(q[i],
              (long long)(d[i] * 1e6) / (i + 1) + (long long)(d[i] * 1e3) % 17)
        << i;
  }
}

TEST_P(CudaPrograms, Globals) {
  uint64_t po = upload(device, std::vector<int>(8));
  launch(load("basics.ptx"), "globals", {1}, {8}, Params().add(po));
  EXPECT_EQ(download<int>(device, po, 8),
            (std::vector<int>{43, 41, 44, 41, 45, 49, 42, 46}));
}

TEST_P(CudaPrograms, GemmCpAsync) {
  const int m = 128, n = 64, k = 96;
  std::vector<uint16_t> a(m * k), b(n * k);
  for (uint16_t &value : a)
    value = numerics::encodeBF16(float(int(random() % 17) - 8) * 0.25f);
  for (uint16_t &value : b)
    value = numerics::encodeBF16(float(int(random() % 17) - 8) * 0.5f);
  uint64_t pa = upload(device, a), pb = upload(device, b);
  uint64_t pd = upload(device, std::vector<float>(m * n));
  launch(load("gemm_cpasync.ptx"), "gemm", {n / 64, m / 64}, {128},
         Params().add(pa).add(pb).add(pd).add(m).add(n).add(k));
  std::vector<float> got = download<float>(device, pd, m * n);
  // All sums are exact in float32, so the order does not matter.
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      float sum = 0;
      for (int kk = 0; kk < k; ++kk)
        sum += numerics::decodeBF16(a[i * k + kk]) *
               numerics::decodeBF16(b[j * k + kk]);
      ASSERT_EQ(got[i * n + j], sum) << i << "," << j;
    }
}

TEST_P(CudaPrograms, NVFP4BlockScaledMma) {
  const int k = 256;
  std::vector<uint8_t> a(16 * k / 2), b(8 * k / 2), sfa(16 * k / 16),
      sfb(8 * k / 16);
  for (auto *codes : {&a, &b})
    for (uint8_t &byte : *codes)
      byte = uint8_t(random());
  for (auto *scales : {&sfa, &sfb})
    for (uint8_t &byte : *scales)
      byte = uint8_t(0x30 + random() % 16);
  uint64_t pa = upload(device, a), pb = upload(device, b);
  uint64_t psa = upload(device, sfa), psb = upload(device, sfb);
  uint64_t pd = upload(device, std::vector<float>(128));
  launch(load("nvfp4_sm120.ptx"), "nvfp4", {1}, {32},
         Params().add(pa).add(pb).add(psa).add(psb).add(pd).add(k));
  std::vector<float> got = download<float>(device, pd, 128);
  auto element = [&](const std::vector<uint8_t> &codes, int row, int kk) {
    uint8_t byte = codes[row * k / 2 + kk / 2];
    return double(numerics::decodeElement(numerics::ElementFormat::E2M1,
                                          kk % 2 ? byte >> 4 : byte & 15));
  };
  auto scale = [&](const std::vector<uint8_t> &scales, int row, int kk) {
    return double(numerics::decodeScale(numerics::ScaleFormat::UE4M3,
                                        scales[row * k / 16 + kk / 16]));
  };
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 8; ++j) {
      double sum = 0;
      for (int kk = 0; kk < k; ++kk)
        sum += element(a, i, kk) * scale(sfa, i, kk) * element(b, j, kk) *
               scale(sfb, j, kk);
      // Four roundings to float32 against an exact sum.
      EXPECT_NEAR(got[i * 8 + j], sum, 4e-7 * std::fabs(sum) + 1e-5)
          << i << "," << j;
    }
}

INSTANTIATE_TEST_SUITE_P(AsyncModes, CudaPrograms, ::testing::Range(0u, 4u));

} // namespace
