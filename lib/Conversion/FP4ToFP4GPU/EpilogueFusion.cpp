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
#include "ElementwiseOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace fp4::gpu {

//===----------------------------------------------------------------------===//
// What can join
//===----------------------------------------------------------------------===//

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

/// How the kernel comes by that operand.
Reading TailBuilder::classify(Operation &op, unsigned operand) {
  Value value = op.getOperand(operand);
  AffineMap map = getReadMap(op, operand);
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (values.contains(value))
    return map.isIdentity() ? Reading::Tail : Reading::None;
  if (getSplat(value))
    return Reading::Constant;
  if (!type || !isKernelFloat(type.getElementType()))
    return Reading::None;
  if (map.isIdentity())
    return type.getShape() == shape ? Reading::Matrix : Reading::None;
  bool isColumn = map.getNumResults() == 1 &&
                  map.getResult(0) == getAffineDimExpr(1, op.getContext());
  return isColumn ? Reading::Column : Reading::None;
}

bool TailBuilder::canJoin(Operation &op, MatmulOp &second) {
  if (!isElementwise(op, 2) ||
      cast<RankedTensorType>(op.getResult(0).getType()).getShape() != shape)
    return false;
  for (unsigned i = 0; i < getNumReads(op); ++i) {
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
    for (unsigned i = 0; i < getNumReads(*op); ++i) {
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
      isKernelFormat(format) &&
      quantize.getEffectiveScaleRule() != numerics::ScaleRule::Search &&
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
  if (quantize)
    text += "_to_" + quantize.getType().getFormat().getName().str() + "_" +
            stringifyScaleRule(
                static_cast<ScaleRule>(quantize.getEffectiveScaleRule()))
                .str();
  return text;
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
  for (Operation *op : tail)
    mapping.map(op->getResult(0), emitElement(builder, *op, scalar));
  return mapping.lookup(getLast()->getResult(0));
}

} // namespace fp4::gpu
