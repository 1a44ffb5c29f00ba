//===- HadamardTest.cpp - The fast transform against the matrix -----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "fp4/Numerics/Hadamard.h"
#include "TestFloats.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace fp4::numerics;
using namespace fp4::numerics::test;

static const size_t kBlocks[] = {2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

static std::vector<float> normals(size_t count, uint64_t seed) {
  SplitMix64 random(seed);
  std::vector<float> values(count);
  for (float &value : values)
    value = static_cast<float>(random.normal());
  return values;
}

static std::vector<int8_t> randomSigns(size_t count, uint64_t seed) {
  SplitMix64 random(seed);
  std::vector<int8_t> signs(count);
  for (int8_t &sign : signs)
    sign = random.next() & 1 ? 1 : -1;
  return signs;
}

/// Entry (i, j) of the Sylvester matrix: -1 to the number of common ones.
static int sylvester(size_t i, size_t j) {
  return __builtin_parityll(i & j) ? -1 : 1;
}

/// One block of x * D * H in double.
static std::vector<double> multiply(const float *x, size_t block,
                                    const int8_t *signs) {
  std::vector<double> result(block);
  for (size_t j = 0; j < block; ++j) {
    double sum = 0;
    for (size_t i = 0; i < block; ++i)
      sum += static_cast<double>(x[i]) * signs[i] * sylvester(i, j);
    result[j] = sum / std::sqrt(static_cast<double>(block));
  }
  return result;
}

class HadamardBlocks : public testing::TestWithParam<size_t> {
protected:
  size_t block = GetParam();
  // Three blocks, so that a transform across blocks would be seen.
  std::vector<float> input = normals(3 * block, 3);
  std::vector<int8_t> signs = randomSigns(block, 4);
  /// A value of round k is at most 2^(k/2) * |x| and each round adds half a
  /// unit in the last place; scaled back by the norm that is 2^-24 * |x| per
  /// round, and once more for the norm and its own rounding. |x| of all blocks
  /// together bounds that of one.
  double tolerance = (std::log2(block) + 2) * 0x1p-24 * norm2(input);

  static double norm2(const std::vector<float> &x) {
    double sum = 0;
    for (float value : x)
      sum += static_cast<double>(value) * value;
    return std::sqrt(sum);
  }
};

INSTANTIATE_TEST_SUITE_P(Blocks, HadamardBlocks, testing::ValuesIn(kBlocks));

TEST_P(HadamardBlocks, EqualsTheMatrix) {
  std::vector<int8_t> ones(block, 1);
  std::vector<float> result = input;
  hadamard(result.data(), result.size(), block);
  for (size_t start = 0; start < input.size(); start += block) {
    std::vector<double> expected = multiply(&input[start], block, ones.data());
    for (size_t i = 0; i < block; ++i)
      ASSERT_NEAR(result[start + i], expected[i], tolerance);
  }
}

TEST_P(HadamardBlocks, SignsMultiplyTheInputFirst) {
  std::vector<float> result = input;
  hadamard(result.data(), result.size(), block, signs.data());
  for (size_t start = 0; start < input.size(); start += block) {
    std::vector<double> expected = multiply(&input[start], block, signs.data());
    for (size_t i = 0; i < block; ++i)
      ASSERT_NEAR(result[start + i], expected[i], tolerance);
  }
}

TEST_P(HadamardBlocks, IsAnInvolutionWithoutSigns) {
  std::vector<float> result = input;
  hadamard(result.data(), result.size(), block);
  hadamard(result.data(), result.size(), block);
  for (size_t i = 0; i < input.size(); ++i)
    ASSERT_NEAR(result[i], input[i], 2 * tolerance);
}

TEST_P(HadamardBlocks, InverseUndoesSigns) {
  std::vector<float> result = input;
  hadamard(result.data(), result.size(), block, signs.data());
  inverseHadamard(result.data(), result.size(), block, signs.data());
  for (size_t i = 0; i < input.size(); ++i)
    ASSERT_NEAR(result[i], input[i], 2 * tolerance);
}

TEST_P(HadamardBlocks, FollowsTheContractedOrderOfRounding) {
  // The header fixes strides 1, 2, 4, ... and one final multiplication; bits
  // must agree with that program, written down plainly.
  std::vector<float> expected = input;
  for (size_t stride = 1; stride < block; stride *= 2)
    for (size_t i = 0; i < expected.size(); ++i)
      if ((i & stride) == 0) {
        float a = expected[i], b = expected[i + stride];
        expected[i] = a + b;
        expected[i + stride] = a - b;
      }
  auto norm = static_cast<float>(1 / std::sqrt(static_cast<double>(block)));
  for (float &value : expected)
    value *= norm;
  std::vector<float> result = input;
  hadamard(result.data(), result.size(), block);
  for (size_t i = 0; i < input.size(); ++i)
    ASSERT_EQ(floatBits(result[i]), floatBits(expected[i])) << "at " << i;
}

TEST(Hadamard, WorkedExamples) {
  // [1, 2, 3, 4] * H4 / 2, and the first
  // row of H16 / 4.
  float four[] = {1, 2, 3, 4};
  hadamard(four, 4, 4);
  EXPECT_EQ(std::vector<float>(four, four + 4),
            (std::vector<float>{5, -1, -2, 0}));
  std::vector<float> unit(16, 0.0f);
  unit[0] = 1;
  hadamard(unit.data(), 16, 16);
  EXPECT_EQ(unit, std::vector<float>(16, 0.25f));
}

TEST(Hadamard, LegalBlocksArePowersOfTwoUpTo1024) {
  for (size_t block : kBlocks)
    EXPECT_TRUE(isHadamardBlockLegal(block));
  for (size_t block : {0, 1, 3, 6, 48, 1000, 2048})
    EXPECT_FALSE(isHadamardBlockLegal(block));
}
