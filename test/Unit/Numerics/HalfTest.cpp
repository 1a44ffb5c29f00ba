//===- HalfTest.cpp - bfloat16 and float16 conversions --------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rounding is monotonic, so an encoder is pinned down by what it does at every
// representable value, at every midpoint and at the midpoints' neighbours.
//
//===----------------------------------------------------------------------===//

#include "fp4/Numerics/Half.h"
#include "TestFloats.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace fp4::numerics;
using namespace fp4::numerics::test;

/// 5 exponent bits, bias 15; 31744 finite magnitudes, then infinity.
static constexpr Layout kF16 = {10, 15, 0x7C00};
/// 8 exponent bits, bias 127; 32640 finite magnitudes, then infinity.
static constexpr Layout kBF16 = {7, 127, 0x7F80};

template <typename Decode>
static void expectValues(const Layout &layout, Decode decode) {
  for (int code = 0; code < layout.finiteCodes; ++code) {
    ASSERT_EQ(decode(code), magnitudeOf(layout, code)) << "code " << code;
    float negative = decode(code | 0x8000);
    ASSERT_EQ(negative, -magnitudeOf(layout, code));
    ASSERT_TRUE(std::signbit(negative));
  }
  EXPECT_EQ(decode(layout.finiteCodes), INFINITY);
  EXPECT_EQ(decode(layout.finiteCodes | 0x8000), -INFINITY);
  for (int code = layout.finiteCodes + 1; code < 0x8000; ++code)
    ASSERT_TRUE(std::isnan(decode(code)));
}

template <typename Encode>
static void expectRounding(const Layout &layout, Encode encode) {
  for (int code = 0; code < layout.finiteCodes; ++code) {
    // The step above the largest value is that of a value that infinity
    // replaces.
    double value = magnitudeOf(layout, code);
    double next = magnitudeOf(layout, code + 1);
    auto exact = static_cast<float>(value);
    auto middle = static_cast<float>((value + next) / 2);
    ASSERT_EQ(encode(exact), code);
    ASSERT_EQ(encode(-exact), code | 0x8000);
    ASSERT_EQ(encode(middle), code + (code & 1)) << "midpoint above " << code;
    ASSERT_EQ(encode(-middle), (code + (code & 1)) | 0x8000);
    ASSERT_EQ(encode(std::nextafter(middle, 0.0f)), code);
    ASSERT_EQ(encode(std::nextafter(middle, INFINITY)), code + 1);
  }
  EXPECT_EQ(encode(INFINITY), layout.finiteCodes);
  EXPECT_EQ(encode(-INFINITY), layout.finiteCodes | 0x8000);
  EXPECT_EQ(encode(0x1.fffffep127f), layout.finiteCodes);
}

/// Quiet, with the sign kept.
template <typename Encode>
static void expectQuietNaN(const Layout &layout, Encode encode) {
  int quietBit = 1 << (layout.mantissaBits - 1);
  for (uint32_t bits : {0x7FC00000u, 0x7F800001u, 0x7FFFFFFFu, 0xFF800001u}) {
    int code = encode(bitsToFloat(bits));
    EXPECT_GT(code & 0x7FFF, layout.finiteCodes);
    EXPECT_TRUE(code & quietBit);
    EXPECT_EQ(code >> 15, static_cast<int>(bits >> 31));
  }
}

TEST(Half, F16Values) { expectValues(kF16, decodeF16); }
TEST(Half, F16Rounding) { expectRounding(kF16, encodeF16); }
TEST(Half, F16NaN) { expectQuietNaN(kF16, encodeF16); }
TEST(Half, BF16Values) { expectValues(kBF16, decodeBF16); }
TEST(Half, BF16Rounding) { expectRounding(kBF16, encodeBF16); }
TEST(Half, BF16NaN) { expectQuietNaN(kBF16, encodeBF16); }
