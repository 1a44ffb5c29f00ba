//===- Hessian.h - Calibration statistics of a layer ------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// H = X^T X / tokens of the inputs X (tokens x cols) of a layer, and what a
// rotation of those inputs does to it. Because H transforms by itself, one
// calibration run serves every rotation.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_QUANTIZATION_HESSIAN_H
#define FP4_QUANTIZATION_HESSIAN_H

#include "fp4/Status/Status.h"
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fp4::quantization {

/// Adds up X^T X over batches. The matrix is float32, rounded once per chunk
/// of tokens and not once per token; the diagonal, which decides damping, order
/// and dead columns, is kept in double. Bit-identical for every thread count.
class HessianAccumulator {
public:
  /// `threads`: 0 means one per hardware thread.
  explicit HessianAccumulator(size_t cols, unsigned threads = 0);

  /// Adds `tokens` rows of `cols` values. Fails on NaN or infinity, naming the
  /// token and the column, and then adds nothing.
  Status add(const float *activations, size_t tokens);

  size_t tokens() const { return count; }
  /// E[x_j^2], the diagonal of H; zeros before the first token.
  std::vector<double> secondMoments() const;
  /// The full symmetric matrix X^T X / tokens; fails before the first token.
  Expected<std::vector<float>> finish() const;

private:
  size_t cols;
  unsigned threads;
  size_t count = 0;
  std::vector<float> sum;
  std::vector<double> squares;
};

/// diag(moments): the Hessian when only per-channel second moments (or a
/// squared norm gain) are known. Rotate it afterwards; it then becomes full.
std::vector<float> diagonalHessian(const std::vector<double> &moments);

/// H <- R^T H R for x -> x R, R = blockdiag of the Hadamard transform of
/// Numerics/Hadamard.h. `cols` must be a multiple of `block` (asserted, as is
/// that `block` is legal). The result is exactly symmetric.
void rotateHessian(float *hessian, size_t cols, size_t block,
                   const int8_t *signs = nullptr);

/// W <- W R and, if given, H <- R^T H R: with activations x R the layer
/// computes what it did before, (x R)(W R)^T = x W^T.
void rotateProblem(float *weights, size_t rows, size_t cols, float *hessian,
                   size_t block, const int8_t *signs = nullptr);

} // namespace fp4::quantization

#endif // FP4_QUANTIZATION_HESSIAN_H
