//===- FP4Ops.h - Operations of the fp4 dialect -----------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declares the operations; their meaning is documented in the .td files.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4_IR_FP4OPS_H
#define FP4_DIALECT_FP4_IR_FP4OPS_H

#include "fp4/Dialect/FP4/IR/FP4Dialect.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#define GET_OP_CLASSES
#include "fp4/Dialect/FP4/IR/FP4Ops.h.inc"

#endif // FP4_DIALECT_FP4_IR_FP4OPS_H
