//===- InverseFactor.cpp - The factor of the inverse, in float32 ----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// torch.linalg.cholesky, torch.cholesky_inverse and
// torch.linalg.cholesky(upper=True) are LAPACK's spotrf, spotri and spotrf on
// column-major matrices; here they are called in the same order.
//
//===----------------------------------------------------------------------===//

#include "Factor.h"
#include <algorithm>
#include <lapacke.h>

namespace fp4::quantization {

/// H with its rows and columns in visiting order and damped, as float32 sums.
static std::vector<float> gatherDamped(const HessianView &hessian,
                                       const std::vector<size_t> &order,
                                       double damping) {
  size_t n = hessian.cols;
  std::vector<float> matrix(n * n);
  auto added =
      static_cast<float>(damping) * static_cast<float>(hessian.meanDiagonal);
  for (size_t i = 0; i < n; ++i) {
    bool isDead = hessian.dead[order[i]];
    const float *source = hessian.row(order[i]);
    for (size_t j = 0; j < n && !isDead; ++j)
      matrix[i * n + j] = hessian.dead[order[j]] ? 0.0f : source[order[j]];
    matrix[i * (n + 1)] = (isDead ? 1.0f : matrix[i * (n + 1)]) + added;
  }
  return matrix;
}

/// Overwrites the upper triangle, column by column, by U with H^-1 = U^T U.
static bool invertAndFactor(std::vector<float> &matrix, size_t n) {
  auto size = static_cast<lapack_int>(n);
  float *a = matrix.data();
  if (LAPACKE_spotrf_work(LAPACK_COL_MAJOR, 'L', size, a, size) != 0 ||
      LAPACKE_spotri_work(LAPACK_COL_MAJOR, 'L', size, a, size) != 0)
    return false;
  // The inverse is in the lower triangle; element (i, j) lies at j * n + i.
  for (size_t j = 0; j < n; ++j)
    for (size_t i = 0; i < j; ++i)
      a[j * n + i] = a[i * n + j];
  return LAPACKE_spotrf_work(LAPACK_COL_MAJOR, 'U', size, a, size) == 0;
}

HessianFactor factorInverse(const HessianView &hessian,
                            std::vector<size_t> order, double damping) {
  size_t n = hessian.cols;
  HessianFactor factor{std::move(order), std::vector<float>(n * n),
                       std::vector<float>(n, 1.0f), damping,
                       std::vector<float>(n, 1.0f)};
  std::vector<float> upper = gatherDamped(hessian, factor.order, damping);
  if (!invertAndFactor(upper, n))
    return factor;
  for (size_t i = 0; i < n; ++i) {
    float diagonal = upper[i * (n + 1)];
    factor.inverseDiagonal[i] = diagonal;
    factor.pivots[i] = 1 / (diagonal * diagonal);
    for (size_t j = i + 1; j < n; ++j)
      factor.coupling[i * n + j] = upper[j * n + i];
  }
  return factor;
}

} // namespace fp4::quantization
