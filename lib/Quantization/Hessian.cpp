//===- Hessian.cpp - Calibration statistics of a layer --------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Accumulation in column tiles of fixed size and the rotation of H tile by
// tile.
//
//===----------------------------------------------------------------------===//

#include "fp4/Quantization/Hessian.h"
#include "Message.h"
#include "Moments.h"
#include "fp4/Numerics/Hadamard.h"
#include <algorithm>
#include <cassert>
#include <utility>

namespace fp4::quantization {

HessianAccumulator::HessianAccumulator(size_t cols, unsigned threads)
    : cols(cols), threads(threads), sum(cols * cols), squares(cols) {}

Status HessianAccumulator::add(const float *activations, size_t tokens) {
  if (Status status =
          verifyFinite("activation", "token", activations, tokens * cols, cols);
      !status.ok())
    return status;
  for (size_t token = 0; token < tokens; ++token)
    for (size_t col = 0; col < cols; ++col) {
      double value = activations[token * cols + col];
      squares[col] += value * value;
    }
  addMoments(activations, activations, tokens, cols, /*upperOnly=*/true,
             threads, sum.data());
  count += tokens;
  return Status::success();
}

std::vector<double> HessianAccumulator::secondMoments() const {
  std::vector<double> moments(squares);
  for (double &moment : moments)
    moment /= static_cast<double>(std::max<size_t>(count, 1));
  return moments;
}

Expected<std::vector<float>> HessianAccumulator::finish() const {
  if (count == 0)
    return Status::error("no calibration tokens were added, expected at least "
                         "1");
  std::vector<float> hessian(cols * cols);
  std::vector<double> diagonal = secondMoments();
  auto scale = static_cast<float>(1.0 / static_cast<double>(count));
  for (size_t i = 0; i < cols; ++i) {
    hessian[i * cols + i] = static_cast<float>(diagonal[i]);
    for (size_t j = i + 1; j < cols; ++j) {
      float value = sum[i * cols + j] * scale;
      hessian[i * cols + j] = value;
      hessian[j * cols + i] = value;
    }
  }
  return hessian;
}

std::vector<float> diagonalHessian(const std::vector<double> &moments) {
  size_t cols = moments.size();
  std::vector<float> hessian(cols * cols);
  for (size_t i = 0; i < cols; ++i)
    hessian[i * (cols + 1)] = static_cast<float>(moments[i]);
  return hessian;
}

static void transposeSquare(std::vector<float> &tile, size_t size) {
  for (size_t i = 0; i < size; ++i)
    for (size_t j = 0; j < i; ++j)
      std::swap(tile[i * size + j], tile[j * size + i]);
}

void rotateHessian(float *hessian, size_t cols, size_t block,
                   const int8_t *signs) {
  assert(numerics::isHadamardBlockLegal(block) && cols % block == 0 &&
         "illegal rotation");
  std::vector<float> tile(block * block);
  for (size_t top = 0; top < cols; top += block)
    for (size_t left = 0; left <= top; left += block) {
      float *corner = hessian + top * cols + left;
      for (size_t i = 0; i < block; ++i)
        std::copy_n(corner + i * cols, block, &tile[i * block]);
      // R^T T R: rotate the rows, then the columns as rows of the transpose.
      for (int side = 0; side < 2; ++side) {
        numerics::hadamard(tile.data(), tile.size(), block, signs);
        transposeSquare(tile, block);
      }
      // The tile on the diagonal is symmetric up to rounding only; writing the
      // mirror image last makes it exactly so.
      for (size_t i = 0; i < block; ++i)
        for (size_t j = 0; j < block; ++j) {
          if (top == left && j > i)
            continue;
          corner[i * cols + j] = tile[i * block + j];
          hessian[(left + j) * cols + top + i] = tile[i * block + j];
        }
    }
}

void rotateProblem(float *weights, size_t rows, size_t cols, float *hessian,
                   size_t block, const int8_t *signs) {
  numerics::hadamard(weights, rows * cols, block, signs);
  if (hessian)
    rotateHessian(hessian, cols, block, signs);
}

} // namespace fp4::quantization
