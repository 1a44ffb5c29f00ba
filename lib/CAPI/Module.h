//===- Module.h - A module and its context ----------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The definition behind the opaque FP4Module of fp4-c/Compiler.h.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CAPI_MODULE_H
#define FP4_LIB_CAPI_MODULE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

struct FP4Module {
  explicit FP4Module(const mlir::DialectRegistry &registry)
      : context(std::make_shared<mlir::MLIRContext>(registry)) {}
  explicit FP4Module(std::shared_ptr<mlir::MLIRContext> context)
      : context(std::move(context)) {}

  /// Shared with the programs that were compiled from the module, whose
  /// constants it holds.
  std::shared_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> op;
};

#endif // FP4_LIB_CAPI_MODULE_H
