//===- ScaleFormat.cpp - Block scale formats ------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lookup over the format table and directed rounding of scales. E8M0 codes are
// the exponent field of a float32 except at its two ends, so they are rounded
// on the bits of the value.
//
//===----------------------------------------------------------------------===//

#include "fp4/Numerics/ScaleFormat.h"
#include "FormatDescriptor.h"
#include <algorithm>
#include <cmath>

using namespace fp4::numerics;

static constexpr DecodeTable makeE8M0Table() {
  DecodeTable table = {};
  for (int code = 0; code < 255; ++code)
    table[code] = timesPowerOfTwo(1.0f, code - 127);
  table[255] = std::numeric_limits<float>::quiet_NaN();
  return table;
}

static constexpr DecodeTable kDecodeTables[] = {
    makeE8M0Table(), makeDecodeTable(kScaleDescriptors[1]),
    makeDecodeTable(kScaleDescriptors[2]),
    makeDecodeTable(kScaleDescriptors[3])};

std::string_view fp4::numerics::scaleFormatName(ScaleFormat format) {
  return descriptor(format).name;
}

std::optional<ScaleFormat>
fp4::numerics::parseScaleFormat(std::string_view name) {
  for (ScaleFormat format : kScaleFormats)
    if (scaleFormatName(format) == name)
      return format;
  return std::nullopt;
}

float fp4::numerics::scaleMaxFinite(ScaleFormat format) {
  return decodeScale(format, descriptor(format).maxCode);
}

uint8_t fp4::numerics::scaleNaN(ScaleFormat format) {
  return descriptor(format).nanCode;
}

bool fp4::numerics::isScaleNaN(ScaleFormat format, uint8_t code) {
  const FormatDescriptor &d = descriptor(format);
  return (code & ((1u << d.bits) - 1)) >= d.firstNaN;
}

float fp4::numerics::decodeScale(ScaleFormat format, uint8_t code) {
  return kDecodeTables[static_cast<size_t>(format)][code];
}

/// `magnitude` is a float32 with clear sign. Code 0 is 2^-127, whose bits are
/// 0x400000; code c > 0 has the bits c << 23.
static uint32_t roundE8M0(uint32_t magnitude, ScaleRounding rounding) {
  uint32_t floor = magnitude >> 23;
  uint32_t rest = magnitude & 0x7FFFFF;
  bool subnormal = floor == 0;
  switch (rounding) {
  case ScaleRounding::TowardZero:
    return floor;
  case ScaleRounding::TowardPositive:
    return floor + (rest > (subnormal ? 0x400000u : 0u));
  case ScaleRounding::NearestEven: {
    // The midpoint of 2^-127 and 2^-126 is 1.5 * 2^-127 = 0x600000; between
    // two normal powers it is half of the mantissa range.
    uint32_t midpoint = subnormal ? 0x600000u : 0x400000u;
    return floor + (rest > midpoint || (rest == midpoint && (floor & 1)));
  }
  }
  return floor;
}

/// Directed rounding of a non-negative finite value in a format with mantissa.
static uint32_t roundDirected(const FormatDescriptor &d, float value,
                              bool upward) {
  uint32_t magnitude = floatBits(value);
  auto smallestNormal = static_cast<uint32_t>(128 - d.bias) << 23;
  if (magnitude < smallestNormal) {
    // The quantum is a power of two far above the smallest float, so the
    // division by it is exact.
    int quantum = 1 - d.bias - static_cast<int>(d.mantissaBits);
    float multiple =
        value * bitsToFloat(static_cast<uint32_t>(127 - quantum) << 23);
    return static_cast<uint32_t>(upward ? std::ceil(multiple) : multiple);
  }
  unsigned shift = 23 - d.mantissaBits;
  uint32_t addend = upward ? (1u << shift) - 1 : 0;
  uint32_t rebias = static_cast<uint32_t>(127 - d.bias) << d.mantissaBits;
  return ((magnitude + addend) >> shift) - rebias;
}

uint8_t fp4::numerics::encodeScale(ScaleFormat format, float value,
                                   ScaleRounding rounding) {
  const FormatDescriptor &d = descriptor(format);
  if (!(value >= 0.0f))
    return d.nanCode;
  uint32_t magnitude = floatBits(value) & ~kSignBit; // -0 counts as zero
  uint32_t code;
  if (format == ScaleFormat::E8M0)
    code = roundE8M0(magnitude, rounding);
  else if (rounding == ScaleRounding::NearestEven)
    code = static_cast<uint32_t>(roundNearest(d, magnitude));
  else
    code = roundDirected(d, bitsToFloat(magnitude),
                         rounding == ScaleRounding::TowardPositive);
  return static_cast<uint8_t>(std::min<uint32_t>(code, d.maxCode));
}
