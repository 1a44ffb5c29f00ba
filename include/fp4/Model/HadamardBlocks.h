//===- HadamardBlocks.h - A rotation as a block transform -------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Written out as matrices, so that recipes treat Hadamard rotations and learned
// transforms alike.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_MODEL_HADAMARDBLOCKS_H
#define FP4_MODEL_HADAMARDBLOCKS_H

#include "fp4/Numerics/Hadamard.h"
#include "fp4/Quantization/BlockTransform.h"

namespace fp4::model {

/// The Hadamard matrix of order `block` for every block of `cols` columns.
inline quantization::BlockTransform hadamardBlocks(size_t cols, size_t block) {
  quantization::BlockTransform transform;
  transform.block = block;
  transform.activations.resize(cols * block);
  for (size_t row = 0; row < cols; ++row)
    transform.activations[row * block + row % block] = 1;
  numerics::hadamard(transform.activations.data(), cols * block, block);
  transform.weights = transform.activations;
  return transform;
}

} // namespace fp4::model

#endif // FP4_MODEL_HADAMARDBLOCKS_H
