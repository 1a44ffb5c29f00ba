//===- KernelReuse.h - One kernel for equal problems ------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4TOFP4GPU_KERNELREUSE_H
#define FP4_LIB_CONVERSION_FP4TOFP4GPU_KERNELREUSE_H

#include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace fp4::gpu {

/// A kernel of `module` that does the same as `kernel` under a name that begins
/// like its own; `kernel` is erased then. Otherwise `kernel`, with a number
/// behind its name if another one has that, and true.
std::pair<KernelOp, bool> reuseKernel(mlir::ModuleOp module, KernelOp kernel);

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4TOFP4GPU_KERNELREUSE_H
