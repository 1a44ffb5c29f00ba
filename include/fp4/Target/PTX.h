//===- PTX.h - PTX text and what it holds -----------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a gpu.module of NVVM and LLVM operations to PTX, by LLVM's backend in
// this process, and figures about the text.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TARGET_PTX_H
#define FP4_TARGET_PTX_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringRef.h"
#include <map>
#include <string>

namespace mlir::gpu {
class GPUModuleOp;
} // namespace mlir::gpu

namespace fp4 {

/// What emitPTX translates; to be called once before a context is made.
void registerPTXTranslation(mlir::DialectRegistry &registry);

/// The PTX of `device` for its target. It must have passed
/// `--fp4-check-gpu-legality`.
mlir::FailureOr<std::string> emitPTX(mlir::gpu::GPUModuleOp device);

/// Opcode with modifiers to number of instructions.
using InstructionCounts = std::map<std::string, int64_t>;

/// The instructions of each entry of a PTX module, by entry name.
std::map<std::string, InstructionCounts> countInstructions(llvm::StringRef ptx);

} // namespace fp4

#endif // FP4_TARGET_PTX_H
