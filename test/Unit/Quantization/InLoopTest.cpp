//===- InLoopTest.cpp - Scale search inside GPTQ --------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The search against an exhaustive one in the textbook form, and its gain over
// frozen scales.
//
//===----------------------------------------------------------------------===//

#include "ReferenceGPTQ.h"
#include "SyntheticLayer.h"
#include "gtest/gtest.h"
#include <numeric>

using namespace fp4;
using namespace fp4::quantization;
using namespace fp4::numerics;

static WeightOptions inLoopOptions(const BlockFormat &format) {
  WeightOptions options;
  options.algorithm = Algorithm::GPTQ;
  options.format = format;
  options.scaleRule = WeightScaleRule::InLoop;
  options.tensorScaleRule = TensorScaleRule::Headroom;
  return options;
}

static QuantizedWeight quantize(const WeightOptions &options,
                                const SyntheticLayer &layer) {
  Expected<QuantizedWeight> result = quantizeWeight(
      options, layer.weights, layer.rows, layer.cols, layer.hessian().data());
  EXPECT_TRUE(result.ok()) << result.message();
  return result.ok() ? *result : QuantizedWeight();
}

TEST(InLoop, FindsTheScalesOfAnExhaustiveSearch) {
  SyntheticLayer layer(21, 24, 96, 384);
  std::vector<size_t> natural(layer.cols);
  std::iota(natural.begin(), natural.end(), 0);
  ReferenceGPTQ reference(layer.hessian(), natural, 0.01);
  // Not the elements with four or five exponent bits: their relative precision
  // is the same over many octaves, so many scales are equally good.
  for (BlockFormat format : {kNVFP4, kMXFP4, kMXFP6E2M3, kMXINT8}) {
    QuantizedWeight result = quantize(inLoopOptions(format), layer);
    QuantizedWeight exhaustive;
    exhaustive.tensorScale = result.tensorScale;
    reference.quantizeInLoop(format, layer.weights, exhaustive);
    size_t differentRows = 0;
    size_t groups = layer.cols / format.blockCols;
    for (size_t row = 0; row < layer.rows; ++row)
      differentRows += !std::equal(&result.scales[row * groups],
                                   &result.scales[row * groups] + groups,
                                   &exhaustive.scales[row * groups]);
    // A near tie between two scales may fall the other way in float32 and then
    // changes the rest of its row.
    EXPECT_LE(differentRows, 1u) << *blockFormatName(format);
  }
}

TEST(InLoop, BeatsFrozenScalesOnCorrelatedLayers) {
  for (uint64_t seed : {22, 23, 24}) {
    SyntheticLayer layer(seed, 64, 128, 512);
    WeightOptions options = inLoopOptions(kNVFP4);
    options.order = ColumnOrder::Group;
    double inLoop = quantize(options, layer).report.objectiveAfter;
    options.scaleRule = WeightScaleRule::Mse;
    options.tensorScaleRule = TensorScaleRule::Full;
    for (ColumnOrder order : {ColumnOrder::Group, ColumnOrder::ActOrder}) {
      options.order = order;
      EXPECT_LT(inLoop, quantize(options, layer).report.objectiveAfter)
          << "seed " << seed << " " << columnOrderName(order);
    }
  }
}

TEST(InLoop, BlocksOfSeveralRowsGetOneScale) {
  constexpr BlockFormat kSquare = {ElementFormat::E2M1, ScaleFormat::UE4M3, 16,
                                   16, true};
  SyntheticLayer layer(25, 80, 64, 256);
  // The first and the last row of each block decide its scale.
  for (size_t row : {0, 31, 32, 63, 79})
    for (size_t col = 0; col < 64; ++col)
      layer.weights[row * 64 + col] *= 20;
  WeightOptions options = inLoopOptions(kSquare);
  options.polishSweeps = 1;
  LayerReport inLoop = quantize(options, layer).report;
  options.scaleRule = WeightScaleRule::Search;
  options.polishSweeps = 0;
  // The report says what storing one scale per 16 rows really costs.
  EXPECT_LT(inLoop.objectiveAfter,
            quantize(options, layer).report.objectiveAfter);
}

TEST(InLoop, ZeroRowsKeepScaleOne) {
  SyntheticLayer layer(26, 4, 32, 128);
  std::fill_n(layer.weights.begin() + 32, 32, 0.0f);
  QuantizedWeight result = quantize(inLoopOptions(kNVFP4), layer);
  // Row 1: two blocks with the byte of 1.0 and codes of zero.
  EXPECT_EQ(result.scales[2], 0x38);
  EXPECT_EQ(result.scales[3], 0x38);
  for (size_t col = 0; col < 32; ++col)
    EXPECT_EQ(result.codes[32 + col], 0);
}

TEST(InLoop, ScaleRangeEndsClampTheCandidates) {
  // With tensor scale 1, weights of 5000 need more than 448 * 6 = 2688, and
  // weights of 1e-6 less than the smallest scale 2^-9.
  SyntheticLayer layer(27, 2, 16, 64);
  for (size_t col = 0; col < 16; ++col) {
    layer.weights[col] = 5000;
    layer.weights[16 + col] = 1e-6f;
  }
  WeightOptions options = inLoopOptions(kNVFP4);
  options.tensorScaleRule = TensorScaleRule::None;
  QuantizedWeight result = quantize(options, layer);
  EXPECT_EQ(result.scales[0], 0x7E);
  EXPECT_EQ(result.scales[1], 0x01);
}
