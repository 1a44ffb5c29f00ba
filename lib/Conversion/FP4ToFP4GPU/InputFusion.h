//===- InputFusion.h - What a kernel does ahead of quantizing ---*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finds the operations in front of a quantization that its kernel can do on the
// way in: arithmetic on elements, as SiLU times another matrix, and the
// normalization of rows by a sum of squares, as RMSNorm.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4TOFP4GPU_INPUTFUSION_H
#define FP4_LIB_CONVERSION_FP4TOFP4GPU_INPUTFUSION_H

#include "mlir/IR/Builders.h"
#include "llvm/ADT/SetVector.h"

namespace fp4::gpu {

struct FusedInput {
  using Value = mlir::Value;

  /// Matrices of the shape of what is quantized. With a sum over rows, that is
  /// one of squares of the first one.
  llvm::SetVector<Value> inputs;
  /// Vectors along the columns.
  llvm::SetVector<Value> columns;
  /// The value for each row, and the sum that it is computed from; null
  /// without.
  Value factor, sum;
  /// Operations in order: those from the sum to the factor, and those from all
  /// of the above to what is quantized.
  llvm::SetVector<mlir::Operation *> row, body;

  mlir::RankedTensorType getInputType() const {
    return mlir::cast<mlir::RankedTensorType>(inputs.front().getType());
  }
  /// What the row's factor is, from a float32 sum, as float32.
  Value emitRow(mlir::OpBuilder &builder, Value sumOfRow) const;
  /// What is quantized, of the elements of `inputs` and `columns` and the
  /// factor if there is one, as float32.
  Value emitBody(mlir::OpBuilder &builder, mlir::ValueRange elements,
                 Value factorOfRow) const;
};

/// What can be fused in front of `matrix`, which `user` alone may use for that;
/// at least `matrix` itself as the only input.
FusedInput fuseInput(mlir::Value matrix, mlir::Operation *user);

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4TOFP4GPU_INPUTFUSION_H
