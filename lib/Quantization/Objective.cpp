//===- Objective.cpp - The quadratic form of a tile -----------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Uses the symmetry of H: a block of columns meets itself once and the columns
// to its right twice, which halves the work of forming H D.
//
//===----------------------------------------------------------------------===//

#include "Objective.h"
#include "Tile.h"
#include <cblas.h>

namespace fp4::quantization {

static double dot(const float *a, const float *b, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; ++i)
    sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

/// One row of H after the other meets `width` columns of D at once.
static void accumulateForms(const float *hessian, size_t cols,
                            const std::vector<float> &tile, size_t width,
                            double *totals) {
  constexpr size_t kBlock = 256;
  auto stride = static_cast<blasint>(width);
  std::vector<float> product(kBlock * width);
  for (size_t first = 0; first < cols; first += kBlock) {
    size_t last = std::min(first + kBlock, cols);
    auto multiply = [&](float alpha, size_t from, size_t to, float beta) {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans,
                  static_cast<blasint>(last - first), stride,
                  static_cast<blasint>(to - from), alpha,
                  hessian + first * cols + from, static_cast<blasint>(cols),
                  tile.data() + from * width, stride, beta, product.data(),
                  stride);
    };
    multiply(1.0f, first, last, 0.0f);
    if (last < cols)
      multiply(2.0f, last, cols, 1.0f);
    for (size_t col = first; col < last; ++col)
      for (size_t part = 0; part < width / kLanes; ++part)
        totals[part] += dot(&product[(col - first) * width + part * kLanes],
                            &tile[col * width + part * kLanes], kLanes);
  }
}

double quadraticForm(const float *hessian, size_t cols,
                     const std::vector<float> &tile) {
  if (!hessian)
    return dot(tile.data(), tile.data(), tile.size());
  double total = 0;
  accumulateForms(hessian, cols, tile, kLanes, &total);
  return total;
}

std::array<double, 2> quadraticForms(const float *hessian, size_t cols,
                                     const std::vector<float> &first,
                                     const std::vector<float> &second) {
  if (!hessian)
    return {quadraticForm(hessian, cols, first),
            quadraticForm(hessian, cols, second)};
  std::vector<float> both(2 * first.size());
  for (size_t col = 0; col < cols; ++col) {
    float *row = &both[2 * col * kLanes];
    std::copy_n(&first[col * kLanes], kLanes, row);
    std::copy_n(&second[col * kLanes], kLanes, row + kLanes);
  }
  std::array<double, 2> totals{};
  accumulateForms(hessian, cols, both, 2 * kLanes, totals.data());
  return totals;
}

} // namespace fp4::quantization
