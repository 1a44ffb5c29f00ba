//===- Hadamard.h - Blockwise orthonormal Hadamard transform ----*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// x -> x * R with R = blockdiag(D H, ..., D H), H = the Sylvester (natural
// order) Hadamard matrix of order `block` over sqrt(block), D = diag(signs). H
// is symmetric and orthonormal; without signs the transform is its own inverse.
//
// The result is computed by the fast transform in float32: log2(block) rounds
// of butterflies with stride 1, 2, 4, ... and one multiplication by
// float32(1 / sqrt(block)) at the end. That order is part of the contract:
// kernels that must agree bit for bit follow it.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_NUMERICS_HADAMARD_H
#define FP4_NUMERICS_HADAMARD_H

#include <cstddef>
#include <cstdint>

namespace fp4::numerics {

/// A power of two in 2..1024.
bool isHadamardBlockLegal(size_t block);

/// Transforms every `block` consecutive values of `data` in place; `count` is a
/// multiple of `block`. `signs`: null, or `block` values of +1 / -1 that
/// multiply the input first.
void hadamard(float *data, size_t count, size_t block,
              const int8_t *signs = nullptr);

/// The inverse: x -> x * R^T, that is H first and then the signs.
void inverseHadamard(float *data, size_t count, size_t block,
                     const int8_t *signs = nullptr);

} // namespace fp4::numerics

#endif // FP4_NUMERICS_HADAMARD_H
