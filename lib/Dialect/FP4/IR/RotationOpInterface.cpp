//===- RotationOpInterface.cpp - How a rotation passes an op --------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The generated dispatch of the interface and the rotation type.
//
//===----------------------------------------------------------------------===//

#include "fp4/Dialect/FP4/IR/RotationOpInterface.h"

using namespace mlir;
using namespace fp4;

#include "fp4/Dialect/FP4/IR/RotationOpInterface.cpp.inc"

Rotation Rotation::of(HadamardOp op) {
  return {static_cast<int64_t>(op.getBlock()), op.getSignsAttr(),
          op.getSigns() && op.getInverse()};
}

bool Rotation::fits(Type type) const {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || tensor.getRank() == 0)
    return false;
  Type element = tensor.getElementType();
  return (element.isF32() || element.isBF16() || element.isF16()) &&
         !tensor.isDynamicDim(tensor.getRank() - 1) &&
         tensor.getShape().back() % block == 0;
}

Value Rotation::apply(OpBuilder &builder, Location loc, Value value) const {
  return HadamardOp::create(builder, loc, value.getType(), value, block, signs,
                            isInverse);
}
