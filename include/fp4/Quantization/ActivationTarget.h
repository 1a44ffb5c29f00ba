//===- ActivationTarget.h - Weights for rounded inputs ----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// At run time a layer sees quantized inputs X_q instead of X. The real weights
// that do best on them,
//
//   argmin_W' ||X W^T - X_q W'^T||^2 = W C H_q^-1,   C = X^T X_q, H_q = X_q^T
//   X_q,
//
// are the better target for GPTQ, which then runs on them with H_q (GPTAQ,
// Qronos: arXiv 2504.02692, 2505.11695). Needs many tokens per channel, about
// 32, or it fits the noise of the calibration set.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_QUANTIZATION_ACTIVATIONTARGET_H
#define FP4_QUANTIZATION_ACTIVATIONTARGET_H

#include "fp4/Status/Status.h"
#include <cstddef>
#include <vector>

namespace fp4::quantization {

/// Adds up C = X^T X_q over batches, like HessianAccumulator.
class CrossMomentAccumulator {
public:
  /// `threads`: 0 means one per hardware thread.
  explicit CrossMomentAccumulator(size_t cols, unsigned threads = 0);

  /// Adds `tokens` rows of exact and of quantized inputs. Fails on NaN or
  /// infinity, naming the token and the column, and then adds nothing.
  Status add(const float *exact, const float *quantized, size_t tokens);
  /// X^T X_q / tokens, row-major; fails before the first token.
  Expected<std::vector<float>> finish() const;

private:
  size_t cols;
  unsigned threads;
  size_t count = 0;
  std::vector<float> sum;
};

/// weights <- W (C + l I) (H_q + l I)^-1, l = damping * mean(diag H_q): damping
/// pulls the result towards W. `crossMoment` and `hessian` carry the same
/// factor (both divided by the number of tokens). Fails if H_q + l I is not
/// positive definite.
Status retargetWeights(float *weights, size_t rows, size_t cols,
                       const float *crossMoment, const float *hessian,
                       double damping = 0.01, unsigned threads = 0);

} // namespace fp4::quantization

#endif // FP4_QUANTIZATION_ACTIVATIONTARGET_H
