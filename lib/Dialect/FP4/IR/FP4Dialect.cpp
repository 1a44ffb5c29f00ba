//===- FP4Dialect.cpp - Registration and dialect hooks --------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registers types, attributes and operations, and materializes folded
// constants: packed values as fp4.constant, plain ones as arith.constant.
//
//===----------------------------------------------------------------------===//

#include "FP4Bytecode.h"
#include "fp4/Dialect/FP4/IR/FP4Ops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Transforms/InliningUtils.h"

using namespace mlir;
using namespace fp4;

#include "fp4/Dialect/FP4/IR/FP4Dialect.cpp.inc"

namespace {
/// Every fp4 operation is pure, so calls around them can always be inlined.
struct FP4InlinerInterface : DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;
  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
};
} // namespace

void FP4Dialect::initialize() {
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "fp4/Dialect/FP4/IR/FP4Ops.cpp.inc"
      >();
  addInterfaces<FP4InlinerInterface>();
  addBytecodeInterface(this);
}

Operation *FP4Dialect::materializeConstant(OpBuilder &builder, Attribute value,
                                           Type type, Location loc) {
  if (auto packed = dyn_cast<PackedAttr>(value))
    return ConstantOp::create(builder, loc, type, packed);
  return arith::ConstantOp::materialize(builder, value, type, loc);
}
