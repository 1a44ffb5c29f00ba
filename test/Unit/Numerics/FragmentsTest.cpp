//===- FragmentsTest.cpp - Weights in the order of matrix fragments -------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decodes packed bytes as a lane does (the formulas of Fragments.h, bfloat16
// bits by hand) and finds the matrix again, element by element.
//
//===----------------------------------------------------------------------===//

#include "fp4/Numerics/Fragments.h"
#include "fp4/Numerics/FloatBits.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace fp4::numerics;

namespace {

double fromBF16(uint32_t bits) { return bitsToFloat(bits << 16); }

struct Matrix {
  ScaleFormat format;
  size_t rows, depth;
  std::vector<uint8_t> elements, scales;

  Matrix(ScaleFormat format, size_t rows, size_t depth)
      : format(format), rows(rows), depth(depth) {
    std::mt19937 random(7);
    FragmentSource s = source();
    for (size_t i = 0; i < rows * depth / 2; ++i)
      elements.push_back(random() % 256);
    for (size_t i = 0; i < rows * depth / s.blockDepth(); ++i)
      scales.push_back(format == ScaleFormat::UE4M3 ? random() % 127
                                                    : 100 + random() % 50);
  }

  FragmentSource source() const {
    return {format, elements.data(), scales.data(), rows, depth};
  }

  double at(size_t row, size_t k) const {
    static const double magnitudes[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
    size_t index = row * depth + k;
    unsigned code = elements[index / 2] >> (4 * (index % 2)) & 15;
    double value = magnitudes[code & 7] *
                   decodeScale(format, scales[index / source().blockDepth()]);
    return code & 8 ? -value : value;
  }
};

/// Element (row, k) as the kernels decode it.
double decode(const Matrix &matrix, const std::vector<uint8_t> &bytes,
              size_t row, size_t k) {
  bool isUE4M3 = matrix.format == ScaleFormat::UE4M3;
  size_t unit = row / 64 * fragmentUnits(matrix.depth) + k / 64;
  const uint8_t *data = bytes.data() + unit * fragmentUnitBytes(matrix.format);
  size_t tile = row % 64 / 16, g = row % 8, t = k % 8 / 2, step = k % 64 / 16;
  uint32_t q;
  std::memcpy(&q, data + ((tile * 32 + 4 * g + t) * 4 + step) * 4, 4);
  size_t reg = row % 16 / 8 + k % 16 / 8 * 2;
  uint32_t r = reg == 0   ? q
               : reg == 1 ? 8 * q
               : reg == 2 ? 64 * q
                          : 69 * ((q & 0x6C006C00) >> 5);
  r &= 0x81C081C0;
  size_t blocks = isUE4M3 ? 4 : 2;
  uint8_t s =
      data[2048 + ((tile * 8 + g) * blocks + k % 64 / (64 / blocks)) * 2 +
           row % 16 / 8];
  uint32_t scale = isUE4M3 ? 0x7000 + 16 * s : 128 * s;
  return fromBF16(r >> (16 * (k % 2)) & 0xffff) * fromBF16(scale);
}

void checkMatrix(ScaleFormat format, size_t rows, size_t depth) {
  Matrix matrix(format, rows, depth);
  std::optional<float> factor = fragmentFactor(matrix.source());
  ASSERT_TRUE(factor);
  std::vector<uint8_t> bytes(fragmentBytes(format, rows, depth), 0xee);
  interleaveFragments(matrix.source(), bytes.data());
  for (size_t row = 0; row < (rows + 63) / 64 * 64; ++row)
    for (size_t k = 0; k < 64 * fragmentUnits(depth); ++k) {
      double expected = row < rows && k < depth ? matrix.at(row, k) : 0;
      ASSERT_EQ(decode(matrix, bytes, row, k) * *factor, expected)
          << "at " << row << ", " << k;
    }
}

TEST(Fragments, DecodeToTheMatrix) {
  checkMatrix(ScaleFormat::UE4M3, 128, 256);
  checkMatrix(ScaleFormat::UE4M3, 72, 80);
  checkMatrix(ScaleFormat::E8M0, 64, 192);
  checkMatrix(ScaleFormat::E8M0, 8, 32);
}

TEST(Fragments, RangeOfExponents) {
  Matrix matrix(ScaleFormat::E8M0, 2, 32);
  matrix.elements.assign(32, 0x11);
  matrix.scales = {100, 160};
  EXPECT_EQ(fragmentFactor(matrix.source()), std::exp2(160.0f - 127));
  matrix.scales = {100, 161};
  EXPECT_EQ(fragmentFactor(matrix.source()), std::nullopt);
  // A block of zeros may have any scale but NaN.
  std::fill_n(matrix.elements.begin(), 16, 0x08);
  EXPECT_EQ(fragmentFactor(matrix.source()), std::exp2(161.0f - 127));
  matrix.scales[0] = 255;
  EXPECT_EQ(fragmentFactor(matrix.source()), std::nullopt);
}

TEST(Fragments, NaNScaleStaysNaN) {
  Matrix matrix(ScaleFormat::UE4M3, 8, 16);
  matrix.scales[3] = 0x7f;
  std::vector<uint8_t> bytes(fragmentBytes(matrix.format, 8, 16));
  interleaveFragments(matrix.source(), bytes.data());
  for (size_t k = 0; k < 16; ++k)
    EXPECT_TRUE(std::isnan(decode(matrix, bytes, 3, k)));
}

} // namespace
