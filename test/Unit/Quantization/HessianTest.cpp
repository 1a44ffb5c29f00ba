//===- HessianTest.cpp - Calibration statistics ---------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Accumulation against sums in double, rotation against explicit products.
//
//===----------------------------------------------------------------------===//

#include "fp4/Quantization/Hessian.h"
#include "SyntheticLayer.h"
#include "fp4/Numerics/Hadamard.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>

using namespace fp4;
using namespace fp4::quantization;

static std::vector<double> exactHessian(const std::vector<float> &activations,
                                        size_t cols) {
  std::vector<double> sum(cols * cols);
  size_t tokens = activations.size() / cols;
  for (size_t token = 0; token < tokens; ++token)
    for (size_t i = 0; i < cols; ++i)
      for (size_t j = 0; j < cols; ++j)
        sum[i * cols + j] += double(activations[token * cols + i]) *
                             activations[token * cols + j] / double(tokens);
  return sum;
}

TEST(HessianAccumulator, MeanOfOuterProducts) {
  // 300 columns: two column tiles; 1500 tokens in uneven batches: several
  // chunks.
  SyntheticLayer layer(41, 1, 300, 1500);
  HessianAccumulator accumulator(300);
  const float *data = layer.calibration.data();
  ASSERT_TRUE(accumulator.add(data, 7).ok());
  ASSERT_TRUE(accumulator.add(data + 7 * 300, 1493).ok());
  EXPECT_EQ(accumulator.tokens(), 1500u);
  Expected<std::vector<float>> hessian = accumulator.finish();
  ASSERT_TRUE(hessian.ok()) << hessian.message();
  std::vector<double> exact = exactHessian(layer.calibration, 300);
  for (size_t i = 0; i < 300; ++i)
    for (size_t j = 0; j < 300; ++j) {
      // 1500 float32 additions against the Cauchy-Schwarz bound.
      double bound = std::sqrt(exact[i * 301] * exact[j * 301]);
      ASSERT_NEAR((*hessian)[i * 300 + j], exact[i * 300 + j], 1e-5 * bound);
      ASSERT_EQ((*hessian)[i * 300 + j], (*hessian)[j * 300 + i]);
    }
  EXPECT_NEAR(accumulator.secondMoments()[17], exact[17 * 301],
              1e-12 * exact[17 * 301]);
}

TEST(HessianAccumulator, ThreadsDoNotChangeTheResult) {
  SyntheticLayer layer(42, 1, 520, 64);
  HessianAccumulator one(520, 1), many(520, 4);
  ASSERT_TRUE(one.add(layer.calibration.data(), 64).ok());
  ASSERT_TRUE(many.add(layer.calibration.data(), 64).ok());
  EXPECT_EQ(*one.finish(), *many.finish());
}

TEST(HessianAccumulator, NamesTheFirstActivationThatIsNotFinite) {
  std::vector<float> activations(3 * 4, 1.0f);
  activations[6] = std::numeric_limits<float>::infinity();
  activations[9] = std::nanf("");
  HessianAccumulator accumulator(4);
  EXPECT_EQ(accumulator.add(activations.data(), 3).message(),
            "activation is inf at token 1, column 2, expected finite values");
  EXPECT_EQ(accumulator.tokens(), 0u);
  EXPECT_EQ(accumulator.finish().message(),
            "no calibration tokens were added, expected at least 1");
  EXPECT_EQ(accumulator.secondMoments(), std::vector<double>(4, 0.0));
}

TEST(DiagonalHessian, HoldsTheMomentsOnItsDiagonal) {
  EXPECT_EQ(diagonalHessian({2, 0.5}), (std::vector<float>{2, 0, 0, 0.5}));
}

/// The matrix of x -> x R, by rotating the unit vectors.
static std::vector<float> rotationMatrix(size_t cols, size_t block,
                                         const int8_t *signs) {
  std::vector<float> matrix(cols * cols);
  for (size_t i = 0; i < cols; ++i)
    matrix[i * (cols + 1)] = 1;
  numerics::hadamard(matrix.data(), matrix.size(), block, signs);
  return matrix;
}

TEST(RotateHessian, EqualsTheExplicitProduct) {
  constexpr size_t kCols = 48;
  const int8_t signs[16] = {1, -1, -1, 1,  1, 1,  -1, 1,
                            1, 1,  1,  -1, 1, -1, -1, -1};
  SyntheticLayer layer(43, 1, kCols, 128);
  std::vector<float> hessian = layer.hessian();
  for (const int8_t *used : {static_cast<const int8_t *>(nullptr), &signs[0]}) {
    std::vector<float> rotated = hessian;
    rotateHessian(rotated.data(), kCols, 16, used);
    std::vector<float> r = rotationMatrix(kCols, 16, used);
    double largest = 0;
    for (float value : hessian)
      largest = std::max(largest, std::fabs(double(value)));
    for (size_t i = 0; i < kCols; ++i)
      for (size_t j = 0; j < kCols; ++j) {
        double product = 0;
        for (size_t k = 0; k < kCols; ++k)
          for (size_t l = 0; l < kCols; ++l)
            product += double(r[k * kCols + i]) * hessian[k * kCols + l] *
                       r[l * kCols + j];
        // Two transforms of four float32 additions each.
        ASSERT_NEAR(rotated[i * kCols + j], product, 4e-6 * largest);
        ASSERT_EQ(rotated[i * kCols + j], rotated[j * kCols + i]);
      }
  }
}

TEST(RotateProblem, KeepsTheLayersOutput) {
  const int8_t signs[4] = {1, -1, 1, 1};
  // H_4 / 2 applied to [1, 2, 3, 4] is [5, -1, -2, 0].
  std::vector<float> weights{1, 2, 3, 4};
  rotateProblem(weights.data(), 1, 4, nullptr, 4);
  EXPECT_EQ(weights, (std::vector<float>{5, -1, -2, 0}));

  SyntheticLayer layer(44, 8, 32, 16);
  std::vector<float> rotatedWeights = layer.weights;
  std::vector<float> hessian = layer.hessian();
  rotateProblem(rotatedWeights.data(), 8, 32, hessian.data(), 4, signs);
  std::vector<float> rotatedInputs = layer.calibration;
  numerics::hadamard(rotatedInputs.data(), rotatedInputs.size(), 4, signs);
  for (size_t token = 0; token < 16; ++token)
    for (size_t row = 0; row < 8; ++row) {
      double before = 0, after = 0;
      for (size_t col = 0; col < 32; ++col) {
        before += double(layer.calibration[token * 32 + col]) *
                  layer.weights[row * 32 + col];
        after += double(rotatedInputs[token * 32 + col]) *
                 rotatedWeights[row * 32 + col];
      }
      ASSERT_NEAR(before, after, 1e-5);
    }
  // The rotated Hessian is that of the rotated inputs.
  std::vector<double> exact = exactHessian(rotatedInputs, 32);
  for (size_t i = 0; i < 32; ++i)
    ASSERT_NEAR(hessian[i * 33], exact[i * 33], 1e-5 * exact[i * 33]);
}
