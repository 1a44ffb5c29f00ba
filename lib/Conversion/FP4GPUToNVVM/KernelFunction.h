//===- KernelFunction.h - The device function of a kernel -------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What kernels of all kinds have: a function whose arguments are TMA
// descriptors by value, other arrays as pointers and scalars by value, the same
// in attributes for the launch manifest (docs/Manifest.md), and scalars ahead
// of the loop over tiles.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4GPUTONVVM_KERNELFUNCTION_H
#define FP4_LIB_CONVERSION_FP4GPUTONVVM_KERNELFUNCTION_H

#include "KernelBuilder.h"
#include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/IRMapping.h"
#include <functional>

namespace fp4::gpu {

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// How the function of a kernel is to be declared.
struct FunctionOptions {
  int64_t threads;
  int64_t blocksPerMultiprocessor = 1;
  /// Arguments that are passed as TMA descriptors.
  std::function<bool(unsigned)> isTensorMap = [](unsigned) { return false; };
  /// One more argument, scratch memory.
  bool hasWorkspace = false;
};

/// Declares the function of `kernel` in `device`, leaves the builder in its
/// empty body and maps the kernel's arguments to the function's.
mlir::LLVM::LLVMFuncOp createKernelFunction(KernelBuilder &b, KernelOp kernel,
                                            mlir::Operation *device,
                                            const FunctionOptions &options,
                                            mlir::IRMapping &mapping);

/// Loads and computes the scalars ahead of the kernel's loop. `emitSpecial`
/// gives the value of an operation of another kind, or null.
void emitScalars(
    KernelBuilder &b, KernelOp kernel, mlir::IRMapping &mapping,
    llvm::function_ref<mlir::Value(mlir::Operation &)> emitSpecial =
        [](mlir::Operation &) { return mlir::Value(); });

/// Extent `dim` of what the loop covers.
mlir::Value emitSize(KernelBuilder &b, ForTilesOp forTiles, unsigned dim,
                     const mlir::IRMapping &mapping);

//===----------------------------------------------------------------------===//
// Description for the manifest
//===----------------------------------------------------------------------===//

/// Extent `dim` of what the loop covers: a number, or the name of the argument
/// that holds it.
mlir::Attribute describeSize(ForTilesOp forTiles, unsigned dim);

/// ceil(size / tile).
mlir::Attribute describeTiles(mlir::Attribute size, int64_t tile);

/// The shape of array `index` of the kernel, whose dynamic extent follows
/// extent `dim` of the loop, or with `isScales` the tiles of that.
mlir::ArrayAttr describeShape(ForTilesOp forTiles, unsigned index, unsigned dim,
                              bool isScales);

/// The argument `index`: name, kind, type, and for an array the shape.
mlir::NamedAttrList describeArgument(KernelOp kernel, unsigned index,
                                     llvm::StringRef arrayKind,
                                     mlir::ArrayAttr shape);

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_KERNELFUNCTION_H
