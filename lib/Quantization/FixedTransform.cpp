//===- FixedTransform.cpp - Transforms that need no data ------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Orthogonal matrices given by a formula, and matrices given by the caller.
//
//===----------------------------------------------------------------------===//

#include "Message.h"
#include "fp4/Numerics/Hadamard.h"
#include "fp4/Quantization/BlockTransform.h"
#include <algorithm>
#include <cmath>
#include <lapacke.h>

namespace fp4::quantization {

namespace {
struct KindName {
  OrthogonalKind kind;
  std::string_view name;
};
} // namespace

static constexpr KindName kKinds[] = {{OrthogonalKind::Hadamard, "hadamard"},
                                      {OrthogonalKind::GSR, "gsr"},
                                      {OrthogonalKind::DCT, "dct"},
                                      {OrthogonalKind::DST, "dst"}};

std::string_view orthogonalKindName(OrthogonalKind kind) {
  for (const KindName &entry : kKinds)
    if (entry.kind == kind)
      return entry.name;
  return "unknown";
}

std::optional<OrthogonalKind> parseOrthogonalKind(std::string_view name) {
  for (const KindName &entry : kKinds)
    if (entry.name == name)
      return entry.kind;
  return std::nullopt;
}

/// The row of the natural order that has `changes` sign changes: the bits of
/// its Gray code, reversed.
static size_t rowOfSequency(size_t changes, size_t n) {
  size_t gray = changes ^ (changes >> 1);
  size_t row = 0;
  for (size_t bit = 1; bit < n; bit <<= 1, gray >>= 1)
    row = row << 1 | (gray & 1);
  return row;
}

static double hadamardEntry(size_t row, size_t col, size_t n) {
  bool isNegative = false;
  for (size_t common = row & col; common != 0; common &= common - 1)
    isNegative = !isNegative;
  return (isNegative ? -1.0 : 1.0) / std::sqrt(double(n));
}

static double entry(OrthogonalKind kind, size_t k, size_t i, size_t n) {
  const double pi = std::acos(-1.0);
  double angle = pi * double(2 * i + 1) / double(2 * n);
  double once = std::sqrt(1.0 / double(n)), twice = std::sqrt(2.0 / double(n));
  switch (kind) {
  case OrthogonalKind::Hadamard:
    return hadamardEntry(k, i, n);
  case OrthogonalKind::GSR:
    return hadamardEntry(rowOfSequency(k, n), i, n);
  case OrthogonalKind::DCT:
    return (k == 0 ? once : twice) * std::cos(double(k) * angle);
  case OrthogonalKind::DST:
    return (k == n - 1 ? once : twice) * std::sin(double(k + 1) * angle);
  }
  return 0;
}

Expected<BlockTransform> orthogonalTransform(OrthogonalKind kind, size_t cols,
                                             size_t block) {
  if (block == 0 || cols % block != 0)
    return Status::error("transform of " + std::to_string(block) +
                         " channels, expected a divisor of " +
                         std::to_string(cols));
  bool isHadamard =
      kind == OrthogonalKind::Hadamard || kind == OrthogonalKind::GSR;
  if (isHadamard && !numerics::isHadamardBlockLegal(block))
    return Status::error("transform " + std::string(orthogonalKindName(kind)) +
                         " of " + std::to_string(block) +
                         " channels, expected a power of two in 2..1024");
  BlockTransform transform;
  transform.block = block;
  transform.activations.resize(cols * block);
  for (size_t k = 0; k < block; ++k)
    for (size_t i = 0; i < block; ++i)
      transform.activations[k * block + i] =
          static_cast<float>(entry(kind, k, i, block));
  for (size_t first = block; first < cols; first += block)
    std::copy_n(transform.activations.begin(), block * block,
                &transform.activations[first * block]);
  transform.weights = transform.activations;
  return transform;
}

/// target <- source^-T.
static bool invertTransposed(const float *source, size_t n, float *target) {
  // Column-major, this is the transpose already.
  std::vector<double> matrix(source, source + n * n);
  std::vector<lapack_int> pivots(n);
  auto size = static_cast<lapack_int>(n);
  if (LAPACKE_dgetrf(LAPACK_COL_MAJOR, size, size, matrix.data(), size,
                     pivots.data()) != 0 ||
      LAPACKE_dgetri(LAPACK_COL_MAJOR, size, matrix.data(), size,
                     pivots.data()) != 0)
    return false;
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j) {
      target[i * n + j] = static_cast<float>(matrix[j * n + i]);
      if (!std::isfinite(target[i * n + j]))
        return false;
    }
  return true;
}

Expected<BlockTransform> givenTransform(std::vector<float> matrices,
                                        size_t block) {
  size_t size = block * block;
  if (size == 0 || matrices.empty() || matrices.size() % size != 0)
    return Status::error("transform of " + std::to_string(matrices.size()) +
                         " values, expected matrices of " +
                         std::to_string(block) + " x " + std::to_string(block));
  if (Status status = verifyFinite("transform", "row", matrices.data(),
                                   matrices.size(), block);
      !status.ok())
    return status;
  BlockTransform transform;
  transform.block = block;
  transform.weights.resize(matrices.size());
  for (size_t first = 0; first < matrices.size(); first += size)
    if (!invertTransposed(&matrices[first], block, &transform.weights[first]))
      return Status::error("transform of block " +
                           std::to_string(first / size) +
                           " cannot be inverted");
  transform.activations = std::move(matrices);
  return transform;
}

} // namespace fp4::quantization
