//===- Factor.h - Order, damping and factor of a Hessian --------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What GPTQ needs to know about H. With V upper triangular and H = V V^T, the
// error d = w - q of a row has the loss d H d^T = sum_j ((d V)_j)^2, and
//
//   (d V)_j = V_jj (w'_j - q_j),   w'_j = w_j + sum_{i<j} d_i V_ij / V_jj:
//
// rounding w'_j to the nearest code minimizes term j given the earlier columns.
// This is GPTQ's recursion (arXiv 2507.18553) without the inverse of H that the
// usual form computes from three triangular factorizations.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_QUANTIZATION_FACTOR_H
#define FP4_LIB_QUANTIZATION_FACTOR_H

#include "fp4/Quantization/WeightQuantizer.h"

namespace fp4::quantization {

/// A caller's Hessian, row-major cols x cols, and what its diagonal says.
struct HessianView {
  const float *values;
  size_t cols;
  std::vector<bool> dead;
  size_t deadCount = 0;
  /// Over the columns that are not dead, so that a multiple of H gives the
  /// same quantization.
  double meanDiagonal = 0;

  HessianView(const float *values, size_t cols);
  const float *row(size_t i) const { return values + i * cols; }
};

/// Finite, symmetric up to rounding, no negative diagonal element.
Status verifyHessian(const float *values, size_t cols);

/// The columns of `hessian` in the order of their visit.
std::vector<size_t> visitOrder(const HessianView &hessian, ColumnOrder order,
                               size_t blockCols);

struct HessianFactor {
  std::vector<size_t> order;
  /// V_ij / V_jj for i < j in visiting order, row-major; the rest is zero. With
  /// `inverseDiagonal`, U_ij of the upper factor in H^-1 = U^T U instead.
  std::vector<float> coupling;
  /// V_jj^2: the weight of the error that is made in column j.
  std::vector<float> pivots;
  /// Multiple of the mean diagonal that was added.
  double damping;
  /// Empty, or the U_jj of the form that the tools have: a step e_j = (w'_j -
  /// q_j) / U_jj takes e_j U_ji from the columns i > j. The same recursion up
  /// to rounding; U = V^-1.
  std::vector<float> inverseDiagonal;
};

/// Factors H + damping * meanDiagonal * I, with 1 for the diagonal of dead
/// columns. On failure it raises the damping as `WeightOptions::damping` says.
Expected<HessianFactor> factorHessian(const HessianView &hessian,
                                      std::vector<size_t> order, double damping,
                                      unsigned threads);

/// The factor as the tools compute it: in float32 the Cholesky factor of the
/// damped H, the inverse from it, and the upper Cholesky factor of that. On
/// failure the factor of I: no column then makes up for another. Needs a
/// `SingleThreadedBlas` alive.
HessianFactor factorInverse(const HessianView &hessian,
                            std::vector<size_t> order, double damping);

} // namespace fp4::quantization

#endif // FP4_LIB_QUANTIZATION_FACTOR_H
