//===- Passes.h - Passes over device code -----------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declares the passes of Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TARGET_PASSES_H
#define FP4_TARGET_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::gpu {
class GPUModuleOp;
} // namespace mlir::gpu

namespace fp4 {

#define GEN_PASS_DECL
#include "fp4/Target/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "fp4/Target/Passes.h.inc"

} // namespace fp4

#endif // FP4_TARGET_PASSES_H
