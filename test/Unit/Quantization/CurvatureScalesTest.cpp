//===- CurvatureScalesTest.cpp - Block scales that know the Hessian -------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Against a search of all codes in double.
//
//===----------------------------------------------------------------------===//

#include "SyntheticLayer.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace fp4;
using namespace fp4::quantization;
using namespace fp4::numerics;

/// What the errors of one block of `layer`'s first row cost under a scale.
static double costOf(const SyntheticLayer &layer,
                     const std::vector<float> &hessian, size_t firstCol,
                     size_t width, double scale, bool isDiagonal) {
  std::vector<double> errors;
  for (size_t i = 0; i < width; ++i) {
    double value = layer.weights[firstCol + i];
    uint8_t code =
        encodeElement(ElementFormat::E2M1, static_cast<float>(value / scale));
    errors.push_back(value - scale * decodeElement(ElementFormat::E2M1, code));
  }
  double total = 0;
  for (size_t i = 0; i < width; ++i)
    for (size_t j = 0; j < width; ++j)
      if (i == j || !isDiagonal)
        total += errors[i] * errors[j] *
                 hessian[(firstCol + i) * layer.cols + firstCol + j];
  return total;
}

TEST(CurvatureScales, CostAsLittleAsTheBestOfAllCodes) {
  for (BlockFormat format : {kNVFP4, kMXFP4})
    for (WeightScaleRule rule :
         {WeightScaleRule::WeightedMse, WeightScaleRule::LocalHessian}) {
      SyntheticLayer layer(31, 1, 512, 256);
      std::vector<float> hessian = layer.hessian();
      WeightOptions options;
      options.format = format;
      options.scaleRule = rule;
      options.tensorScaleRule = TensorScaleRule::Headroom;
      Expected<QuantizedWeight> result =
          quantizeWeight(options, layer.weights, 1, 512, hessian.data());
      ASSERT_TRUE(result.ok()) << result.message();
      size_t width = format.blockCols, changed = 0;
      for (size_t block = 0; block < result->scales.size(); ++block) {
        auto cost = [&](uint8_t code) {
          double scale =
              double(decodeScale(format.scale, code)) * result->tensorScale;
          return costOf(layer, hessian, block * width, width, scale,
                        rule == WeightScaleRule::WeightedMse);
        };
        double absMax = 0;
        for (size_t i = 0; i < width; ++i)
          absMax = std::max(
              absMax, std::fabs(double(layer.weights[block * width + i])) / 6);
        double least = INFINITY;
        uint8_t last = format == kNVFP4 ? 0x7E : 0xFE;
        for (unsigned index = 1; index <= last; ++index) {
          auto code = static_cast<uint8_t>(index);
          double ratio = double(decodeScale(format.scale, code)) *
                         result->tensorScale / absMax;
          // The window is exhaustive for WeightedMse alone.
          if (rule == WeightScaleRule::WeightedMse ||
              (ratio >= 0.07 && ratio <= 2))
            least = std::min(least, cost(code));
        }
        // Float32 sums may prefer a neighbour that is as good.
        EXPECT_LE(cost(result->scales[block]), least * (1 + 1e-5) + 1e-12);
        changed +=
            result->scales[block] !=
            encodeScale(format.scale, float(absMax / result->tensorScale));
      }
      EXPECT_GT(changed, 0u);
    }
}

TEST(CurvatureScales, HeavyColumnDecides) {
  // One weight of 6 without weight, fifteen of 1.3 that count: scale 0.4333 of
  // M = 3 would make them exact; the nearest E4M3 values are 0.4375 = 0x2E
  // (error (1.3 - 3 * 0.4375)^2 = 1.6e-4) and those with 1.3 / s near another
  // element: 1.3 / 4 = 0.325 -> 0.3125 (0x2A) errs by (1.3 - 1.25)^2, 1.3 / 6
  // -> 0.21875 (0x26) by (1.3 - 1.3125)^2 = 1.6e-4 as well; ties go to the
  // smaller scale.
  std::vector<float> weights(16, 1.3f), hessian(256, 0.0f);
  weights[0] = 6;
  for (size_t i = 1; i < 16; ++i)
    hessian[i * 17] = 1;
  WeightOptions options;
  options.scaleRule = WeightScaleRule::WeightedMse;
  options.fixedTensorScale = 1.0f;
  Expected<QuantizedWeight> result =
      quantizeWeight(options, weights, 1, 16, hessian.data());
  ASSERT_TRUE(result.ok()) << result.message();
  float scale = decodeScale(ScaleFormat::UE4M3, result->scales[0]);
  float value = scale * decodeElement(ElementFormat::E2M1, result->codes[1]);
  EXPECT_FLOAT_EQ(value, 1.3125f);
  options.scaleRule = WeightScaleRule::AbsMax;
  result = quantizeWeight(options, weights, 1, 16, hessian.data());
  ASSERT_TRUE(result.ok());
  // 6 / 6 = 1: 1.3 rounds to 1.5.
  EXPECT_EQ(result->scales[0], 0x38);
  EXPECT_EQ(decodeElement(ElementFormat::E2M1, result->codes[1]), 1.5f);
}

TEST(CurvatureScales, NeedAHessian) {
  WeightOptions options;
  options.scaleRule = WeightScaleRule::WeightedMse;
  EXPECT_EQ(
      quantizeWeight(options, std::vector<float>(16), 1, 16, nullptr).message(),
      "scale rule weighted-mse needs a hessian, got none");
  options.scaleRule = WeightScaleRule::LocalHessian;
  EXPECT_EQ(
      quantizeWeight(options, std::vector<float>(16), 1, 16, nullptr).message(),
      "scale rule local-hessian needs a hessian, got none");
}

TEST(CurvatureScales, AbsMax4PutsTheLargestWeightOnFour) {
  // Tensor scale 40 / 1536, so the block scale 10 is 384 = 0x7C of it, and 10,
  // 20, 30 and 40 are 1, 2, 3 and 4 times that: exact.
  std::vector<float> weights(16);
  for (size_t i = 0; i < 4; ++i)
    weights[i] = 10 * float(i + 1);
  WeightOptions options;
  options.scaleRule = WeightScaleRule::AbsMax4;
  options.tensorScaleRule = TensorScaleRule::Headroom;
  Expected<QuantizedWeight> result =
      quantizeWeight(options, weights, 1, 16, nullptr);
  ASSERT_TRUE(result.ok()) << result.message();
  EXPECT_EQ(result->scales, std::vector<uint8_t>{0x7C});
  EXPECT_EQ(result->codes, (std::vector<uint8_t>{2, 4, 5, 6, 0, 0, 0, 0, 0, 0,
                                                 0, 0, 0, 0, 0, 0}));
  EXPECT_NEAR(result->report.objectiveAfter, 0, 1e-12);
}
