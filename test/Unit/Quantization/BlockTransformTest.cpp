//===- BlockTransformTest.cpp - WUSH transforms ---------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The algebra of the transforms, and their purpose: quantized activations lose
// less than under a Hadamard rotation.
//
//===----------------------------------------------------------------------===//

#include "fp4/Quantization/BlockTransform.h"
#include "SyntheticLayer.h"
#include "fp4/Numerics/Hadamard.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstdio>
#include <limits>

using namespace fp4;
using namespace fp4::quantization;
using namespace fp4::numerics;

static BlockTransform wush(const SyntheticLayer &layer, size_t block) {
  Expected<BlockTransform> transform =
      wushTransform(layer.weights.data(), layer.rows, layer.cols,
                    layer.hessian().data(), block);
  EXPECT_TRUE(transform.ok()) << transform.message();
  return transform.ok() ? *transform : BlockTransform();
}

TEST(WUSH, TransformsAreDualToEachOther) {
  SyntheticLayer layer(51, 64, 64, 256);
  BlockTransform transform = wush(layer, 16);
  for (size_t first = 0; first < 64; first += 16)
    for (size_t i = 0; i < 16; ++i)
      for (size_t j = 0; j < 16; ++j) {
        // T_x^T T_w keeps x^T w.
        double product = 0;
        for (size_t k = 0; k < 16; ++k)
          product += double(transform.activations[(first + k) * 16 + i]) *
                     transform.weights[(first + k) * 16 + j];
        // Relative to the size of the terms: channels differ by up to 100.
        double size = std::sqrt(layer.hessian()[(first + j) * 65] /
                                layer.hessian()[(first + i) * 65]);
        ASSERT_NEAR(product, i == j ? 1 : 0, 1e-5 * std::max(1.0, size));
      }
}

TEST(WUSH, BothMomentsBecomeTheSame) {
  // T_x G_x T_x^T = H S^-1/2 U^T L_w^T L_x (...)^T = H S H = T_w G_w T_w^T, up
  // to the damping of a hundredth.
  SyntheticLayer layer(52, 256, 32, 512);
  BlockTransform transform = wush(layer, 32);
  std::vector<float> inputs = layer.hessian();
  transformHessian(transform.activations, 32, inputs.data(), 32);
  std::vector<float> weights = layer.weights;
  applyBlockTransform(transform.weights, 32, weights.data(), 256, 32);
  for (size_t i = 0; i < 32; ++i) {
    double moment = 0;
    for (size_t row = 0; row < 256; ++row)
      moment += double(weights[row * 32 + i]) * weights[row * 32 + i] / 256;
    // The diagonal of H S H is flat: the mean of S everywhere.
    ASSERT_NEAR(inputs[i * 33] / inputs[0], 1, 0.2);
    ASSERT_NEAR(moment / inputs[i * 33], 1, 0.2);
  }
}

TEST(WUSH, TransformedHessianEqualsThatOfTransformedInputs) {
  SyntheticLayer layer(53, 32, 64, 128);
  BlockTransform transform = wush(layer, 16);
  std::vector<float> hessian = layer.hessian();
  transformHessian(transform.activations, 16, hessian.data(), 64);
  applyBlockTransform(transform.activations, 16, layer.calibration.data(), 128,
                      64);
  std::vector<float> expected = layer.hessian();
  for (size_t i = 0; i < 64; ++i)
    for (size_t j = 0; j < 64; ++j) {
      double bound = std::sqrt(double(expected[i * 65]) * expected[j * 65]);
      ASSERT_NEAR(hessian[i * 64 + j], expected[i * 64 + j], 1e-4 * bound);
      ASSERT_EQ(hessian[i * 64 + j], hessian[j * 64 + i]);
    }
}

/// ||X W^T - Q(X) W^T||^2 / ||X W^T||^2 for inputs rounded to MXFP4.
static double activationError(const std::vector<float> &inputs,
                              const std::vector<float> &weights, size_t rows,
                              size_t cols) {
  WeightOptions options;
  options.format = kMXFP4;
  options.scaleRule = WeightScaleRule::Even;
  size_t tokens = inputs.size() / cols;
  Expected<QuantizedWeight> rounded =
      quantizeWeight(options, inputs, tokens, cols, nullptr);
  EXPECT_TRUE(rounded.ok()) << rounded.message();
  if (!rounded.ok())
    return 0;
  // The roles of weights and inputs are symmetric.
  return outputError(weights, inputs,
                     dequantize(kMXFP4, *rounded, tokens, cols), tokens, cols);
}

TEST(WUSH, QuantizedActivationsLoseLessThanUnderHadamard) {
  SyntheticLayer layer(54, 64, 256, 1024);
  BlockTransform transform = wush(layer, 32);
  double identity =
      activationError(layer.heldOut, layer.weights, layer.rows, layer.cols);

  std::vector<float> inputs = layer.heldOut, weights = layer.weights;
  hadamard(inputs.data(), inputs.size(), 32);
  hadamard(weights.data(), weights.size(), 32);
  double rotated = activationError(inputs, weights, layer.rows, layer.cols);

  inputs = layer.heldOut, weights = layer.weights;
  applyBlockTransform(transform.activations, 32, inputs.data(), 1024, 256);
  applyBlockTransform(transform.weights, 32, weights.data(), 64, 256);
  double transformed = activationError(inputs, weights, layer.rows, layer.cols);
  std::printf("mxfp4 activations: identity %.5f hadamard %.5f wush %.5f\n",
              identity, rotated, transformed);
  EXPECT_LT(rotated, identity);
  EXPECT_LT(transformed, 0.7 * rotated);
}

TEST(WUSH, BlocksWithoutInputsOrWeightsGetSomeTransform) {
  std::vector<float> weights(16), hessian(16 * 16);
  Expected<BlockTransform> transform =
      wushTransform(weights.data(), 1, 16, hessian.data(), 16);
  ASSERT_TRUE(transform.ok()) << transform.message();
  // Moments zero: both factors are the identity, and so is U S V^T.
  std::vector<float> x(16);
  x[0] = 4;
  applyBlockTransform(transform->activations, 16, x.data(), 1, 16);
  double norm = 0;
  for (float value : x)
    norm += double(value) * value;
  EXPECT_NEAR(norm, 16, 1e-5);
}

TEST(WUSH, RejectsBadInput) {
  std::vector<float> weights(16, 1.0f), hessian(16 * 16);
  hessian[0] = -1;
  hessian[17] = 2;
  EXPECT_EQ(
      wushTransform(weights.data(), 1, 16, hessian.data(), 16).message(),
      "block transform at column 0: second moments are not positive definite "
      "with 0.01 times their mean added");
  hessian[0] = std::nanf("");
  EXPECT_EQ(wushTransform(weights.data(), 1, 16, hessian.data(), 16).message(),
            "hessian is nan at row 0, column 0, expected finite values");
  weights[3] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(wushTransform(weights.data(), 1, 16, hessian.data(), 16).message(),
            "weight is inf at row 0, column 3, expected finite values");
}
