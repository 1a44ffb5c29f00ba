//===- FP4Ops.td - All operations of the fp4 dialect -------*- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4_IR_FP4OPS_TD
#define FP4_DIALECT_FP4_IR_FP4OPS_TD

include "fp4/Dialect/FP4/IR/FP4ConstantOps.td"
include "fp4/Dialect/FP4/IR/FP4LinearOps.td"
include "fp4/Dialect/FP4/IR/FP4QuantizeOps.td"

#endif // FP4_DIALECT_FP4_IR_FP4OPS_TD
