//===- FragmentMatrix.cpp - Weights in the order of fragments -------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads 4-bit weights that lie in memory as the registers of operand A of
// mma.sync m16n8k16 take them (PTX ISA, "Matrix Fragments for mma.m16n8k16").
// A unit holds 64 rows by 64 of the depth:
//
// - 2048 bytes of codes: 32-bit words [16 rows: 4][lane: 32][16 of k: 4]. A
//   lane 4g + t has the codes of rows g and g + 8 and of k = 2t, 2t + 1 and
//   eight more; the even k in the low half. With r = 0 for (g, k), 1 for
//   (g + 8, k), 2 for (g, k + 8), 3 for (g + 8, k + 8), a half has the sign s
//   and the magnitude m2 m1 m0 of its four codes at
//
//     r = 0: s 15, m 8 7 6      r = 1: s 12, m 5 4 3      r = 2: s 9, m 2 1 0
//     r = 3: s 14, m0 11, m1 10, m2 xor m0 13
//
// - the scales, two bytes for rows g and g + 8 at a time, ordered [16 rows: 4]
//   [g: 8][block along the depth]. The bfloat16 with the bits 0x7000 + 16 *
//   byte (UE4M3) or 128 * byte (E8M0), times 2^-126, is the scale but the
//   factor of the matrix; byte 255 is NaN.
//
// A folded unit, for wgmma m64nNk32 of e4m3, is 64 rows by 128 of the depth:
//
// - 4096 bytes of codes: 32-bit words [row tile of 16: 4][64 of k: 2][lane: 32]
//   [4]. Word 2s + h of lane 4g + t has row g + 8h, k = 32s + 4t + i and 16
//   more: their magnitudes in nibbles i and 4 + i, their signs in bit 3 of
//   nibbles 2i + 1 and 2i.
//
// - 256 bytes j: [row tile: 4][g: 8][row g, row g + 8][32 of k: 4]. A value is
//   that of its code times 2^(j - 5), but for the factor of its row.
//
//===----------------------------------------------------------------------===//

#include "FragmentMatrix.h"
#include "fp4/Numerics/Half.h"
#include <cmath>
#include <limits>

namespace fp4::runtime {

static constexpr size_t kUnit = 64, kCodeBytes = 2048;
static constexpr size_t kFoldedDepth = 128, kFoldedCodeBytes = 4096,
                        kFoldedBytes = 4352;

/// The code of `row`, `k` of a unit.
static unsigned codeAt(const uint8_t *unit, size_t row, size_t k) {
  size_t lane = 4 * (row % 8) + k % 8 / 2;
  size_t word = (row / 16 * 32 + lane) * 4 + k / 16;
  const uint8_t *bytes = unit + 4 * word + 2 * (k % 2);
  unsigned half = bytes[0] | bytes[1] << 8;
  unsigned place = unsigned(row % 16 / 8 + k % 16 / 8 * 2);
  if (place < 3)
    return (half >> (15 - 3 * place) & 1) << 3 | (half >> (6 - 3 * place) & 7);
  unsigned m0 = half >> 11 & 1, m1 = half >> 10 & 1;
  return (half >> 14 & 1) << 3 | ((half >> 13 & 1) ^ m0) << 2 | m1 << 1 | m0;
}

/// The scale of `row`, `k` of a unit.
static double scaleAt(const numerics::BlockFormat &format, const uint8_t *unit,
                      size_t row, size_t k) {
  size_t blocks = kUnit / format.blockCols;
  size_t slot = (row / 16 * 8 + row % 8) * blocks + k / format.blockCols;
  unsigned byte = unit[kCodeBytes + 2 * slot + row % 16 / 8];
  if (byte == 255)
    return std::numeric_limits<double>::quiet_NaN();
  bool isE8M0 = format.scale == numerics::ScaleFormat::E8M0;
  unsigned bits = isE8M0 ? 128 * byte : 0x7000 + 16 * byte;
  return std::ldexp(double(numerics::decodeBF16(uint16_t(bits))), -126);
}

/// Whether the array has the units of so many rows and columns, each of
/// `unitDepth` columns.
static Status checkUnits(const NDArray &units, int64_t rows, int64_t depth,
                         int64_t unitDepth, size_t unitBytes) {
  auto ceilDiv = [](int64_t a, int64_t b) { return (a + b - 1) / b; };
  if (units.rank() == 3 && units.shape()[0] >= ceilDiv(rows, kUnit) &&
      units.shape()[1] >= ceilDiv(depth, unitDepth) &&
      size_t(units.shape()[2]) == unitBytes)
    return Status::success();
  return Status::error("expected fragments of " + std::to_string(rows) +
                       " rows and " + std::to_string(depth) +
                       " columns in units of " + std::to_string(unitBytes) +
                       " bytes, got " + shapeString(units.shape()));
}

Expected<std::vector<double>>
decodeFragments(const numerics::BlockFormat &format, const NDArray &units,
                int64_t rows, int64_t depth) {
  size_t unitBytes = kCodeBytes + 2 * 32 * (kUnit / format.blockCols);
  Status status = checkUnits(units, rows, depth, kUnit, unitBytes);
  if (!status.ok())
    return status;
  std::vector<double> values;
  values.reserve(size_t(rows * depth));
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t k = 0; k < depth; ++k) {
      const uint8_t *unit =
          units.bytes() +
          size_t(row / 64 * units.shape()[1] + k / 64) * unitBytes;
      auto r = size_t(row % 64), c = size_t(k % 64);
      values.push_back(double(numerics::decodeElement(
                           format.element, uint8_t(codeAt(unit, r, c)))) *
                       scaleAt(format, unit, r, c));
    }
  return values;
}

/// The value of `row`, `k` of a folded unit.
static double foldedAt(const uint8_t *unit, size_t row, size_t k) {
  size_t tile = row / 16, g = row % 8, half = row % 16 / 8;
  size_t lane = 4 * g + k % 16 / 4, word = k % 64 / 32 * 2 + half;
  const uint8_t *bytes =
      unit + tile * 1024 + k / 64 * 512 + (lane * 4 + word) * 4;
  size_t place = k % 4, isSecond = k % 32 / 16;
  size_t nibble = place + 4 * isSecond, sign = 2 * place + 1 - isSecond;
  unsigned code = bytes[nibble / 2] >> nibble % 2 * 4 & 7;
  code |= (bytes[sign / 2] >> sign % 2 * 4 & 8);
  unsigned j = unit[kFoldedCodeBytes + tile * 64 + g * 8 + half * 4 + k / 32];
  return std::ldexp(double(numerics::decodeElement(
                        numerics::ElementFormat::E2M1, uint8_t(code))),
                    int(j) - 5);
}

Expected<std::vector<double>>
decodeFoldedFragments(const NDArray &units, int64_t rows, int64_t depth) {
  Status status = checkUnits(units, rows, depth, kFoldedDepth, kFoldedBytes);
  if (!status.ok())
    return status;
  std::vector<double> values;
  values.reserve(size_t(rows * depth));
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t k = 0; k < depth; ++k) {
      auto unit = size_t(row) / kUnit * size_t(units.shape()[1]) +
                  size_t(k) / kFoldedDepth;
      values.push_back(foldedAt(units.bytes() + unit * kFoldedBytes,
                                size_t(row) % kUnit, size_t(k) % kFoldedDepth));
    }
  return values;
}

} // namespace fp4::runtime
