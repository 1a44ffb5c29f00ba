//===- NormGain.h - Gains of normalization layers ---------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The gain of an RMSNorm, y[.., k] * g[k], keeps a rotation of k from passing.
// Where all readers are linear layers it moves into their weights:
// (y g) W^T = y (W diag(g))^T.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_DIALECT_FP4_TRANSFORMS_NORMGAIN_H
#define FP4_LIB_DIALECT_FP4_TRANSFORMS_NORMGAIN_H

#include "fp4/Dialect/FP4/IR/FP4Ops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <optional>

namespace fp4 {

/// A linalg operation that multiplies its result by a constant vector.
struct NormGain {
  mlir::linalg::LinalgOp op;
  /// The operand that holds the vector, or its broadcast.
  mlir::OpOperand *operand;
  mlir::ElementsAttr gain;
  /// The multiplication in the body, and which of its operands is the gain.
  mlir::arith::MulFOp product;
  unsigned gainSide;
  /// The operand that is the whole result but for the gain, or null.
  mlir::OpOperand *rest;
  /// The layers that read the result, all with a readable constant weight.
  llvm::SmallVector<MatmulOp> layers;

  /// Multiplies the layers' weights by the gain.
  void foldIntoLayers() const;
  /// Then removes it here.
  void remove() const;
};

/// Nothing unless every reader of `op`'s result is a layer, perhaps behind
/// rotations that its weight has too and reshapes of leading dimensions.
std::optional<NormGain> matchNormGain(mlir::Operation *op);

} // namespace fp4

#endif // FP4_LIB_DIALECT_FP4_TRANSFORMS_NORMGAIN_H
