//===- ElementwiseOps.h - Operations on elements one by one -----*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which tensor operations a kernel can do on the way in or out, and the same
// operations on one element.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4TOFP4GPU_ELEMENTWISEOPS_H
#define FP4_LIB_CONVERSION_FP4TOFP4GPU_ELEMENTWISEOPS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace fp4::gpu {

/// A float that kernels load, store and compute with.
bool isKernelFloat(mlir::Type type);

/// The value that all elements of a constant, or of a tensor that is filled
/// with one, have.
mlir::TypedAttr getSplat(mlir::Value value);

/// Whether `op` gives one tensor of floats of rank `rank`, each element from
/// those of its operands by arithmetic that exists on the GPU: arith and math
/// on tensors, or linalg with parallel loops in the order of the result.
bool isElementwise(mlir::Operation &op, unsigned rank);

/// How often such an operation reads tensors, and where operand `index` is read
/// for the element at the loop indices.
unsigned getNumReads(mlir::Operation &op);
mlir::AffineMap getReadMap(mlir::Operation &op, unsigned index);

/// The operation on one element; `scalar` gives that of an operand.
mlir::Value emitElement(mlir::OpBuilder &builder, mlir::Operation &op,
                        llvm::function_ref<mlir::Value(mlir::Value)> scalar);

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4TOFP4GPU_ELEMENTWISEOPS_H
