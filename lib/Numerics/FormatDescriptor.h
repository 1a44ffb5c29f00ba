//===- FormatDescriptor.h - The one table of narrow formats -----*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Private to Numerics: the descriptor of every narrow format, and the rounding
// and decoding that follow from a descriptor. The functions are inline so that
// a caller with a constant descriptor gets straight-line, vectorizable code.
//
// Sources: OCP MX v1.0 section 5.3, PTX ISA 9.0 "cvt", arXiv 2609.02846 (the
// Graphcore UE5M3).
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_NUMERICS_FORMATDESCRIPTOR_H
#define FP4_LIB_NUMERICS_FORMATDESCRIPTOR_H

#include "fp4/Numerics/ElementFormat.h"
#include "fp4/Numerics/FloatBits.h"
#include "fp4/Numerics/ScaleFormat.h"
#include <array>
#include <limits>

namespace fp4::numerics {

inline constexpr uint32_t kSignBit = 0x80000000u;
inline constexpr uint32_t kInfBits = 0x7F800000u;

/// A format of `bits` bits. "Magnitude codes" are codes without the sign bit.
struct FormatDescriptor {
  std::string_view name;
  unsigned bits;
  bool hasSign;
  unsigned mantissaBits;
  int bias;
  /// Exponent of the largest binade.
  int maxExponent;
  /// Magnitude code of the largest finite value.
  uint8_t maxCode;
  /// What a NaN encodes to; the largest value in formats without NaN.
  uint8_t nanCode;
  /// Magnitude codes from here on are NaN; 256 where there is none.
  unsigned firstNaN;
  /// Magnitude code of infinity; 256 where there is none.
  unsigned infinity;
};

inline constexpr unsigned kNoCode = 256;

// In the order of ElementFormat. MXINT8 is fixed point: of its row the
// functions below read only the name, the width and the largest code.
inline constexpr FormatDescriptor kElementDescriptors[] = {
    {"E2M1", 4, true, 1, 1, 2, 0x07, 0x07, kNoCode, kNoCode},
    {"E2M3", 6, true, 3, 1, 2, 0x1F, 0x1F, kNoCode, kNoCode},
    {"E3M2", 6, true, 2, 3, 4, 0x1F, 0x1F, kNoCode, kNoCode},
    {"E4M3", 8, true, 3, 7, 8, 0x7E, 0x7F, 0x7F, kNoCode},
    {"E5M2", 8, true, 2, 15, 15, 0x7B, 0x7F, 0x7D, 0x7C},
    {"MXINT8", 8, true, 0, 0, 0, 0x7F, 0x00, kNoCode, kNoCode}};

// In the order of ScaleFormat. E8M0 has neither zero nor subnormals and keeps
// its own encoder and decoder.
inline constexpr FormatDescriptor kScaleDescriptors[] = {
    {"E8M0", 8, false, 0, 127, 127, 0xFE, 0xFF, 0xFF, kNoCode},
    {"UE4M3", 7, false, 3, 7, 8, 0x7E, 0x7F, 0x7F, kNoCode},
    {"UE5M3FNU", 8, false, 3, 15, 16, 0xFE, 0xFF, 0xFF, kNoCode},
    {"UE5M3GC", 8, false, 3, 15, 15, 0xF7, 0xFF, 0xF8, kNoCode}};

constexpr const FormatDescriptor &descriptor(ElementFormat format) {
  return kElementDescriptors[static_cast<size_t>(format)];
}
constexpr const FormatDescriptor &descriptor(ScaleFormat format) {
  return kScaleDescriptors[static_cast<size_t>(format)];
}

/// `value` * 2^`exponent`, exact while the result is a float.
constexpr float timesPowerOfTwo(float value, int exponent) {
  for (; exponent > 0; --exponent)
    value *= 2.0f;
  for (; exponent < 0; ++exponent)
    value *= 0.5f;
  return value;
}

/// The value of a magnitude code of a format with exponent and mantissa.
constexpr float decodeMagnitude(const FormatDescriptor &d, unsigned code) {
  if (code == d.infinity)
    return std::numeric_limits<float>::infinity();
  if (code >= d.firstNaN)
    return std::numeric_limits<float>::quiet_NaN();
  unsigned exponent = code >> d.mantissaBits;
  unsigned mantissa = code & ((1u << d.mantissaBits) - 1);
  int leastExponent = 1 - d.bias - static_cast<int>(d.mantissaBits);
  if (exponent == 0)
    return timesPowerOfTwo(static_cast<float>(mantissa), leastExponent);
  return timesPowerOfTwo(static_cast<float>(mantissa + (1u << d.mantissaBits)),
                         leastExponent + static_cast<int>(exponent) - 1);
}

using DecodeTable = std::array<float, 256>;

/// Values of all bytes; bits above the width of the format are ignored.
constexpr DecodeTable makeDecodeTable(const FormatDescriptor &d) {
  DecodeTable table = {};
  unsigned magnitudeBits = d.bits - (d.hasSign ? 1 : 0);
  for (unsigned byte = 0; byte < 256; ++byte) {
    float value = decodeMagnitude(d, byte & ((1u << magnitudeBits) - 1));
    bool negative = d.hasSign && ((byte >> magnitudeBits) & 1);
    table[byte] = negative ? -value : value;
  }
  return table;
}

constexpr DecodeTable makeMXINT8Table() {
  DecodeTable table = {};
  for (int byte = 0; byte < 256; ++byte)
    table[byte] = static_cast<float>(byte < 128 ? byte : byte - 256) / 64.0f;
  return table;
}

// In the order of ElementFormat.
inline constexpr DecodeTable kElementTables[] = {
    makeDecodeTable(kElementDescriptors[0]),
    makeDecodeTable(kElementDescriptors[1]),
    makeDecodeTable(kElementDescriptors[2]),
    makeDecodeTable(kElementDescriptors[3]),
    makeDecodeTable(kElementDescriptors[4]),
    makeMXINT8Table()};

constexpr const DecodeTable &elementTable(ElementFormat format) {
  return kElementTables[static_cast<size_t>(format)];
}

/// Rounds the float32 magnitude `magnitude` (sign bit clear, not NaN) to the
/// nearest magnitude code, ties to even, saturating.
///
/// Codes of one format grow with their values, so the normal range is an
/// integer rounding of the float's own bits. In the subnormal range the codes
/// are multiples of one quantum q; adding 2^23 * q leaves the rounded multiple
/// in the low bits. Both are computed: selecting is cheaper than branching.
inline int32_t roundNearest(const FormatDescriptor &d, uint32_t magnitude) {
  unsigned shift = 23 - d.mantissaBits;
  int32_t rebias = (127 - d.bias) << d.mantissaBits;
  uint32_t tieToEven = (magnitude >> shift) & 1;
  uint32_t rounded = magnitude + ((1u << (shift - 1)) - 1) + tieToEven;
  int32_t normal = static_cast<int32_t>(rounded >> shift) - rebias;

  int quantum = 1 - d.bias - static_cast<int>(d.mantissaBits);
  uint32_t magic = static_cast<uint32_t>(127 + 23 + quantum) << 23;
  float sum = bitsToFloat(magnitude) + bitsToFloat(magic);
  int32_t subnormal = static_cast<int32_t>(floatBits(sum) - magic);

  int32_t smallestNormal = (128 - d.bias) << 23;
  int32_t code =
      static_cast<int32_t>(magnitude) < smallestNormal ? subnormal : normal;
  int32_t maxCode = d.maxCode;
  return code < maxCode ? code : maxCode;
}

/// Round to nearest even, saturating; the contract of encodeElement for the
/// formats with an exponent.
inline uint8_t encodeFloatElement(const FormatDescriptor &d, float value) {
  uint32_t bits = floatBits(value);
  uint32_t magnitude = bits & ~kSignBit;
  // The sign bit moves from bit 31 to the top bit of the format.
  uint32_t sign = (bits & kSignBit) >> (32 - d.bits);
  uint32_t code = static_cast<uint32_t>(roundNearest(d, magnitude)) | sign;
  bool isNaN = static_cast<int32_t>(magnitude) > static_cast<int32_t>(kInfBits);
  return static_cast<uint8_t>(isNaN ? d.nanCode : code);
}

/// The contract of encodeElement for MXINT8: 64 * value to the nearest integer
/// in [-127, 127].
inline uint8_t encodeMXINT8(float value) {
  float scaled = value * 64.0f;
  scaled = scaled < -127.0f ? -127.0f : scaled;
  scaled = scaled > 127.0f ? 127.0f : scaled;
  // 1.5 * 2^23: the sum's low bits are the integer in two's complement.
  constexpr float magic = 12582912.0f;
  uint32_t integer = floatBits(scaled + magic) - floatBits(magic);
  return value == value ? static_cast<uint8_t>(integer) : uint8_t(0);
}

} // namespace fp4::numerics

#endif // FP4_LIB_NUMERICS_FORMATDESCRIPTOR_H
