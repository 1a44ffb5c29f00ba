//===- ElementFormatTest.cpp - Code tables and rounding of elements -------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every code of every format, the listed corner cases of conversion, and
// rounding against a search for the nearest value. OracleTest.cpp compares with
// other people's code.
//
//===----------------------------------------------------------------------===//

#include "fp4/Numerics/ElementFormat.h"
#include "TestFloats.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace fp4::numerics;
using namespace fp4::numerics::test;

static constexpr float kInf = INFINITY;
static constexpr float kNaN = NAN;

/// The byte of magnitude index `i` with a sign.
static uint8_t signedCode(ElementFormat format, int i, bool negative) {
  if (format == ElementFormat::MXINT8)
    return static_cast<uint8_t>(negative ? -i : i);
  return static_cast<uint8_t>(i |
                              (negative ? 1 << (elementBits(format) - 1) : 0));
}

class EveryElementFormat : public testing::TestWithParam<ElementFormat> {};

INSTANTIATE_TEST_SUITE_P(Formats, EveryElementFormat,
                         testing::ValuesIn(kElementFormats),
                         [](const auto &info) {
                           return std::string(elementFormatName(info.param));
                         });

TEST_P(EveryElementFormat, DecodesEveryFiniteCode) {
  std::vector<double> magnitudes = magnitudesOf(GetParam());
  for (size_t i = 0; i < magnitudes.size(); ++i)
    for (bool negative : {false, true}) {
      float value =
          decodeElement(GetParam(), signedCode(GetParam(), i, negative));
      double expected = negative ? -magnitudes[i] : magnitudes[i];
      EXPECT_EQ(value, expected) << "code index " << i;
      // MXINT8 has one zero.
      if (GetParam() != ElementFormat::MXINT8) {
        EXPECT_EQ(std::signbit(value), negative) << "code index " << i;
      }
    }
}

TEST_P(EveryElementFormat, EncodesWhatItDecodes) {
  for (size_t i = 0; i < magnitudesOf(GetParam()).size(); ++i)
    for (bool negative : {false, true}) {
      uint8_t code = signedCode(GetParam(), i, negative);
      EXPECT_EQ(encodeElement(GetParam(), decodeElement(GetParam(), code)),
                code);
    }
}

TEST_P(EveryElementFormat, IgnoresBitsAboveItsWidth) {
  unsigned mask = (1u << elementBits(GetParam())) - 1;
  for (unsigned byte = 0; byte < 256; ++byte) {
    float value = decodeElement(GetParam(), byte);
    float masked = decodeElement(GetParam(), byte & mask);
    EXPECT_EQ(floatBits(value), floatBits(masked)) << "byte " << byte;
  }
}

TEST_P(EveryElementFormat, RoundsToTheNearestValue) {
  std::vector<double> magnitudes = magnitudesOf(GetParam());
  std::vector<float> inputs = midpointInputs(magnitudes);
  for (uint32_t bits = 0; bits < 0x10000; ++bits)
    inputs.push_back(bitsToFloat(bits << 16));
  for (float input : inputs) {
    if (std::isnan(input))
      continue;
    int index =
        roundToIndex(magnitudes, std::fabs(input), Direction::NearestEven);
    ASSERT_EQ(encodeElement(GetParam(), input),
              signedCode(GetParam(), index, std::signbit(input)))
        << "input " << input;
  }
}

TEST_P(EveryElementFormat, SaturatesAtTheLargestValue) {
  auto last = static_cast<int>(magnitudesOf(GetParam()).size()) - 1;
  float largest = elementMaxFinite(GetParam());
  EXPECT_EQ(largest, magnitudesOf(GetParam()).back());
  for (float beyond : {largest, 1.5f * largest, 1e30f, kInf}) {
    EXPECT_EQ(encodeElement(GetParam(), beyond),
              signedCode(GetParam(), last, false));
    EXPECT_EQ(encodeElement(GetParam(), -beyond),
              signedCode(GetParam(), last, true));
  }
}

TEST_P(EveryElementFormat, ParsesItsOwnName) {
  EXPECT_EQ(parseElementFormat(elementFormatName(GetParam())), GetParam());
}

TEST(ElementFormat, RejectsUnknownNames) {
  EXPECT_FALSE(parseElementFormat("E3M4"));
  EXPECT_FALSE(parseElementFormat("e2m1"));
  EXPECT_FALSE(parseElementFormat(""));
}

TEST(ElementFormat, PropertiesFollowTheSpecification) {
  // OCP MX v1.0, tables 2 to 6.
  struct {
    ElementFormat format;
    unsigned bits, mantissaBits;
    int maxExponent;
    float largest;
  } rows[] = {{ElementFormat::E2M1, 4, 1, 2, 6.0f},
              {ElementFormat::E2M3, 6, 3, 2, 7.5f},
              {ElementFormat::E3M2, 6, 2, 4, 28.0f},
              {ElementFormat::E4M3, 8, 3, 8, 448.0f},
              {ElementFormat::E5M2, 8, 2, 15, 57344.0f},
              {ElementFormat::MXINT8, 8, 0, 0, 1.984375f}};
  for (const auto &row : rows) {
    EXPECT_EQ(elementBits(row.format), row.bits);
    EXPECT_EQ(elementMantissaBits(row.format), row.mantissaBits);
    EXPECT_EQ(elementMaxExponent(row.format), row.maxExponent);
    EXPECT_EQ(elementMaxFinite(row.format), row.largest);
  }
}

TEST(ElementFormat, E2M1ValuesByHand) {
  const float values[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  for (uint8_t code = 0; code < 8; ++code) {
    EXPECT_EQ(decodeElement(ElementFormat::E2M1, code), values[code]);
    EXPECT_EQ(decodeElement(ElementFormat::E2M1, code | 8), -values[code]);
  }
  EXPECT_TRUE(std::signbit(decodeElement(ElementFormat::E2M1, 8)));
}

TEST(ElementFormat, NaNAndInfinityCodes) {
  for (uint8_t code : {0x7F, 0xFF})
    EXPECT_TRUE(std::isnan(decodeElement(ElementFormat::E4M3, code)));
  for (uint8_t code : {0x7D, 0x7E, 0x7F, 0xFD, 0xFE, 0xFF})
    EXPECT_TRUE(std::isnan(decodeElement(ElementFormat::E5M2, code)));
  EXPECT_EQ(decodeElement(ElementFormat::E5M2, 0x7C), kInf);
  EXPECT_EQ(decodeElement(ElementFormat::E5M2, 0xFC), -kInf);
  // The code that no encoder produces still has a value.
  EXPECT_EQ(decodeElement(ElementFormat::MXINT8, 0x80), -2.0f);
}

TEST(ElementFormat, NaNEncodesAsPTXDoes) {
  // PTX ISA "cvt": the largest positive value where there is no NaN.
  for (float nan :
       {kNaN, -kNaN, bitsToFloat(0x7F800001), bitsToFloat(0xFFFFFFFF)}) {
    EXPECT_EQ(encodeElement(ElementFormat::E2M1, nan), 0x07);
    EXPECT_EQ(encodeElement(ElementFormat::E2M3, nan), 0x1F);
    EXPECT_EQ(encodeElement(ElementFormat::E3M2, nan), 0x1F);
    EXPECT_EQ(encodeElement(ElementFormat::E4M3, nan), 0x7F);
    EXPECT_EQ(encodeElement(ElementFormat::E5M2, nan), 0x7F);
    EXPECT_EQ(encodeElement(ElementFormat::MXINT8, nan), 0x00);
  }
}

struct Conversion {
  ElementFormat format;
  float input;
  float result;
};

TEST(ElementFormat, WorkedConversions) {
  // Ties go to the even code:
  // 5 lies between 4 (code 6) and 6 (code 7).
  const auto E2M1 = ElementFormat::E2M1;
  const auto E2M3 = ElementFormat::E2M3;
  const auto E3M2 = ElementFormat::E3M2;
  const auto E4M3 = ElementFormat::E4M3;
  const auto E5M2 = ElementFormat::E5M2;
  const Conversion rows[] = {{E2M1, 0.25f, 0},
                             {E2M1, 0.75f, 1},
                             {E2M1, 1.25f, 1},
                             {E2M1, 1.75f, 2},
                             {E2M1, 2.5f, 2},
                             {E2M1, 3.5f, 4},
                             {E2M1, 5, 4},
                             {E2M1, std::nextafter(5.0f, 6.0f), 6},
                             {E2M1, 7, 6},
                             {E2M1, -kInf, -6},
                             {E2M3, 0.0625f, 0},
                             {E2M3, 0.1875f, 0.25f},
                             {E2M3, 1.0625f, 1},
                             {E2M3, 7.25f, 7},
                             {E2M3, 7.75f, 7.5f},
                             {E3M2, 0.03125f, 0},
                             {E3M2, 0.09375f, 0.125f},
                             {E3M2, 26, 24},
                             {E3M2, 30, 28},
                             {E4M3, 0x1p-10f, 0},
                             {E4M3, 0x1.000002p-10f, 0x1p-9f},
                             {E4M3, 0x1.8p-9f, 0x1p-8f},
                             {E4M3, 17, 16},
                             {E4M3, 18, 18},
                             {E4M3, 19, 20},
                             {E4M3, 432, 448},
                             {E4M3, 464, 448},
                             {E4M3, 480, 448},
                             {E4M3, 0.001f, 0x1p-9f},
                             {E4M3, 1.0625f, 1},
                             {E4M3, 1.1875f, 1.25f},
                             {E4M3, 0.0176f, 0.017578125f},
                             {E5M2, 0x1p-17f, 0},
                             {E5M2, 53248, 49152},
                             {E5M2, 61440, 57344}};
  for (const Conversion &row : rows)
    EXPECT_EQ(decodeElement(row.format, encodeElement(row.format, row.input)),
              row.result)
        << elementFormatName(row.format) << " of " << row.input;
}

TEST(ElementFormat, SmallNegativesKeepTheirSign) {
  EXPECT_EQ(encodeElement(ElementFormat::E2M1, -1e-30f), 0x8);
  EXPECT_EQ(encodeElement(ElementFormat::E2M1, -0.25f), 0x8);
  EXPECT_EQ(encodeElement(ElementFormat::E2M1, -0.0f), 0x8);
  EXPECT_EQ(encodeElement(ElementFormat::E4M3, -0x1p-149f), 0x80);
  EXPECT_EQ(encodeElement(ElementFormat::MXINT8, -1e-30f), 0x00);
}
