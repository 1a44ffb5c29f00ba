//===- FixedTransformTest.cpp - Transforms that need no data --------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each kind by what defines it, and matrices that the caller gives.
//
//===----------------------------------------------------------------------===//

#include "fp4/Numerics/Hadamard.h"
#include "fp4/Quantization/BlockTransform.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>

using namespace fp4;
using namespace fp4::quantization;

constexpr OrthogonalKind kAll[] = {OrthogonalKind::Hadamard,
                                   OrthogonalKind::GSR, OrthogonalKind::DCT,
                                   OrthogonalKind::DST};

/// T_x x for one block.
static std::vector<float> apply(OrthogonalKind kind, std::vector<float> x) {
  Expected<BlockTransform> transform =
      orthogonalTransform(kind, x.size(), x.size());
  EXPECT_TRUE(transform.ok()) << transform.message();
  applyBlockTransform(transform->activations, x.size(), x.data(), 1, x.size());
  return x;
}

TEST(FixedTransform, NamesRoundTrip) {
  for (OrthogonalKind kind : kAll)
    EXPECT_EQ(parseOrthogonalKind(orthogonalKindName(kind)), kind);
  EXPECT_EQ(parseOrthogonalKind("dft"), std::nullopt);
}

TEST(FixedTransform, IsOrthogonalAndTheSameInAllBlocks) {
  for (OrthogonalKind kind : kAll)
    for (size_t n : {16, 32}) {
      BlockTransform transform = *orthogonalTransform(kind, 3 * n, n);
      EXPECT_EQ(transform.weights, transform.activations);
      ASSERT_EQ(transform.weights.size(), 3 * n * n);
      for (size_t i = 0; i < n * n; ++i)
        ASSERT_EQ(transform.weights[i], transform.weights[2 * n * n + i]);
      for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j) {
          double product = 0;
          for (size_t k = 0; k < n; ++k)
            product += double(transform.weights[k * n + i]) *
                       transform.weights[k * n + j];
          // Entries are rounded to float32.
          ASSERT_NEAR(product, i == j, 1e-6);
        }
    }
}

TEST(FixedTransform, HadamardIsThatOfNumerics) {
  std::vector<float> x(32);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<float>(i * i) - 40;
  std::vector<float> expected = x;
  numerics::hadamard(expected.data(), 32, 32);
  std::vector<float> result = apply(OrthogonalKind::Hadamard, x);
  for (size_t i = 0; i < 32; ++i)
    ASSERT_NEAR(result[i], expected[i], 1e-6 * 32 * 960);
}

TEST(FixedTransform, RowsOfGSRAreInOrderOfSequency) {
  BlockTransform transform = *orthogonalTransform(OrthogonalKind::GSR, 64, 64);
  for (size_t k = 0; k < 64; ++k) {
    size_t changes = 0;
    for (size_t i = 1; i < 64; ++i)
      changes += (transform.weights[k * 64 + i] < 0) !=
                 (transform.weights[k * 64 + i - 1] < 0);
    EXPECT_EQ(changes, k);
  }
}

TEST(FixedTransform, CosinesAndSinesHaveTheirEigenvectors) {
  // The constant is the first row of the DCT, the alternating vector the last
  // of the DST; both have length sqrt(12). A block need not be a power of two.
  std::vector<float> constant(12, 1), alternating(12);
  for (size_t i = 0; i < 12; ++i)
    alternating[i] = i % 2 == 0 ? 1.0f : -1.0f;
  std::vector<float> first = apply(OrthogonalKind::DCT, constant);
  std::vector<float> last = apply(OrthogonalKind::DST, alternating);
  for (size_t k = 0; k < 12; ++k) {
    EXPECT_NEAR(first[k], k == 0 ? std::sqrt(12.0) : 0, 1e-6);
    EXPECT_NEAR(last[k], k == 11 ? std::sqrt(12.0) : 0, 1e-6);
  }
}

TEST(FixedTransform, RejectsBlocksThatDoNotFit) {
  EXPECT_EQ(orthogonalTransform(OrthogonalKind::DCT, 64, 24).message(),
            "transform of 24 channels, expected a divisor of 64");
  EXPECT_EQ(orthogonalTransform(OrthogonalKind::DCT, 64, 0).message(),
            "transform of 0 channels, expected a divisor of 64");
  EXPECT_EQ(orthogonalTransform(OrthogonalKind::GSR, 24, 12).message(),
            "transform gsr of 12 channels, expected a power of two in 2..1024");
}

TEST(GivenTransform, KeepsProducts) {
  // (T_x x)^T (T_w w) = x^T w, with a shear and a scaling.
  Expected<BlockTransform> transform =
      givenTransform({2, 1, 0, 0.5, 1, 0, 3, 1}, 2);
  ASSERT_TRUE(transform.ok()) << transform.message();
  std::vector<float> x = {3, -1, 2, 5}, w = {1, 4, -2, 0.5};
  applyBlockTransform(transform->activations, 2, x.data(), 1, 4);
  applyBlockTransform(transform->weights, 2, w.data(), 1, 4);
  double product = 0;
  for (size_t i = 0; i < 4; ++i)
    product += double(x[i]) * w[i];
  EXPECT_NEAR(product, 3 - 4 - 4 + 2.5, 1e-5);
}

TEST(GivenTransform, RejectsMatricesItCannotUse) {
  EXPECT_EQ(givenTransform({1, 0, 0}, 2).message(),
            "transform of 3 values, expected matrices of 2 x 2");
  EXPECT_EQ(givenTransform({}, 2).message(),
            "transform of 0 values, expected matrices of 2 x 2");
  EXPECT_EQ(givenTransform({1, 0, 0, 1, 1, 2, 2, 4}, 2).message(),
            "transform of block 1 cannot be inverted");
  float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(givenTransform({1, 0, infinity, 1}, 2).message(),
            "transform is inf at row 1, column 0, expected finite values");
}
