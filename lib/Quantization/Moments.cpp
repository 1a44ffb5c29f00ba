//===- Moments.cpp - Products of activation matrices ----------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Column tiles of fixed size, one single-threaded sgemm per tile and chunk.
//
//===----------------------------------------------------------------------===//

#include "Moments.h"
#include "Parallel.h"
#include <algorithm>
#include <cblas.h>
#include <utility>
#include <vector>

namespace fp4::quantization {

void addMoments(const float *a, const float *b, size_t tokens, size_t cols,
                bool upperOnly, unsigned threads, float *sum) {
  constexpr size_t kChunk = 1024;
  constexpr size_t kTile = 256;
  std::vector<std::pair<size_t, size_t>> tiles;
  for (size_t i = 0; i < cols; i += kTile)
    for (size_t j = upperOnly ? i : 0; j < cols; j += kTile)
      tiles.emplace_back(i, j);
  SingleThreadedBlas singleThreaded;
  auto stride = static_cast<blasint>(cols);
  for (size_t first = 0; first < tokens; first += kChunk)
    parallelFor(tiles.size(), threads, [&](size_t index) {
      auto [i, j] = tiles[index];
      cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans,
                  static_cast<blasint>(std::min(kTile, cols - i)),
                  static_cast<blasint>(std::min(kTile, cols - j)),
                  static_cast<blasint>(std::min(kChunk, tokens - first)), 1.0f,
                  a + first * cols + i, stride, b + first * cols + j, stride,
                  1.0f, sum + i * cols + j, stride);
    });
}

} // namespace fp4::quantization
