//===- Packing.cpp - Bit packing and scale layouts ------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows are whole numbers of bytes, so a matrix is packed as one long row.
//
//===----------------------------------------------------------------------===//

#include "fp4/Numerics/Packing.h"
#include <algorithm>
#include <cassert>

using namespace fp4::numerics;

size_t fp4::numerics::packedRowBytes(ElementFormat format, size_t cols) {
  size_t bits = cols * elementBits(format);
  assert(bits % 8 == 0 && "a packed row must be whole bytes");
  return bits / 8;
}

static void pack4(const uint8_t *codes, size_t bytes, uint8_t *packed) {
  for (size_t i = 0; i < bytes; ++i)
    packed[i] =
        static_cast<uint8_t>((codes[2 * i] & 15) | (codes[2 * i + 1] << 4));
}

static void unpack4(const uint8_t *packed, size_t bytes, uint8_t *codes) {
  for (size_t i = 0; i < bytes; ++i) {
    codes[2 * i] = packed[i] & 15;
    codes[2 * i + 1] = packed[i] >> 4;
  }
}

static void pack6(const uint8_t *codes, size_t quads, uint8_t *packed) {
  for (size_t i = 0; i < quads; ++i, codes += 4, packed += 3) {
    uint32_t word = 0;
    for (unsigned k = 0; k < 4; ++k)
      word |= static_cast<uint32_t>(codes[k] & 63) << (6 * k);
    for (unsigned k = 0; k < 3; ++k)
      packed[k] = static_cast<uint8_t>(word >> (8 * k));
  }
}

static void unpack6(const uint8_t *packed, size_t quads, uint8_t *codes) {
  for (size_t i = 0; i < quads; ++i, codes += 4, packed += 3) {
    uint32_t word = 0;
    for (unsigned k = 0; k < 3; ++k)
      word |= static_cast<uint32_t>(packed[k]) << (8 * k);
    for (unsigned k = 0; k < 4; ++k)
      codes[k] = (word >> (6 * k)) & 63;
  }
}

void fp4::numerics::packCodes(ElementFormat format, const uint8_t *codes,
                              size_t rows, size_t cols, uint8_t *packed) {
  size_t bytes = rows * packedRowBytes(format, cols);
  switch (elementBits(format)) {
  case 4:
    return pack4(codes, bytes, packed);
  case 6:
    return pack6(codes, bytes / 3, packed);
  default:
    std::copy_n(codes, bytes, packed);
  }
}

void fp4::numerics::unpackCodes(ElementFormat format, const uint8_t *packed,
                                size_t rows, size_t cols, uint8_t *codes) {
  size_t bytes = rows * packedRowBytes(format, cols);
  switch (elementBits(format)) {
  case 4:
    return unpack4(packed, bytes, codes);
  case 6:
    return unpack6(packed, bytes / 3, codes);
  default:
    std::copy_n(packed, bytes, codes);
  }
}

size_t fp4::numerics::scaleBytes128x4(size_t rows, size_t columns) {
  return (rows + 127) / 128 * ((columns + 3) / 4) * 512;
}

void fp4::numerics::swizzleScales128x4(const uint8_t *scales, size_t rows,
                                       size_t columns, uint8_t *swizzled) {
  std::fill_n(swizzled, scaleBytes128x4(rows, columns), uint8_t(0));
  for (size_t row = 0; row < rows; ++row)
    for (size_t column = 0; column < columns; ++column)
      swizzled[scaleOffset128x4(row, column, columns)] =
          scales[row * columns + column];
}

void fp4::numerics::unswizzleScales128x4(const uint8_t *swizzled, size_t rows,
                                         size_t columns, uint8_t *scales) {
  for (size_t row = 0; row < rows; ++row)
    for (size_t column = 0; column < columns; ++column)
      scales[row * columns + column] =
          swizzled[scaleOffset128x4(row, column, columns)];
}
