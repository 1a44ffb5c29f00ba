//===- FloatFormat.h - Rounding into small float formats --------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// IEEE-style encodings of up to 32 bits with every rounding mode of PTX. The
// narrow saturating formats of MX live in Numerics; this is for f16, bf16,
// tf32 and f32.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_FLOATFORMAT_H
#define FP4_LIB_EMULATOR_PTX_FLOATFORMAT_H

#include "Types.h"
#include "fp4/Numerics/FloatBits.h"

namespace fp4::ptx {

struct FloatLayout {
  unsigned exponentBits;
  unsigned mantissaBits;
};
inline constexpr FloatLayout kF16Layout = {5, 10};
inline constexpr FloatLayout kBF16Layout = {8, 7};
inline constexpr FloatLayout kF32Layout = {8, 23};

/// Rounds `value` into `layout`. NaN becomes the canonical one (all exponent
/// and mantissa bits, sign clear). With `saturate`, values beyond the largest
/// finite one become that, infinities too.
uint32_t encodeFloat(double value, FloatLayout layout, Rounding rounding,
                     bool saturate = false);
double decodeFloat(uint32_t bits, FloatLayout layout);

/// hi + lo, where the sum is not representable, as the double next to it with
/// an odd last bit: rounding that once more, to at most 51 bits, is exact.
double roundToOdd(double a, double b);
/// a * b + c under the same rule; a and b have at most 24 significant bits.
double fmaToOdd(double a, double b, double c);

/// Registers hold a float in their low half.
inline float asFloat(uint64_t bits) {
  return numerics::bitsToFloat(uint32_t(bits));
}
inline double asDouble(uint64_t bits) { return numerics::bitsToDouble(bits); }
inline uint32_t asBits(float value) { return numerics::floatBits(value); }
inline uint64_t asBits(double value) { return numerics::doubleBits(value); }

inline constexpr uint32_t kCanonicalNaN32 = 0x7FFFFFFF;

/// The bits of an f32 result: NaNs are canonical on the hardware.
inline uint32_t resultBits(float value) {
  return value != value ? kCanonicalNaN32 : asBits(value);
}
/// Replaces a subnormal f32 by a zero of its sign.
inline uint32_t flush32(uint32_t bits) {
  return (bits & 0x7F800000) ? bits : bits & 0x80000000;
}

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_FLOATFORMAT_H
