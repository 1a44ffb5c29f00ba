//===- LibraryProgramsTest.cpp - CUB, cooperative groups, wmma, math
//--------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs test/Emulator/CUDA/library.cu, compiled by nvcc against NVIDIA's
// libraries, and compares with CPU code.
//
//===----------------------------------------------------------------------===//

#include "EmulatorTesting.h"
#include "fp4/Numerics/Half.h"
#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

using namespace fp4;
using namespace fp4::ptx;
using namespace fp4::ptx::testing;

namespace {

class LibraryPrograms : public ::testing::TestWithParam<unsigned> {
protected:
  void launch(const char *kernel, unsigned threads, const Params &params) {
    Expected<Module> module = Module::parse(readTestFile("CUDA/library.ptx"));
    ASSERT_TRUE(module.ok()) << module.message();
    LaunchConfig config;
    config.block = {threads};
    Expected<Statistics> stats =
        device.launch(*module, kernel, config, params.data(), params.size(),
                      allAsyncModes()[GetParam()]);
    ASSERT_TRUE(stats.ok()) << stats.message();
  }

  Device device;
  std::mt19937 random{5};
};

TEST_P(LibraryPrograms, BlockRadixSort) {
  std::vector<unsigned> data(512);
  for (unsigned &value : data)
    value = random();
  uint64_t address = upload(device, data);
  launch("sort", 128, Params().add(address));
  std::sort(data.begin(), data.end());
  EXPECT_EQ(download<unsigned>(device, address, 512), data);
}

TEST_P(LibraryPrograms, BlockScan) {
  std::vector<int> data(128);
  for (int &value : data)
    value = int(random() % 1000);
  uint64_t address = upload(device, data);
  launch("scan", 128, Params().add(address));
  std::partial_sum(data.begin(), data.end(), data.begin());
  EXPECT_EQ(download<int>(device, address, 128), data);
}

TEST_P(LibraryPrograms, TiledReduction) {
  std::vector<float> data(32);
  std::iota(data.begin(), data.end(), 0.0f);
  uint64_t address = upload(device, data);
  launch("cgred", 32, Params().add(address));
  std::vector<float> got = download<float>(device, address, 32);
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(got[i], i < 16 ? 120.0f : 376.0f) << i;
}

TEST_P(LibraryPrograms, BarrierAndMemcpyAsync) {
  std::vector<int> data(64);
  std::iota(data.begin(), data.end(), 0);
  uint64_t address = upload(device, data);
  launch("bar", 64, Params().add(address));
  std::reverse(data.begin(), data.end());
  EXPECT_EQ(download<int>(device, address, 64), data);
}

TEST_P(LibraryPrograms, Wmma) {
  std::vector<uint16_t> a(256), b(256);
  for (auto *matrix : {&a, &b})
    for (uint16_t &value : *matrix)
      value = numerics::encodeF16(float(int(random() % 9) - 4));
  uint64_t pa = upload(device, a), pb = upload(device, b);
  uint64_t pc = upload(device, std::vector<float>(256));
  launch("wm", 32, Params().add(pa).add(pb).add(pc));
  std::vector<float> got = download<float>(device, pc, 256);
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 16; ++j) {
      float sum = 0;
      for (int k = 0; k < 16; ++k)
        sum += numerics::decodeF16(a[i * 16 + k]) *
               numerics::decodeF16(b[j * 16 + k]);
      EXPECT_EQ(got[i * 16 + j], sum) << i << "," << j;
    }
}

TEST_P(LibraryPrograms, MathFunctions) {
  std::vector<float> x(32);
  std::vector<double> d(32);
  for (int i = 0; i < 32; ++i) {
    x[i] = float(i) * 3.7f - 50;
    d[i] = i * 0.9 - 14;
  }
  uint64_t px = upload(device, x), pd = upload(device, d);
  uint64_t py = upload(device, x), pe = upload(device, d);
  launch("trig", 32, Params().add(px).add(py).add(pd).add(pe));
  std::vector<float> y = download<float>(device, py, 32);
  std::vector<double> e = download<double>(device, pe, 32);
  for (int i = 0; i < 32; ++i) {
    double v = x[i], w = d[i];
    double wantY = std::sin(v) + std::log(std::fabs(v) + 1) +
                   std::pow(std::fabs(v) + .5, 1.7) + std::erf(v) +
                   std::tanh(v);
    double wantE = std::sin(w) + std::exp(w) +
                   std::pow(std::fabs(w) + 0.5, 1.3) +
                   std::log(std::fabs(w) + 1);
    // A few units in the last place of each term, as CUDA documents them.
    EXPECT_NEAR(y[i], wantY, 1e-6 * std::fabs(wantY)) << i;
    EXPECT_NEAR(e[i], wantE, 1e-15 * std::fabs(wantE)) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(AsyncModes, LibraryPrograms, ::testing::Range(0u, 4u));

} // namespace
