//===- BlockTransform.h - Data-dependent transforms -------------*- C++ -*-===//
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
//===----------------------------------------------------------------------===//

#ifndef FP4_QUANTIZATION_BLOCKTRANSFORM_H
#define FP4_QUANTIZATION_BLOCKTRANSFORM_H

#include "fp4/Status/Status.h"
#include <cstddef>
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

/// Multiplies each block of each row of a rows x cols matrix by its matrix.
void applyBlockTransform(const std::vector<float> &matrices, size_t block,
                         float *data, size_t rows, size_t cols);

/// H <- T H T^T with T = blockdiag(matrices): the Hessian of the transformed
/// activations. The result is exactly symmetric.
void transformHessian(const std::vector<float> &matrices, size_t block,
                      float *hessian, size_t cols);

} // namespace fp4::quantization

#endif // FP4_QUANTIZATION_BLOCKTRANSFORM_H
