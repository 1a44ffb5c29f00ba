//===- Cholesky.cpp - Blocked Cholesky factorization ----------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Right-looking: factor a diagonal tile (LAPACK dpotrf), solve the tiles below
// it, subtract their products from the rest.
//
//===----------------------------------------------------------------------===//

#include "Cholesky.h"
#include "Parallel.h"
#include <algorithm>
#include <cblas.h>
#include <lapacke.h>
#include <utility>
#include <vector>

namespace fp4::quantization {

/// Large enough for dgemm to run at full speed, small enough that the tiles of
/// the last steps still occupy several threads.
static constexpr size_t kTile = 384;

bool choleskyLower(double *a, size_t n, unsigned threads) {
  size_t tiles = (n + kTile - 1) / kTile;
  auto at = [&](size_t i, size_t j) { return a + i * kTile * n + j * kTile; };
  auto size = [&](size_t i) {
    return static_cast<blasint>(std::min(kTile, n - i * kTile));
  };
  auto stride = static_cast<blasint>(n);
  for (size_t k = 0; k < tiles; ++k) {
    // The lower triangle of a row-major matrix is LAPACK's upper one.
    if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', size(k), at(k, k), stride) !=
        0)
      return false;
    parallelFor(tiles - k - 1, threads, [&](size_t below) {
      size_t i = k + 1 + below;
      cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans,
                  CblasNonUnit, size(i), size(k), 1.0, at(k, k), stride,
                  at(i, k), stride);
    });
    std::vector<std::pair<size_t, size_t>> rest;
    for (size_t i = k + 1; i < tiles; ++i)
      for (size_t j = k + 1; j <= i; ++j)
        rest.emplace_back(i, j);
    parallelFor(rest.size(), threads, [&](size_t index) {
      auto [i, j] = rest[index];
      cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, size(i), size(j),
                  size(k), -1.0, at(i, k), stride, at(j, k), stride, 1.0,
                  at(i, j), stride);
    });
  }
  return true;
}

} // namespace fp4::quantization
