//===- LaunchOrder.h - Whether a list of launches is enough -----*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A manifest lists launches in program order and has no control flow.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_TARGET_LAUNCHORDER_H
#define FP4_LIB_TARGET_LAUNCHORDER_H

#include "mlir/IR/BuiltinOps.h"

namespace fp4 {

/// Emits an error at a launch that a list can't tell: within a loop or branch,
/// or in a function of several blocks. Warns of operands that other operations
/// compute from the results of launches, which is then the caller's work.
mlir::LogicalResult checkLaunchOrder(mlir::ModuleOp module);

} // namespace fp4

#endif // FP4_LIB_TARGET_LAUNCHORDER_H
