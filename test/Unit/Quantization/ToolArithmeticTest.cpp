//===- ToolArithmeticTest.cpp - Roundings of published tools --------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rows of the table of `Arithmetic`, on weights where they differ. Whole
// layers are compared with independent implementations in
// test/python/test_references.py.
//
//===----------------------------------------------------------------------===//

#include "fp4/Numerics/ScaleFormat.h"
#include "fp4/Quantization/Presets.h"
#include "gtest/gtest.h"

using namespace fp4;
using namespace fp4::quantization;
using namespace fp4::numerics;

static QuantizedWeight quantize(std::string_view name,
                                const BlockFormat &format,
                                std::vector<float> weights, size_t cols,
                                const std::vector<float> &hessian = {}) {
  WeightOptions options = findPreset(name, format)->options;
  size_t rows = weights.size() / cols;
  Expected<QuantizedWeight> result =
      quantizeWeight(options, std::move(weights), rows, cols,
                     hessian.empty() ? nullptr : hessian.data());
  EXPECT_TRUE(result.ok()) << result.message();
  return result.ok() ? *result : QuantizedWeight();
}

static std::vector<float> identity(size_t n) {
  std::vector<float> matrix(n * n);
  for (size_t i = 0; i < n; ++i)
    matrix[i * (n + 1)] = 1;
  return matrix;
}

TEST(ToolArithmetic, TensorScalesAreWhatTheToolsStore) {
  std::vector<float> weights(16, 0.3f);
  float amax = 0.3f;
  EXPECT_EQ(quantize("modelopt", kNVFP4, weights, 16).tensorScale, amax / 2688);
  EXPECT_EQ(
      quantize("llmcompressor", kNVFP4, weights, 16, identity(16)).tensorScale,
      1 / (2688 / amax));
  EXPECT_EQ(quantize("fp-quant", kNVFP4, weights, 16, identity(16)).tensorScale,
            1 / (2688 * (1 / amax)));
}

TEST(ToolArithmetic, BlocksOfZeros) {
  std::vector<float> weights(32);
  weights[0] = 6;
  auto scaleOf = [](const QuantizedWeight &weight) {
    return decodeScale(ScaleFormat::UE4M3, weight.scales[1]);
  };
  EXPECT_EQ(scaleOf(quantize("modelopt", kNVFP4, weights, 32)), 1);
  EXPECT_EQ(
      scaleOf(quantize("llmcompressor", kNVFP4, weights, 32, identity(32))),
      0.125f);
  EXPECT_EQ(scaleOf(quantize("fp-quant", kNVFP4, weights, 32, identity(32))),
            1);
}

TEST(ToolArithmetic, SignsOfZerosAndTies) {
  // amax 6 gives MXFP4 the scale 1. The last three are ties that go to even
  // codes upwards, and with ModelOpt toward zero.
  std::vector<float> weights(32, 0.1f);
  weights[0] = 6;
  weights[1] = 0;
  weights[2] = -0.1f;
  weights[3] = 0.75f;
  weights[4] = -1.75f;
  weights[5] = 3.5f;
  QuantizedWeight tool = quantize("modelopt", kMXFP4, weights, 32);
  EXPECT_EQ(std::vector<uint8_t>(tool.codes.begin(), tool.codes.begin() + 7),
            (std::vector<uint8_t>{7, 8, 8, 1, 8 + 3, 5, 0}));
  QuantizedWeight own = quantize("rtn", kMXFP4, weights, 32);
  EXPECT_EQ(std::vector<uint8_t>(own.codes.begin(), own.codes.begin() + 7),
            (std::vector<uint8_t>{7, 0, 8, 2, 8 + 4, 6, 0}));
  QuantizedWeight fpQuant =
      quantize("fp-quant", kMXFP4, weights, 32, identity(32));
  EXPECT_EQ(fpQuant.codes[1], 8);
}

TEST(ToolArithmetic, DeadColumns) {
  // Column 1 has no input. LLMCompressor clears it after it has set the tensor
  // scale; we clear it before; FP-Quant knows only columns without weights.
  std::vector<float> hessian = identity(16);
  hessian[17] = 0;
  std::vector<float> weights(16, 1);
  weights[1] = 3;
  QuantizedWeight own = quantize("gptq", kNVFP4, weights, 16, hessian);
  QuantizedWeight compressor =
      quantize("llmcompressor", kNVFP4, weights, 16, hessian);
  QuantizedWeight fpQuant = quantize("fp-quant", kNVFP4, weights, 16, hessian);
  EXPECT_EQ(own.tensorScale, 1.0f / 2688);
  EXPECT_EQ(compressor.tensorScale, 1 / (2688 / 3.0f));
  EXPECT_EQ(own.codes[1], 0);
  EXPECT_EQ(compressor.codes[1], 0);
  EXPECT_EQ(fpQuant.codes[1], 7);
  EXPECT_EQ(compressor.report.deadColumns, 1u);
  EXPECT_EQ(fpQuant.report.deadColumns, 0u);
}

TEST(ToolArithmetic, IndefiniteHessiansAreIgnored) {
  // Eigenvalues 1 + 3 and 1 - 3: our presets fail, the tools round to nearest.
  std::vector<float> hessian = identity(16);
  hessian[1] = hessian[16] = 3;
  std::vector<float> weights(16, 0.4f);
  weights[0] = 6;
  WeightOptions options = findPreset("gptq", kNVFP4)->options;
  EXPECT_FALSE(quantizeWeight(options, weights, 1, 16, hessian.data()).ok());
  QuantizedWeight tool =
      quantize("llmcompressor", kNVFP4, weights, 16, hessian);
  QuantizedWeight nearest = quantize("modelopt", kNVFP4, weights, 16);
  EXPECT_EQ(tool.codes, nearest.codes);
}

TEST(ToolArithmetic, SharedScalesComeFromTheLargestWeightOfAll) {
  WeightOptions options = findPreset("llmcompressor", kNVFP4)->options;
  options.sharedAbsMax = 5.0f;
  Expected<QuantizedWeight> result = quantizeWeight(
      options, std::vector<float>(16, 1), 1, 16, identity(16).data());
  ASSERT_TRUE(result.ok()) << result.message();
  EXPECT_EQ(result->tensorScale, 1 / (2688 / 5.0f));
  options.sharedAbsMax = -1.0f;
  EXPECT_EQ(verifyOptions(options).message(),
            "shared largest weight is -1, expected a positive finite value");
}
