//===- ActivationTargetTest.cpp - Weights for rounded inputs --------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The normal equations, and their purpose: with inputs rounded to FP4, GPTQ
// towards the new target beats GPTQ towards the original weights on held-out
// inputs.
//
//===----------------------------------------------------------------------===//

#include "fp4/Quantization/ActivationTarget.h"
#include "SyntheticLayer.h"
#include "fp4/Numerics/Hadamard.h"
#include "fp4/Quantization/Hessian.h"
#include "fp4/Quantization/Presets.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstdio>

using namespace fp4;
using namespace fp4::quantization;
using namespace fp4::numerics;

static std::vector<float> roundToMXFP4(const std::vector<float> &inputs,
                                       size_t cols) {
  WeightOptions options;
  options.format = kMXFP4;
  options.scaleRule = WeightScaleRule::Even;
  Expected<QuantizedWeight> rounded =
      quantizeWeight(options, inputs, inputs.size() / cols, cols, nullptr);
  EXPECT_TRUE(rounded.ok()) << rounded.message();
  return rounded.ok() ? dequantize(kMXFP4, *rounded, inputs.size() / cols, cols)
                      : inputs;
}

struct Moments {
  std::vector<float> cross, hessian;

  Moments(const std::vector<float> &exact, const std::vector<float> &quantized,
          size_t cols) {
    CrossMomentAccumulator crossMoment(cols);
    HessianAccumulator accumulator(cols);
    size_t tokens = exact.size() / cols;
    EXPECT_TRUE(crossMoment.add(exact.data(), quantized.data(), tokens).ok());
    EXPECT_TRUE(accumulator.add(quantized.data(), tokens).ok());
    cross = *crossMoment.finish();
    hessian = *accumulator.finish();
  }
};

/// ||X W^T - X_q V^T||^2 / ||X W^T||^2.
static double mixedError(const std::vector<float> &exact,
                         const std::vector<float> &weights,
                         const std::vector<float> &quantized,
                         const std::vector<float> &target, size_t cols) {
  double error = 0, norm = 0;
  for (size_t token = 0; token < exact.size(); token += cols)
    for (size_t row = 0; row < weights.size(); row += cols) {
      float wanted = 0, got = 0;
      for (size_t col = 0; col < cols; ++col) {
        wanted += exact[token + col] * weights[row + col];
        got += quantized[token + col] * target[row + col];
      }
      error += double(wanted - got) * (wanted - got);
      norm += double(wanted) * wanted;
    }
  return error / norm;
}

TEST(ActivationTarget, SolvesTheNormalEquations) {
  // 224 columns: two tiles of the factorization; 70 rows: two tiles of rows.
  SyntheticLayer layer(61, 70, 224, 448);
  Moments moments(layer.calibration, roundToMXFP4(layer.calibration, 224), 224);
  std::vector<float> target = layer.weights;
  ASSERT_TRUE(retargetWeights(target.data(), 70, 224, moments.cross.data(),
                              moments.hessian.data(), 0.01)
                  .ok());
  // target (H_q + l I) = W (C + l I)
  double added = 0;
  for (size_t i = 0; i < 224; ++i)
    added += 0.01 * moments.hessian[i * 225] / 224;
  for (size_t row = 0; row < 70; ++row)
    for (size_t j = 0; j < 224; ++j) {
      double left = added * target[row * 224 + j];
      double right = added * layer.weights[row * 224 + j];
      double size = 0;
      for (size_t i = 0; i < 224; ++i) {
        left += double(target[row * 224 + i]) * moments.hessian[i * 224 + j];
        right +=
            double(layer.weights[row * 224 + i]) * moments.cross[i * 224 + j];
        size += std::fabs(double(target[row * 224 + i]) *
                          moments.hessian[i * 224 + j]);
      }
      // The result is rounded to float32.
      ASSERT_NEAR(left, right, 1e-6 * size);
    }
}

TEST(ActivationTarget, ExactInputsKeepTheWeights) {
  SyntheticLayer layer(62, 8, 32, 128);
  Moments moments(layer.calibration, layer.calibration, 32);
  std::vector<float> target = layer.weights;
  ASSERT_TRUE(retargetWeights(target.data(), 8, 32, moments.cross.data(),
                              moments.hessian.data())
                  .ok());
  for (size_t i = 0; i < target.size(); ++i)
    // C and H are the same matrix up to the rounding of their diagonals.
    ASSERT_NEAR(target[i], layer.weights[i], 1e-4);
}

TEST(ActivationTarget, BeatsTheOriginalTargetOnHeldOutInputs) {
  constexpr size_t kCols = 128, kRows = 64;
  SyntheticLayer layer(63, kRows, kCols, 6144);
  hadamard(layer.weights.data(), layer.weights.size(), 32);
  hadamard(layer.calibration.data(), layer.calibration.size(), 32);
  hadamard(layer.heldOut.data(), layer.heldOut.size(), 32);
  std::vector<float> heldOut = roundToMXFP4(layer.heldOut, kCols);
  Moments moments(layer.calibration, roundToMXFP4(layer.calibration, kCols),
                  kCols);
  std::vector<float> retargeted = layer.weights;
  ASSERT_TRUE(retargetWeights(retargeted.data(), kRows, kCols,
                              moments.cross.data(), moments.hessian.data())
                  .ok());

  // The layers are rotated already; only the options of the recipe count.
  WeightOptions options = findPreset("mr-gptq-plus", kMXFP4)->options;
  auto error = [&](const std::vector<float> &target,
                   const std::vector<float> &hessian) {
    Expected<QuantizedWeight> result =
        quantizeWeight(options, target, kRows, kCols, hessian.data());
    EXPECT_TRUE(result.ok()) << result.message();
    return mixedError(layer.heldOut, layer.weights, heldOut,
                      dequantize(kMXFP4, *result, kRows, kCols), kCols);
  };
  double original = error(layer.weights, layer.hessian());
  double aware = error(retargeted, moments.hessian);
  std::printf("mxfp4 weights and activations: original target %.5f, "
              "activation-aware %.5f\n",
              original, aware);
  EXPECT_LT(aware, 0.95 * original);
}

TEST(ActivationTarget, RejectsBadInput) {
  CrossMomentAccumulator accumulator(2);
  EXPECT_EQ(accumulator.finish().message(),
            "no calibration tokens were added, expected at least 1");
  const float exact[] = {1, 2}, bad[] = {1, std::nanf("")};
  EXPECT_EQ(accumulator.add(exact, bad, 1).message(),
            "activation is nan at token 0, column 1, expected finite values");
  float weights[] = {1, 2};
  const float indefinite[] = {1, 3, 3, 1};
  EXPECT_EQ(
      retargetWeights(weights, 1, 2, indefinite, indefinite).message(),
      "hessian of the quantized inputs is not positive definite with 0.01 "
      "times its mean diagonal added");
}
