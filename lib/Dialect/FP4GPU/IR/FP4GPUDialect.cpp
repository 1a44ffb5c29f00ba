//===- FP4GPUDialect.cpp - Registration of the kernel dialect -------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registers operations and types, and materializes folded prepacked bytes.
//
//===----------------------------------------------------------------------===//

#include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace fp4::gpu;

#include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.cpp.inc"

void FP4GPUDialect::initialize() {
  registerAttributesAndTypes();
  addOperations<
#define GET_OP_LIST
#include "fp4/Dialect/FP4GPU/IR/FP4GPUOps.cpp.inc"
      >();
}

Operation *FP4GPUDialect::materializeConstant(OpBuilder &builder,
                                              Attribute value, Type type,
                                              Location loc) {
  return arith::ConstantOp::materialize(builder, value, type, loc);
}
