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

void expectProduct(const Operand &a, const Operand &b, float alpha,
                   const std::vector<uint16_t> &got) {
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

class LLVMKernels : public ::testing::TestWithParam<unsigned> {
protected:
  LaunchOptions options() const { return allAsyncModes()[GetParam()]; }
  Device device;
  std::mt19937 random{11};
};

TEST_P(LLVMKernels, NVFP4OnSM120) {
  const int m = 128, n = 256, k = 640;
  const float alpha = 0.5f;
  Operand a(m, k, random), b(n, k, random);
  // The kernel wants the scales of a 128 x 128 tile together, row by row.
  auto tiled = [&](const Operand &op) {
    std::vector<uint8_t> result;
    for (int tile = 0; tile < op.rows / 128; ++tile)
      for (int kt = 0; kt < k / 128; ++kt)
        for (int r = 0; r < 128; ++r)
          for (int j = 0; j < 8; ++j)
            result.push_back(
                op.scales[size_t(tile * 128 + r) * (k / 16) + kt * 8 + j]);
    return result;
  };
  uint64_t pa = upload(device, a.codes), pb = upload(device, b.codes);
  uint64_t psa = upload(device, tiled(a)), psb = upload(device, tiled(b));
  uint64_t pd = upload(device, std::vector<uint16_t>(m * n));
  TensorMap ta = packedMap(pa, m, k, 128, TensorMapSwizzle::B64);
  TensorMap tb = packedMap(pb, n, k, 128, TensorMapSwizzle::B64);
  Params params;
  params.addBytes(ta.data(), 128, 64).addBytes(tb.data(), 128, 64);
  params.add(psa).add(psb).add(pd).add(k / 128).add(n).add(alpha);
  Expected<Module> module =
      Module::parse(readTestFile("LLVM/nvfp4_sm120a.ptx"));
  ASSERT_TRUE(module.ok()) << module.message();
  LaunchConfig config;
  config.grid = {m / 128, n / 128};
  config.block = {160};
  config.dynamicSharedBytes = 4 * (128 * 64 * 2 + 128 * 8 * 2) + 64;
  Expected<Statistics> stats = device.launch(
      *module, "nvfp4_gemm", config, params.data(), params.size(), options());
  ASSERT_TRUE(stats.ok()) << stats.message();
  EXPECT_EQ(stats->mmaInstructions, uint64_t(m) * n * k / (16 * 8 * 64));
  expectProduct(a, b, alpha, download<uint16_t>(device, pd, m * n));
}

TEST_P(LLVMKernels, NVFP4OnSM100) {
  const int m = 256, n = 128, k = 1536;
  const float alpha = 2.0f;
  Operand a(m, k, random), b(n, k, random);
  // Tiles of 128 rows and 256 of K: four 512-byte "128x4" scale tiles.
  auto tiled = [&](const Operand &op) {
    std::vector<uint8_t> result(op.scales.size());
    numerics::swizzleScales128x4(op.scales.data(), size_t(op.rows),
                                 size_t(k / 16), result.data());
    return result;
  };
  uint64_t pa = upload(device, a.codes), pb = upload(device, b.codes);
  uint64_t psa = upload(device, tiled(a)), psb = upload(device, tiled(b));
  uint64_t pd = upload(device, std::vector<uint16_t>(m * n));
  TensorMap ta = packedMap(pa, m, k, 256, TensorMapSwizzle::B128);
  TensorMap tb = packedMap(pb, n, k, 256, TensorMapSwizzle::B128);
  Params params;
  params.addBytes(ta.data(), 128, 64).addBytes(tb.data(), 128, 64);
  params.add(psa).add(psb).add(pd).add(k / 256).add(n).add(alpha);
  Expected<Module> module =
      Module::parse(readTestFile("LLVM/nvfp4_sm100a.ptx"));
  ASSERT_TRUE(module.ok()) << module.message();
  LaunchConfig config;
  config.grid = {m / 128, n / 128};
  config.block = {192};
  config.dynamicSharedBytes = 147456 + 128;
  Expected<Statistics> stats = device.launch(
      *module, "nvfp4_gemm", config, params.data(), params.size(), options());
  ASSERT_TRUE(stats.ok()) << stats.message();
  EXPECT_EQ(stats->mmaMultiplyAdds, uint64_t(m) * n * k);
  EXPECT_EQ(stats->tensorMemoryColumns, 512u);
  expectProduct(a, b, alpha, download<uint16_t>(device, pd, m * n));
}

INSTANTIATE_TEST_SUITE_P(AsyncModes, LLVMKernels, ::testing::Range(0u, 4u));

} // namespace
