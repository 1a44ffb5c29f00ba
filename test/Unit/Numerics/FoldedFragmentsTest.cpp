//===- FoldedFragmentsTest.cpp - Packing of 4-bit weights as e4m3 ---------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decodes packed bytes as the kernels do and compares with the matrix.
//
//===----------------------------------------------------------------------===//

#include "fp4/Numerics/FoldedFragments.h"
#include "fp4/Numerics/ElementFormat.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace fp4::numerics;

namespace {

struct Matrix {
  size_t rows, depth;
  std::vector<uint8_t> elements, scales;

  Matrix(size_t rows, size_t depth) : rows(rows), depth(depth) {
    std::mt19937 random(7);
    for (size_t i = 0; i < rows * depth / 2; ++i)
      elements.push_back(random() % 256);
    for (size_t row = 0; row < rows; ++row) {
      unsigned smallest = 90 + random() % 60;
      for (size_t i = 0; i < depth / 32; ++i)
        scales.push_back(smallest + random() % (kFoldedSpan + 1));
    }
  }

  FragmentSource source() const {
    return {ScaleFormat::E8M0, elements.data(), scales.data(), rows, depth};
  }

  double at(size_t row, size_t k) const {
    static const double magnitudes[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
    size_t index = row * depth + k;
    unsigned code = elements[index / 2] >> (4 * (index % 2)) & 15;
    double value = std::ldexp(magnitudes[code & 7], scales[index / 32] - 127);
    return code & 8 ? -value : value;
  }
};

/// Element (row, k) as the kernels decode it: an entry of the table of the
/// eight magnitudes at j = 0 plus 8 j, and a sign.
double decode(const Matrix &matrix, const std::vector<uint8_t> &bytes,
              size_t row, size_t k) {
  size_t unit = row / 64 * foldedUnits(matrix.depth) + k / 128;
  const uint8_t *data = bytes.data() + unit * kFoldedUnitBytes;
  size_t tile = row % 64 / 16, g = row % 8, half = row % 16 / 8;
  size_t step = k % 128 / 32, t = k % 16 / 4, place = k % 4;
  uint32_t x;
  std::memcpy(&x,
              data + tile * 1024 + step / 2 * 512 + (4 * g + t) * 16 +
                  (step % 2 * 2 + half) * 4,
              4);
  unsigned j = data[4096 + tile * 64 + g * 8 + half * 4 + step];
  uint64_t table = 0x24201C1814100800u;
  for (int i = 1; i < 8; ++i)
    table += uint64_t(8 * j) << (8 * i);
  bool isSecond = k % 32 >= 16;
  uint32_t magnitudes = isSecond ? x >> 16 : x;
  uint32_t signs = isSecond ? x * 16 : x;
  unsigned index = magnitudes >> (4 * place) & 7;
  unsigned byte = (table >> (8 * index) & 0xff) | (signs >> (8 * place) & 0x80);
  return decodeElement(ElementFormat::E4M3, static_cast<uint8_t>(byte));
}

void checkMatrix(size_t rows, size_t depth) {
  Matrix matrix(rows, depth);
  std::optional<std::vector<float>> factors = foldedFactors(matrix.source());
  ASSERT_TRUE(factors);
  size_t units = (rows + 63) / 64 * foldedUnits(depth);
  std::vector<uint8_t> bytes(units * kFoldedUnitBytes, 0xee);
  foldFragments(matrix.source(), bytes.data());
  for (size_t row = 0; row < (rows + 63) / 64 * 64; ++row)
    for (size_t k = 0; k < kFoldedDepth * foldedUnits(depth); ++k) {
      double factor = row < rows ? (*factors)[row] : 1;
      double expected = row < rows && k < depth ? matrix.at(row, k) : 0;
      ASSERT_EQ(decode(matrix, bytes, row, k) * factor, expected)
          << "at " << row << ", " << k;
    }
}

TEST(FoldedFragments, DecodeToTheMatrix) {
  checkMatrix(128, 256);
  checkMatrix(72, 160);
  checkMatrix(8, 32);
}

TEST(FoldedFragments, RangeOfExponents) {
  Matrix matrix(2, 64);
  matrix.elements.assign(64, 0x11);
  matrix.scales = {100, 111, 20, 20};
  std::vector<float> expected = {std::exp2(100.0f + 5 - 127),
                                 std::exp2(20.0f + 5 - 127)};
  EXPECT_EQ(foldedFactors(matrix.source()), expected);
  matrix.scales[1] = 112;
  EXPECT_EQ(foldedFactors(matrix.source()), std::nullopt);
  // A block of zeros may have any scale but NaN.
  std::fill_n(matrix.elements.begin() + 16, 16, 0x08);
  EXPECT_EQ(foldedFactors(matrix.source()), expected);
  matrix.scales[1] = 255;
  EXPECT_EQ(foldedFactors(matrix.source()), std::nullopt);
}

TEST(FoldedFragments, FactorsAreFloats) {
  Matrix matrix(1, 32);
  matrix.elements.assign(16, 0x11);
  matrix.scales = {249};
  EXPECT_EQ(foldedFactors(matrix.source()),
            std::vector<float>{std::exp2(127.0f)});
  matrix.scales = {250};
  EXPECT_EQ(foldedFactors(matrix.source()), std::nullopt);
}

TEST(FoldedFragments, RowsOfZerosHaveAFactor) {
  Matrix matrix(1, 32);
  matrix.elements.assign(16, 0x80);
  matrix.scales = {250};
  EXPECT_EQ(foldedFactors(matrix.source()), std::vector<float>{1.0f});
}

} // namespace
