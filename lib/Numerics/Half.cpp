//===- Half.cpp - bfloat16 and float16 conversions ------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Integer conversions without branches on the data, so that loops over whole
// tensors vectorize.
//
//===----------------------------------------------------------------------===//

#include "fp4/Numerics/Half.h"
#include "FormatDescriptor.h"

using namespace fp4::numerics;

float fp4::numerics::decodeBF16(uint16_t bits) {
  return bitsToFloat(static_cast<uint32_t>(bits) << 16);
}

uint16_t fp4::numerics::encodeBF16(float value) {
  uint32_t bits = floatBits(value);
  bool isNaN = (bits & ~kSignBit) > kInfBits;
  uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
  uint32_t quiet = (bits >> 16) | 0x40;
  return static_cast<uint16_t>(isNaN ? quiet : rounded);
}

float fp4::numerics::decodeF16(uint16_t bits) {
  uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  uint32_t magnitude = static_cast<uint32_t>(bits & 0x7FFF) << 13;
  // The exponent field moves from bias 15 to 127; as a multiplication this also
  // normalizes subnormals.
  constexpr uint32_t twoTo112 = (127u + 112u) << 23;
  uint32_t finite = floatBits(bitsToFloat(magnitude) * bitsToFloat(twoTo112));
  bool special = (bits & 0x7C00) == 0x7C00;
  return bitsToFloat(sign | (special ? magnitude | kInfBits : finite));
}

uint16_t fp4::numerics::encodeF16(float value) {
  uint32_t bits = floatBits(value);
  uint32_t sign = (bits & kSignBit) >> 16;
  uint32_t magnitude = bits & ~kSignBit;
  // As roundNearest in FormatDescriptor.h, but overflow goes to infinity.
  uint32_t rounded = magnitude + 0xFFF + ((magnitude >> 13) & 1);
  uint32_t normal = (rounded >> 13) - (112u << 10);
  constexpr uint32_t magic = (127u + 23u - 24u) << 23; // 2^23 quanta of 2^-24
  uint32_t subnormal =
      floatBits(bitsToFloat(magnitude) + bitsToFloat(magic)) - magic;
  uint32_t code = magnitude < (113u << 23) ? subnormal : normal;
  code = code < 0x7C00 ? code : 0x7C00;
  bool isNaN = magnitude > kInfBits;
  uint32_t quiet = 0x7E00 | ((magnitude >> 13) & 0x3FF);
  return static_cast<uint16_t>(sign | (isNaN ? quiet : code));
}
