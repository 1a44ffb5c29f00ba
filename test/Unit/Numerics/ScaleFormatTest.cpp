//===- ScaleFormatTest.cpp - Code tables and rounding of block scales -----===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// No tool here knows UE5M3, so the mantissa formats are checked against a
// search for the neighbouring values in double. E8M0Test.cpp adds the sweep
// over all floats.
//
//===----------------------------------------------------------------------===//

#include "fp4/Numerics/ScaleFormat.h"
#include "TestFloats.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace fp4::numerics;
using namespace fp4::numerics::test;

class EveryScaleFormat : public testing::TestWithParam<ScaleFormat> {};

INSTANTIATE_TEST_SUITE_P(Formats, EveryScaleFormat,
                         testing::ValuesIn(kScaleFormats),
                         [](const auto &info) {
                           return std::string(scaleFormatName(info.param));
                         });

TEST_P(EveryScaleFormat, DecodesEveryFiniteCode) {
  std::vector<double> magnitudes = magnitudesOf(GetParam());
  for (size_t code = 0; code < magnitudes.size(); ++code)
    EXPECT_EQ(decodeScale(GetParam(), code), magnitudes[code])
        << "code " << code;
  EXPECT_EQ(scaleMaxFinite(GetParam()), magnitudes.back());
}

TEST_P(EveryScaleFormat, CodesBeyondTheFiniteOnesAreNaN) {
  // UE4M3 has seven bits; bit 7 is not part of the code.
  unsigned codes = GetParam() == ScaleFormat::UE4M3 ? 128 : 256;
  unsigned finite = magnitudesOf(GetParam()).size();
  for (unsigned code = 0; code < codes; ++code) {
    EXPECT_EQ(isScaleNaN(GetParam(), code), code >= finite) << "code " << code;
    EXPECT_EQ(std::isnan(decodeScale(GetParam(), code)), code >= finite);
  }
  EXPECT_TRUE(isScaleNaN(GetParam(), scaleNaN(GetParam())));
}

TEST_P(EveryScaleFormat, EncodesWhatItDecodesInEveryDirection) {
  for (size_t code = 0; code < magnitudesOf(GetParam()).size(); ++code)
    for (ScaleRounding rounding :
         {ScaleRounding::NearestEven, ScaleRounding::TowardZero,
          ScaleRounding::TowardPositive})
      EXPECT_EQ(
          encodeScale(GetParam(), decodeScale(GetParam(), code), rounding),
          code);
}

TEST_P(EveryScaleFormat, RoundsLikeASearchOverItsValues) {
  std::vector<double> magnitudes = magnitudesOf(GetParam());
  std::vector<float> inputs = midpointInputs(magnitudes);
  for (uint32_t bits = 0; bits <= 0x7F80; ++bits)
    inputs.push_back(bitsToFloat(bits << 16));
  for (double value : magnitudes) {
    inputs.push_back(std::nextafter(static_cast<float>(value), 0.0f));
    inputs.push_back(std::nextafter(static_cast<float>(value), INFINITY));
  }
  SplitMix64 random(2);
  for (int i = 0; i < 1'000'000; ++i)
    inputs.push_back(bitsToFloat(random.next32() & 0x7FFFFFFF));
  for (float input : inputs) {
    if (!(input >= 0))
      continue;
    for (auto [rounding, direction] :
         {std::pair(ScaleRounding::NearestEven, Direction::NearestEven),
          std::pair(ScaleRounding::TowardZero, Direction::Down),
          std::pair(ScaleRounding::TowardPositive, Direction::Up)})
      ASSERT_EQ(encodeScale(GetParam(), input, rounding),
                roundToIndex(magnitudes, input, direction))
          << "input " << input << " direction " << static_cast<int>(direction);
  }
}

TEST_P(EveryScaleFormat, SaturatesAtInfinityAndRejectsNegatives) {
  auto last = static_cast<uint8_t>(magnitudesOf(GetParam()).size() - 1);
  EXPECT_EQ(encodeScale(GetParam(), INFINITY), last);
  EXPECT_EQ(encodeScale(GetParam(), INFINITY, ScaleRounding::TowardPositive),
            last);
  EXPECT_EQ(encodeScale(GetParam(), NAN), scaleNaN(GetParam()));
  EXPECT_EQ(encodeScale(GetParam(), -1.0f), scaleNaN(GetParam()));
  EXPECT_EQ(encodeScale(GetParam(), -INFINITY), scaleNaN(GetParam()));
  // A negative zero is a zero: amax / s_T may produce one.
  EXPECT_EQ(encodeScale(GetParam(), -0.0f), 0);
}

TEST_P(EveryScaleFormat, ParsesItsOwnName) {
  EXPECT_EQ(parseScaleFormat(scaleFormatName(GetParam())), GetParam());
}

TEST(ScaleFormat, RejectsUnknownNames) {
  EXPECT_FALSE(parseScaleFormat("UE5M3")); // two formats share that name
  EXPECT_FALSE(parseScaleFormat("ue4m3"));
}

TEST(ScaleFormat, UE4M3IgnoresTheSignBit) {
  EXPECT_EQ(decodeScale(ScaleFormat::UE4M3, 0xB8), 1.0f);
  EXPECT_TRUE(isScaleNaN(ScaleFormat::UE4M3, 0xFF));
}

TEST(ScaleFormat, UE5M3WorkedConversions) {
  // 2^-18 is half of the smallest value; 1.0625 lies
  // between 1 (0x78) and 1.125; 63488 between 61440 (0xF7) and 65536 (0xF8),
  // a code that only NVIDIA's variant has.
  struct {
    float input;
    uint8_t fnu, gc;
  } rows[] = {{0x1p-18f, 0x00, 0x00},   {0x1.000002p-18f, 0x01, 0x01},
              {0x1.8p-17f, 0x02, 0x02}, {0x1p-14f, 0x08, 0x08},
              {1.0f, 0x78, 0x78},       {1.0625f, 0x78, 0x78},
              {1.1875f, 0x7A, 0x7A},    {447.0f, 0xBE, 0xBE},
              {448.0f, 0xBE, 0xBE},     {2048.0f, 0xD0, 0xD0},
              {61440.0f, 0xF7, 0xF7},   {63488.0f, 0xF8, 0xF7},
              {100000.0f, 0xFC, 0xF7},  {114688.0f, 0xFE, 0xF7},
              {1e30f, 0xFE, 0xF7}};
  for (const auto &row : rows) {
    EXPECT_EQ(encodeScale(ScaleFormat::UE5M3FNU, row.input), row.fnu)
        << row.input;
    EXPECT_EQ(encodeScale(ScaleFormat::UE5M3GC, row.input), row.gc)
        << row.input;
  }
  for (ScaleFormat format : {ScaleFormat::UE5M3FNU, ScaleFormat::UE5M3GC}) {
    EXPECT_EQ(encodeScale(format, 0x1p-18f, ScaleRounding::TowardPositive),
              0x01);
    EXPECT_EQ(encodeScale(format, 1.0625f, ScaleRounding::TowardPositive),
              0x79);
  }
  EXPECT_EQ(decodeScale(ScaleFormat::UE5M3FNU, 0xF8), 65536.0f);
  EXPECT_EQ(decodeScale(ScaleFormat::UE5M3FNU, 0xFC), 98304.0f);
}

TEST(ScaleFormat, LargestValues) {
  EXPECT_EQ(scaleMaxFinite(ScaleFormat::E8M0), 0x1p127f);
  EXPECT_EQ(scaleMaxFinite(ScaleFormat::UE4M3), 448.0f);
  EXPECT_EQ(scaleMaxFinite(ScaleFormat::UE5M3FNU), 114688.0f);
  EXPECT_EQ(scaleMaxFinite(ScaleFormat::UE5M3GC), 61440.0f);
}
