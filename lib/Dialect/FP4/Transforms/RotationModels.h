//===- RotationModels.h - Rotations through upstream ops --------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Implementations of RotationOpInterface for fp4.matmul and for the operations
// of the arith, tensor and linalg dialects that a rotation can pass.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_DIALECT_FP4_TRANSFORMS_ROTATIONMODELS_H
#define FP4_LIB_DIALECT_FP4_TRANSFORMS_ROTATIONMODELS_H

#include "mlir/IR/DialectRegistry.h"

namespace fp4 {

/// Attaches the models when the dialects are loaded.
void registerRotationModels(mlir::DialectRegistry &registry);

} // namespace fp4

#endif // FP4_LIB_DIALECT_FP4_TRANSFORMS_ROTATIONMODELS_H
