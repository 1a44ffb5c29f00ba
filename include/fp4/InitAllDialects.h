//===- InitAllDialects.h - Every dialect the tools know ---------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registers the fp4 dialects, their external models, and the upstream dialects
// that programs around them use.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_INITALLDIALECTS_H
#define FP4_INITALLDIALECTS_H

#include "fp4/Dialect/FP4/IR/FP4Dialect.h"
#include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"

namespace fp4 {

inline void registerAllDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<FP4Dialect, gpu::FP4GPUDialect>();
}

} // namespace fp4

#endif // FP4_INITALLDIALECTS_H
