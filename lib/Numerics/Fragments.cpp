//===- Fragments.cpp - Weights in the order of matrix fragments -----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Packs codes and scales; the order is documented in the header.
//
//===----------------------------------------------------------------------===//

#include "fp4/Numerics/Fragments.h"
#include <algorithm>
#include <cmath>
#include <cstring>

namespace fp4::numerics {

bool isZeroBlock(const FragmentSource &source, size_t block) {
  size_t bytes = source.blockDepth() / 2;
  const uint8_t *first = source.elements + block * bytes;
  return std::all_of(first, first + bytes,
                     [](uint8_t pair) { return (pair & 0x77) == 0; });
}

/// The largest and smallest E8M0 code of the blocks that are not zero.
static std::pair<unsigned, unsigned> findSpan(const FragmentSource &source) {
  unsigned smallest = 255, largest = 0;
  size_t blocks = source.rows * source.depth / source.blockDepth();
  for (size_t i = 0; i < blocks; ++i) {
    unsigned code = source.scales[i];
    // A NaN counts even where the codes are zero.
    if (code != 255 && isZeroBlock(source, i))
      continue;
    smallest = std::min(smallest, code);
    largest = std::max(largest, code);
  }
  return {smallest, largest};
}

std::optional<float> fragmentFactor(const FragmentSource &source,
                                    unsigned span) {
  if (source.scaleFormat == ScaleFormat::UE4M3)
    return 256.0f;
  auto [smallest, largest] = findSpan(source);
  if (smallest > largest)
    return 1.0f;
  if (largest == 255 || largest - smallest > span)
    return std::nullopt;
  return decodeScale(ScaleFormat::E8M0, static_cast<uint8_t>(largest));
}

/// The byte of a UE4M3 scale, and whether the block counts as zero.
static uint8_t packUE4M3(uint8_t code, bool &isZero) {
  float scale = decodeScale(ScaleFormat::UE4M3, code);
  isZero = scale == 0;
  if (isZero)
    return 0;
  if (std::isnan(scale))
    return 255;
  int exponent;
  float mantissa = 2 * std::frexp(scale, &exponent); // in [1, 2)
  return static_cast<uint8_t>((exponent + 20) * 8 +
                              static_cast<int>((mantissa - 1) * 8));
}

namespace {
/// One row of a unit's 64 rows, over the whole depth.
class UnitWriter {
public:
  UnitWriter(const FragmentSource &source, unsigned largest, size_t unitRow,
             uint8_t *units)
      : source(source), largest(largest), unitRow(unitRow), units(units),
        unitBytes(fragmentUnitBytes(source.scaleFormat)) {}

  void writeRow(size_t rowInUnit);

private:
  uint8_t packScale(size_t row, size_t block, bool &isZero) const {
    size_t index = row * (source.depth / source.blockDepth()) + block;
    uint8_t code = source.scales[index];
    if (source.scaleFormat == ScaleFormat::UE4M3)
      return packUE4M3(code, isZero);
    isZero = isZeroBlock(source, index);
    return isZero ? 253 : static_cast<uint8_t>(253 - (largest - code));
  }
  void writeCode(size_t rowInUnit, size_t k, unsigned code);

  const FragmentSource &source;
  unsigned largest;
  size_t unitRow;
  uint8_t *units;
  size_t unitBytes;
};
} // namespace

/// The bits of a code as register `reg` of its lane wants them.
static unsigned spread(unsigned reg, unsigned code) {
  unsigned sign = code >> 3, magnitude = code & 7;
  if (reg < 3)
    return sign << (15 - 3 * reg) | magnitude << (6 - 3 * reg);
  unsigned m0 = magnitude & 1, m1 = magnitude >> 1 & 1, m2 = magnitude >> 2;
  return sign << 14 | m0 << 11 | m1 << 10 | (m2 ^ m0) << 13;
}

void UnitWriter::writeCode(size_t rowInUnit, size_t k, unsigned code) {
  size_t rowTile = rowInUnit / 16, g = rowInUnit % 8;
  size_t step = k % kFragmentDepth / 16, t = k % 8 / 2;
  unsigned reg = rowInUnit % 16 / 8 + k % 16 / 8 * 2;
  unsigned bits = spread(reg, code);
  size_t word = (rowTile * 32 + 4 * g + t) * 4 + step;
  uint8_t *half =
      units + k / kFragmentDepth * unitBytes + 4 * word + 2 * (k % 2);
  half[0] |= bits & 255;
  half[1] |= bits >> 8;
}

void UnitWriter::writeRow(size_t rowInUnit) {
  size_t row = unitRow * kFragmentRows + rowInUnit;
  size_t blockDepth = source.blockDepth();
  size_t blocksPerUnit = kFragmentDepth / blockDepth;
  size_t slot = (rowInUnit / 16 * 8 + rowInUnit % 8) * blocksPerUnit;
  for (size_t block = 0; block < source.depth / blockDepth; ++block) {
    bool isZero;
    uint8_t *unit = units + block / blocksPerUnit * unitBytes;
    unit[2048 + 2 * (slot + block % blocksPerUnit) + rowInUnit % 16 / 8] =
        packScale(row, block, isZero);
    if (isZero)
      continue;
    for (size_t k = block * blockDepth; k < (block + 1) * blockDepth; ++k) {
      uint8_t pair = source.elements[(row * source.depth + k) / 2];
      writeCode(rowInUnit, k, k % 2 ? pair >> 4 : pair & 15);
    }
  }
}

void interleaveFragments(const FragmentSource &source, uint8_t *fragments) {
  size_t bytes = fragmentBytes(source.scaleFormat, source.rows, source.depth);
  std::memset(fragments, 0, bytes);
  unsigned largest =
      source.scaleFormat == ScaleFormat::E8M0 ? findSpan(source).second : 0;
  size_t unitRows = (source.rows + kFragmentRows - 1) / kFragmentRows;
  for (size_t unitRow = 0; unitRow < unitRows; ++unitRow) {
    UnitWriter writer(source, largest, unitRow,
                      fragments + unitRow * (bytes / unitRows));
    size_t count =
        std::min(kFragmentRows, source.rows - unitRow * kFragmentRows);
    for (size_t row = 0; row < count; ++row)
      writer.writeRow(row);
  }
}

} // namespace fp4::numerics
