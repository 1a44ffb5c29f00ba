//===- FloatOps.cpp - Float arithmetic with PTX's modifiers ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Formats of at most 24 significant bits are computed in double, rounded to odd
// where inexact, and rounded once more into the format: that is exact for every
// rounding mode. f64 uses the host's rounding modes.
//
// With .ftz a result is flushed when it is below the smallest normal after
// rounding to the format's precision with an unbounded exponent: 0.5 *
// 0x00ffffff gives 0, since its 24 bits need no rounding. This and what becomes
// of a NaN, which the ISA leaves open, are as recorded on an H200
// (test/Emulator/Hardware): one canonical NaN for formats of at most 32 bits;
// f64 keeps the payload of an operand and sets its quiet bit.
//
//===----------------------------------------------------------------------===//

#include "FloatOps.h"
#include "FloatFormat.h"
#include <cfenv>
#include <cfloat>
#include <cmath>

namespace fp4::ptx {

Type scalarType(Type type) {
  switch (type) {
  case Type::F16x2:
    return Type::F16;
  case Type::BF16x2:
    return Type::BF16;
  case Type::F32x2:
    return Type::F32;
  case Type::U16x2:
    return Type::U16;
  case Type::S16x2:
    return Type::S16;
  default:
    return type;
  }
}

unsigned packedCount(Type type) { return scalarType(type) == type ? 1 : 2; }

static FloatLayout layoutOf(Type type) {
  return type == Type::F16    ? kF16Layout
         : type == Type::BF16 ? kBF16Layout
                              : kF32Layout;
}

uint64_t canonicalNaN(Type type) {
  switch (type) {
  case Type::F64:
    return 0xFFF8000000000000;
  case Type::F32:
  case Type::TF32:
    return kCanonicalNaN32;
  default:
    return 0x7FFF;
  }
}

uint64_t flushSubnormal(Type type, uint64_t bits) {
  if (type == Type::F32)
    return flush32(uint32_t(bits));
  uint64_t exponentMask = type == Type::BF16 ? 0x7F80 : 0x7C00;
  return bits & exponentMask ? bits : bits & 0x8000;
}

double floatValue(Type type, uint64_t bits, bool ftz) {
  if (type == Type::F64)
    return asDouble(bits);
  if (ftz)
    bits = flushSubnormal(type, bits);
  if (type == Type::F16)
    return decodeFloat(uint32_t(bits), kF16Layout);
  return asFloat(type == Type::BF16 ? bits << 16 : bits);
}

/// Whether `value` is below the smallest normal once rounded to the precision
/// of `type`, as if the exponent had no bounds.
static bool isTiny(Type type, double value, Rounding rounding) {
  // The smallest normal is 2^-14 or 2^-126; 2^8 and 2^64 times that is far from
  // both ends of the format.
  double smallest = type == Type::F16 ? 0x1p-14 : 0x1p-126;
  double scale = type == Type::F16 ? 0x1p8 : 0x1p64;
  if (std::fabs(value) >= smallest)
    return false;
  if (std::fabs(value) < smallest / 2)
    return true;
  FloatLayout layout = layoutOf(type);
  double rounded =
      decodeFloat(encodeFloat(value * scale, layout, rounding), layout);
  return std::fabs(rounded) < smallest * scale;
}

uint64_t floatBits(Type type, double value, const FloatMode &mode) {
  if (std::isnan(value))
    return mode.sat ? 0 : canonicalNaN(type);
  if (mode.sat)
    value = value > 1 ? 1 : value > 0 ? value : 0;
  if (mode.relu && std::signbit(value))
    value = 0;
  if (type == Type::F64)
    return asBits(value);
  if (mode.ftz && isTiny(type, value, mode.rounding))
    value = std::copysign(0.0, value);
  if (type == Type::F32 && mode.rounding == Rounding::RN)
    return resultBits(float(value));
  return encodeFloat(value, layoutOf(type), mode.rounding);
}

//===----------------------------------------------------------------------===//
// f64 under the host's rounding modes
//===----------------------------------------------------------------------===//

static bool isNaN64(uint64_t bits) { return std::isnan(asDouble(bits)); }

static constexpr uint64_t kQuietBit64 = 0x0008000000000000;

uint64_t quietNaN64(uint64_t bits) { return bits | kQuietBit64; }

/// The first of `operands` that is a NaN, made quiet; else `result`.
static uint64_t propagateNaN64(std::initializer_list<uint64_t> operands,
                               uint64_t result) {
  for (uint64_t bits : operands)
    if (isNaN64(bits))
      return quietNaN64(bits);
  return result;
}

/// Runs `op` on volatile operands under `rounding`, so that the compiler can
/// neither fold it nor move it out.
template <typename Op>
static uint64_t withRounding(Rounding rounding, Op op, uint64_t a, uint64_t b,
                             uint64_t c = 0) {
  int hostMode = rounding == Rounding::RZ   ? FE_TOWARDZERO
                 : rounding == Rounding::RM ? FE_DOWNWARD
                 : rounding == Rounding::RP ? FE_UPWARD
                                            : FE_TONEAREST;
  volatile double x = asDouble(a), y = asDouble(b), z = asDouble(c);
  std::fesetround(hostMode);
  volatile double result = op(x, y, z);
  std::fesetround(FE_TONEAREST);
  return asBits(double(result));
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

uint64_t floatAdd(Type type, uint64_t a, uint64_t b, const FloatMode &mode) {
  if (type == Type::F64)
    return propagateNaN64(
        {b, a}, withRounding(
                    mode.rounding,
                    [](double x, double y, double) { return x + y; }, a, b));
  double x = floatValue(type, a, mode.ftz), y = floatValue(type, b, mode.ftz);
  double sum = roundToOdd(x, y);
  // An exact zero from operands of opposite sign is -0 only toward minus.
  if (sum == 0 && x == -y && x != 0)
    sum = mode.rounding == Rounding::RM ? -0.0 : 0.0;
  else if (sum == 0 && mode.rounding == Rounding::RM &&
           (std::signbit(x) || std::signbit(y)))
    sum = -0.0;
  return floatBits(type, sum, mode);
}

uint64_t floatMul(Type type, uint64_t a, uint64_t b, const FloatMode &mode) {
  if (type == Type::F64)
    return propagateNaN64(
        {b, a}, withRounding(
                    mode.rounding,
                    [](double x, double y, double) { return x * y; }, a, b));
  return floatBits(
      type, floatValue(type, a, mode.ftz) * floatValue(type, b, mode.ftz),
      mode);
}

uint64_t floatFma(Type type, uint64_t a, uint64_t b, uint64_t c,
                  const FloatMode &mode) {
  if (type == Type::F64)
    return propagateNaN64({b, c, a}, withRounding(
                                         mode.rounding,
                                         [](double x, double y, double z) {
                                           return std::fma(x, y, z);
                                         },
                                         a, b, c));
  if (type == Type::F32 && mode.rounding == Rounding::RN && !mode.ftz &&
      !mode.sat)
    return resultBits(std::fma(asFloat(a), asFloat(b), asFloat(c)));
  double product =
      floatValue(type, a, mode.ftz) * floatValue(type, b, mode.ftz);
  double addend = floatValue(type, c, mode.ftz);
  double sum = roundToOdd(product, addend);
  if (sum == 0 && mode.rounding == Rounding::RM &&
      (std::signbit(product) || std::signbit(addend)))
    sum = -0.0;
  return floatBits(type, sum, mode);
}

/// A double quotient or root of floats, made odd where it was rounded; `error`
/// has the sign of (exact - value).
static double makeOdd(double value, double error) {
  if (error == 0 || !std::isfinite(value) || (asBits(value) & 1))
    return value;
  return std::nextafter(value, error > 0 ? HUGE_VAL : -HUGE_VAL);
}

uint64_t floatDiv(Type type, uint64_t a, uint64_t b, const FloatMode &mode) {
  if (type == Type::F64)
    return propagateNaN64(
        {a, b}, withRounding(
                    mode.rounding,
                    [](double x, double y, double) { return x / y; }, a, b));
  double x = floatValue(type, a, mode.ftz), y = floatValue(type, b, mode.ftz);
  double quotient = x / y;
  double rest = std::fma(-quotient, y, x);
  if (std::isfinite(quotient) && std::isfinite(y) && y != 0)
    quotient = makeOdd(quotient, std::signbit(y) ? -rest : rest);
  return floatBits(type, quotient, mode);
}

uint64_t floatSqrt(Type type, uint64_t a, const FloatMode &mode) {
  if (type == Type::F64)
    return propagateNaN64(
        {a}, withRounding(
                 mode.rounding,
                 [](double x, double, double) { return std::sqrt(x); }, a, 0));
  double x = floatValue(type, a, mode.ftz);
  double root = std::sqrt(x);
  if (std::isfinite(root) && root > 0)
    root = makeOdd(root, std::fma(-root, root, x));
  return floatBits(type, root, mode);
}

uint64_t floatRcp(Type type, uint64_t a, const FloatMode &mode) {
  uint64_t one = type == Type::F64 ? asBits(1.0) : asBits(1.0f);
  return floatDiv(type, one, a, mode);
}

//===----------------------------------------------------------------------===//
// Sign and order
//===----------------------------------------------------------------------===//

static bool isNaN(Type type, uint64_t bits) {
  return std::isnan(floatValue(type, bits));
}

static uint64_t signBit(Type type) {
  return uint64_t(1) << (typeBits(type) - 1);
}

uint64_t floatNeg(Type type, uint64_t a, bool ftz) {
  if (ftz)
    a = flushSubnormal(type, a);
  if (isNaN(type, a))
    return type == Type::F64 ? quietNaN64(a) : canonicalNaN(type);
  return a ^ signBit(type);
}

uint64_t floatAbs(Type type, uint64_t a, bool ftz) {
  if (ftz)
    a = flushSubnormal(type, a);
  if (isNaN(type, a))
    return type == Type::F64 ? quietNaN64(a) : canonicalNaN(type);
  return a & ~signBit(type);
}

uint64_t floatMinMax(Type type, uint64_t a, uint64_t b, bool isMax, bool ftz,
                     bool nan, bool xorSign) {
  if (ftz) {
    a = flushSubnormal(type, a);
    b = flushSubnormal(type, b);
  }
  uint64_t sign = xorSign ? (a ^ b) & signBit(type) : 0;
  if (xorSign) {
    a &= ~signBit(type);
    b &= ~signBit(type);
  }
  double x = floatValue(type, a), y = floatValue(type, b);
  bool aNaN = std::isnan(x), bNaN = std::isnan(y);
  if ((aNaN && bNaN) || (nan && (aNaN || bNaN)))
    return type == Type::F64 ? quietNaN64(b) : canonicalNaN(type);
  if (aNaN || bNaN)
    return (aNaN ? b : a) | sign;
  // -0 orders below +0.
  bool aLess = x < y || (x == y && std::signbit(x) && !std::signbit(y));
  return (aLess != isMax ? a : b) | sign;
}

} // namespace fp4::ptx
