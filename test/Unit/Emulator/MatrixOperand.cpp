//===- MatrixOperand.cpp - Operands in shared memory for tests ------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MatrixOperand.h"
#include "fp4/Numerics/ElementFormat.h"
#include "fp4/Numerics/Half.h"

namespace fp4::ptx::testing {

unsigned bitsOf(Element type) {
  static constexpr unsigned bits[] = {16, 16, 32, 8, 8, 8, 8, 6, 6, 4, 4, 4};
  return bits[unsigned(type)];
}

static numerics::ElementFormat formatOf(Element type) {
  return type == Element::E4M3   ? numerics::ElementFormat::E4M3
         : type == Element::E5M2 ? numerics::ElementFormat::E5M2
         : type == Element::E2M3 ? numerics::ElementFormat::E2M3
         : type == Element::E3M2 ? numerics::ElementFormat::E3M2
                                 : numerics::ElementFormat::E2M1;
}

double decode(Element type, uint32_t code) {
  float value;
  switch (type) {
  case Element::F16:
    return numerics::decodeF16(uint16_t(code));
  case Element::BF16:
    return numerics::decodeBF16(uint16_t(code));
  case Element::TF32:
    std::memcpy(&value, &code, sizeof value);
    return value;
  case Element::U8:
  case Element::U4:
    return code;
  case Element::S4:
    return code & 8 ? int(code) - 16 : int(code);
  case Element::S8:
    return int8_t(code);
  default:
    return numerics::decodeElement(formatOf(type), uint8_t(code));
  }
}

uint32_t draw(Element type, std::mt19937 &random) {
  float value = float(int(random() % 17)) - 8;
  uint32_t bits;
  switch (type) {
  case Element::F16:
    return numerics::encodeF16(value);
  case Element::BF16:
    return numerics::encodeBF16(value);
  case Element::TF32:
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
  case Element::E4M3:
    bits = random() & 0xFF;
    return (bits & 0x7F) == 0x7F ? 0x38 : bits;
  case Element::E5M2:
    // Exponents 2^-7 to 2^7.
    return (random() & 0x83) | (8 + random() % 15) << 2;
  default:
    return random() & ((1u << bitsOf(type)) - 1);
  }
}

MatrixOperand::MatrixOperand(Element type, unsigned rows, unsigned storedBits,
                             bool transposed, std::mt19937 &random,
                             unsigned rowBytes)
    : image(size_t(rows) * rowBytes) {
  unsigned k = rowBytes * 8 / storedBits;
  // K-major: cores of 8 rows x 16 bytes, row groups 128 bytes apart.
  // MN-major: cores of 16 bytes of rows x 8 k, groups of k 128 bytes apart.
  unsigned leading = transposed ? 128 : rows / 8 * 128;
  unsigned stride = transposed ? 128 * k / 8 : 128;
  for (unsigned row = 0; row < rows; ++row)
    for (unsigned kk = 0; kk < k; ++kk) {
      uint32_t code = draw(type, random);
      codes.push_back(code);
      if (transposed) {
        unsigned bytes = storedBits / 8, perCore = 16 / bytes;
        unsigned at = row % perCore * bytes + row / perCore * stride +
                      kk % 8 * 16 + kk / 8 * leading;
        std::memcpy(&image[at], &code, bytes);
        continue;
      }
      unsigned perChunk = 128 / storedBits;
      unsigned bit = kk / perChunk * 128 + kk % perChunk * bitsOf(type);
      for (unsigned i = 0; i < bitsOf(type); ++i, ++bit) {
        unsigned byte = bit / 8;
        unsigned at =
            row % 8 * 16 + row / 8 * stride + byte / 16 * leading + byte % 16;
        image[at] |= uint8_t((code >> i & 1) << (bit % 8));
      }
    }
  descriptor = uint64_t(leading / 16) << 16 | uint64_t(stride / 16) << 32;
}

std::string replaceAll(std::string text, const std::string &from,
                       const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos;
       at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

} // namespace fp4::ptx::testing
