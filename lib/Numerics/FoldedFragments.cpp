//===- FoldedFragments.cpp - 4-bit weights as e4m3 fragments --------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Packs codes and exponents; the order is documented in the header.
//
//===----------------------------------------------------------------------===//

#include "fp4/Numerics/FoldedFragments.h"
#include <algorithm>
#include <cmath>
#include <cstring>

namespace fp4::numerics {

static constexpr unsigned kNaN = 255;
/// Exponents are stored with this bias (OCP MX specification, E8M0).
static constexpr int kBias = 127;
/// Of a decoded one in a block with j = 0.
static constexpr int kDecodedExponent = 5;

/// The smallest and largest scale of a row's blocks that are not zero, the
/// former greater than the latter if there are none. A NaN counts everywhere.
static std::pair<unsigned, unsigned> findRowSpan(const FragmentSource &source,
                                                 size_t row) {
  size_t blocks = source.depth / source.blockDepth();
  unsigned smallest = kNaN, largest = 0;
  for (size_t i = row * blocks; i < (row + 1) * blocks; ++i) {
    unsigned code = source.scales[i];
    if (code != kNaN && isZeroBlock(source, i))
      continue;
    smallest = std::min(smallest, code);
    largest = std::max(largest, code);
  }
  return {smallest, largest};
}

std::optional<std::vector<float>> foldedFactors(const FragmentSource &source) {
  constexpr int kLargestExponent = 127; // of a float32
  std::vector<float> factors(source.rows, 1.0f);
  for (size_t row = 0; row < source.rows; ++row) {
    auto [smallest, largest] = findRowSpan(source, row);
    if (smallest > largest)
      continue;
    int exponent = static_cast<int>(smallest) - kBias + kDecodedExponent;
    if (largest == kNaN || largest - smallest > kFoldedSpan ||
        exponent > kLargestExponent)
      return std::nullopt;
    factors[row] = std::ldexp(1.0f, exponent);
  }
  return factors;
}

/// Adds a code to the word at `word`, the `place`-th of its row's four of the
/// first or second 16 of the depth.
static void addCode(uint8_t *word, bool isSecond, unsigned place,
                    unsigned code) {
  unsigned nibble = place + (isSecond ? 4 : 0);
  unsigned signNibble = 2 * place + (isSecond ? 0 : 1);
  word[nibble / 2] |= (code & 7) << (nibble % 2 * 4);
  word[signNibble / 2] |= (code >> 3) << (signNibble % 2 * 4 + 3);
}

/// Row `row` of the matrix into the units of its 64 rows.
static void writeRow(const FragmentSource &source, size_t row, uint8_t *units) {
  unsigned smallest = findRowSpan(source, row).first;
  size_t rowTile = row % kFragmentRows / 16, g = row % 8, half = row % 16 / 8;
  size_t blockDepth = source.blockDepth(), blocks = source.depth / blockDepth;
  for (size_t block = 0; block < blocks; ++block) {
    if (isZeroBlock(source, row * blocks + block))
      continue;
    size_t first = block * blockDepth;
    uint8_t *unit = units + first / kFoldedDepth * kFoldedUnitBytes;
    size_t step = first % kFoldedDepth / blockDepth;
    unit[4096 + rowTile * 64 + g * 8 + half * 4 + step] =
        static_cast<uint8_t>(source.scales[row * blocks + block] - smallest);
    uint8_t *words = unit + rowTile * 1024 + step / 2 * 512;
    for (size_t i = 0; i < blockDepth; ++i) {
      uint8_t pair = source.elements[(row * source.depth + first + i) / 2];
      size_t lane = 4 * g + i % 16 / 4, word = step % 2 * 2 + half;
      addCode(words + (lane * 4 + word) * 4, i >= 16, i % 4,
              i % 2 ? pair >> 4 : pair & 15);
    }
  }
}

void foldFragments(const FragmentSource &source, uint8_t *fragments) {
  size_t rowBytes = foldedUnits(source.depth) * kFoldedUnitBytes;
  size_t unitRows = (source.rows + kFragmentRows - 1) / kFragmentRows;
  std::memset(fragments, 0, unitRows * rowBytes);
  for (size_t row = 0; row < source.rows; ++row)
    writeRow(source, row, fragments + row / kFragmentRows * rowBytes);
}

} // namespace fp4::numerics
