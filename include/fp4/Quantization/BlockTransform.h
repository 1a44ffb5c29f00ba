//===- BlockTransform.h - Matrices for blocks of channels -------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Instead of one fixed rotation, every block of the contraction dimension gets
// its own pair of matrices with T_x^T T_w = I:
//
//   x_b -> T_x x_b (at run time),   w_b -> T_w w_b (at compile time).
//
// WUSH (arXiv 2512.00956) chooses them from the second moments of the block so
// that weights and activations both become equally spread over the block. With
// G_w = L_w L_w^T and G_x = L_x L_x^T the moments of weights and activations,
// the singular value decomposition L_w^T L_x = U S V^T and the Hadamard matrix
// H:
//
//   T_x = H S^-1/2 U^T L_w^T,   T_w = H S^-1/2 V^T L_x^T.
//
// The other transforms know nothing of the data. They are orthogonal, the same
// in all blocks, and T_w = T_x; with n = block, k the row and i the column:
//
//   Hadamard  (-1)^popcount(k & i) / sqrt(n)                 (n a power of two)
//   GSR       its rows by their number of sign changes
//   DCT       c_k cos(pi k (2 i + 1) / (2 n)),   c_0 = sqrt(1/n), else
//   sqrt(2/n) DST       c_k sin(pi (k + 1) (2 i + 1) / (2 n)),   c_(n-1) =
//   sqrt(1/n)
//
// GSR: arXiv 2505.03810; DCT and DST of type II: arXiv 2509.23202, appendix K.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_QUANTIZATION_BLOCKTRANSFORM_H
#define FP4_QUANTIZATION_BLOCKTRANSFORM_H

#include "fp4/Status/Status.h"
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace fp4::quantization {

struct BlockTransform {
  size_t block = 0;
  /// cols / block row-major matrices of block x block each.
  std::vector<float> activations;
  std::vector<float> weights;
};

/// The WUSH transform of a layer. `hessian`: row-major cols x cols, of which
/// the diagonal blocks are read. `damping` times the mean of its diagonal is
/// added to each matrix of moments. `cols` must be a multiple of `block`, a
/// legal Hadamard block (asserted). Fails on values that are not finite and on
/// an indefinite Hessian.
Expected<BlockTransform> wushTransform(const float *weights, size_t rows,
                                       size_t cols, const float *hessian,
                                       size_t block, double damping = 0.01);

enum class OrthogonalKind : uint8_t { Hadamard, GSR, DCT, DST };

/// "hadamard", "gsr", "dct", "dst".
std::string_view orthogonalKindName(OrthogonalKind kind);
std::optional<OrthogonalKind> parseOrthogonalKind(std::string_view name);

/// `cols` / `block` copies of one matrix. Fails where `block` does not divide
/// `cols`, and for Hadamard and GSR if it is no legal Hadamard block.
Expected<BlockTransform> orthogonalTransform(OrthogonalKind kind, size_t cols,
                                             size_t block);

/// The transform whose T_x the caller gives: `matrices` holds one or more
/// row-major matrices of block x block, and T_w = T_x^-T is computed. Fails on
/// another number of values, on NaN and infinity, and, naming the block, on a
/// matrix that is singular or so close to it that T_w overflows.
Expected<BlockTransform> givenTransform(std::vector<float> matrices,
                                        size_t block);

/// Multiplies each block of each row of a rows x cols matrix by its matrix.
void applyBlockTransform(const std::vector<float> &matrices, size_t block,
                         float *data, size_t rows, size_t cols);

/// H <- T H T^T with T = blockdiag(matrices): the Hessian of the transformed
/// activations. The result is exactly symmetric.
void transformHessian(const std::vector<float> &matrices, size_t block,
                      float *hessian, size_t cols);

} // namespace fp4::quantization

#endif // FP4_QUANTIZATION_BLOCKTRANSFORM_H
