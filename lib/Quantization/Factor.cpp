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
#include "Parallel.h"
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <string>

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

static std::string place(size_t row, size_t col) {
  return "row " + std::to_string(row) + ", column " + std::to_string(col);
}

Status verifyHessian(const float *values, size_t cols) {
  for (size_t i = 0; i < cols * cols; ++i)
    if (!std::isfinite(values[i]))
      return Status::error("hessian is " + std::to_string(values[i]) + " at " +
                           place(i / cols, i % cols) +
                           ", expected finite values");
  for (size_t i = 0; i < cols; ++i)
    if (values[i * cols + i] < 0)
      return Status::error("hessian is " +
                           std::to_string(values[i * cols + i]) + " at " +
                           place(i, i) + ", expected a non-negative diagonal");
  // Rounding of an accumulation in float32 stays far below this share of the
  // Cauchy-Schwarz bound; an upper triangle alone, say, is far above.
  constexpr double kTolerance = 1e-3;
  constexpr size_t kBlock = 64;
  for (size_t top = 0; top < cols; top += kBlock)
    for (size_t left = 0; left <= top; left += kBlock)
      for (size_t i = top; i < std::min(top + kBlock, cols); ++i)
        for (size_t j = left; j < std::min(left + kBlock, i); ++j) {
          double gap = std::fabs(double(values[i * cols + j]) -
                                 double(values[j * cols + i]));
          double bound = std::sqrt(double(values[i * cols + i]) *
                                   double(values[j * cols + j]));
          if (gap > kTolerance * bound)
            return Status::error("hessian is not symmetric: " +
                                 std::to_string(values[i * cols + j]) + " at " +
                                 place(i, j) + ", but " +
                                 std::to_string(values[j * cols + i]) + " at " +
                                 place(j, i));
        }
  return Status::success();
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
  HessianFactor factor{std::move(order), std::vector<float>(n * n),
                       std::vector<float>(n), 0};
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
          std::to_string(relative) + " times the mean diagonal added");
    relative = std::min(std::max(10 * relative, kSmallest), kLargest);
  }
}

} // namespace fp4::quantization
