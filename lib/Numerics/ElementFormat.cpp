//===- ElementFormat.cpp - MX element formats and their rounding ----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lookup over the format table, and stochastic rounding. Rounding to nearest
// lives in FormatDescriptor.h, where the block quantizer can inline it.
//
//===----------------------------------------------------------------------===//

#include "fp4/Numerics/ElementFormat.h"
#include "FormatDescriptor.h"
#include <algorithm>

using namespace fp4::numerics;

std::string_view fp4::numerics::elementFormatName(ElementFormat format) {
  return descriptor(format).name;
}

std::optional<ElementFormat>
fp4::numerics::parseElementFormat(std::string_view name) {
  for (ElementFormat format : kElementFormats)
    if (elementFormatName(format) == name)
      return format;
  return std::nullopt;
}

unsigned fp4::numerics::elementBits(ElementFormat format) {
  return descriptor(format).bits;
}

unsigned fp4::numerics::elementMantissaBits(ElementFormat format) {
  return descriptor(format).mantissaBits;
}

int fp4::numerics::elementMaxExponent(ElementFormat format) {
  return descriptor(format).maxExponent;
}

float fp4::numerics::elementMaxFinite(ElementFormat format) {
  return decodeElement(format, descriptor(format).maxCode);
}

float fp4::numerics::decodeElement(ElementFormat format, uint8_t code) {
  return elementTable(format)[code];
}

uint8_t fp4::numerics::encodeElement(ElementFormat format, float value) {
  if (format == ElementFormat::MXINT8)
    return encodeMXINT8(value);
  return encodeFloatElement(descriptor(format), value);
}

//===----------------------------------------------------------------------===//
// Stochastic rounding
//===----------------------------------------------------------------------===//

/// A positive float32 as significand * 2^(exponent - 23).
struct Significand {
  uint64_t value;
  int exponent;
};

static Significand splitMagnitude(uint32_t magnitude) {
  uint32_t field = magnitude >> 23;
  uint64_t fraction = magnitude & 0x7FFFFF;
  if (field == 0)
    return {fraction, -126};
  return {fraction | 0x800000, static_cast<int>(field) - 127};
}

/// floor(significand / 2^shift + fraction), where the fraction is `random`
/// plus one half over 2^32: the rule of the header with the quotient's
/// fractional part as f.
///
/// With n = significand * 2^(32 - shift) the rule reads n + random + 0.5 >=
/// (floor(n / 2^32) + 1) * 2^32. Its right side is an integer, so rounding n
/// half up to an integer changes nothing.
static uint64_t roundStochastic(uint64_t significand, int shift,
                                uint32_t random) {
  uint64_t fixed = significand << 32; // at most 56 bits
  if (shift > 56)
    return 0; // less than half of 2^-32: no random word rounds it up
  if (shift > 0)
    fixed = (fixed + (uint64_t(1) << (shift - 1))) >> shift;
  return (fixed + random) >> 32;
}

static uint64_t roundFloatStochastic(const FormatDescriptor &d,
                                     uint32_t magnitude, uint32_t random) {
  auto [significand, exponent] = splitMagnitude(magnitude);
  int smallestExponent = 1 - d.bias;
  int binade = std::max(exponent - smallestExponent, 0);
  int shift = 23 - static_cast<int>(d.mantissaBits) +
              std::max(smallestExponent - exponent, 0);
  return (static_cast<uint64_t>(binade) << d.mantissaBits) +
         roundStochastic(significand, shift, random);
}

static uint64_t roundMXINT8Stochastic(uint32_t magnitude, uint32_t random) {
  // Beyond the last code nothing is left to round, and the shift below would
  // turn negative.
  if (bitsToFloat(magnitude) >= 127.0f / 64.0f)
    return 127;
  auto [significand, exponent] = splitMagnitude(magnitude);
  return roundStochastic(significand, 23 - 6 - exponent, random);
}

uint8_t fp4::numerics::encodeElementStochastic(ElementFormat format,
                                               float value, uint32_t random) {
  const FormatDescriptor &d = descriptor(format);
  uint32_t bits = floatBits(value);
  uint32_t magnitude = bits & ~kSignBit;
  bool negative = (bits & kSignBit) != 0;
  if (magnitude > kInfBits)
    return d.nanCode;
  if (format == ElementFormat::MXINT8) {
    auto code = static_cast<int>(roundMXINT8Stochastic(magnitude, random));
    return static_cast<uint8_t>(negative ? -code : code);
  }
  uint64_t code =
      std::min<uint64_t>(roundFloatStochastic(d, magnitude, random), d.maxCode);
  return static_cast<uint8_t>(code | (negative ? 1u << (d.bits - 1) : 0u));
}
