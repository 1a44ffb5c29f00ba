//===- RTNTest.cpp - Rounding to nearest and scale rules ------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// RTN must be numerics::quantizeBlocks bit for bit; the shrink search and the
// tensor scales are this layer's own.
//
//===----------------------------------------------------------------------===//

#include "SyntheticLayer.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace fp4;
using namespace fp4::quantization;
using namespace fp4::numerics;

static double squaredError(const std::vector<float> &a,
                           const std::vector<float> &b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
    sum += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
  return sum;
}

static QuantizedWeight quantizeRTN(const WeightOptions &options,
                                   const std::vector<float> &weights,
                                   size_t rows, size_t cols) {
  Expected<QuantizedWeight> result =
      quantizeWeight(options, weights, rows, cols, nullptr);
  EXPECT_TRUE(result.ok()) << result.message();
  return result.ok() ? *result : QuantizedWeight();
}

/// Magnitudes on both sides of every rounding boundary and on it, as multiples
/// of a power of two, so that each block meets ties and saturation.
static std::vector<float> boundaryWeights(ElementFormat format, size_t cols) {
  std::vector<float> weights;
  unsigned magnitudes = 1u << (elementBits(format) - 1);
  for (unsigned code = 0; code + 1 < magnitudes; ++code) {
    float low = decodeElement(format, static_cast<uint8_t>(code));
    float high = decodeElement(format, static_cast<uint8_t>(code + 1));
    if (!std::isfinite(low) || !std::isfinite(high))
      continue;
    float middle = (low + high) / 2;
    for (float value : {low, middle, std::nextafter(middle, 0.0f),
                        std::nextafter(middle, high)}) {
      weights.push_back(value);
      weights.push_back(-value);
    }
  }
  while (weights.size() % cols != 0)
    weights.push_back(elementMaxFinite(format));
  return weights;
}

TEST(RTN, EqualsTheNumericsQuantizerOnEveryFormatAndRule) {
  const WeightScaleRule rules[] = {
      WeightScaleRule::AbsMax,      WeightScaleRule::Floor,
      WeightScaleRule::Even,        WeightScaleRule::RCeil,
      WeightScaleRule::FourOverSix, WeightScaleRule::Search};
  const ScaleRule numericsRules[] = {ScaleRule::AbsMax,      ScaleRule::Floor,
                                     ScaleRule::Even,        ScaleRule::RCeil,
                                     ScaleRule::FourOverSix, ScaleRule::Search};
  size_t compared = 0;
  for (BlockFormat format : {kNVFP4, kMXFP4, kMXFP6E2M3, kMXFP6E3M2, kMXFP8E4M3,
                             kMXFP8E5M2, kMXINT8}) {
    size_t cols = 2 * format.blockCols;
    std::vector<float> weights = boundaryWeights(format.element, cols);
    size_t rows = weights.size() / cols;
    for (size_t i = 0; i < std::size(rules); ++i) {
      if (!isScaleRuleLegal(numericsRules[i], format))
        continue;
      WeightOptions options;
      options.format = format;
      options.scaleRule = rules[i];
      QuantizedWeight result = quantizeRTN(options, weights, rows, cols);
      std::vector<uint8_t> codes(weights.size());
      std::vector<uint8_t> scales(weights.size() / format.blockCols);
      QuantizeOptions quantize;
      quantize.rule = numericsRules[i];
      quantizeBlocks(format, quantize, weights.data(), rows, cols,
                     result.tensorScale, codes.data(), scales.data());
      EXPECT_EQ(result.codes, codes) << *blockFormatName(format);
      EXPECT_EQ(result.scales, scales) << *blockFormatName(format);
      ++compared;
    }
  }
  // NVFP4: AbsMax, FourOverSix, Search; six MX formats: Floor, Even, RCeil,
  // Search.
  EXPECT_EQ(compared, 3u + 6u * 4u);
}

/// w_j = ((37 j + 11) mod 23 - 11) / 7.
static std::vector<float> workedExample() {
  std::vector<float> weights;
  for (int j = 0; j < 32; ++j)
    weights.push_back(static_cast<float>((37 * j + 11) % 23 - 11) / 7);
  return weights;
}

TEST(RTN, SquaredErrorsOfTheWorkedExample) {
  // Computed in exact arithmetic from the definition of each rule; float32
  // scales move them by less than 1e-6.
  struct Case {
    BlockFormat format;
    WeightScaleRule rule;
    TensorScaleRule tensor;
    double error;
  };
  const Case cases[] = {
      {kNVFP4, WeightScaleRule::AbsMax, TensorScaleRule::Full, 0.272830476},
      {kNVFP4, WeightScaleRule::FourOverSix, TensorScaleRule::Headroom,
       0.209963152},
      {kNVFP4, WeightScaleRule::Search, TensorScaleRule::Full, 0.233061167},
      {kNVFP4, WeightScaleRule::Search, TensorScaleRule::Headroom, 0.201388889},
      {kMXFP4, WeightScaleRule::Even, TensorScaleRule::None, 0.290178571},
      {kMXFP4, WeightScaleRule::Search, TensorScaleRule::None, 0.290178571},
      {kMXFP4, WeightScaleRule::RCeil, TensorScaleRule::None, 0.330357143}};
  for (const Case &test : cases) {
    WeightOptions options;
    options.format = test.format;
    options.scaleRule = test.rule;
    options.tensorScaleRule = test.tensor;
    QuantizedWeight result = quantizeRTN(options, workedExample(), 1, 32);
    double error =
        squaredError(workedExample(), dequantize(test.format, result, 1, 32));
    EXPECT_NEAR(error, test.error, 1e-6) << weightScaleRuleName(test.rule);
  }
}

TEST(RTN, SearchPicksTheCodesOfTheWorkedExample) {
  // amax = 11/7 and tensor scale amax / 1536: AbsMax is 256 = 0x78 in both
  // blocks; the second is better off with 384 = 0x7C.
  WeightOptions options;
  options.scaleRule = WeightScaleRule::Search;
  options.tensorScaleRule = TensorScaleRule::Headroom;
  QuantizedWeight result = quantizeRTN(options, workedExample(), 1, 32);
  EXPECT_EQ(result.scales, (std::vector<uint8_t>{0x78, 0x7C}));
  EXPECT_FLOAT_EQ(result.tensorScale, 11.0f / 7 / 1536);
}

TEST(RTN, TensorScaleFollowsItsRule) {
  WeightOptions options;
  EXPECT_FLOAT_EQ(tensorScaleFor(options, 2688.0f), 1.0f);
  options.tensorScaleRule = TensorScaleRule::Headroom;
  EXPECT_FLOAT_EQ(tensorScaleFor(options, 1536.0f), 1.0f);
  options.tensorScaleRule = TensorScaleRule::None;
  EXPECT_EQ(tensorScaleFor(options, 1536.0f), 1.0f);
  options.fixedTensorScale = 0.25f;
  EXPECT_EQ(tensorScaleFor(options, 1536.0f), 0.25f);
  EXPECT_EQ(quantizeRTN(options, workedExample(), 1, 32).tensorScale, 0.25f);
}

/// The shrink search without early exit, in double, for one block of 16.
static uint8_t shrinkSearch(const float *block, float tensorScale) {
  double amax = 0;
  for (int i = 0; i < 16; ++i)
    amax = std::max(amax, std::fabs(double(block[i])));
  double best = 0, bestError = -1;
  for (int step = 0; step < 100; ++step) {
    double scale = (1 - 0.8 * step / 100) * amax / 6;
    double error = 0;
    for (int i = 0; i < 16; ++i) {
      uint8_t code = encodeElement(ElementFormat::E2M1,
                                   static_cast<float>(block[i] / scale));
      error +=
          std::pow(std::fabs(block[i] -
                             decodeElement(ElementFormat::E2M1, code) * scale),
                   2.4);
    }
    if (bestError < 0 || error < bestError) {
      bestError = error;
      best = scale;
    }
  }
  return encodeScale(ScaleFormat::UE4M3,
                     static_cast<float>(best / tensorScale));
}

TEST(RTN, MseIsTheShrinkSearch) {
  Random random(5);
  std::vector<float> weights(64 * 64);
  for (float &weight : weights)
    weight = static_cast<float>(random.laplace());
  WeightOptions options;
  options.scaleRule = WeightScaleRule::Mse;
  QuantizedWeight result = quantizeRTN(options, weights, 64, 64);
  size_t different = 0;
  for (size_t block = 0; block < result.scales.size(); ++block)
    different += result.scales[block] !=
                 shrinkSearch(&weights[block * 16], result.tensorScale);
  // Float32 sums decide near ties between neighbouring steps differently.
  EXPECT_LE(different, 1u);
}

TEST(RTN, FourThirdsNeverClips) {
  // amax 5: 2^2 / 3 (byte 127 + 2); 5 / (4/3) = 3.75 -> 4, value 16/3.
  WeightOptions options;
  options.format = kMXFP4;
  options.format.hasTensorScale = true;
  options.scaleRule = WeightScaleRule::FourThirds;
  std::vector<float> weights(32);
  weights[0] = 5;
  QuantizedWeight five = quantizeRTN(options, weights, 1, 32);
  EXPECT_EQ(five.scales, std::vector<uint8_t>{129});
  EXPECT_EQ(decodeElement(ElementFormat::E2M1, five.codes[0]), 4);
  EXPECT_FLOAT_EQ(dequantize(options.format, five, 1, 32)[0], 16.0f / 3);

  // x_i = 0.1 i (-1)^i, amax 3.1: 2/3 (byte 128). The error in exact arithmetic
  // is 0.98222..., with ties decided either way.
  for (int i = 0; i < 32; ++i)
    weights[size_t(i)] = 0.1f * static_cast<float>(i % 2 ? -i : i);
  QuantizedWeight ramp = quantizeRTN(options, weights, 1, 32);
  EXPECT_EQ(ramp.scales, std::vector<uint8_t>{128});
  EXPECT_NEAR(squaredError(weights, dequantize(options.format, ramp, 1, 32)),
              0.9822222222, 1e-5);
}

TEST(RTN, RelativeErrorOfGaussianWeights) {
  // E[sum (x - q)^2] / E[sum x^2] for N(0, 1), from 2^21 samples in double;
  // 2^18 samples here, and every rule's error has a relative spread of a
  // percent at that size.
  struct Case {
    WeightScaleRule rule;
    TensorScaleRule tensor;
    double error;
  };
  const Case cases[] = {
      {WeightScaleRule::AbsMax, TensorScaleRule::Full, 0.00903},
      {WeightScaleRule::Mse, TensorScaleRule::Full, 0.00790},
      {WeightScaleRule::FourOverSix, TensorScaleRule::Headroom, 0.00755},
      {WeightScaleRule::Search, TensorScaleRule::Headroom, 0.00659}};
  Random random(7);
  std::vector<float> weights(512 * 512);
  for (float &weight : weights)
    weight = static_cast<float>(random.normal());
  for (const Case &test : cases) {
    WeightOptions options;
    options.scaleRule = test.rule;
    options.tensorScaleRule = test.tensor;
    double error =
        quantizeRTN(options, weights, 512, 512).report.objectiveAfter;
    EXPECT_NEAR(error, test.error, 0.015 * test.error)
        << weightScaleRuleName(test.rule);
  }
}

TEST(RTN, ZerosStayZero) {
  WeightOptions options;
  for (WeightScaleRule rule : {WeightScaleRule::AbsMax, WeightScaleRule::Mse}) {
    options.scaleRule = rule;
    QuantizedWeight result =
        quantizeRTN(options, std::vector<float>(32), 1, 32);
    EXPECT_EQ(result.codes, std::vector<uint8_t>(32, 0));
    // 0x38 is 1.0.
    EXPECT_EQ(result.scales, std::vector<uint8_t>(2, 0x38));
    EXPECT_EQ(result.report.objectiveAfter, 0);
  }
}
