//===- GPTQTest.cpp - The GPTQ recursion ----------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Against examples worked by hand, against the textbook form in ReferenceGPTQ,
// and what happens with Hessians that are singular or have dead columns.
//
//===----------------------------------------------------------------------===//

#include "ReferenceGPTQ.h"
#include "SyntheticLayer.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <numeric>

using namespace fp4;
using namespace fp4::quantization;
using namespace fp4::numerics;

/// Four columns per block, UE4M3 scales, no tensor scale: with a 6 in the
/// block, the scale is 1 and the other columns can be worked by hand.
static constexpr BlockFormat kSmall = {ElementFormat::E2M1, ScaleFormat::UE4M3,
                                       1, 4, false};

static WeightOptions gptqOptions(const BlockFormat &format) {
  WeightOptions options;
  options.algorithm = Algorithm::GPTQ;
  options.format = format;
  options.scaleRule = defaultScaleRule(format) == ScaleRule::Floor
                          ? WeightScaleRule::Floor
                          : WeightScaleRule::AbsMax;
  return options;
}

static QuantizedWeight quantize(const WeightOptions &options,
                                const std::vector<float> &weights, size_t rows,
                                const std::vector<float> &hessian) {
  Expected<QuantizedWeight> result = quantizeWeight(
      options, weights, rows, weights.size() / rows, hessian.data());
  EXPECT_TRUE(result.ok()) << result.message();
  return result.ok() ? *result : QuantizedWeight();
}

/// [[a, b], [b, c]] for the first two columns, 1 on the rest of the diagonal.
static std::vector<float> smallHessian(float a, float b, float c) {
  return {a, b, 0, 0, b, c, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
}

static std::vector<float> smallResult(const WeightOptions &options,
                                      const std::vector<float> &hessian) {
  std::vector<float> weights{1.2f, 0.7f, 6, 0};
  return dequantize(kSmall, quantize(options, weights, 1, hessian), 1, 4);
}

TEST(GPTQ, LaterColumnMakesUpForTheError) {
  // H = [[2, 1], [1, 2]]: 1.2 becomes 1, d_0 = 0.2; V_01 / V_11 = 1/2 since
  // V_11 = sqrt 2 and V_01 = 1 / sqrt 2, so 0.7 becomes 0.7 + 0.1 = 0.8 and
  // rounds to 1. Loss of d = (0.2, -0.3): 2*0.04 - 2*0.06 + 2*0.09 = 0.14.
  // RTN gives 0.5, d = (0.2, 0.2): 0.08 + 0.08 + 0.08 = 0.24.
  WeightOptions options = gptqOptions(kSmall);
  options.damping = 0;
  std::vector<float> hessian = smallHessian(2, 1, 2);
  EXPECT_EQ(smallResult(options, hessian), (std::vector<float>{1, 1, 6, 0}));
  std::vector<float> weights{1.2f, 0.7f, 6, 0};
  LayerReport report = quantize(options, weights, 1, hessian).report;
  // tr(W H W^T) = 2*1.44 + 2*0.84 + 2*0.49 + 36.
  double norm = 2 * 1.44 + 2 * 0.84 + 2 * 0.49 + 36;
  EXPECT_NEAR(report.objectiveAfter, 0.14 / norm, 1e-7);
  EXPECT_NEAR(report.objectiveRTN, 0.24 / norm, 1e-7);
}

TEST(GPTQ, ActOrderStartsAtTheLargestDiagonal) {
  // H = [[1, 0.9], [0.9, 4]]. Natural order: 1.2 -> 1, then 0.7 + 0.2 * 0.45/2
  // = 0.745 -> 0.5; loss of (0.2, 0.2): 0.04 + 0.072 + 0.16 = 0.272.
  // Column 1 first: 0.7 -> 0.5, then 1.2 + 0.2 * 0.9 = 1.38 -> 1.5; loss of
  // (-0.3, 0.2): 0.09 - 0.108 + 0.16 = 0.142.
  WeightOptions options = gptqOptions(kSmall);
  options.damping = 0;
  std::vector<float> hessian = smallHessian(1, 0.9f, 4);
  EXPECT_EQ(smallResult(options, hessian), (std::vector<float>{1, 0.5, 6, 0}));
  for (ColumnOrder order : {ColumnOrder::ActOrder, ColumnOrder::Group}) {
    options.order = order;
    EXPECT_EQ(smallResult(options, hessian),
              (std::vector<float>{1.5, 0.5, 6, 0}));
  }
}

static std::vector<size_t> expectedOrder(const std::vector<float> &hessian,
                                         size_t cols, ColumnOrder order,
                                         size_t block) {
  std::vector<size_t> columns(cols);
  std::iota(columns.begin(), columns.end(), 0);
  auto diagonal = [&](size_t i) { return hessian[i * (cols + 1)]; };
  auto blockSum = [&](size_t i) {
    double sum = 0;
    for (size_t j = i / block * block; j < (i / block + 1) * block; ++j)
      sum += diagonal(j);
    return sum;
  };
  std::sort(columns.begin(), columns.end(), [&](size_t a, size_t b) {
    if (order == ColumnOrder::Group && a / block != b / block)
      return blockSum(a) > blockSum(b);
    return order == ColumnOrder::Natural ? a < b : diagonal(a) > diagonal(b);
  });
  return columns;
}

static double shareDifferent(const std::vector<uint8_t> &a,
                             const std::vector<uint8_t> &b) {
  size_t different = 0;
  for (size_t i = 0; i < a.size(); ++i)
    different += a[i] != b[i];
  return double(different) / double(a.size());
}

TEST(GPTQ, EqualsTheTextbookForm) {
  // 160 columns: a full batch and a part of one. Float32 and double round
  // w'_j differently only within 1e-6 of a boundary, about one code in 1e4 or
  // less; it then changes what later columns of that row see, hence 1e-3.
  SyntheticLayer layer(11, 96, 160, 640);
  std::vector<float> hessian = layer.hessian();
  for (BlockFormat format : {kNVFP4, kMXFP4, kMXFP6E2M3, kMXFP6E3M2, kMXFP8E4M3,
                             kMXFP8E5M2, kMXINT8})
    for (ColumnOrder order :
         {ColumnOrder::Natural, ColumnOrder::ActOrder, ColumnOrder::Group}) {
      WeightOptions options = gptqOptions(format);
      options.order = order;
      QuantizedWeight result =
          quantize(options, layer.weights, layer.rows, hessian);
      ReferenceGPTQ reference(
          hessian, expectedOrder(hessian, layer.cols, order, format.blockCols),
          0.01);
      EXPECT_LT(
          shareDifferent(result.codes,
                         reference.quantize(format, layer.weights, result)),
          1e-3)
          << *blockFormatName(format) << " " << columnOrderName(order);
      EXPECT_LT(result.report.objectiveAfter, result.report.objectiveRTN)
          << *blockFormatName(format) << " " << columnOrderName(order);
    }
}

TEST(GPTQ, BlocksOfSeveralRowsShareTheirScale) {
  constexpr BlockFormat kSquare = {ElementFormat::E2M1, ScaleFormat::UE4M3, 16,
                                   16, true};
  SyntheticLayer layer(12, 80, 64, 256);
  std::vector<float> hessian = layer.hessian();
  QuantizedWeight result =
      quantize(gptqOptions(kSquare), layer.weights, layer.rows, hessian);
  EXPECT_EQ(result.scales.size(), 5u * 4u);
  ReferenceGPTQ reference(
      hessian, expectedOrder(hessian, 64, ColumnOrder::Natural, 16), 0.01);
  EXPECT_LT(shareDifferent(result.codes,
                           reference.quantize(kSquare, layer.weights, result)),
            1e-3);
}

TEST(GPTQ, ReportIsTheQuadraticForm) {
  SyntheticLayer layer(13, 70, 192, 512);
  std::vector<float> hessian = layer.hessian();
  WeightOptions options = gptqOptions(kNVFP4);
  QuantizedWeight result =
      quantize(options, layer.weights, layer.rows, hessian);
  std::vector<float> zero(layer.weights.size());
  double norm = quadraticLoss(layer.weights, zero, hessian, layer.cols);
  double loss = quadraticLoss(
      layer.weights, dequantize(kNVFP4, result, layer.rows, layer.cols),
      hessian, layer.cols);
  // Float32 products, 192 terms each.
  EXPECT_NEAR(result.report.objectiveAfter, loss / norm, 1e-4 * loss / norm);
  options.algorithm = Algorithm::RTN;
  EXPECT_EQ(
      quantize(options, layer.weights, layer.rows, hessian).report.objectiveRTN,
      result.report.objectiveRTN);
}

TEST(GPTQ, MultipleOfTheHessianChangesNothing) {
  SyntheticLayer layer(14, 16, 64, 256);
  std::vector<float> hessian = layer.hessian();
  WeightOptions options = gptqOptions(kNVFP4);
  QuantizedWeight result = quantize(options, layer.weights, 16, hessian);
  // A power of four, because the factor holds its square root.
  for (float &value : hessian)
    value *= 4;
  EXPECT_EQ(quantize(options, layer.weights, 16, hessian).codes, result.codes);
}

TEST(GPTQ, DiagonalHessianIsRoundingToNearest) {
  SyntheticLayer layer(15, 16, 64, 64);
  std::vector<float> hessian(64 * 64);
  for (size_t i = 0; i < 64; ++i)
    hessian[i * 65] = float(i + 1);
  WeightOptions options = gptqOptions(kNVFP4);
  std::vector<uint8_t> gptq =
      quantize(options, layer.weights, 16, hessian).codes;
  options.algorithm = Algorithm::RTN;
  EXPECT_EQ(quantize(options, layer.weights, 16, hessian).codes, gptq);
}

TEST(GPTQ, DeadColumnsBecomeZeroAndAreCounted) {
  SyntheticLayer layer(16, 32, 64, 256);
  for (size_t i = 0; i < layer.calibration.size(); ++i)
    if (i % 64 == 5 || i % 64 == 40)
      layer.calibration[i] = 0;
  std::vector<float> hessian = layer.hessian();
  // The largest weight sits in a dead column: it must not set any scale.
  layer.weights[5] = 100;
  for (ColumnOrder order : {ColumnOrder::Natural, ColumnOrder::ActOrder}) {
    WeightOptions options = gptqOptions(kNVFP4);
    options.order = order;
    options.polishSweeps = 1;
    QuantizedWeight result = quantize(options, layer.weights, 32, hessian);
    EXPECT_EQ(result.report.deadColumns, 2u);
    for (size_t row = 0; row < 32; ++row) {
      EXPECT_EQ(result.codes[row * 64 + 5] & 7, 0);
      EXPECT_EQ(result.codes[row * 64 + 40] & 7, 0);
    }
    EXPECT_LT(result.tensorScale, 1.0f / 2688);
    EXPECT_LT(result.report.objectiveAfter, 0.02);
  }
}

TEST(GPTQ, AllColumnsDead) {
  WeightOptions options = gptqOptions(kNVFP4);
  QuantizedWeight result = quantize(options, std::vector<float>(32, 1.0f), 2,
                                    std::vector<float>(16 * 16));
  EXPECT_EQ(result.report.deadColumns, 16u);
  EXPECT_EQ(result.codes, std::vector<uint8_t>(32, 0));
}

TEST(GPTQ, RaisesTheDampingUntilTheFactorizationSucceeds) {
  // H = ones: the second pivot is exactly 1 - 1 = 0, with any damping it is
  // positive. From 0 the next value is 1e-6; that changes 1 in float64.
  std::vector<float> hessian(16 * 16, 1.0f);
  WeightOptions options = gptqOptions(kNVFP4);
  options.damping = 0;
  std::vector<float> weights(16);
  std::iota(weights.begin(), weights.end(), 1.0f);
  QuantizedWeight result = quantize(options, weights, 1, hessian);
  EXPECT_DOUBLE_EQ(result.report.dampingUsed, 1e-6);
  options.damping = 0.01;
  EXPECT_DOUBLE_EQ(quantize(options, weights, 1, hessian).report.dampingUsed,
                   0.01);
}

TEST(GPTQ, RaisesTheDampingTenfold) {
  // [[1, b], [b, 1]] with b = 1.05 has the eigenvalue -0.05: 0.01 is too
  // little, 0.1 is enough.
  WeightOptions options = gptqOptions(kSmall);
  std::vector<float> weights{1.2f, 0.7f, 6, 0};
  EXPECT_DOUBLE_EQ(quantize(options, weights, 1, smallHessian(1, 1.05f, 1))
                       .report.dampingUsed,
                   0.1);
}

TEST(GPTQ, IndefiniteHessianIsAnError) {
  // Eigenvalue 1 - 3 = -2; damping stops at 1.
  Expected<QuantizedWeight> result = quantizeWeight(
      gptqOptions(kSmall), {1, 2, 6, 0}, 1, 4, smallHessian(1, 3, 1).data());
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.message(),
            "hessian is not positive semidefinite: its Cholesky factorization "
            "fails with 1 times the mean diagonal added");
}

TEST(GPTQ, ThreadsDoNotChangeTheResult) {
  // 288 columns: two tiles of the Cholesky factorization; 150 rows: three
  // tiles of rows.
  SyntheticLayer layer(17, 150, 288, 512);
  std::vector<float> hessian = layer.hessian();
  WeightOptions options = gptqOptions(kNVFP4);
  options.scaleRule = WeightScaleRule::InLoop;
  options.polishSweeps = 1;
  options.threads = 1;
  QuantizedWeight one = quantize(options, layer.weights, layer.rows, hessian);
  for (unsigned threads : {0u, 2u, 5u}) {
    options.threads = threads;
    QuantizedWeight many =
        quantize(options, layer.weights, layer.rows, hessian);
    EXPECT_EQ(many.codes, one.codes) << threads;
    EXPECT_EQ(many.scales, one.scales) << threads;
    EXPECT_EQ(many.report.objectiveAfter, one.report.objectiveAfter) << threads;
  }
}

TEST(GPTQ, BatchSizeChangesRoundingNoiseOnly) {
  SyntheticLayer layer(18, 32, 192, 512);
  std::vector<float> hessian = layer.hessian();
  WeightOptions options = gptqOptions(kNVFP4);
  std::vector<uint8_t> codes =
      quantize(options, layer.weights, 32, hessian).codes;
  // 1 is rounded up to one block of 16.
  for (unsigned columns : {1u, 48u, 1024u}) {
    options.blockColumns = columns;
    EXPECT_LT(shareDifferent(
                  codes, quantize(options, layer.weights, 32, hessian).codes),
              1e-3)
        << columns;
  }
}
