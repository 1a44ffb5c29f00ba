//===- EpilogueFusion.h - What a kernel does after its product --*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finds the elementwise operations behind a matmul that its kernel can do on
// the way out: residual adds, activations that are written out, and the product
// of an activated matmul with a second one of the same input (a gate).
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4TOFP4GPU_EPILOGUEFUSION_H
#define FP4_LIB_CONVERSION_FP4TOFP4GPU_EPILOGUEFUSION_H

#include "fp4/Dialect/FP4/IR/FP4Ops.h"

namespace fp4::gpu {

/// A matmul with what is fused to it.
struct FusedMatmul {
  MatmulOp matmul;
  /// The other product of a gated pair, or null. Same input, same shapes.
  MatmulOp second;
  /// Elementwise operations in order; results of all but the last one have no
  /// users outside.
  llvm::SmallVector<mlir::Operation *> tail;
  /// Operands of the tail from elsewhere: vectors along the columns, and
  /// matrices of the result's shape.
  llvm::SetVector<mlir::Value> columns, matrices;
  /// What quantizes the result, or null.
  fp4::QuantizeOp quantize;

  mlir::Operation *getLast() {
    return tail.empty() ? matmul.getOperation() : tail.back();
  }
  mlir::RankedTensorType getType() {
    return mlir::cast<mlir::RankedTensorType>(
        getLast()->getResult(0).getType());
  }
  /// A suffix for the kernel's name.
  std::string getSuffix();
  /// The tail on one element: `products` holds that of the matmul (and of the
  /// second one), rounded to its result type; `columns` and `matrices` as
  /// above.
  mlir::Value emitTail(mlir::OpBuilder &builder, mlir::ValueRange products,
                       mlir::ValueRange columns, mlir::ValueRange matrices);
};

/// The quantization that is the only use of the last result, if the kernel of a
/// matmul can do it: blocks of 16 or 32 along the rows, 32 columns or a
/// multiple of it, rounding to nearest, a tensor scale that is known ahead, and
/// NaN for infinite values.
fp4::QuantizeOp findQuantization(FusedMatmul &fused);

/// The longest tail of `matmul`. `isPair` says whether two matmuls may share a
/// kernel.
FusedMatmul fuseTail(MatmulOp matmul,
                     llvm::function_ref<bool(MatmulOp, MatmulOp)> isPair);

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4TOFP4GPU_EPILOGUEFUSION_H
