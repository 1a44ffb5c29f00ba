//===- HopperProgramsTest.cpp - wgmma, tensor copies, clusters, printf
//------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs test/Emulator/CUDA/hopper.cu, and with it every mutation that drops one
// synchronising instruction: each must trap or compute something else in the
// late mode.
//
//===----------------------------------------------------------------------===//

#include "EmulatorTesting.h"
#include "fp4/Emulator/PTX/TensorMap.h"
#include "fp4/Numerics/Half.h"
#include <algorithm>
#include <random>
#include <sstream>

using namespace fp4;
using namespace fp4::ptx;
using namespace fp4::ptx::testing;

namespace {

constexpr int kM = 128, kN = 64, kK = 256;

/// Inputs of the wgmma kernel and the exact product.
struct Gemm {
  std::vector<uint16_t> a, b;
  std::vector<float> product;

  Gemm() : a(kM * kK), b(kN * kK), product(kM * kN) {
    std::mt19937 random(3);
    for (auto *values : {&a, &b})
      for (uint16_t &value : *values)
        value = numerics::encodeBF16(float(int(random() % 15) - 7) * 0.5f);
    for (int i = 0; i < kM; ++i)
      for (int j = 0; j < kN; ++j)
        for (int k = 0; k < kK; ++k)
          product[i * kN + j] += numerics::decodeBF16(a[i * kK + k]) *
                                 numerics::decodeBF16(b[j * kK + k]);
  }

  static TensorMap map(TensorMapType type, uint64_t address, unsigned cols,
                       unsigned rows, unsigned bytes,
                       TensorMapSwizzle swizzle) {
    TensorMapParams params;
    params.type = type;
    params.rank = 2;
    params.globalAddress = address;
    params.globalDim = {cols, rows, 1, 1, 1};
    params.globalStrides = {uint64_t(cols) * bytes, 0, 0, 0};
    params.boxDim = {64, 64, 1, 1, 1};
    params.swizzle = swizzle;
    Expected<TensorMap> map = encodeTensorMap(params);
    EXPECT_TRUE(map.ok()) << map.message();
    return *map;
  }

  /// Runs `text`; empty when the launch failed, which `message` then tells.
  std::vector<float> run(const std::string &text, const LaunchOptions &options,
                         std::string &message) const {
    Expected<Module> module = Module::parse(text);
    if (!module.ok()) {
      message = module.message();
      return {};
    }
    Device device;
    uint64_t pa = upload(device, a), pb = upload(device, b);
    uint64_t pd = upload(device, std::vector<float>(kM * kN, -1));
    TensorMap ta =
        map(TensorMapType::BF16, pa, kK, kM, 2, TensorMapSwizzle::B128);
    TensorMap tb =
        map(TensorMapType::BF16, pb, kK, kN, 2, TensorMapSwizzle::B128);
    TensorMap td =
        map(TensorMapType::F32, pd, kN, kM, 4, TensorMapSwizzle::None);
    Params params;
    for (const TensorMap &map : {ta, tb, td})
      params.addBytes(map.data(), 128, 64);
    params.add(kK / 64);
    LaunchConfig config;
    config.grid = {kM / 64};
    config.block = {128};
    Expected<Statistics> stats = device.launch(
        *module, "wgmma_gemm", config, params.data(), params.size(), options);
    if (!stats.ok()) {
      message = stats.message();
      return {};
    }
    return download<float>(device, pd, kM * kN);
  }
};

class HopperPrograms : public ::testing::TestWithParam<unsigned> {
protected:
  LaunchOptions options() const { return allAsyncModes()[GetParam()]; }
};

TEST_P(HopperPrograms, WgmmaGemm) {
  Gemm gemm;
  std::string message;
  std::vector<float> got =
      gemm.run(readTestFile("CUDA/hopper.ptx"), options(), message);
  ASSERT_EQ(message, "");
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_EQ(got[i], gemm.product[i]) << i / kN << "," << i % kN;
}

TEST_P(HopperPrograms, DistributedSharedMemory) {
  Expected<Module> module = Module::parse(readTestFile("CUDA/hopper.ptx"));
  ASSERT_TRUE(module.ok()) << module.message();
  Device device;
  uint64_t po = upload(device, std::vector<int>(8 * 32));
  Params params;
  params.add(po);
  LaunchConfig config;
  config.grid = {8};
  config.block = {32};
  Expected<Statistics> stats = device.launch(
      *module, "ring", config, params.data(), params.size(), options());
  ASSERT_TRUE(stats.ok()) << stats.message();
  std::vector<int> got = download<int>(device, po, 8 * 32);
  for (int block = 0; block < 8; ++block)
    for (int t = 0; t < 32; ++t)
      EXPECT_EQ(got[block * 32 + t],
                (block / 4 * 4 + (block + 1) % 4) * 100 + t);
}

INSTANTIATE_TEST_SUITE_P(AsyncModes, HopperPrograms, ::testing::Range(0u, 4u));

Expected<Statistics> runHello(std::string &output, int limit) {
  Expected<Module> module = Module::parse(readTestFile("CUDA/hopper.ptx"));
  if (!module.ok())
    return module.status();
  Device device;
  LaunchOptions options;
  options.output = [&](std::string_view text) { output += text; };
  LaunchConfig config;
  config.block = {2};
  return device.launch(*module, "hello", config, &limit, sizeof limit, options);
}

TEST(Syscalls, Printf) {
  std::string output;
  Expected<Statistics> stats = runHello(output, 2);
  ASSERT_TRUE(stats.ok()) << stats.message();
  EXPECT_EQ(output, "thread 0 of 2: text 0.00 0\n"
                    "thread 1 of 2: text 0.50 1099511627776\n");
}

TEST(Syscalls, Assert) {
  std::string output;
  Expected<Statistics> stats = runHello(output, 1);
  ASSERT_FALSE(stats.ok());
  EXPECT_NE(stats.message().find("assertion '(int)threadIdx.x < limit' failed"),
            std::string::npos)
      << stats.message();
  EXPECT_NE(stats.message().find("lane 1"), std::string::npos);
}

//===----------------------------------------------------------------------===//
// Mutations
//===----------------------------------------------------------------------===//

std::vector<std::string> splitLines(const std::string &text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    lines.push_back(line);
  return lines;
}

TEST(Mutations, WgmmaGemmNeedsItsSynchronisation) {
  Gemm gemm;
  std::vector<std::string> lines = splitLines(readTestFile("CUDA/hopper.ptx"));
  const char *needed[] = {"wgmma.fence",
                          "wgmma.commit_group",
                          "wgmma.wait_group",
                          "fence.proxy.async",
                          "bar.sync",
                          "mbarrier.init",
                          "mbarrier.arrive",
                          "cp.async.bulk.commit_group",
                          "cp.async.bulk.wait_group"};
  LaunchOptions options;
  options.stepBudget = 1'000'000;
  bool inKernel = false;
  int mutations = 0;
  for (std::string &line : lines) {
    if (line.find(".entry") != std::string::npos)
      inKernel = line.find("wgmma_gemm") != std::string::npos;
    bool isSync = std::any_of(
        std::begin(needed), std::end(needed),
        [&](const char *name) { return line.find(name) != std::string::npos; });
    if (!inKernel || !isSync)
      continue;
    std::string original = line;
    line = "";
    std::string text, message;
    for (const std::string &other : lines)
      text += other + "\n";
    bool differs = false;
    for (options.seed = 0; options.seed < 8 && !differs; ++options.seed)
      differs = gemm.run(text, options, message) != gemm.product;
    // The end of the grid waits for stores to global memory all the same.
    bool isFinalWait =
        original.find("cp.async.bulk.wait_group") != std::string::npos ||
        original.find("cp.async.bulk.commit_group") != std::string::npos;
    EXPECT_TRUE(differs || isFinalWait) << "survived without: " << original;
    line = original;
    ++mutations;
  }
  EXPECT_GE(mutations, 10);
}

} // namespace
