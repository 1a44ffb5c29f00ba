//===- BlockExamplesTest.cpp - Blocks worked by hand ----------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Small blocks whose scales, codes and errors can be followed by hand,
// computed in exact arithmetic. Decoding in float32 moves each value by at most
// 2 * 2^-24 of itself, so a sum of squared errors is compared to 1e-5 relative.
//
//===----------------------------------------------------------------------===//

#include "BlockTesting.h"
#include "fp4/Numerics/Packing.h"
#include <gtest/gtest.h>

using namespace fp4::numerics;
using namespace fp4::numerics::test;

static constexpr double kTolerance = 1e-5;

using Bytes = std::vector<uint8_t>;

static Bytes packed(const Bytes &codes) {
  Bytes result(codes.size() / 2);
  packCodes(ElementFormat::E2M1, codes.data(), 1, codes.size(), result.data());
  return result;
}

static void expectNear(double actual, double expected) {
  EXPECT_NEAR(actual, expected, kTolerance * expected);
}

/// Example 1: 0.1, -0.2, ..., 1.5 and an outlier of -10.
static std::vector<float> outlierBlock() {
  std::vector<float> x;
  for (int i = 1; i <= 15; ++i)
    x.push_back(static_cast<float>((i % 2 ? 0.1 : -0.1) * i));
  x.push_back(-10.0f);
  return x;
}

TEST(BlockExamples, NVFP4WithAnOutlier) {
  // amax = 10 maps to 6 * 448, so the block scale is 448 (0x7E) and one unit is
  // 10 / 6 = 5/3. 0.4 / (5/3) = 0.24 still rounds to 0, 0.5 / (5/3) = 0.3 to
  // 0.5, 1.3 / (5/3) = 0.78 to 1. The squared errors add up to 43/45.
  Quantized q = quantizeRow(kNVFP4, ScaleRule::AbsMax, outlierBlock());
  EXPECT_EQ(q.scales, Bytes{0x7E});
  EXPECT_EQ(packed(q.codes),
            (Bytes{0x80, 0x80, 0x91, 0x91, 0x91, 0x91, 0xA2, 0xF2}));
  expectNear(squaredError(outlierBlock(), q), 43.0 / 45.0);
}

TEST(BlockExamples, FourOverSixKeepsSixForTheOutlier) {
  // Headroom: amax = 10 maps to 6 * 256 (0x78). Mapping it to 4 instead gives
  // the scale 384 (0x7C), a unit of 2.5 and the error 1.7125 > 43/45.
  std::vector<float> x = outlierBlock();
  Quantized q = quantizeRow(kNVFP4, ScaleRule::FourOverSix, x);
  EXPECT_EQ(q.scales, Bytes{0x78});
  expectNear(squaredError(x, q), 43.0 / 45.0);

  std::vector<float> mappedToFour(x.size());
  Bytes scale = {0x7C}, codes;
  for (float value : x)
    codes.push_back(encodeElement(ElementFormat::E2M1, value / 2.5f));
  dequantizeBlocks(kNVFP4, codes.data(), scale.data(), 1, x.size(),
                   tensorScaleFor(kNVFP4, 10.0f, ScaleRule::FourOverSix),
                   mappedToFour.data());
  expectNear(squaredError(x, mappedToFour, 0, x.size()), 1.7125);
}

TEST(BlockExamples, FourOverSixTakesFourWhereThatIsExact) {
  // Example 2. With unit 10 the values are 1, 2, 3, 4 (codes 2, 4, 5, 6); with
  // unit 20/3 the value 30 = 4.5 units becomes 4 and loses 10/3.
  std::vector<float> x(16, 0.0f);
  for (int i = 0; i < 4; ++i)
    x[i] = 10.0f * (i + 1);
  float tensorScale = tensorScaleFor(kNVFP4, 40.0f, ScaleRule::FourOverSix);
  EXPECT_EQ(tensorScale, 40.0f / 1536.0f);
  QuantizeOptions options;
  options.rule = ScaleRule::FourOverSix;
  Quantized four = quantize(kNVFP4, options, x, 16, tensorScale);
  EXPECT_EQ(four.scales, Bytes{0x7C});
  EXPECT_EQ(Bytes(four.codes.begin(), four.codes.begin() + 4),
            (Bytes{2, 4, 5, 6}));
  EXPECT_EQ(squaredError(x, four), 0.0);

  options.rule = ScaleRule::AbsMax;
  Quantized six = quantize(kNVFP4, options, x, 16, tensorScale);
  EXPECT_EQ(six.scales, Bytes{0x78});
  expectNear(squaredError(x, six), 100.0 / 9.0);
}

TEST(BlockExamples, MXFP4Ramp) {
  // Example 3: x_i = 0.1 * i * (-1)^i, amax 3.1. Floor and Even: 3.1 lies in
  // [2, 4), so the exponent is 1 - 2 = -1 (byte 126). RCeil: 3.1 / 6 > 0.5
  // needs the scale 1 (byte 127). i = 25 is a tie in both: 2.5 / 0.5 = 5 -> 4
  // and 2.5 / 1 -> 2.
  std::vector<float> x;
  for (int i = 0; i < 32; ++i)
    x.push_back(static_cast<float>((i % 2 ? -0.1 : 0.1) * i));
  const Bytes half = {0x80, 0x91, 0xA2, 0xB2, 0xC3, 0xC4, 0xD4, 0xD5,
                      0xD5, 0xE6, 0xE6, 0xE6, 0xE6, 0xF7, 0xF7, 0xF7};
  for (ScaleRule rule : {ScaleRule::Floor, ScaleRule::Even}) {
    Quantized q = quantizeRow(kMXFP4, rule, x);
    EXPECT_EQ(q.scales, Bytes{126});
    EXPECT_EQ(packed(q.codes), half);
    expectNear(squaredError(x, q), 1.11);
  }
  Quantized q = quantizeRow(kMXFP4, ScaleRule::RCeil, x);
  EXPECT_EQ(q.scales, Bytes{127});
  EXPECT_EQ(packed(q.codes),
            (Bytes{0x80, 0x90, 0x91, 0x91, 0xA2, 0xA2, 0xB2, 0xB3, 0xB3, 0xC4,
                   0xC4, 0xC4, 0xC4, 0xD5, 0xD5, 0xD5}));
  expectNear(squaredError(x, q), 1.26);
}

/// Example 5: w_j = (((37 j + 11) mod 23) - 11) / 7; amax 11/7.
static std::vector<float> residues() {
  std::vector<float> w;
  for (int j = 0; j < 32; ++j)
    w.push_back(static_cast<float>(((37 * j + 11) % 23 - 11) / 7.0));
  return w;
}

TEST(BlockExamples, RulesOnResiduesNVFP4) {
  std::vector<float> w = residues();
  expectNear(squaredError(w, quantizeRow(kNVFP4, ScaleRule::AbsMax, w)),
             0.272830476);
  expectNear(squaredError(w, quantizeRow(kNVFP4, ScaleRule::FourOverSix, w)),
             0.209963152);
  Quantized search = quantizeRow(kNVFP4, ScaleRule::Search, w);
  EXPECT_EQ(search.scales, (Bytes{0x78, 0x7C}));
  expectNear(squaredError(w, search), 0.201388889);
  // Without headroom the largest block cannot go above 448 (0x7E).
  QuantizeOptions options;
  options.rule = ScaleRule::Search;
  Quantized cramped =
      quantize(kNVFP4, options, w, 32,
               tensorScaleFor(kNVFP4, 11.0f / 7, ScaleRule::AbsMax));
  EXPECT_EQ(cramped.scales, (Bytes{0x7E, 0x7B}));
  expectNear(squaredError(w, cramped), 0.233061167);
}

TEST(BlockExamples, RulesOnResiduesMXFP4) {
  std::vector<float> w = residues();
  for (ScaleRule rule : {ScaleRule::Even, ScaleRule::Search}) {
    Quantized q = quantizeRow(kMXFP4, rule, w);
    EXPECT_EQ(q.scales, Bytes{125}); // 2^-2
    expectNear(squaredError(w, q), 0.290178571);
  }
  Quantized ceil = quantizeRow(kMXFP4, ScaleRule::RCeil, w);
  EXPECT_EQ(ceil.scales, Bytes{126});
  expectNear(squaredError(w, ceil), 0.330357143);
}

TEST(BlockExamples, ATieInTheLargestElement) {
  // Example 10: amax 5 has the even scale 1, and 5 lies half-way between 4
  // (code 6) and 6 (code 7).
  std::vector<float> x(32, 0.0f);
  x[0] = 5.0f;
  Quantized q = quantizeRow(kMXFP4, ScaleRule::Even, x);
  EXPECT_EQ(q.scales, Bytes{127});
  EXPECT_EQ(q.values[0], 4.0f);
}

TEST(BlockExamples, NVFP4BlockBelowTheTensorMaximum) {
  // Tensor amax 7, block amax 3.5. The scale is half of
  // 448, 224 (0x76), and one unit is 3.5 / 6.
  std::vector<float> x(16, 0.0f);
  const float inputs[] = {0.1f,  -0.2f, 0.3f, -0.45f, 0.75f,
                          -1.5f, 2.2f,  3.1f, 3.5f};
  const uint8_t codes[] = {0, 0x9, 1, 0xA, 3, 0xD, 6, 7, 7};
  std::copy(std::begin(inputs), std::end(inputs), x.begin());
  QuantizeOptions options;
  options.rule = ScaleRule::AbsMax;
  Quantized q = quantize(kNVFP4, options, x, 16,
                         tensorScaleFor(kNVFP4, 7.0f, ScaleRule::AbsMax));
  EXPECT_EQ(q.scales, Bytes{0x76});
  for (size_t i = 0; i < std::size(codes); ++i)
    EXPECT_EQ(q.codes[i], codes[i]) << "element " << i;
  EXPECT_NEAR(q.values[8], 3.5f, 3.5 * 0x1p-22);
}

TEST(BlockExamples, MXBlockReconstructsItsLargestElement) {
  // The reconstructed amax: Floor clips up to
  // twofold (1.99 -> 1.5, 7 -> 6), RCeil rounds up (7 / 2 = 3.5 -> 4 units).
  struct {
    float amax, floor, rceil;
  } rows[] = {{1.5f, 1.5f, 1.5f},      {1.75f, 1.5f, 2.0f}, {1.99f, 1.5f, 2.0f},
              {2.0f, 2.0f, 2.0f},      {6.0f, 6.0f, 6.0f},  {7.0f, 6.0f, 8.0f},
              {480.0f, 384.0f, 512.0f}};
  for (const auto &row : rows) {
    std::vector<float> x(32, 0.0f);
    x[31] = row.amax;
    EXPECT_EQ(quantizeRow(kMXFP4, ScaleRule::Floor, x).values[31], row.floor);
    EXPECT_EQ(quantizeRow(kMXFP4, ScaleRule::RCeil, x).values[31], row.rceil);
  }
}

//===----------------------------------------------------------------------===//
// Ties and windows of the rules that compare errors
//===----------------------------------------------------------------------===//

TEST(BlockExamples, SearchPrefersTheSmallerOfEqualScales) {
  // 4 is exact with the scales 1 and 2 (as 4 and 2); 0.5 would clip it to 3.
  std::vector<float> x(32, 0.0f);
  x[0] = 4.0f;
  EXPECT_EQ(quantizeRow(kMXFP4, ScaleRule::Search, x).scales, Bytes{127});
}

TEST(BlockExamples, SearchMayClipTheLargestElement) {
  // Scale 1 keeps 4 and rounds 31 times 0.25 to 0: error 31/16. Scale 0.5,
  // one below Floor's, holds 0.25 as half a unit and clips 4 to 3: error 1.
  std::vector<float> x(32, 0.25f);
  x[0] = 4.0f;
  EXPECT_EQ(quantizeRow(kMXFP4, ScaleRule::Floor, x).scales, Bytes{127});
  Quantized q = quantizeRow(kMXFP4, ScaleRule::Search, x);
  EXPECT_EQ(q.scales, Bytes{126});
  EXPECT_EQ(squaredError(x, q), 1.0);
}

TEST(BlockExamples, FourOverSixPrefersSixOnATie) {
  // 6 = 6 * 1 = 4 * 1.5 is exact either way; 0x38 is the scale 1.
  std::vector<float> x(16, 0.0f);
  x[0] = 6.0f;
  QuantizeOptions options;
  options.rule = ScaleRule::FourOverSix;
  EXPECT_EQ(quantize(kNVFP4, options, x, 16, 1.0f).scales, Bytes{0x38});
}
