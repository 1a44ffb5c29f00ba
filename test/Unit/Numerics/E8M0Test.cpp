//===- E8M0Test.cpp - E8M0 rounding over the range of float32 -------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// encodeScale and the power-of-two scale rules against frexp, on a strided set
// of the non-negative floats, or on all 2^31 with FP4_EXHAUSTIVE=1 set.
//
//===----------------------------------------------------------------------===//

#include "Oracles.h"
#include "TestFloats.h"
#include "fp4/Numerics/BlockFormat.h"
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <gtest/gtest.h>
#include <thread>

using namespace fp4::numerics;
using namespace fp4::numerics::test;

static constexpr uint32_t kInfinityBits = 0x7F800000;

/// Every float, or one in 1021 (a prime, so that all mantissa bits vary).
static uint32_t strideOfSweep() {
  const char *value = std::getenv("FP4_EXHAUSTIVE");
  return value && value[0] == '1' ? 1 : 1021;
}

/// Calls `check(bits)` on the sweep in two threads until one returns false;
/// returns the bits it was called with then, or kInfinityBits if it never did.
template <typename Check> static uint32_t sweep(Check check) {
  uint32_t stride = strideOfSweep();
  std::atomic<uint32_t> failure = kInfinityBits;
  auto run = [&](uint64_t begin, uint64_t end) {
    for (uint64_t bits = begin; bits < end; bits += stride)
      if (!check(static_cast<uint32_t>(bits))) {
        failure = static_cast<uint32_t>(bits);
        return;
      }
  };
  std::thread half(run, 0, kInfinityBits / 2);
  run(kInfinityBits / 2, kInfinityBits);
  half.join();
  return failure;
}

static int clampCode(int exponent) {
  return std::clamp(exponent, -127, 127) + 127;
}

/// value = fraction * 2^exponent with fraction in [0.5, 1).
static int floorCode(float value) {
  int exponent;
  return std::frexp(value, &exponent) == 0 ? 0 : clampCode(exponent - 1);
}

static int ceilCode(float value) {
  int exponent;
  float fraction = std::frexp(value, &exponent);
  return fraction == 0 ? 0
                       : clampCode(fraction == 0.5f ? exponent - 1 : exponent);
}

TEST(E8M0, DirectedRoundingFollowsTheLogarithm) {
  uint32_t failure = sweep([](uint32_t bits) {
    float value = bitsToFloat(bits);
    return encodeScale(ScaleFormat::E8M0, value, ScaleRounding::TowardZero) ==
               floorCode(value) &&
           encodeScale(ScaleFormat::E8M0, value,
                       ScaleRounding::TowardPositive) == ceilCode(value);
  });
  EXPECT_EQ(failure, kInfinityBits) << "first difference";
}

TEST(E8M0, DirectedRoundingAgreesWithCudaHeaders) {
  E8M0Oracle oracle = cudaE8M0Oracle();
  if (!oracle)
    GTEST_SKIP() << "built without the CUDA headers";
  uint32_t failure = sweep([&](uint32_t bits) {
    float value = bitsToFloat(bits);
    for (ScaleRounding rounding :
         {ScaleRounding::TowardZero, ScaleRounding::TowardPositive})
      if (encodeScale(ScaleFormat::E8M0, value, rounding) !=
          oracle(value, rounding))
        return false;
    return true;
  });
  EXPECT_EQ(failure, kInfinityBits) << "first difference";
  for (ScaleRounding rounding :
       {ScaleRounding::TowardZero, ScaleRounding::TowardPositive}) {
    EXPECT_EQ(encodeScale(ScaleFormat::E8M0, INFINITY, rounding),
              oracle(INFINITY, rounding));
    EXPECT_EQ(encodeScale(ScaleFormat::E8M0, NAN, rounding),
              oracle(NAN, rounding));
  }
}

TEST(E8M0, WorkedConversions) {
  // value -> floor byte, round-up byte.
  struct {
    float value;
    uint8_t floor, ceil;
  } rows[] = {{0.0f, 0, 0},
              {0x1p-127f, 0, 0},
              {bitsToFloat(0x00400001), 0, 1}, // the float above 2^-127
              {0x1p-126f, 1, 1},
              {bitsToFloat(0x00800001), 1, 2}, // the float above 2^-126
              {0.75f, 126, 127},
              {1.0f, 127, 127},
              {0x1.000002p0f, 127, 128},
              {0x1p127f, 254, 254},
              {0x1.8p127f, 254, 254},
              {INFINITY, 254, 254}};
  for (const auto &row : rows) {
    EXPECT_EQ(
        encodeScale(ScaleFormat::E8M0, row.value, ScaleRounding::TowardZero),
        row.floor)
        << row.value;
    EXPECT_EQ(encodeScale(ScaleFormat::E8M0, row.value,
                          ScaleRounding::TowardPositive),
              row.ceil)
        << row.value;
  }
}

//===----------------------------------------------------------------------===//
// Scale rules
//===----------------------------------------------------------------------===//

/// The byte that `rule` gives to a block whose only element is `amax`.
static uint8_t ruleByte(ElementFormat element, ScaleRule rule, float amax) {
  BlockFormat format = {element, ScaleFormat::E8M0, 1, 1, false};
  QuantizeOptions options;
  options.rule = rule;
  uint8_t code, scale;
  quantizeBlocks(format, options, &amax, 1, 1, 1.0f, &code, &scale);
  return scale;
}

static int expectedFloor(ElementFormat element, float amax) {
  int exponent;
  if (std::frexp(amax, &exponent) == 0)
    return 0;
  return clampCode(exponent - 1 - elementMaxExponent(element));
}

/// The smallest power of two that does not clip, found by trying.
static int expectedRCeil(ElementFormat element, float amax) {
  double largest = elementMaxFinite(element);
  int code = std::max(expectedFloor(element, amax) - 1, 0);
  while (code < 254 && amax > std::ldexp(largest, code - 127))
    ++code;
  return code;
}

/// Rounds the significand to m mantissa bits, ties up, and takes the exponent.
static int expectedEven(ElementFormat element, float amax) {
  int exponent;
  double fraction = std::frexp(amax, &exponent);
  if (fraction == 0)
    return 0;
  int bits = static_cast<int>(elementMantissaBits(element)) + 1;
  bool carries =
      std::floor(std::ldexp(fraction, bits) + 0.5) == std::ldexp(1.0, bits);
  return clampCode(exponent - 1 + (carries ? 1 : 0) -
                   elementMaxExponent(element));
}

class PowerOfTwoRules : public testing::TestWithParam<ElementFormat> {};

INSTANTIATE_TEST_SUITE_P(Formats, PowerOfTwoRules,
                         testing::ValuesIn(kElementFormats),
                         [](const auto &info) {
                           return std::string(elementFormatName(info.param));
                         });

TEST_P(PowerOfTwoRules, FollowTheirDefinitions) {
  ElementFormat element = GetParam();
  // The Even rule is defined on the bits of float32, which carry no leading one
  // below 2^-126. Only MXINT8 (emax = 0) can see the difference there.
  float evenFrom = element == ElementFormat::MXINT8 ? 0x1p-126f : 0.0f;
  uint32_t failure = sweep([=](uint32_t bits) {
    float amax = bitsToFloat(bits);
    return ruleByte(element, ScaleRule::Floor, amax) ==
               expectedFloor(element, amax) &&
           ruleByte(element, ScaleRule::RCeil, amax) ==
               expectedRCeil(element, amax) &&
           (amax < evenFrom || ruleByte(element, ScaleRule::Even, amax) ==
                                   expectedEven(element, amax));
  });
  EXPECT_EQ(failure, kInfinityBits) << "first difference";
}

TEST(PowerOfTwoRules, WorkedE2M1Bytes) {
  // Floor clips from 6 up, Even from 7 up; RCeil is what others call ceil.
  struct {
    float amax;
    uint8_t floor, even, rceil;
  } rows[] = {
      {6.0f, 127, 127, 127},  {6.99f, 127, 127, 128}, {7.0f, 127, 128, 128},
      {4.0f, 127, 127, 127},  {3.99f, 126, 127, 127}, {3.5f, 126, 127, 127},
      {1.74f, 125, 125, 126}, {1.75f, 125, 126, 126}, {1.0f, 125, 125, 125}};
  for (const auto &row : rows) {
    EXPECT_EQ(ruleByte(ElementFormat::E2M1, ScaleRule::Floor, row.amax),
              row.floor)
        << row.amax;
    EXPECT_EQ(ruleByte(ElementFormat::E2M1, ScaleRule::Even, row.amax),
              row.even)
        << row.amax;
    EXPECT_EQ(ruleByte(ElementFormat::E2M1, ScaleRule::RCeil, row.amax),
              row.rceil)
        << row.amax;
  }
}

TEST(PowerOfTwoRules, WorkedE4M3Bytes) {
  // 448 = 1.75 * 2^8 fits scale 1 (byte 127),
  // 480 does not.
  struct {
    float amax;
    uint8_t floor, rceil;
  } rows[] = {{1.75f, 119, 119},
              {1.99f, 119, 120},
              {448.0f, 127, 127},
              {480.0f, 127, 128},
              {0x1.fffffep127f, 246, 247}};
  for (const auto &row : rows) {
    EXPECT_EQ(ruleByte(ElementFormat::E4M3, ScaleRule::Floor, row.amax),
              row.floor);
    EXPECT_EQ(ruleByte(ElementFormat::E4M3, ScaleRule::RCeil, row.amax),
              row.rceil);
  }
}
