//===- DeadOps.h - Erasing what a rewrite has left over ---------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For passes that walk and rewrite without a pattern driver, which would do
// this for them.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4_IR_DEADOPS_H
#define FP4_DIALECT_FP4_IR_DEADOPS_H

#include "mlir/Support/LLVM.h"

namespace fp4 {

/// Erases those of `ops` that are trivially dead, and what they alone used.
/// Null and repeated pointers are fine; the order does not matter.
void eraseDeadOps(llvm::ArrayRef<mlir::Operation *> ops);

} // namespace fp4

#endif // FP4_DIALECT_FP4_IR_DEADOPS_H
