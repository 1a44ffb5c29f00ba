//===- Passes.h - Passes over the fp4 dialect -------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Constructors, options and registration of the passes. What each does is
// documented in Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4_TRANSFORMS_PASSES_H
#define FP4_DIALECT_FP4_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir {
class ModuleOp;
}

namespace fp4 {

#define GEN_PASS_DECL
#include "fp4/Dialect/FP4/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "fp4/Dialect/FP4/Transforms/Passes.h.inc"

} // namespace fp4

#endif // FP4_DIALECT_FP4_TRANSFORMS_PASSES_H
