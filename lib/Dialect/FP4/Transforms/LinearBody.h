//===- LinearBody.h - Linear and quadratic linalg operations ----*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Recognizes by their bodies, not by their names, the linalg operations that a
// rotation of the last dimension passes: those linear in the operands that vary
// along it, and sums of squares along it.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_DIALECT_FP4_TRANSFORMS_LINEARBODY_H
#define FP4_LIB_DIALECT_FP4_TRANSFORMS_LINEARBODY_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace fp4 {

/// Whether all values along the last dimension are known to be equal.
bool isConstantAlongLastDim(mlir::Value value);

/// Success if each row of the result is a linear function, the same for every
/// element of the row, of the rows of `carriers`: result[.., j] = sum_i c_i *
/// carrier_i[.., j] with c_i independent of j. `ignored` is an operand to be
/// treated as independent of j, or null.
mlir::LogicalResult
getLinearOperands(mlir::linalg::LinalgOp op, mlir::OpOperand *ignored,
                  mlir::SmallVectorImpl<mlir::OpOperand *> &carriers);

/// Whether `operand` enters the result only through the sum of its squares
/// along the last dimension, in `operand`'s owner or, for an elementwise
/// square, in all users of its result.
bool isSumOfSquares(mlir::OpOperand &operand);

} // namespace fp4

#endif // FP4_LIB_DIALECT_FP4_TRANSFORMS_LINEARBODY_H
