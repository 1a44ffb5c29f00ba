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

double quadraticForm(const float *hessian, size_t cols,
                     const std::vector<float> &tile) {
  if (!hessian)
    return dot(tile.data(), tile.data(), tile.size());
  constexpr size_t kBlock = 128;
  std::vector<float> product(kBlock * kLanes);
  double total = 0;
  for (size_t first = 0; first < cols; first += kBlock) {
    size_t last = std::min(first + kBlock, cols);
    const float *block = &tile[first * kLanes];
    auto multiply = [&](float alpha, size_t from, size_t to, float beta) {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans,
                  static_cast<blasint>(last - first), kLanes,
                  static_cast<blasint>(to - from), alpha,
                  hessian + first * cols + from, static_cast<blasint>(cols),
                  tile.data() + from * kLanes, kLanes, beta, product.data(),
                  kLanes);
    };
    multiply(1.0f, first, last, 0.0f);
    if (last < cols)
      multiply(2.0f, last, cols, 1.0f);
    total += dot(product.data(), block, (last - first) * kLanes);
  }
  return total;
}

} // namespace fp4::quantization
