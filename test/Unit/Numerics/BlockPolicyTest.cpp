//===- BlockPolicyTest.cpp - Corners of the block quantizer ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Order of operations, zeros, underflow, NaN and infinity, square blocks, and
// stochastic rounding within blocks.
//
//===----------------------------------------------------------------------===//

#include "BlockTesting.h"
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace fp4::numerics;
using namespace fp4::numerics::test;

using Bytes = std::vector<uint8_t>;

static constexpr BlockFormat kAllFormats[] = {
    kNVFP4, kMXFP4, kMXFP6E2M3, kMXFP6E3M2, kMXFP8E4M3, kMXFP8E5M2, kMXINT8};

static constexpr ScaleRule kAllRules[] = {
    ScaleRule::Floor,  ScaleRule::RCeil,       ScaleRule::Even,
    ScaleRule::AbsMax, ScaleRule::FourOverSix, ScaleRule::Search};

static QuantizeOptions withRule(ScaleRule rule) {
  QuantizeOptions options;
  options.rule = rule;
  return options;
}

/// Calls `check` for every legal pair.
template <typename Check> static void forEachRule(Check check) {
  for (const BlockFormat &format : kAllFormats)
    for (ScaleRule rule : kAllRules)
      if (isScaleRuleLegal(rule, format)) {
        SCOPED_TRACE(std::string(*blockFormatName(format)) + " " +
                     std::string(scaleRuleName(rule)));
        check(format, rule);
      }
}

//===----------------------------------------------------------------------===//
// Order of operations
//===----------------------------------------------------------------------===//

TEST(BlockOrder, DividesByTheElementMaximumFirst) {
  // (amax / 6) / s_T is exactly 12.5 here, a tie that
  // goes to 12 (0x54). Folding the 6 into the tensor scale gives the float
  // above 12.5 and with it 13 (0x55).
  volatile float amaxTensor = 6.99290371f, amaxBlock = 0.195114508f;
  float tensorScale = tensorScaleFor(kNVFP4, amaxTensor, ScaleRule::AbsMax);
  EXPECT_EQ(tensorScale, amaxTensor / 2688.0f);
  volatile float contracted = amaxBlock / 6.0f;
  contracted = contracted / tensorScale;
  volatile float folded = 6.0f * tensorScale;
  folded = amaxBlock / folded;
  EXPECT_EQ(encodeScale(ScaleFormat::UE4M3, contracted), 0x54);
  ASSERT_EQ(encodeScale(ScaleFormat::UE4M3, folded), 0x55);

  std::vector<float> x(16, 0.0f);
  x[5] = -amaxBlock;
  Quantized q =
      quantize(kNVFP4, withRule(ScaleRule::AbsMax), x, 16, tensorScale);
  EXPECT_EQ(q.scales, Bytes{0x54});
}

TEST(BlockOrder, DecodesWithTheRoundedProductOfScales) {
  // value = element * fl(scale * s_T), not fl(element * scale) * s_T; with
  // s_T = 0.1 some of the scales tell the two apart.
  const float tensorScale = 0.1f;
  bool distinguished = false;
  const Bytes codes(16, encodeElement(ElementFormat::E2M1, 3.0f));
  for (uint8_t byte = 1; byte <= 0x7E; ++byte) {
    volatile float scale = decodeScale(ScaleFormat::UE4M3, byte);
    volatile float product = scale * tensorScale;
    volatile float other = 3.0f * scale;
    distinguished |= 3.0f * product != other * tensorScale;
    std::vector<float> values(16);
    dequantizeBlocks(kNVFP4, codes.data(), &byte, 1, 16, tensorScale,
                     values.data());
    EXPECT_EQ(values, std::vector<float>(16, 3.0f * product));
  }
  EXPECT_TRUE(distinguished);
}

TEST(BlockOrder, ElementsAreDividedByTheRoundedScale) {
  std::vector<float> x = normalSamples(4096, 6);
  Quantized q = quantizeRow(kNVFP4, ScaleRule::AbsMax, x);
  float tensorScale =
      tensorScaleFor(kNVFP4, absMax(x.data(), x.size()), ScaleRule::AbsMax);
  for (size_t i = 0; i < x.size(); ++i) {
    volatile float scale =
        decodeScale(ScaleFormat::UE4M3, q.scales[i / 16]) * tensorScale;
    volatile float quotient = x[i] / scale;
    ASSERT_EQ(q.codes[i], encodeElement(ElementFormat::E2M1, quotient));
  }
}

//===----------------------------------------------------------------------===//
// Zeros and underflow
//===----------------------------------------------------------------------===//

TEST(BlockCorners, ZeroBlocksDecodeToZero) {
  forEachRule([](const BlockFormat &format, ScaleRule rule) {
    std::vector<float> x(format.blockCols, 0.0f);
    Quantized q = quantizeRow(format, rule, x);
    // The byte of 1.0, or E8M0's smallest scale.
    EXPECT_EQ(q.scales,
              Bytes{format.hasTensorScale ? uint8_t(0x38) : uint8_t(0x00)});
    EXPECT_EQ(q.codes, Bytes(x.size(), 0));
    EXPECT_EQ(q.values, x);
  });
}

TEST(BlockCorners, ATinyBlockGetsTheSmallestScale) {
  // Beside an amax of 2688 (s_T = 1), 2^-8 / 6 is far below half of 2^-9. The
  // scale 2^-9 still holds the block: 2^-8 is two units.
  std::vector<float> x(32, 0.0f);
  x[0] = 2688.0f;
  x[16] = 0x1p-8f;
  Quantized q = quantizeRow(kNVFP4, ScaleRule::AbsMax, x);
  EXPECT_EQ(q.scales, (Bytes{0x7E, 0x01}));
  EXPECT_EQ(q.values[16], 0x1p-8f);
}

TEST(BlockCorners, TensorScaleIsOneWhereItWouldBeZero) {
  EXPECT_EQ(tensorScaleFor(kNVFP4, 0.0f, ScaleRule::AbsMax), 1.0f);
  EXPECT_EQ(tensorScaleFor(kNVFP4, 0x1p-149f, ScaleRule::AbsMax), 1.0f);
  EXPECT_EQ(tensorScaleFor(kMXFP4, 5.0f, ScaleRule::Floor), 1.0f);
}

TEST(BlockCorners, TensorScaleLeavesHeadroomForTheSearchingRules) {
  EXPECT_EQ(tensorScaleFor(kNVFP4, 2688.0f, ScaleRule::AbsMax), 1.0f);
  EXPECT_EQ(tensorScaleFor(kNVFP4, 1536.0f, ScaleRule::FourOverSix), 1.0f);
  EXPECT_EQ(tensorScaleFor(kNVFP4, 1536.0f, ScaleRule::Search), 1.0f);
}

TEST(BlockCorners, SmallestScaleOfE8M0HoldsSubnormals) {
  // 2^-127 * 0.5, the smallest MXFP4 value.
  std::vector<float> x(32, 0.0f);
  x[3] = 0x1p-128f;
  Quantized q = quantizeRow(kMXFP4, ScaleRule::Floor, x);
  EXPECT_EQ(q.scales, Bytes{0});
  EXPECT_EQ(q.values[3], 0x1p-128f);
}

TEST(BlockCorners, FormatsWithoutTensorScaleIgnoreIt) {
  std::vector<float> x = normalSamples(64, 7);
  Quantized one = quantize(kMXFP4, withRule(ScaleRule::Floor), x, 64, 1.0f);
  Quantized two = quantize(kMXFP4, withRule(ScaleRule::Floor), x, 64, 2.0f);
  EXPECT_EQ(one.codes, two.codes);
  EXPECT_EQ(one.values, two.values);
}

//===----------------------------------------------------------------------===//
// NaN and infinity
//===----------------------------------------------------------------------===//

TEST(BlockNaN, PropagatesToTheWholeBlockOnly) {
  forEachRule([](const BlockFormat &format, ScaleRule rule) {
    for (float special : {NAN, -NAN, INFINITY, -INFINITY}) {
      size_t block = format.blockCols;
      // 3 is exact under every rule: 6 * 2^-1, and 6 * (1 * 0.5) in NVFP4.
      std::vector<float> x(2 * block, 3.0f);
      x[block + 2] = special;
      Quantized q = quantize(format, withRule(rule), x, x.size(), 0.5f);
      EXPECT_EQ(q.scales[1], scaleNaN(format.scale));
      for (size_t i = 0; i < block; ++i) {
        EXPECT_EQ(q.values[i], 3.0f);
        EXPECT_TRUE(std::isnan(q.values[block + i]));
        // Encoded as if the scale were 1.
        EXPECT_EQ(q.codes[block + i],
                  encodeElement(format.element, x[block + i]));
      }
    }
  });
}

TEST(BlockNaN, SaturateInfCountsAsTheLargestFloat) {
  forEachRule([](const BlockFormat &format, ScaleRule rule) {
    constexpr float largest = 0x1.fffffep127f;
    std::vector<float> infinite(format.blockCols, 1e37f), finite = infinite;
    infinite[1] = INFINITY, finite[1] = largest;
    infinite[4] = -INFINITY, finite[4] = -largest;
    float tensorScale = tensorScaleFor(format, largest, rule);
    QuantizeOptions options = withRule(rule);
    Quantized expected =
        quantize(format, options, finite, finite.size(), tensorScale);
    options.nanPolicy = NaNPolicy::SaturateInf;
    Quantized q =
        quantize(format, options, infinite, infinite.size(), tensorScale);
    EXPECT_EQ(q.scales, expected.scales);
    EXPECT_EQ(q.codes, expected.codes);
  });
}

TEST(BlockNaN, SaturateInfStillPropagatesNaN) {
  std::vector<float> x(32, 1.0f);
  x[0] = INFINITY, x[9] = NAN;
  QuantizeOptions options;
  options.nanPolicy = NaNPolicy::SaturateInf;
  Quantized q = quantize(kMXFP4, options, x, 32, 1.0f);
  EXPECT_EQ(q.scales, Bytes{0xFF});
}

TEST(BlockNaN, AbsMaxReportsNaN) {
  const float values[] = {1.0f, -3.0f, 2.0f};
  EXPECT_EQ(absMax(values, 3), 3.0f);
  EXPECT_EQ(absMax(values, 0), 0.0f);
  for (float nan : {NAN, -NAN}) {
    const float withNaN[] = {1.0f, nan, INFINITY};
    EXPECT_TRUE(std::isnan(absMax(withNaN, 3)));
  }
}

//===----------------------------------------------------------------------===//
// Square blocks
//===----------------------------------------------------------------------===//

TEST(SquareBlocks, ShareOneScale) {
  // A 32x48 matrix of 2x3 blocks, each the block number times a pattern; the
  // same block laid out as one row must get the same bytes.
  BlockFormat square = kNVFP4, flat = kNVFP4;
  square.blockRows = 16;
  flat.blockCols = 256;
  std::vector<float> x = normalSamples(32 * 48, 8);
  for (ScaleRule rule :
       {ScaleRule::AbsMax, ScaleRule::FourOverSix, ScaleRule::Search}) {
    float tensorScale =
        tensorScaleFor(square, absMax(x.data(), x.size()), rule);
    Quantized q = quantize(square, withRule(rule), x, 48, tensorScale);
    ASSERT_EQ(q.scales.size(), 6u);
    for (size_t block = 0; block < 6; ++block) {
      size_t corner = block / 3 * 16 * 48 + block % 3 * 16;
      std::vector<float> row;
      for (size_t i = 0; i < 256; ++i)
        row.push_back(x[corner + i / 16 * 48 + i % 16]);
      Quantized expected =
          quantize(flat, withRule(rule), row, 256, tensorScale);
      EXPECT_EQ(q.scales[block], expected.scales[0]);
      for (size_t i = 0; i < 256; ++i) {
        size_t position = corner + i / 16 * 48 + i % 16;
        ASSERT_EQ(q.codes[position], expected.codes[i]);
        ASSERT_EQ(q.values[position], expected.values[i]);
      }
    }
  }
}

//===----------------------------------------------------------------------===//
// Stochastic rounding
//===----------------------------------------------------------------------===//

TEST(BlockStochastic, UsesTheWordOfEachElement) {
  std::vector<float> x = normalSamples(64 * 32, 9);
  std::vector<uint32_t> words(x.size());
  SplitMix64 random(10);
  for (uint32_t &word : words)
    word = random.next32();
  for (unsigned blockRows : {1, 16}) {
    BlockFormat format = kMXFP4;
    format.blockRows = blockRows;
    QuantizeOptions options = withRule(ScaleRule::RCeil);
    Quantized nearest = quantize(format, options, x, 64, 1.0f);
    options.random = words.data();
    Quantized q = quantize(format, options, x, 64, 1.0f);
    EXPECT_EQ(q.scales, nearest.scales);
    for (size_t i = 0; i < x.size(); ++i) {
      size_t block = i / 64 / blockRows * 2 + i % 64 / 32;
      float scale = decodeScale(ScaleFormat::E8M0, q.scales[block]);
      ASSERT_EQ(q.codes[i], encodeElementStochastic(ElementFormat::E2M1,
                                                    x[i] / scale, words[i]));
    }
  }
}
