//===- RowSum.h - Sums of squares over rows ---------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Recognizes what programs write for the factor of an RMSNorm.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4TOFP4GPU_ROWSUM_H
#define FP4_LIB_CONVERSION_FP4TOFP4GPU_ROWSUM_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/SetVector.h"

namespace fp4::gpu {

/// A value for each row, computed from the sum of squares of the row.
struct RowFactor {
  /// The matrix whose squares are added, before it is widened to float32.
  mlir::Value matrix;
  /// The sum, a vector along the rows.
  mlir::Value sum;
  /// Operations from the matrix to the sum, and from there to the factor, each
  /// in order.
  llvm::SetVector<mlir::Operation *> squares, row;
};

/// Recognizes `vector`, with one entry per row of a matrix (M, or M x 1).
std::optional<RowFactor> matchRowFactor(mlir::Value vector);

/// The value that `vector` is but for unit dimensions.
mlir::Value stripReshapes(mlir::Value vector);

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4TOFP4GPU_ROWSUM_H
