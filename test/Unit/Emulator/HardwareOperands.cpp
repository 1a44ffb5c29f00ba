//===- HardwareOperands.cpp - Operands of the hardware cases --------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HardwareOperands.h"
#include <algorithm>
#include <map>

namespace fp4::ptx::testing {

uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

uint64_t hashOf(const std::string &text) {
  uint64_t hash = 0xCBF29CE484222325;
  for (unsigned char c : text)
    hash = (hash ^ c) * 0x100000001B3;
  return hash;
}

namespace {
struct FloatShape {
  unsigned exponentBits, mantissaBits;
};
} // namespace

static bool floatShape(const std::string &type, FloatShape &shape) {
  static const std::map<std::string, FloatShape> shapes = {
      {"f16", {5, 10}},  {"bf16", {8, 7}}, {"f32", {8, 23}}, {"f64", {11, 52}},
      {"tf32", {8, 23}}, {"e4m3", {4, 3}}, {"e5m2", {5, 2}}};
  auto found = shapes.find(type);
  if (found == shapes.end())
    return false;
  shape = found->second;
  return true;
}

/// Zeros, subnormals, normals at both ends, around 1, infinity and NaNs, each
/// with both signs.
static std::vector<uint64_t> floatCorners(FloatShape shape) {
  unsigned m = shape.mantissaBits;
  uint64_t one = ((uint64_t(1) << (shape.exponentBits - 1)) - 1) << m;
  uint64_t infinity = ((uint64_t(1) << shape.exponentBits) - 1) << m;
  uint64_t half = uint64_t(1) << (m - 1), unit = uint64_t(1) << m;
  std::vector<uint64_t> corners = {0,
                                   1,
                                   unit - 1,
                                   unit,
                                   one - unit,
                                   one,
                                   one + 1,
                                   one + half,
                                   one + unit + half / 2,
                                   infinity - 1,
                                   infinity,
                                   infinity + 1,
                                   infinity + half};
  uint64_t sign = uint64_t(1) << (m + shape.exponentBits);
  size_t count = corners.size();
  for (size_t i = 0; i < count; ++i)
    corners.push_back(corners[i] | sign);
  return corners;
}

static std::vector<uint64_t> integerCorners(unsigned bits) {
  uint64_t top = uint64_t(1) << (bits - 1), all = top | (top - 1);
  return {0,
          1,
          2,
          3,
          all,
          all - 1,
          top,
          top - 1,
          top + 1,
          bits,
          bits - 1,
          0x5555555555555555 & all,
          all >> (bits / 2),
          top >> 1};
}

/// Normal numbers from 2^-6 to 2^7 or the format's range: no instruction on
/// them overflows, most of them round.
static uint64_t moderateFloat(FloatShape shape, uint64_t random) {
  uint64_t mantissa = random & ((uint64_t(1) << shape.mantissaBits) - 1);
  // Short mantissas make ties.
  if (random >> 60 == 0)
    mantissa &= ~((uint64_t(1) << (shape.mantissaBits - 2)) - 1);
  int bias = (1 << (shape.exponentBits - 1)) - 1;
  int range = std::min(6, bias - 1);
  int exponent = bias - range + int(random >> 53 & 63) % (2 * range + 1);
  uint64_t sign = random >> 59 & 1;
  return (sign << shape.exponentBits | uint64_t(exponent))
             << shape.mantissaBits |
         mantissa;
}

static uint64_t scalarValue(const std::string &type, const std::string &choice,
                            unsigned bits, unsigned digit, bool isCorner,
                            uint64_t random) {
  uint64_t all = bits == 64 ? ~uint64_t(0) : (uint64_t(1) << bits) - 1;
  if (choice == "small")
    return random % 72 & all;
  if (choice == "few")
    return random % 3 * 0x01010101 & all;
  FloatShape shape;
  bool isFloat = floatShape(type, shape);
  if (choice == "mid" && isFloat)
    return moderateFloat(shape, random) & all;
  if (isCorner) {
    std::vector<uint64_t> corners =
        isFloat ? floatCorners(shape) : integerCorners(bits);
    return corners[digit % corners.size()] & all;
  }
  if (isFloat)
    return (random >> 62 == 0 ? mix(random) : moderateFloat(shape, random)) &
           all;
  // Every length of integer is as likely as every other.
  return (mix(random) & all) >> (random >> 57) % bits;
}

uint64_t operandValue(const OperandSpec &spec, unsigned operand, unsigned tuple,
                      uint64_t random) {
  // The first quarter pairs every corner with every other.
  bool isCorner = tuple < 1024;
  unsigned digit = operand == 0   ? tuple
                   : operand == 1 ? tuple / 26
                                  : unsigned(random >> 33);
  if (spec.type == "pred")
    return random >> 40 & 1;
  size_t x = spec.type.rfind("x4");
  if (x != std::string::npos) {
    uint64_t value = 0;
    for (unsigned i = 0; i < 4; ++i)
      value |= scalarValue(spec.type.substr(0, x), spec.choice, 8, digit,
                           isCorner, mix(random + i))
               << (8 * i);
    return value;
  }
  x = spec.type.rfind("x2");
  if (x == std::string::npos)
    return scalarValue(spec.type, spec.choice, spec.size * 8, digit, isCorner,
                       random);
  std::string part = spec.type.substr(0, x);
  unsigned bits = spec.size * 4;
  uint64_t low = scalarValue(part, spec.choice, bits, digit, isCorner, random);
  uint64_t high = scalarValue(part, spec.choice, bits, digit * 7 + 3, isCorner,
                              mix(random));
  return high << bits | low;
}

} // namespace fp4::ptx::testing
