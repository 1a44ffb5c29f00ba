//===- Factor.cpp - Order, damping and factor of a Hessian ----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The upper factor V comes from the lower Cholesky factor of H with rows and
// columns reversed: if J H J = L L^T, then V = J L J.
//
//===----------------------------------------------------------------------===//

#include "Factor.h"
#include "Cholesky.h"
#include "Message.h"
#include "Parallel.h"
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

namespace fp4::quantization {

HessianView::HessianView(const float *values, size_t cols)
    : values(values), cols(cols), dead(cols) {
  double sum = 0;
  for (size_t i = 0; i < cols; ++i) {
    dead[i] = row(i)[i] == 0;
    deadCount += dead[i];
    sum += row(i)[i];
  }
  if (deadCount < cols)
    meanDiagonal = sum / static_cast<double>(cols - deadCount);
}

static Status verifySymmetric(const float *values, size_t cols) {
  // Rounding of an accumulation in float32 stays far below this share of the
  // Cauchy-Schwarz bound; an upper triangle alone, say, is far above.
  constexpr double kTolerance = 1e-3;
  auto differ = [&](size_t i, size_t j) {
    double gap = std::fabs(double(values[i * cols + j]) - values[j * cols + i]);
    return gap > kTolerance * std::sqrt(double(values[i * (cols + 1)]) *
                                        values[j * (cols + 1)]);
  };
  // In square tiles, because half of the accesses run down columns.
  constexpr size_t kTile = 64;
  for (size_t top = 0; top < cols; top += kTile)
    for (size_t left = 0; left <= top; left += kTile)
      for (size_t i = top; i < std::min(top + kTile, cols); ++i)
        for (size_t j = left; j < std::min(left + kTile, i); ++j)
          if (differ(i, j))
            return Status::error("hessian is not symmetric: " +
                                 numberText(values[i * cols + j]) + " at " +
                                 placeText("row", i, j) + ", but " +
                                 numberText(values[j * cols + i]) + " at " +
                                 placeText("row", j, i));
  return Status::success();
}

Status verifyHessian(const float *values, size_t cols) {
  if (Status status = verifyFinite("hessian", "row", values, cols * cols, cols);
      !status.ok())
    return status;
  for (size_t i = 0; i < cols; ++i)
    if (values[i * (cols + 1)] < 0)
      return Status::error("hessian is " + numberText(values[i * (cols + 1)]) +
                           " at " + placeText("row", i, i) +
                           ", expected a non-negative diagonal");
  return verifySymmetric(values, cols);
}

std::vector<size_t> visitOrder(const HessianView &hessian, ColumnOrder order,
                               size_t blockCols) {
  std::vector<size_t> columns(hessian.cols);
  std::iota(columns.begin(), columns.end(), 0);
  // Ties by index: the order is part of the result.
  auto descending = [](auto key) {
    return [=](size_t a, size_t b) {
      auto first = key(a), second = key(b);
      return first != second ? first > second : a < b;
    };
  };
  auto diagonal = [&](size_t i) { return hessian.row(i)[i]; };
  if (order == ColumnOrder::ActOrder)
    std::sort(columns.begin(), columns.end(), descending(diagonal));
  if (order != ColumnOrder::Group)
    return columns;

  std::vector<double> weight(hessian.cols / blockCols);
  for (size_t i = 0; i < hessian.cols; ++i)
    weight[i / blockCols] += diagonal(i);
  std::vector<size_t> groups(weight.size());
  std::iota(groups.begin(), groups.end(), 0);
  std::sort(groups.begin(), groups.end(),
            descending([&](size_t group) { return weight[group]; }));
  auto next = columns.begin();
  for (size_t group : groups) {
    std::iota(next, next + blockCols, group * blockCols);
    std::sort(next, next + blockCols, descending(diagonal));
    next += blockCols;
  }
  return columns;
}

/// Writes the damped Hessian, rows and columns in reversed visiting order.
static void gatherReversed(const HessianView &hessian,
                           const std::vector<size_t> &order, double added,
                           unsigned threads, double *target) {
  size_t n = hessian.cols;
  parallelFor(n, threads, [&](size_t i) {
    size_t from = order[n - 1 - i];
    double *out = target + i * n;
    if (hessian.dead[from]) {
      std::fill_n(out, n, 0.0);
      out[i] = 1 + added;
      return;
    }
    const float *source = hessian.row(from);
    for (size_t j = 0; j <= i; ++j) {
      size_t to = order[n - 1 - j];
      out[j] = hessian.dead[to] ? 0.0 : source[to];
    }
    out[i] += added;
  });
}

static HessianFactor scaleFactor(const double *lower, std::vector<size_t> order,
                                 unsigned threads) {
  size_t n = order.size();
  HessianFactor factor{std::move(order),
                       std::vector<float>(n * n),
                       std::vector<float>(n),
                       0,
                       {}};
  std::vector<double> inverse(n);
  for (size_t j = 0; j < n; ++j) {
    double pivot = lower[(n - 1 - j) * (n + 1)];
    inverse[j] = 1 / pivot;
    factor.pivots[j] = static_cast<float>(pivot * pivot);
  }
  parallelFor(n, threads, [&](size_t i) {
    const double *source = lower + (n - 1 - i) * n;
    float *target = &factor.coupling[i * n];
    for (size_t j = i + 1; j < n; ++j)
      target[j] = static_cast<float>(source[n - 1 - j] * inverse[j]);
  });
  return factor;
}

Expected<HessianFactor> factorHessian(const HessianView &hessian,
                                      std::vector<size_t> order, double damping,
                                      unsigned threads) {
  size_t n = hessian.cols;
  constexpr double kSmallest = 1e-6;
  constexpr double kLargest = 1;
  // Not a vector: at 14336 columns, zeroing 1.6 GB first would be noticed.
  std::unique_ptr<double[]> matrix(new double[n * n]);
  for (double relative = damping;;) {
    gatherReversed(hessian, order, relative * hessian.meanDiagonal, threads,
                   matrix.get());
    if (choleskyLower(matrix.get(), n, threads)) {
      HessianFactor factor =
          scaleFactor(matrix.get(), std::move(order), threads);
      factor.damping = relative;
      return factor;
    }
    if (relative >= kLargest)
      return Status::error(
          "hessian is not positive semidefinite: its Cholesky factorization "
          "fails with " +
          numberText(relative) + " times the mean diagonal added");
    relative = std::min(std::max(10 * relative, kSmallest), kLargest);
  }
}

} // namespace fp4::quantization
