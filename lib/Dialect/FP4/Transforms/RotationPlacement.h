//===- RotationPlacement.h - Where rotations cost least ---------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decides which values of a program are kept rotated.
//
// Every value above an online rotation, as far as RotationOpInterface lets one
// go up, is either kept as it is or kept rotated. A reader that needs the other
// form costs one fp4.hadamard per value. Constants and the results of linear
// layers are free in both forms. The cheapest assignment is a minimum cut:
// rotated values on the source side. Of several it is the one that moves least,
// so rotations stay next to their quantization where nothing is gained.
//
// On a residual stream x1 = x0 + f(norm(x0)), x2 = x1 + g(norm(x1)), ... this
// keeps the whole stream rotated: f and g end in linear layers, which absorb
// the rotation, and the norms let it pass.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_DIALECT_FP4_TRANSFORMS_ROTATIONPLACEMENT_H
#define FP4_LIB_DIALECT_FP4_TRANSFORMS_ROTATIONPLACEMENT_H

#include "NormGain.h"
#include "fp4/Dialect/FP4/IR/RotationOpInterface.h"
#include "llvm/ADT/MapVector.h"

namespace fp4 {

class RotationPlacement {
public:
  explicit RotationPlacement(const Rotation &rotation) : rotation(rotation) {}

  /// Adds `op`, one of the rotations by this matrix, and what is above it.
  void add(HadamardOp op);
  /// Decides and rewrites.
  void run();

private:
  /// One use of a value.
  struct Use {
    enum Kind {
      /// Reads the value as it was.
      Plain,
      /// An fp4.hadamard by this matrix.
      Rotates,
      /// Has to be in the form of the owner's result.
      Follows,
      /// Does not care (question 2 of the interface).
      Free,
    };
    Kind kind;
    mlir::OpOperand *operand;
  };
  struct Node {
    /// Whether the value can be had rotated without an fp4.hadamard.
    bool isMovable = false;
    llvm::SmallVector<mlir::OpOperand *> carriers;
    /// To be folded first.
    std::optional<NormGain> gain;
    llvm::SmallVector<Use> uses;
    bool isRotated = false;
  };

  void visit(mlir::Value value, Node &node);
  bool canCarry(mlir::OpOperand *operand) const;
  Use classify(mlir::OpOperand &operand) const;
  void decide();
  void rewriteProducer(mlir::Value value, const Node &node);
  /// Gives every use the form that it needs.
  void rewriteUses(mlir::Value value, const Node &node);
  mlir::Value makeHadamard(mlir::Value value, const Rotation &by) const;

  Rotation rotation;
  llvm::MapVector<mlir::Value, Node> nodes;
};

} // namespace fp4

#endif // FP4_LIB_DIALECT_FP4_TRANSFORMS_ROTATIONPLACEMENT_H
