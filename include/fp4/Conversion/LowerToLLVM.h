//===- LowerToLLVM.h - From fp4 on tensors to the LLVM dialect --*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The CPU path as pass pipelines. The first half ends at loops over memrefs,
// where the constants are memref.global operations that a caller may take
// out (Runtime/Host does, so that weights are neither copied nor compiled).
//
//===----------------------------------------------------------------------===//

#ifndef FP4_CONVERSION_LOWERTOLLVM_H
#define FP4_CONVERSION_LOWERTOLLVM_H

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace fp4 {

/// fp4, linalg, tensor and arith on tensors to linalg on memrefs. Functions
/// return memrefs that the caller frees.
void buildBufferizePipeline(mlir::OpPassManager &pm);

/// linalg on memrefs to the LLVM dialect, with a C wrapper for every public
/// function.
void buildBuffersToLLVMPipeline(mlir::OpPassManager &pm);

/// `--fp4-lower-to-llvm`: both of them.
void buildLowerToLLVMPipeline(mlir::OpPassManager &pm);

/// Makes the pipelines known to tools by name.
void registerLowerToLLVMPipeline();

} // namespace fp4

#endif // FP4_CONVERSION_LOWERTOLLVM_H
