//===- ElementwiseOps.cpp - Operations on elements one by one -------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementwiseOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace fp4::gpu {

bool isKernelFloat(Type type) {
  return type.isF32() || type.isBF16() || type.isF16();
}

static bool isScalarArithmetic(Operation &op) {
  return isa<arith::ArithDialect>(op.getDialect()) ||
         isa<math::AbsFOp, math::ErfOp, math::ExpOp, math::Exp2Op, math::FmaOp,
             math::RsqrtOp, math::SqrtOp, math::TanhOp>(op);
}

TypedAttr getSplat(Value value) {
  if (auto fill = value.getDefiningOp<linalg::FillOp>()) {
    TypedAttr number;
    return matchPattern(fill.getInputs()[0], m_Constant(&number)) ? number
                                                                  : TypedAttr();
  }
  SplatElementsAttr splat;
  if (!matchPattern(value, m_Constant(&splat)))
    return {};
  return dyn_cast<TypedAttr>(splat.getSplatValue<Attribute>());
}

/// The payload of a structured operation: arithmetic on its inputs alone.
static bool isPayloadElementwise(linalg::LinalgOp op, unsigned rank) {
  if (op.getNumLoops() != rank || op.getNumParallelLoops() != rank ||
      op.getNumDpsInits() != 1 || !op.hasPureTensorSemantics() ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity() ||
      op.payloadUsesValueFromOperand(op.getDpsInitOperand(0)))
    return false;
  Block *block = op.getBlock();
  for (Operation &inner : block->without_terminator()) {
    if (!isScalarArithmetic(inner))
      return false;
    for (Value operand : inner.getOperands())
      if (operand.getParentBlock() != block &&
          !matchPattern(operand, m_Constant()))
        return false;
  }
  Value yielded = block->getTerminator()->getOperand(0);
  return yielded.getParentBlock() == block;
}

bool isElementwise(Operation &op, unsigned rank) {
  auto type = op.getNumResults() == 1
                  ? dyn_cast<RankedTensorType>(op.getResult(0).getType())
                  : RankedTensorType();
  if (!type || type.getRank() != rank || !isKernelFloat(type.getElementType()))
    return false;
  if (auto structured = dyn_cast<linalg::LinalgOp>(op))
    return isPayloadElementwise(structured, rank);
  return OpTrait::hasElementwiseMappableTraits(&op) && isScalarArithmetic(op) &&
         op.getNumOperands() > 0;
}

unsigned getNumReads(Operation &op) {
  auto structured = dyn_cast<linalg::LinalgOp>(op);
  return structured ? structured.getNumDpsInputs() : op.getNumOperands();
}

AffineMap getReadMap(Operation &op, unsigned index) {
  if (auto structured = dyn_cast<linalg::LinalgOp>(op))
    return structured.getMatchingIndexingMap(&op.getOpOperand(index));
  auto type = cast<RankedTensorType>(op.getResult(0).getType());
  return AffineMap::getMultiDimIdentityMap(type.getRank(), op.getContext());
}

/// The payload of a structured operation.
static Value clonePayload(OpBuilder &builder, linalg::LinalgOp op,
                          function_ref<Value(Value)> scalar) {
  IRMapping mapping;
  Block *block = op.getBlock();
  for (unsigned i = 0; i < op.getNumDpsInputs(); ++i)
    if (!block->getArgument(i).use_empty())
      mapping.map(block->getArgument(i), scalar(op->getOperand(i)));
  for (Operation &inner : block->without_terminator()) {
    for (Value operand : inner.getOperands())
      if (operand.getParentBlock() != block && !mapping.contains(operand))
        mapping.map(operand,
                    builder.clone(*operand.getDefiningOp())->getResult(0));
    builder.clone(inner, mapping);
  }
  return mapping.lookup(block->getTerminator()->getOperand(0));
}

Value emitElement(OpBuilder &builder, Operation &op,
                  function_ref<Value(Value)> scalar) {
  if (auto structured = dyn_cast<linalg::LinalgOp>(op))
    return clonePayload(builder, structured, scalar);
  SmallVector<Value> operands = llvm::map_to_vector(op.getOperands(), scalar);
  OperationState state(op.getLoc(), op.getName());
  state.addOperands(operands);
  state.addTypes(getElementTypeOrSelf(op.getResult(0).getType()));
  state.addAttributes(op.getAttrs());
  return builder.create(state)->getResult(0);
}

} // namespace fp4::gpu
