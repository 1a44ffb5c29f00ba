//===- FloatFormat.cpp - Rounding into small float formats ----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Encoding and decoding of binary floats of up to 32 bits in all rounding
// modes.
//
//===----------------------------------------------------------------------===//

#include "FloatFormat.h"
#include <cmath>

namespace fp4::ptx {

/// Whether dropping `rest` (of `half * 2` equal parts) rounds the magnitude up.
static bool roundsUp(uint64_t kept, uint64_t rest, uint64_t half, bool negative,
                     Rounding rounding) {
  switch (rounding) {
  case Rounding::RZ:
    return false;
  case Rounding::RM:
    return negative && rest;
  case Rounding::RP:
    return !negative && rest;
  case Rounding::RNA:
    return rest >= half;
  default:
    return rest > half || (rest == half && (kept & 1));
  }
}

uint32_t encodeFloat(double value, FloatLayout layout, Rounding rounding,
                     bool saturate) {
  unsigned mantissaBits = layout.mantissaBits;
  uint32_t exponentMax = uint32_t(lowBits(layout.exponentBits));
  int bias = int(exponentMax >> 1);
  uint32_t infinity = exponentMax << mantissaBits;
  if (std::isnan(value))
    return infinity | uint32_t(lowBits(mantissaBits));
  bool negative = std::signbit(value);
  uint32_t sign = negative ? 1u << (layout.exponentBits + mantissaBits) : 0;
  if (value == 0)
    return sign;
  if (std::isinf(value))
    return sign | (saturate ? infinity - 1 : infinity);

  int exponent;
  double fraction = std::frexp(std::fabs(value), &exponent);
  // value = significand * 2^(exponent - 53), 2^52 <= significand < 2^53.
  uint64_t significand = uint64_t(std::ldexp(fraction, 53));
  int biased = exponent - 1 + bias;
  unsigned drop = 52 - mantissaBits;
  if (biased < 1) {
    drop += unsigned(1 - biased) > 60 ? 60 : unsigned(1 - biased);
    biased = 1;
  }
  uint64_t kept = 0, rest = significand, half = 0;
  if (drop < 64) {
    kept = significand >> drop;
    rest = significand & lowBits(drop);
    half = uint64_t(1) << (drop - 1);
  }
  bool tiny = drop >= 64;
  if (tiny ? roundsUp(0, 1, 2, negative, rounding)
           : roundsUp(kept, rest, half, negative, rounding))
    ++kept;
  // A carry out of the mantissa moves on into the exponent field by itself.
  uint64_t bits = (uint64_t(biased - 1) << mantissaBits) + kept;
  if (bits >= infinity) {
    bool towardZero = rounding == Rounding::RZ ||
                      (rounding == Rounding::RM && !negative) ||
                      (rounding == Rounding::RP && negative);
    bits = saturate || towardZero ? infinity - 1 : infinity;
  }
  return sign | uint32_t(bits);
}

double decodeFloat(uint32_t bits, FloatLayout layout) {
  uint32_t exponentMax = uint32_t(lowBits(layout.exponentBits));
  int bias = int(exponentMax >> 1);
  uint32_t mantissa = bits & uint32_t(lowBits(layout.mantissaBits));
  uint32_t exponent = (bits >> layout.mantissaBits) & exponentMax;
  bool negative = (bits >> (layout.mantissaBits + layout.exponentBits)) & 1;
  double magnitude;
  if (exponent == exponentMax)
    magnitude = mantissa ? std::nan("") : HUGE_VAL;
  else if (exponent == 0)
    magnitude =
        std::ldexp(double(mantissa), 1 - bias - int(layout.mantissaBits));
  else
    magnitude = std::ldexp(double(mantissa | (1u << layout.mantissaBits)),
                           int(exponent) - bias - int(layout.mantissaBits));
  return negative ? -magnitude : magnitude;
}

double roundToOdd(double a, double b) {
  double sum = a + b;
  if (!std::isfinite(sum))
    return sum;
  // Knuth's two-sum: `error` is exactly what rounding `sum` lost.
  double bPart = sum - a;
  double error = (a - (sum - bPart)) + (b - bPart);
  if (error == 0)
    return sum;
  uint64_t bits = asBits(sum);
  if (bits & 1)
    return sum;
  // The exact sum lies between `sum` and its neighbour on the side of `error`;
  // `sum` is even, so that neighbour is the odd one.
  return std::nextafter(sum, error > 0 ? HUGE_VAL : -HUGE_VAL);
}

double fmaToOdd(double a, double b, double c) { return roundToOdd(a * b, c); }

} // namespace fp4::ptx
