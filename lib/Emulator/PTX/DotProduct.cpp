//===- DotProduct.cpp - How matrix instructions add products --------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The accumulation modes of docs/PTXEmulator.md for the formats without block
// scales. The Hopper mode was fitted to what an H200 gave
// (test/Emulator/Hardware) and reproduces it bit for bit:
//
//   The exponent of a product is the sum of those of its factors; subnormals
//   count as of the smallest exponent of their type. All products of an
//   instruction and the addend are shifted to the largest exponent, cut toward
//   zero to 25 bits behind the point (13 for the FP8 forms of wgmma), and
//   added exactly. The sum is cut to f32 (to 13 bits behind the point), or
//   rounded to nearest f16.
//
//   mma.sync of FP8 is made of f16 products on Hopper: of every four
//   neighbours in k the first two, then the other two, from zero; the addend
//   is added last, to nearest.
//
//===----------------------------------------------------------------------===//

#include "FloatFormat.h"
#include "FloatOps.h"
#include "Mma.h"
#include <algorithm>
#include <cmath>

namespace fp4::ptx {

float accumulate(Accumulation mode, double sum, float c) {
  if (mode != Accumulation::Blackwell)
    return asFloat(floatBits(Type::F32, roundToOdd(sum, c), {}));
  float partial = float(sum);
  FloatMode toZero;
  toZero.rounding = Rounding::RZ;
  return asFloat(floatBits(Type::F32, roundToOdd(double(partial), c), toZero));
}

static constexpr int kNoExponent = -100000;

/// The exponent of a factor or addend of a type whose smallest is `least`.
static int exponentOf(double value, int least) {
  if (value == 0)
    return kNoExponent;
  int exponent = int(asBits(value) >> 52 & 0x7FF) - 1023;
  return exponent < least ? least : exponent;
}

static int leastExponent(Type type) {
  switch (type) {
  case Type::F16:
  case Type::E5M2:
    return -14;
  case Type::E4M3:
    return -6;
  default:
    return -126;
  }
}

/// `value` cut to a multiple of 2^unit, in that unit.
static int64_t cutTo(double value, int unit) {
  return int64_t(std::ldexp(value, -unit));
}

namespace {
template <typename T> struct Factors {
  const T *a, *b;
  int leastA, leastB;
};
} // namespace

/// The sum of the products `first`, `first + 1` of every four (or of all, when
/// `step` is 1) and `c`, as a multiple of the last bit that the adder keeps.
template <typename T>
static double alignedSum(const Factors<T> &f, unsigned k, unsigned first,
                         bool halves, double c, int fraction) {
  int top = exponentOf(c, -126);
  auto chosen = [&](unsigned i) { return !halves || (i & 2) == first; };
  double plain = c;
  for (unsigned i = 0; i < k; ++i)
    if (chosen(i)) {
      plain += double(f.a[i]) * f.b[i];
      if (f.a[i] != 0 && f.b[i] != 0)
        top = std::max(top, exponentOf(f.a[i], f.leastA) +
                                exponentOf(f.b[i], f.leastB));
    }
  if (!std::isfinite(plain))
    return plain;
  if (top == kNoExponent)
    return 0;
  int unit = top - fraction;
  int64_t total = cutTo(c, unit);
  for (unsigned i = 0; i < k; ++i)
    if (chosen(i))
      total += cutTo(double(f.a[i]) * f.b[i], unit);
  return std::ldexp(double(total), unit);
}

/// Cuts to `bits` behind the leading one; what is too large is infinite.
static float cutToFloat(double value, unsigned bits) {
  if (std::isnan(value))
    return asFloat(kCanonicalNaN32);
  if (std::fabs(value) >= 0x1p128)
    return value > 0 ? HUGE_VALF : -HUGE_VALF;
  uint32_t word = encodeFloat(value, kF32Layout, Rounding::RZ);
  return asFloat(word & ~uint32_t(lowBits(23 - bits)));
}

template <typename T>
static uint64_t hopperElement(const DotProduct &dot, const Factors<T> &factors,
                              unsigned k, double c) {
  bool isFP8 = dot.typeA == Type::E4M3 || dot.typeA == Type::E5M2;
  if (isFP8 && !dot.isWarpgroup) {
    Factors<T> asHalves = factors;
    asHalves.leastA = asHalves.leastB = leastExponent(Type::F16);
    double sum = 0;
    for (unsigned first : {0u, 2u}) {
      sum = alignedSum(asHalves, k, first, true, sum, 25);
      sum = dot.result == Type::F16
                ? floatValue(Type::F16, floatBits(Type::F16, sum, {}))
                : double(cutToFloat(sum, 23));
    }
    return floatBits(dot.result, roundToOdd(sum, c), {});
  }
  unsigned fraction = isFP8 ? 13 : 25;
  double sum = alignedSum(factors, k, 0, false, c, int(fraction));
  if (dot.result == Type::F16)
    return floatBits(Type::F16, sum, {});
  return asBits(cutToFloat(sum, isFP8 ? 13 : 23));
}

template <typename T>
uint64_t DotProduct::element(const T *a, const T *b, unsigned k,
                             double c) const {
  if (mode == Accumulation::Hopper)
    return hopperElement<T>(
        *this, {a, b, leastExponent(typeA), leastExponent(typeB)}, k, c);
  double sum = 0;
  for (unsigned i = 0; i < k; ++i)
    sum += double(a[i]) * b[i];
  if (result == Type::F16)
    return floatBits(Type::F16, roundToOdd(sum, c), {});
  return resultBits(accumulate(mode, sum, float(c)));
}

template uint64_t DotProduct::element(const float *, const float *, unsigned,
                                      double) const;
template uint64_t DotProduct::element(const double *, const double *, unsigned,
                                      double) const;

} // namespace fp4::ptx
