//===- DivisionTest.cpp - Quotients by a reciprocal in two parts ----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Activation kernels replace round(x / d) by fma(x, high, x * low) before they
// compare it with the values at which a code changes (docs/Rationale/
// ActivationKernels.md). Both depend on mantissas alone, so a test of every
// mantissa of d, with the quotients next to each such value, is a proof. The
// arithmetic is that of BlockQuantizer.cpp, written again.
//
//===----------------------------------------------------------------------===//

#include "fp4/Numerics/FloatBits.h"
#include <cmath>
#include <cstdint>
#include <gtest/gtest.h>

using fp4::numerics::bitsToFloat;
using fp4::numerics::floatBits;

namespace {

struct Reciprocal {
  float high, low;
  float divide(float x) const { return std::fma(x, high, x * low); }
};

/// Starts `error` units in the last place from 1 / d, as an approximate
/// instruction may.
Reciprocal reciprocal(float d, int error) {
  float start = bitsToFloat(floatBits(1.0f / d) + error);
  float high = std::fma(start, std::fma(-d, start, 1.0f), start);
  return {high, high * std::fma(-d, high, 1.0f)};
}

int compare(float a, float b) { return (a > b) - (a < b); }

/// Quotients by `d` that differ in their order to threshold / 16.
int countWrong(float d, const Reciprocal &inverse, int threshold) {
  float limit = static_cast<float>(threshold) / 16;
  float x = d * limit;
  int wrong = 0;
  for (int step = -1; step <= 1; ++step) {
    float near = bitsToFloat(floatBits(x) + step);
    wrong += compare(inverse.divide(near), limit) != compare(near / d, limit);
  }
  return wrong;
}

constexpr uint32_t kOnes = (1u << 23) - 1;

// The codes of e2m1 change at 0.25, 0.75, 1.25, 1.75, 2.5, 3.5 and 5: four
// mantissas.
TEST(Division, EveryDivisorForE2M1) {
  int64_t wrong = 0;
  for (uint32_t mantissa = 0; mantissa < kOnes; ++mantissa) {
    float d = bitsToFloat(0x3F800000 | mantissa);
    Reciprocal inverse = reciprocal(d, static_cast<int>(mantissa % 3) - 1);
    for (int threshold : {16, 20, 24, 28})
      wrong += countWrong(d, inverse, threshold);
  }
  EXPECT_EQ(wrong, 0);
}

// Those of e4m3 change at values with five significant bits.
TEST(Division, SampledDivisorsForE4M3) {
  int64_t wrong = 0;
  for (uint32_t mantissa = 0; mantissa < kOnes; mantissa += 61) {
    float d = bitsToFloat(0x3F800000 | mantissa);
    Reciprocal inverse = reciprocal(d, static_cast<int>(mantissa % 3) - 1);
    for (int threshold = 16; threshold < 32; ++threshold)
      wrong += countWrong(d, inverse, threshold);
  }
  EXPECT_EQ(wrong, 0);
}

// The one mantissa that needs another low part, and needs it.
TEST(Division, MantissaOfOnes) {
  float d = bitsToFloat(0x3F800000 | kOnes);
  EXPECT_GT(countWrong(d, reciprocal(d, 0), 16), 0);
  Reciprocal repaired{0.5f, 0x1p-25f * (1 + 0x1p-23f)};
  for (int threshold = 16; threshold < 32; ++threshold)
    EXPECT_EQ(countWrong(d, repaired, threshold), 0);
}

// Six is a constant: every quotient is the rounded one.
TEST(Division, BySix) {
  float high = 1.0f / 6.0f;
  Reciprocal inverse{high, high * std::fma(-6.0f, high, 1.0f)};
  int64_t wrong = 0;
  for (uint32_t mantissa = 0; mantissa <= kOnes; ++mantissa) {
    float x = bitsToFloat(0x3F800000 | mantissa);
    wrong += inverse.divide(x) != x / 6.0f;
  }
  EXPECT_EQ(wrong, 0);
}

} // namespace
