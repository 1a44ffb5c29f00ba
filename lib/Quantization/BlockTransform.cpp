//===- BlockTransform.cpp - Data-dependent transforms ---------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The WUSH transform, block by block in double, and its application.
//
//===----------------------------------------------------------------------===//

#include "fp4/Quantization/BlockTransform.h"
#include "Message.h"
#include "Parallel.h"
#include "fp4/Numerics/Hadamard.h"
#include <algorithm>
#include <cassert>
#include <cblas.h>
#include <lapacke.h>

namespace fp4::quantization {

using Matrix = std::vector<double>;

/// The lower triangle of W_b^T W_b / rows.
static Matrix weightMoments(const float *weights, size_t rows, size_t cols,
                            size_t first, size_t n) {
  Matrix block(rows * n), moments(n * n);
  for (size_t row = 0; row < rows; ++row)
    std::copy_n(weights + row * cols + first, n, &block[row * n]);
  cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, static_cast<blasint>(n),
              static_cast<blasint>(rows), 1.0 / double(rows), block.data(),
              static_cast<blasint>(n), 0.0, moments.data(),
              static_cast<blasint>(n));
  return moments;
}

static Matrix diagonalBlock(const float *hessian, size_t cols, size_t first,
                            size_t n) {
  Matrix moments(n * n);
  for (size_t i = 0; i < n; ++i)
    std::copy_n(hessian + (first + i) * cols + first, n, &moments[i * n]);
  return moments;
}

/// Damps `moments` and replaces them by their lower Cholesky factor. False if
/// they are not positive definite.
static bool factor(Matrix &moments, size_t n, double damping) {
  double mean = 0;
  for (size_t i = 0; i < n; ++i)
    mean += moments[i * (n + 1)] / double(n);
  // A block without input or without weights: any transform will do.
  double added = mean > 0 ? damping * mean : 1;
  for (size_t i = 0; i < n; ++i) {
    moments[i * (n + 1)] += added;
    std::fill_n(&moments[i * n] + i + 1, n - i - 1, 0.0);
  }
  // The lower triangle of a row-major matrix is LAPACK's upper one.
  return LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', lapack_int(n),
                             moments.data(), lapack_int(n)) == 0;
}

/// op(a) b for n x n matrices.
static Matrix multiply(CBLAS_TRANSPOSE transposeA, const Matrix &a,
                       CBLAS_TRANSPOSE transposeB, const Matrix &b, size_t n) {
  Matrix result(n * n);
  auto size = static_cast<blasint>(n);
  cblas_dgemm(CblasRowMajor, transposeA, transposeB, size, size, size, 1.0,
              a.data(), size, b.data(), size, 0.0, result.data(), size);
  return result;
}

/// H S^-1/2 `basis` L^T, where the rows of `basis` are singular vectors.
static void writeTransform(Matrix basis, const Matrix &singularValues,
                           const Matrix &lower, size_t n, float *target) {
  for (size_t i = 0; i < n * n; ++i)
    basis[i] /= std::sqrt(singularValues[i / n]);
  Matrix product = multiply(CblasNoTrans, basis, CblasTrans, lower, n);
  // H from the left transforms the columns.
  std::vector<float> column(n);
  for (size_t j = 0; j < n; ++j) {
    for (size_t i = 0; i < n; ++i)
      column[i] = static_cast<float>(product[i * n + j]);
    numerics::hadamard(column.data(), n, n);
    for (size_t i = 0; i < n; ++i)
      target[i * n + j] = column[i];
  }
}

static Status wushBlock(Matrix weights, Matrix activations, size_t n,
                        double damping, float *activationTransform,
                        float *weightTransform) {
  if (!factor(weights, n, damping) || !factor(activations, n, damping))
    return Status::error("second moments are not positive definite with " +
                         numberText(damping) + " times their mean added");
  Matrix product = multiply(CblasTrans, weights, CblasNoTrans, activations, n);
  Matrix u(n * n), vt(n * n), singularValues(n);
  auto size = static_cast<lapack_int>(n);
  if (LAPACKE_dgesdd(LAPACK_ROW_MAJOR, 'A', size, size, product.data(), size,
                     singularValues.data(), u.data(), size, vt.data(),
                     size) != 0)
    return Status::error("singular value decomposition does not converge");
  Matrix ut(n * n);
  for (size_t i = 0; i < n * n; ++i)
    ut[i] = u[i % n * n + i / n];
  writeTransform(std::move(ut), singularValues, weights, n,
                 activationTransform);
  writeTransform(std::move(vt), singularValues, activations, n,
                 weightTransform);
  return Status::success();
}

Expected<BlockTransform> wushTransform(const float *weights, size_t rows,
                                       size_t cols, const float *hessian,
                                       size_t block, double damping) {
  assert(numerics::isHadamardBlockLegal(block) && cols % block == 0 &&
         "illegal block");
  if (Status status = verifyFinite("weight", "row", weights, rows * cols, cols);
      !status.ok())
    return status;
  if (Status status =
          verifyFinite("hessian", "row", hessian, cols * cols, cols);
      !status.ok())
    return status;
  SingleThreadedBlas singleThreaded;
  BlockTransform transform;
  transform.block = block;
  transform.activations.resize(cols * block);
  transform.weights.resize(cols * block);
  for (size_t first = 0; first < cols; first += block) {
    Status status = wushBlock(weightMoments(weights, rows, cols, first, block),
                              diagonalBlock(hessian, cols, first, block), block,
                              damping, &transform.activations[first * block],
                              &transform.weights[first * block]);
    if (!status.ok())
      return Status::error("block transform at column " +
                           std::to_string(first) + ": " + status.message());
  }
  return transform;
}

void applyBlockTransform(const std::vector<float> &matrices, size_t block,
                         float *data, size_t rows, size_t cols) {
  assert(cols % block == 0 && matrices.size() == cols * block &&
         "transform of another shape");
  constexpr size_t kChunk = 256;
  SingleThreadedBlas singleThreaded;
  std::vector<float> input(std::min(kChunk, rows) * block);
  for (size_t top = 0; top < rows; top += kChunk)
    for (size_t first = 0; first < cols; first += block) {
      size_t count = std::min(kChunk, rows - top);
      float *values = data + top * cols + first;
      for (size_t row = 0; row < count; ++row)
        std::copy_n(values + row * cols, block, &input[row * block]);
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans,
                  static_cast<blasint>(count), static_cast<blasint>(block),
                  static_cast<blasint>(block), 1.0f, input.data(),
                  static_cast<blasint>(block), &matrices[first * block],
                  static_cast<blasint>(block), 0.0f, values,
                  static_cast<blasint>(cols));
    }
}

void transformHessian(const std::vector<float> &matrices, size_t block,
                      float *hessian, size_t cols) {
  // The rows give H T^T; the columns of that, T H T^T.
  applyBlockTransform(matrices, block, hessian, cols, cols);
  SingleThreadedBlas singleThreaded;
  std::vector<float> input(block * cols);
  for (size_t first = 0; first < cols; first += block) {
    float *values = hessian + first * cols;
    std::copy_n(values, block * cols, input.data());
    cblas_sgemm(
        CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<blasint>(block),
        static_cast<blasint>(cols), static_cast<blasint>(block), 1.0f,
        &matrices[first * block], static_cast<blasint>(block), input.data(),
        static_cast<blasint>(cols), 0.0f, values, static_cast<blasint>(cols));
  }
  for (size_t i = 0; i < cols; ++i)
    for (size_t j = 0; j < i; ++j)
      hessian[j * cols + i] = hessian[i * cols + j];
}

} // namespace fp4::quantization
