//===- EpilogueFusion.cpp - What a kernel does after its product ----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An operation joins the tail if it works element by element, its arithmetic
// exists on the GPU, and every operand is a value of the tail or something the
// kernel can read: a matrix of the same shape, a vector along the columns, a
// constant. The tail then ends at the last operation before which nothing of it
// is used elsewhere.
//
//===----------------------------------------------------------------------===//

#include "EpilogueFusion.h"
#include "ActivationKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace fp4::gpu {

//===----------------------------------------------------------------------===//
// What can join
//===----------------------------------------------------------------------===//

static bool isScalarArithmetic(Operation &op) {
  return isa<arith::ArithDialect>(op.getDialect()) ||
         isa<math::AbsFOp, math::ErfOp, math::ExpOp, math::Exp2Op, math::FmaOp,
             math::SqrtOp, math::TanhOp>(op);
}

/// The value that all elements of a constant have.
static TypedAttr getSplat(Value value) {
  SplatElementsAttr splat;
  if (!matchPattern(value, m_Constant(&splat)))
    return {};
  return dyn_cast<TypedAttr>(splat.getSplatValue<Attribute>());
}

static bool isFloat(Type type) {
  return type.isF32() || type.isBF16() || type.isF16();
}

namespace {
enum class Reading { Tail, Constant, Matrix, Column, None };

class TailBuilder {
public:
  TailBuilder(FusedMatmul &fused, function_ref<bool(MatmulOp, MatmulOp)> isPair)
      : fused(fused), isPair(isPair), shape(fused.matmul.getType().getShape()) {
    values.insert(fused.matmul.getResult());
  }

  void grow();

private:
  bool usesTail(Operation &op);
  bool canJoin(Operation &op, MatmulOp &second);
  bool canJoinPayload(linalg::LinalgOp op);
  Reading classify(Operation &op, unsigned operand);
  bool isClosed(size_t length);
  void collectOperands();

  FusedMatmul &fused;
  function_ref<bool(MatmulOp, MatmulOp)> isPair;
  ArrayRef<int64_t> shape;
  llvm::DenseSet<Value> values;
};
} // namespace

bool TailBuilder::usesTail(Operation &op) {
  return llvm::any_of(op.getOperands(),
                      [&](Value v) { return values.contains(v); });
}

/// The payload of a structured operation: arithmetic on its inputs alone.
bool TailBuilder::canJoinPayload(linalg::LinalgOp op) {
  if (op.getNumLoops() != 2 || op.getNumParallelLoops() != 2 ||
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

/// How the kernel comes by that operand.
Reading TailBuilder::classify(Operation &op, unsigned operand) {
  Value value = op.getOperand(operand);
  auto structured = dyn_cast<linalg::LinalgOp>(op);
  AffineMap map = AffineMap::getMultiDimIdentityMap(2, op.getContext());
  if (structured)
    map = structured.getMatchingIndexingMap(&op.getOpOperand(operand));
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (values.contains(value))
    return map.isIdentity() ? Reading::Tail : Reading::None;
  if (getSplat(value))
    return Reading::Constant;
  if (!type || !isFloat(type.getElementType()))
    return Reading::None;
  if (map.isIdentity())
    return type.getShape() == shape ? Reading::Matrix : Reading::None;
  bool isColumn = map.getNumResults() == 1 &&
                  map.getResult(0) == getAffineDimExpr(1, op.getContext());
  return isColumn ? Reading::Column : Reading::None;
}

bool TailBuilder::canJoin(Operation &op, MatmulOp &second) {
  auto type = op.getNumResults() == 1
                  ? dyn_cast<RankedTensorType>(op.getResult(0).getType())
                  : RankedTensorType();
  if (!type || type.getShape() != shape || !isFloat(type.getElementType()))
    return false;
  auto structured = dyn_cast<linalg::LinalgOp>(op);
  if (structured ? !canJoinPayload(structured)
                 : !OpTrait::hasElementwiseMappableTraits(&op) ||
                       !isScalarArithmetic(op))
    return false;
  unsigned inputs =
      structured ? structured.getNumDpsInputs() : op.getNumOperands();
  for (unsigned i = 0; i < inputs; ++i) {
    auto other = op.getOperand(i).getDefiningOp<MatmulOp>();
    if (other && !values.contains(other.getResult()) && !fused.second &&
        isPair(fused.matmul, other))
      second = other;
    else if (classify(op, i) == Reading::None)
      return false;
  }
  return true;
}

/// Whether nothing of the first `length` operations but the last result is used
/// outside.
bool TailBuilder::isClosed(size_t length) {
  llvm::DenseSet<Operation *> inside(fused.tail.begin(),
                                     fused.tail.begin() + length);
  auto isPrivate = [&](Operation *op) {
    return llvm::all_of(op->getUsers(),
                        [&](Operation *user) { return inside.contains(user); });
  };
  if (!isPrivate(fused.matmul) || (fused.second && !isPrivate(fused.second)))
    return false;
  return llvm::all_of(ArrayRef(fused.tail).take_front(length - 1), isPrivate);
}

void TailBuilder::collectOperands() {
  for (Operation *op : fused.tail) {
    auto structured = dyn_cast<linalg::LinalgOp>(op);
    unsigned inputs =
        structured ? structured.getNumDpsInputs() : op->getNumOperands();
    for (unsigned i = 0; i < inputs; ++i) {
      Reading reading = classify(*op, i);
      if (reading == Reading::Matrix)
        fused.matrices.insert(op->getOperand(i));
      if (reading == Reading::Column)
        fused.columns.insert(op->getOperand(i));
    }
  }
}

void TailBuilder::grow() {
  // With a second product the tail has to reach the operation that joins them.
  size_t least = 1;
  for (Operation *op = fused.matmul->getNextNode(); op;
       op = op->getNextNode()) {
    MatmulOp second;
    if (!usesTail(*op) || !canJoin(*op, second))
      continue;
    fused.tail.push_back(op);
    values.insert(op->getResult(0));
    if (second) {
      fused.second = second;
      values.insert(second.getResult());
      least = fused.tail.size();
    }
  }
  size_t length = fused.tail.size();
  while (length >= least && length > 0 && !isClosed(length))
    --length;
  bool isShort = length < least;
  fused.tail.resize(isShort ? 0 : length);
  if (isShort)
    fused.second = {};
  collectOperands();
}

FusedMatmul fuseTail(MatmulOp matmul,
                     function_ref<bool(MatmulOp, MatmulOp)> isPair) {
  FusedMatmul fused{matmul, {}, {}, {}, {}, {}};
  TailBuilder(fused, isPair).grow();
  return fused;
}

fp4::QuantizeOp findQuantization(FusedMatmul &fused) {
  Value result = fused.getLast()->getResult(0);
  if (!result.hasOneUse())
    return {};
  auto quantize = dyn_cast<fp4::QuantizeOp>(*result.user_begin());
  std::string reason;
  if (!quantize || quantize->getBlock() != fused.matmul->getBlock() ||
      failed(getQuantizeProblem(quantize, reason)) ||
      quantize.getInput() != result)
    return {};
  FormatAttr format = quantize.getType().getFormat();
  bool isServed =
      (format.getBlockCols() == 16 || format.getBlockCols() == 32) &&
      quantize.getType().getNumCols() % 32 == 0 &&
      quantize.getEffectiveNaNPolicy() != numerics::NaNPolicy::SaturateInf &&
      (!format.hasTensorScale() || quantize.getTensorScale());
  return isServed ? quantize : fp4::QuantizeOp();
}

//===----------------------------------------------------------------------===//
// The tail on one element
//===----------------------------------------------------------------------===//

std::string FusedMatmul::getSuffix() {
  std::string text = second ? "_gated" : "";
  for (Operation *op : tail)
    text += "_" + op->getName().stripDialect().str();
  if (quantize) {
    numerics::BlockFormat format =
        quantize.getType().getFormat().getBlockFormat();
    text += "_to_" + std::string(*numerics::blockFormatName(format)) + "_" +
            stringifyScaleRule(
                static_cast<ScaleRule>(quantize.getEffectiveScaleRule()))
                .str();
  }
  return text;
}

/// The payload of a structured operation on the scalars of `scalars`.
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

Value FusedMatmul::emitTail(OpBuilder &builder, ValueRange products,
                            ValueRange columnValues, ValueRange matrixValues) {
  IRMapping mapping;
  mapping.map(matmul.getResult(), products[0]);
  if (second)
    mapping.map(second.getResult(), products[1]);
  mapping.map(columns.getArrayRef(), columnValues);
  mapping.map(matrices.getArrayRef(), matrixValues);
  auto scalar = [&](Value value) -> Value {
    if (Value known = mapping.lookupOrNull(value))
      return known;
    return arith::ConstantOp::create(builder, value.getLoc(), getSplat(value));
  };
  for (Operation *op : tail) {
    if (auto structured = dyn_cast<linalg::LinalgOp>(op)) {
      mapping.map(op->getResult(0), clonePayload(builder, structured, scalar));
      continue;
    }
    SmallVector<Value> operands =
        llvm::map_to_vector(op->getOperands(), scalar);
    OperationState state(op->getLoc(), op->getName());
    state.addOperands(operands);
    state.addTypes(getElementTypeOrSelf(op->getResult(0).getType()));
    state.addAttributes(op->getAttrs());
    mapping.map(op->getResult(0), builder.create(state)->getResult(0));
  }
  return mapping.lookup(getLast()->getResult(0));
}

} // namespace fp4::gpu
