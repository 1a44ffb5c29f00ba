//===- ActivationTarget.cpp - Weights for rounded inputs ------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One Cholesky factorization of H_q in double; the rows of W are then solved
// for tile by tile.
//
//===----------------------------------------------------------------------===//

#include "fp4/Quantization/ActivationTarget.h"
#include "Cholesky.h"
#include "Message.h"
#include "Moments.h"
#include "Parallel.h"
#include <algorithm>
#include <cblas.h>

namespace fp4::quantization {

CrossMomentAccumulator::CrossMomentAccumulator(size_t cols, unsigned threads)
    : cols(cols), threads(threads), sum(cols * cols) {}

Status CrossMomentAccumulator::add(const float *exact, const float *quantized,
                                   size_t tokens) {
  for (const float *inputs : {exact, quantized})
    if (Status status =
            verifyFinite("activation", "token", inputs, tokens * cols, cols);
        !status.ok())
      return status;
  addMoments(exact, quantized, tokens, cols, /*upperOnly=*/false, threads,
             sum.data());
  count += tokens;
  return Status::success();
}

Expected<std::vector<float>> CrossMomentAccumulator::finish() const {
  if (count == 0)
    return Status::error("no calibration tokens were added, expected at least "
                         "1");
  std::vector<float> moments(sum);
  auto scale = static_cast<float>(1.0 / static_cast<double>(count));
  for (float &moment : moments)
    moment *= scale;
  return moments;
}

/// The row-major double copy of `matrix` with `added` on its diagonal.
static std::vector<double> widen(const float *matrix, size_t n, double added) {
  std::vector<double> result(matrix, matrix + n * n);
  for (size_t i = 0; i < n; ++i)
    result[i * (n + 1)] += added;
  return result;
}

Status retargetWeights(float *weights, size_t rows, size_t cols,
                       const float *crossMoment, const float *hessian,
                       double damping, unsigned threads) {
  double mean = 0;
  for (size_t i = 0; i < cols; ++i)
    mean += hessian[i * (cols + 1)] / double(cols);
  std::vector<double> lower = widen(hessian, cols, damping * mean);
  std::vector<double> target = widen(crossMoment, cols, damping * mean);
  SingleThreadedBlas singleThreaded;
  if (!choleskyLower(lower.data(), cols, threads))
    return Status::error("hessian of the quantized inputs is not positive "
                         "definite with " +
                         numberText(damping) +
                         " times its mean diagonal added");
  constexpr size_t kRows = 64;
  auto n = static_cast<blasint>(cols);
  parallelFor((rows + kRows - 1) / kRows, threads, [&](size_t index) {
    size_t first = index * kRows;
    size_t count = std::min(kRows, rows - first);
    float *tile = weights + first * cols;
    std::vector<double> source(tile, tile + count * cols);
    std::vector<double> solution(source.size());
    auto m = static_cast<blasint>(count);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, n, 1.0,
                source.data(), n, target.data(), n, 0.0, solution.data(), n);
    // X L L^T = B: first B L^-T, then times L^-1.
    for (CBLAS_TRANSPOSE transpose : {CblasTrans, CblasNoTrans})
      cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, transpose,
                  CblasNonUnit, m, n, 1.0, lower.data(), n, solution.data(), n);
    for (size_t i = 0; i < solution.size(); ++i)
      tile[i] = static_cast<float>(solution[i]);
  });
  return Status::success();
}

} // namespace fp4::quantization
