//===- StochasticTest.cpp - Stochastic rounding of elements ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rule f + (random + 0.5) / 2^32 >= 1 at the words where it switches, and
// unbiasedness by counting: no test here depends on luck.
//
//===----------------------------------------------------------------------===//

#include "TestFloats.h"
#include "fp4/Numerics/ElementFormat.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace fp4::numerics;
using namespace fp4::numerics::test;

static constexpr uint32_t kMax = 0xFFFFFFFF;

static float roundE2M1(float value, uint32_t random) {
  return decodeElement(
      ElementFormat::E2M1,
      encodeElementStochastic(ElementFormat::E2M1, value, random));
}

TEST(Stochastic, SwitchesAtTheWordOfTheRule) {
  // f = 1/2: up iff random + 0.5 >= 2^31.
  EXPECT_EQ(roundE2M1(2.5f, 0), 2.0f);
  EXPECT_EQ(roundE2M1(2.5f, 0x7FFFFFFF), 2.0f);
  EXPECT_EQ(roundE2M1(2.5f, 0x80000000), 3.0f);
  EXPECT_EQ(roundE2M1(2.5f, kMax), 3.0f);
  // f = 1/4 between 4 and 6: up iff random + 0.5 >= 3 * 2^30.
  EXPECT_EQ(roundE2M1(-4.5f, 0xBFFFFFFF), -4.0f);
  EXPECT_EQ(roundE2M1(-4.5f, 0xC0000000), -6.0f);
  // f = 1/2 in the subnormal range [0, 0.5].
  EXPECT_EQ(roundE2M1(0.25f, 0x7FFFFFFF), 0.0f);
  EXPECT_EQ(roundE2M1(0.25f, 0x80000000), 0.5f);
}

TEST(Stochastic, TinyFractionsNeedTheLargestWord) {
  // 2^-34 = f * 0.5 with f = 2^-33, and 2^-33 + (2^32 - 0.5) / 2^32 = 1.
  EXPECT_EQ(roundE2M1(0x1p-34f, kMax), 0.5f);
  EXPECT_EQ(roundE2M1(0x1p-34f, kMax - 1), 0.0f);
  EXPECT_EQ(roundE2M1(std::nextafter(0x1p-34f, 0.0f), kMax), 0.0f);
  EXPECT_EQ(roundE2M1(0x1p-149f, kMax), 0.0f);
  // 1.5 * 2^-33 = f * 0.5 with f = 3 * 2^-33: f * 2^32 = 1.5, so the words
  // 2^32 - 1 and 2^32 - 2 go up (1.5 + 2^32 - 2 + 0.5 = 2^32), the next not.
  EXPECT_EQ(roundE2M1(0x1.8p-33f, kMax - 1), 0.5f);
  EXPECT_EQ(roundE2M1(0x1.8p-33f, kMax - 2), 0.0f);
}

TEST(Stochastic, FractionsNextToOneNeedAlmostNoWord) {
  // Just below 3: f = 1 - 2^-22 (ulp of 2..4), so up iff
  // random + 0.5 >= 2^10.
  float value = std::nextafter(3.0f, 0.0f);
  EXPECT_EQ(roundE2M1(value, 1023), 2.0f);
  EXPECT_EQ(roundE2M1(value, 1024), 3.0f);
}

TEST(Stochastic, RepresentableValuesNeverMove) {
  for (ElementFormat format : kElementFormats)
    for (double magnitude : magnitudesOf(format))
      for (double value : {magnitude, -magnitude}) {
        auto input = static_cast<float>(value);
        for (uint32_t random : {0u, kMax})
          EXPECT_EQ(encodeElementStochastic(format, input, random),
                    encodeElement(format, input))
              << elementFormatName(format) << " of " << input;
      }
}

TEST(Stochastic, Saturates) {
  for (ElementFormat format : kElementFormats) {
    float largest = elementMaxFinite(format);
    for (float beyond : {1.01f * largest, 2 * largest, 0x1.fffffep127f,
                         static_cast<float>(INFINITY)})
      for (float value : {beyond, -beyond})
        for (uint32_t random : {0u, 0x80000000u, kMax})
          EXPECT_EQ(encodeElementStochastic(format, value, random),
                    encodeElement(format, value))
              << elementFormatName(format) << " of " << value;
  }
}

TEST(Stochastic, NaNIsThatOfNearestRounding) {
  for (ElementFormat format : kElementFormats)
    for (uint32_t random : {0u, kMax})
      EXPECT_EQ(encodeElementStochastic(format, -NAN, random),
                encodeElement(format, NAN));
}

TEST(Stochastic, NegativeIntegersAreTwosComplement) {
  // -2.5 / 64 lies half-way between -2 and -3.
  const auto MXINT8 = ElementFormat::MXINT8;
  EXPECT_EQ(encodeElementStochastic(MXINT8, -2.5f / 64, 0x7FFFFFFF), 0xFE);
  EXPECT_EQ(encodeElementStochastic(MXINT8, -2.5f / 64, 0x80000000), 0xFD);
}

class Unbiased : public testing::TestWithParam<ElementFormat> {};

INSTANTIATE_TEST_SUITE_P(Formats, Unbiased, testing::ValuesIn(kElementFormats),
                         [](const auto &info) {
                           return std::string(elementFormatName(info.param));
                         });

TEST_P(Unbiased, MeanOverStratifiedWordsIsTheValue) {
  // With f = k / 2^8 and one word from the middle of each 2^-8 of the range,
  // the rule sends exactly k of 256 words up:
  //   k * 2^24 + j * 2^24 + 2^23 >= 2^32  <=>  j >= 256 - k.
  // The mean is then lo + f * (hi - lo), without any error in double.
  std::vector<double> magnitudes = magnitudesOf(GetParam());
  for (size_t i = 0; i + 1 < magnitudes.size(); ++i) {
    double low = magnitudes[i], step = magnitudes[i + 1] - low;
    for (int k : {0, 1, 2, 100, 127, 128, 129, 254, 255}) {
      double value = low + step * k / 256;
      double sum = 0;
      for (uint32_t j = 0; j < 256; ++j)
        sum += decodeElement(GetParam(),
                             encodeElementStochastic(GetParam(),
                                                     static_cast<float>(value),
                                                     (j << 24) + (1u << 23)));
      ASSERT_EQ(sum / 256, value) << "between codes " << i << " and " << i + 1;
    }
  }
}
