//===- WidenedInput.h - Activations that become bf16 ------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the tensor cores have no instruction for the formats of a product, its
// left side is made bf16 by a kernel of its own (fp4gpu.dequantize), exactly.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4TOFP4GPU_WIDENEDINPUT_H
#define FP4_LIB_CONVERSION_FP4TOFP4GPU_WIDENEDINPUT_H

#include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace fp4::gpu {

/// A left side as bf16, and what products with it have to be multiplied by, as
/// the array that kernels read, or null.
struct WidenedInput {
  mlir::Value matrix, factor;
};

/// Widens left sides, each once unless it is a constant.
class InputWidener {
public:
  explicit InputWidener(mlir::ModuleOp module) : module(module) {}

  /// `lhs` is a matrix of f8E4M3FN, or a microscaled one of which
  /// fp4gpu.to_fragments knows the format.
  WidenedInput widen(mlir::Value lhs);

  unsigned getNumKernels() const { return numKernels; }

private:
  mlir::ModuleOp module;
  unsigned numKernels = 0;
};

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4TOFP4GPU_WIDENEDINPUT_H
