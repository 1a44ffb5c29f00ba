//===- Activations.h - Activation functions of kernels ----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The activations of fp4.matmul in the arithmetic of a GPU.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4TOFP4GPU_ACTIVATIONS_H
#define FP4_LIB_CONVERSION_FP4TOFP4GPU_ACTIVATIONS_H

#include "fp4/Dialect/FP4/IR/FP4Ops.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace fp4::gpu {

/// `activation` of the f32 `x`.
mlir::Value emitActivation(mlir::ImplicitLocOpBuilder &builder, mlir::Value x,
                           Activation activation);

/// Gives the float32 exponentials of `block` the arithmetic that
/// `emitActivation` has, and its divisions too if there are any.
void approximateExponentials(mlir::Block &block);

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4TOFP4GPU_ACTIVATIONS_H
