//===- LLVMKernelsTest.cpp - Blackwell kernels that LLVM 22 made
//------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// NVFP4 matrix products, written in MLIR's NVVM dialect and compiled by LLVM
// 22: tensor copies into a ring of shared memory, mbarriers, and on sm_120a
// ldmatrix with mma.sync, on sm_100a tensor memory with tcgen05.mma. 128 x 128
// tiles, D = alpha * A * B^T in bf16; A and B are packed e2m1.
//
//===----------------------------------------------------------------------===//

#include "EmulatorTesting.h"
#include "fp4/Emulator/PTX/TensorMap.h"
#include "fp4/Numerics/ElementFormat.h"
#include "fp4/Numerics/Half.h"
#include "fp4/Numerics/Packing.h"
#include "fp4/Numerics/ScaleFormat.h"
#include <cmath>
#include <random>

using namespace fp4;
using namespace fp4::ptx;
using namespace fp4::ptx::testing;

namespace {

/// One NVFP4 matrix: rows x K codes and their scales.
struct Operand {
  int rows, k;
  std::vector<uint8_t> codes, scales;

  Operand(int rows, int k, std::mt19937 &random)
      : rows(rows), k(k), codes(size_t(rows) * k / 2),
        scales(size_t(rows) * k / 16) {
    for (uint8_t &byte : codes)
      byte = uint8_t(random());
    for (uint8_t &byte : scales)
      byte = uint8_t(0x2C + random() % 20);
  }

  std::vector<float> decode() const {
    std::vector<float> values(size_t(rows) * k);
    for (int r = 0; r < rows; ++r)
      for (int i = 0; i < k; ++i) {
        uint8_t byte = codes[(size_t(r) * k + i) / 2];
        values[size_t(r) * k + i] =
            numerics::decodeElement(numerics::ElementFormat::E2M1,
                                    i % 2 ? byte >> 4 : byte & 15) *
            numerics::decodeScale(numerics::ScaleFormat::UE4M3,
                                  scales[size_t(r) * (k / 16) + i / 16]);
      }
    return values;
  }
};

TensorMap packedMap(uint64_t address, int rows, int k, unsigned boxK,
                    TensorMapSwizzle swizzle) {
  TensorMapParams params;
  params.type = TensorMapType::U4Align8B;
  params.rank = 2;
  params.globalAddress = address;
  params.globalDim = {uint64_t(k), uint64_t(rows), 1, 1, 1};
  params.globalStrides = {uint64_t(k) / 2, 0, 0, 0};
  params.boxDim = {boxK, 128, 1, 1, 1};
  params.swizzle = swizzle;
  Expected<TensorMap> map = encodeTensorMap(params);
  EXPECT_TRUE(map.ok()) << map.message();
  return *map;
}

/// One kernel: its text, its tile of K and how it wants the scales.
struct Kernel {
  const char *file;
  int tileK;
  unsigned threads, sharedBytes;
  TensorMapSwizzle swizzle;
  bool scales128x4;
};

const Kernel kSM120 = {
    "LLVM/nvfp4_sm120a.ptx", 128,  160, 4 * (128 * 64 * 2 + 128 * 8 * 2) + 64,
    TensorMapSwizzle::B64,   false};
const Kernel kSM100 = {"LLVM/nvfp4_sm100a.ptx", 256, 192, 147456 + 128,
                       TensorMapSwizzle::B128,  true};

/// A product with its reference.
struct Problem {
  const Kernel &kernel;
  std::mt19937 random{11};
  Operand a, b;
  float alpha = 0.5f;

  Problem(const Kernel &kernel, int m, int n, int k)
      : kernel(kernel), a(m, k, random), b(n, k, random) {}

  /// The scales of a 128-row tile together: in 128x4 blocks, or row by row.
  std::vector<uint8_t> tiledScales(const Operand &op) const {
    std::vector<uint8_t> result;
    int columns = op.k / 16, perTile = kernel.tileK / 16;
    if (kernel.scales128x4) {
      result.resize(op.scales.size());
      numerics::swizzleScales128x4(op.scales.data(), size_t(op.rows),
                                   size_t(columns), result.data());
      return result;
    }
    for (int tile = 0; tile < op.rows / 128; ++tile)
      for (int kt = 0; kt < op.k / kernel.tileK; ++kt)
        for (int r = 0; r < 128; ++r)
          for (int j = 0; j < perTile; ++j)
            result.push_back(
                op.scales[size_t(tile * 128 + r) * columns + kt * perTile + j]);
    return result;
  }

  Expected<Statistics> run(const std::string &text,
                           const LaunchOptions &options,
                           std::vector<uint16_t> &result) const {
    Expected<Module> module = Module::parse(text);
    if (!module.ok())
      return module.status();
    Device device;
    uint64_t pa = upload(device, a.codes), pb = upload(device, b.codes);
    uint64_t psa = upload(device, tiledScales(a));
    uint64_t psb = upload(device, tiledScales(b));
    size_t count = size_t(a.rows) * b.rows;
    uint64_t pd = upload(device, std::vector<uint16_t>(count));
    unsigned boxK = unsigned(kernel.tileK);
    TensorMap ta = packedMap(pa, a.rows, a.k, boxK, kernel.swizzle);
    TensorMap tb = packedMap(pb, b.rows, b.k, boxK, kernel.swizzle);
    Params params;
    params.addBytes(ta.data(), 128, 64).addBytes(tb.data(), 128, 64);
    params.add(psa).add(psb).add(pd).add(a.k / kernel.tileK).add(b.rows);
    params.add(alpha);
    LaunchConfig config;
    config.grid = {unsigned(a.rows) / 128, unsigned(b.rows) / 128};
    config.block = {kernel.threads};
    config.dynamicSharedBytes = kernel.sharedBytes;
    Expected<Statistics> stats = device.launch(
        *module, "nvfp4_gemm", config, params.data(), params.size(), options);
    if (stats.ok())
      result = download<uint16_t>(device, pd, count);
    return stats;
  }

  void expectProduct(const std::vector<uint16_t> &got) const {
    std::vector<float> x = a.decode(), y = b.decode();
    for (int i = 0; i < a.rows; ++i)
      for (int j = 0; j < b.rows; ++j) {
        double sum = 0, magnitude = 0;
        for (int kk = 0; kk < a.k; ++kk) {
          double product =
              double(x[size_t(i) * a.k + kk]) * y[size_t(j) * a.k + kk];
          sum += product;
          magnitude += std::fabs(product);
        }
        float value = numerics::decodeBF16(got[size_t(i) * b.rows + j]);
        // One bf16 rounding, and float32 ones along K.
        double bound = std::fabs(alpha * sum) / 250 + alpha * magnitude * 1e-6;
        ASSERT_NEAR(value, alpha * sum, bound) << i << "," << j;
      }
  }
};

class LLVMKernels : public ::testing::TestWithParam<unsigned> {
protected:
  LaunchOptions options() const { return allAsyncModes()[GetParam()]; }
};

TEST_P(LLVMKernels, NVFP4OnSM120) {
  Problem problem(kSM120, 128, 256, 640);
  std::vector<uint16_t> got;
  Expected<Statistics> stats =
      problem.run(readTestFile(kSM120.file), options(), got);
  ASSERT_TRUE(stats.ok()) << stats.message();
  EXPECT_EQ(stats->mmaInstructions, 128u * 256 * 640 / (16 * 8 * 64));
  problem.expectProduct(got);
}

TEST_P(LLVMKernels, NVFP4OnSM100) {
  Problem problem(kSM100, 256, 128, 1536);
  std::vector<uint16_t> got;
  Expected<Statistics> stats =
      problem.run(readTestFile(kSM100.file), options(), got);
  ASSERT_TRUE(stats.ok()) << stats.message();
  EXPECT_EQ(stats->mmaMultiplyAdds, 256u * 128 * 1536);
  EXPECT_EQ(stats->tensorMemoryColumns, 512u);
  problem.expectProduct(got);
}

INSTANTIATE_TEST_SUITE_P(AsyncModes, LLVMKernels, ::testing::Range(0u, 4u));

//===----------------------------------------------------------------------===//
// Mutations
//===----------------------------------------------------------------------===//

/// Drops each line that holds one of `needed`, in turn, and lists those whose
/// loss neither traps nor changes the result in eight schedules.
std::vector<std::string> survivors(const Problem &problem,
                                   const std::vector<std::string> &needed,
                                   bool strict = true) {
  std::string text = readTestFile(problem.kernel.file);
  LaunchOptions options;
  options.stepBudget = 2'000'000;
  options.strict = strict;
  std::vector<uint16_t> reference;
  Expected<Statistics> stats = problem.run(text, options, reference);
  EXPECT_TRUE(stats.ok()) << stats.message();
  std::vector<std::string> found;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = text.find('\n', begin);
    std::string line = text.substr(begin, end - begin);
    bool isNeeded = false;
    for (const std::string &name : needed)
      isNeeded |= line.find(name) != std::string::npos;
    if (isNeeded) {
      std::string mutant = text.substr(0, begin) + text.substr(end);
      bool differs = false;
      for (options.seed = 0; options.seed < 8 && !differs; ++options.seed) {
        std::vector<uint16_t> got;
        differs = !problem.run(mutant, options, got).ok() || got != reference;
      }
      if (!differs)
        found.push_back(line);
    }
    begin = end + 1;
  }
  return found;
}

TEST(Mutations, SM120KernelNeedsItsSynchronisation) {
  Problem problem(kSM120, 128, 128, 1280);
  // This kernel lets lane 0 give a stage back without a bar.warp.sync behind
  // the loads of the other lanes; the strict mode would trap.
  std::vector<std::string> left =
      survivors(problem,
                {"mbarrier.init", "mbarrier.arrive", "mbarrier.try_wait",
                 "bar.sync", "expect_tx"},
                false);
  EXPECT_EQ(left, std::vector<std::string>{});
}

TEST(Mutations, SM100KernelNeedsItsSynchronisation) {
  Problem problem(kSM100, 128, 128, 2560);
  std::vector<std::string> left = survivors(
      problem, {"mbarrier.init", "mbarrier.arrive", "mbarrier.try_wait",
                "bar.sync", "tcgen05.commit", "tcgen05.wait::ld",
                "tcgen05.dealloc", "tcgen05.alloc"});
  EXPECT_EQ(left, std::vector<std::string>{});
  // Three of the six fences order nothing: tcgen05.alloc and dealloc, of the
  // first and the last pair, are not asynchronous, and the loop has an
  // after_thread_sync of its own ahead of everything that is.
  const std::string before = "\ttcgen05.fence::before_thread_sync;";
  const std::string after = "\ttcgen05.fence::after_thread_sync;";
  EXPECT_EQ(survivors(problem, {"tcgen05.fence"}),
            (std::vector<std::string>{before, after, after}));
}

} // namespace
