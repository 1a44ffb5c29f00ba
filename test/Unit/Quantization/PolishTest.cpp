//===- PolishTest.cpp - Coordinate descent after GPTQ ---------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every sweep must lower the damped objective, measured here in double.
//
//===----------------------------------------------------------------------===//

#include "SyntheticLayer.h"
#include "gtest/gtest.h"

using namespace fp4;
using namespace fp4::quantization;
using namespace fp4::numerics;

static WeightOptions polishOptions(const BlockFormat &format) {
  WeightOptions options;
  options.algorithm = Algorithm::GPTQ;
  options.format = format;
  options.scaleRule = WeightScaleRule::Search;
  options.tensorScaleRule = TensorScaleRule::Headroom;
  return options;
}

TEST(Polish, EachSweepLowersTheDampedObjectiveOfEachRow) {
  SyntheticLayer layer(31, 70, 160, 640);
  std::vector<float> hessian = layer.hessian();
  std::vector<float> dampedHessian = damped(hessian, layer.cols, 0.01);
  for (BlockFormat format : {kNVFP4, kMXFP4, kMXFP6E3M2, kMXINT8}) {
    std::vector<double> before(layer.rows);
    double total[4] = {};
    for (unsigned sweeps = 0; sweeps < 4; ++sweeps) {
      WeightOptions options = polishOptions(format);
      options.polishSweeps = sweeps;
      Expected<QuantizedWeight> result = quantizeWeight(
          options, layer.weights, layer.rows, layer.cols, hessian.data());
      ASSERT_TRUE(result.ok()) << result.message();
      std::vector<float> values =
          dequantize(format, *result, layer.rows, layer.cols);
      for (size_t row = 0; row < layer.rows; ++row) {
        auto slice = [&](const std::vector<float> &matrix) {
          return std::vector<float>(&matrix[row * layer.cols],
                                    &matrix[row * layer.cols] + layer.cols);
        };
        double loss = quadraticLoss(slice(layer.weights), slice(values),
                                    dampedHessian, layer.cols);
        // Rounding of float32 sums may show where nothing was gained.
        if (sweeps > 0)
          EXPECT_LE(loss, before[row] * (1 + 1e-5))
              << *blockFormatName(format) << " row " << row;
        before[row] = loss;
        total[sweeps] += loss;
      }
    }
    // The first sweep is worth several percent on such layers.
    EXPECT_LT(total[1], 0.97 * total[0]) << *blockFormatName(format);
    EXPECT_LE(total[3], total[1]) << *blockFormatName(format);
  }
}

TEST(Polish, LeavesAnOptimumAlone) {
  // A diagonal H makes RTN optimal code by code. The weights are scale times
  // element exactly (amax 6, tensor scale 1), so the scales are optimal too.
  std::vector<float> weights{0,    0.5, 1,  1.5, 2, 3, 4, 6,
                             -0.5, -1,  -2, -6,  0, 1, 2, 3};
  std::vector<float> hessian(16 * 16);
  for (size_t i = 0; i < 16; ++i)
    hessian[i * 17] = float(i + 1);
  WeightOptions options = polishOptions(kNVFP4);
  options.scaleRule = WeightScaleRule::AbsMax;
  options.tensorScaleRule = TensorScaleRule::None;
  options.polishSweeps = 3;
  Expected<QuantizedWeight> result =
      quantizeWeight(options, weights, 1, 16, hessian.data());
  ASSERT_TRUE(result.ok()) << result.message();
  EXPECT_EQ(dequantize(kNVFP4, *result, 1, 16), weights);
  EXPECT_EQ(result->scales, std::vector<uint8_t>{0x38});
}

TEST(Polish, RefitsTheScaleOfABlock) {
  // All weights 5.5, H = I: AbsMax gives 5.5/6 -> 0.9375 (0x37), element 6. The
  // best scale for element 6 is 5.5/6 = 0.91666..., between 0.875 and 0.9375:
  // nearest is what it has.
  std::vector<float> weights(16, 5.5f);
  std::vector<float> hessian(16 * 16);
  for (size_t i = 0; i < 16; ++i)
    hessian[i * 17] = 1;
  WeightOptions options = polishOptions(kNVFP4);
  options.scaleRule = WeightScaleRule::AbsMax;
  options.tensorScaleRule = TensorScaleRule::None;
  options.polishSweeps = 1;
  Expected<QuantizedWeight> kept =
      quantizeWeight(options, weights, 1, 16, hessian.data());
  ASSERT_TRUE(kept.ok()) << kept.message();
  EXPECT_EQ(kept->scales, std::vector<uint8_t>{0x37});

  // One outlier of 6.4 makes AbsMax 6.4/6 -> 1.125 (0x39): 5.5/1.125 = 4.89
  // rounds to 4, value 4.5. The refit of 15 fours and a six: (15*22 + 38.4) /
  // (15*16 + 36) = 1.3348 -> 1.375 (0x3B), value 5.5 exactly for the fours.
  weights[3] = 6.4f;
  Expected<QuantizedWeight> refitted =
      quantizeWeight(options, weights, 1, 16, hessian.data());
  ASSERT_TRUE(refitted.ok()) << refitted.message();
  EXPECT_EQ(refitted->scales, std::vector<uint8_t>{0x3B});
}
