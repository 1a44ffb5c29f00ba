//===- RotationOpInterface.h - How a rotation passes an op ------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The interface that --fp4-fuse-rotations asks, and the rotation it asks about.
// Models for operations of other dialects are in Transforms/RotationModels.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4_IR_ROTATIONOPINTERFACE_H
#define FP4_DIALECT_FP4_IR_ROTATIONOPINTERFACE_H

#include "fp4/Dialect/FP4/IR/FP4Ops.h"
#include "mlir/IR/Builders.h"

namespace fp4 {

/// The matrix that an fp4.hadamard multiplies by.
struct Rotation {
  int64_t block;
  /// Null without signs.
  mlir::DenseI8ArrayAttr signs;
  /// Always false without signs: then the matrix is symmetric.
  bool isInverse;

  static Rotation of(HadamardOp op);
  Rotation inverse() const { return {block, signs, signs && !isInverse}; }
  /// Whether this is a plain Hadamard matrix, which `fp4.input_rotation` can
  /// record.
  bool isPlain() const { return !signs; }

  /// Whether values of `type` can be rotated.
  bool fits(mlir::Type type) const;
  /// An fp4.hadamard of `value`.
  mlir::Value apply(mlir::OpBuilder &builder, mlir::Location loc,
                    mlir::Value value) const;

  friend bool operator==(const Rotation &a, const Rotation &b) {
    return a.block == b.block && a.signs == b.signs &&
           a.isInverse == b.isInverse;
  }
};

} // namespace fp4

#include "fp4/Dialect/FP4/IR/RotationOpInterface.h.inc"

#endif // FP4_DIALECT_FP4_IR_ROTATIONOPINTERFACE_H
