//===- LinearBody.cpp - Linear and quadratic linalg operations ------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A degree is computed for every value of a body: 0 for what does not vary
// along the last dimension, 1 for what is linear in the operands that do.
//
//===----------------------------------------------------------------------===//

#include "LinearBody.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fp4 {

/// Whether `map` mentions `dim` at all, and whether only as its last result.
static bool mentions(AffineMap map, unsigned dim) {
  return map.isFunctionOfDim(dim);
}
static bool endsWith(AffineMap map, unsigned dim) {
  if (map.getNumResults() == 0 ||
      map.getResults().back() != getAffineDimExpr(dim, map.getContext()))
    return false;
  return llvm::none_of(map.getResults().drop_back(),
                       [&](AffineExpr e) { return e.isFunctionOfDim(dim); });
}

/// The loop along the last dimension of the result of an operation with one
/// result.
static std::optional<unsigned> getLastLoop(linalg::LinalgOp op) {
  if (op->getNumResults() != 1 || !op.hasPureTensorSemantics())
    return std::nullopt;
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (map.getNumResults() == 0 || !map.isProjectedPermutation())
    return std::nullopt;
  return map.getDimPosition(map.getNumResults() - 1);
}

bool isConstantAlongLastDim(Value value) {
  DenseElementsAttr attr;
  if (matchPattern(value, m_Constant(&attr)))
    return attr.isSplat();
  Operation *producer = value.getDefiningOp();
  if (isa_and_nonnull<linalg::FillOp, tensor::SplatOp>(producer))
    return true;
  auto op = dyn_cast_or_null<linalg::LinalgOp>(producer);
  std::optional<unsigned> last = op ? getLastLoop(op) : std::nullopt;
  if (!last || op.hasIndexSemantics())
    return false;
  return llvm::all_of(op->getOpOperands(), [&](OpOperand &operand) {
    return !op.payloadUsesValueFromOperand(&operand) ||
           !mentions(op.getMatchingIndexingMap(&operand), *last) ||
           isConstantAlongLastDim(operand.get());
  });
}

//===----------------------------------------------------------------------===//
// Degrees
//===----------------------------------------------------------------------===//

namespace {
using Degrees = DenseMap<Value, unsigned>;
} // namespace

/// The degree of the result of `op`, or nothing if it is not 0 or 1. Values
/// that are not in `degrees` come from outside the body: degree 0.
static std::optional<unsigned> getDegree(Operation &op,
                                         const Degrees &degrees) {
  SmallVector<unsigned> in;
  for (Value operand : op.getOperands())
    in.push_back(degrees.lookup(operand));
  if (op.getNumRegions() != 0 || !isMemoryEffectFree(&op))
    return std::nullopt;
  if (llvm::all_of(in, [](unsigned degree) { return degree == 0; }))
    return 0;
  return TypeSwitch<Operation *, std::optional<unsigned>>(&op)
      .Case<arith::AddFOp, arith::SubFOp>([&](auto) {
        return in[0] == in[1] ? std::optional<unsigned>(1) : std::nullopt;
      })
      .Case([&](arith::MulFOp) {
        return in[0] + in[1] == 1 ? std::optional<unsigned>(1) : std::nullopt;
      })
      .Case([&](arith::DivFOp) {
        return in[1] == 0 ? std::optional<unsigned>(1) : std::nullopt;
      })
      .Case<arith::NegFOp, arith::ExtFOp, arith::TruncFOp>(
          [&](auto) { return std::optional<unsigned>(1); })
      .Default([](Operation *) { return std::nullopt; });
}

/// Degrees of all values of the body but the terminator's; block arguments are
/// in `degrees` already. False at the first value without a degree.
static bool computeDegrees(Block &body, Degrees &degrees) {
  for (Operation &op : body.without_terminator()) {
    std::optional<unsigned> degree = getDegree(op, degrees);
    if (!degree || op.getNumResults() != 1)
      return false;
    degrees[op.getResult(0)] = *degree;
  }
  return true;
}

static bool isZero(Value value) {
  if (auto fill = value.getDefiningOp<linalg::FillOp>())
    value = fill.getInputs()[0];
  return matchPattern(value, m_AnyZeroFloat());
}

/// Whether the body adds to what `operand` holds: a sum over reduction loops,
/// as in a contraction. Zeros are the same in both forms, so they need not be
/// rotated.
static bool isZeroAccumulator(linalg::LinalgOp op, OpOperand &operand) {
  return op.isDpsInit(&operand) && op.getNumReductionLoops() != 0 &&
         isZero(operand.get());
}

/// getLinearOperands with constant splats, which a product needs to have degree
/// 0 and a sum to have degree 1, taken as `splatDegree`.
static LogicalResult getLinearOperands(linalg::LinalgOp op, unsigned last,
                                       OpOperand *ignored, unsigned splatDegree,
                                       SmallVectorImpl<OpOperand *> &carriers) {
  Degrees degrees;
  for (OpOperand &operand : op->getOpOperands()) {
    if (!op.payloadUsesValueFromOperand(&operand))
      continue;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (&operand == ignored || !mentions(map, last))
      continue;
    if (isZeroAccumulator(op, operand)) {
      degrees[op.getMatchingBlockArgument(&operand)] = 1;
      continue;
    }
    bool isSplat = matchPattern(operand.get(), m_Constant());
    if (isConstantAlongLastDim(operand.get()) && !(isSplat && splatDegree == 1))
      continue;
    if (!endsWith(map, last))
      return failure();
    degrees[op.getMatchingBlockArgument(&operand)] = 1;
    carriers.push_back(&operand);
  }
  Block &body = *op.getBlock();
  return success(computeDegrees(body, degrees) &&
                 degrees.lookup(body.getTerminator()->getOperand(0)) == 1);
}

LogicalResult getLinearOperands(linalg::LinalgOp op, OpOperand *ignored,
                                SmallVectorImpl<OpOperand *> &carriers) {
  std::optional<unsigned> last = getLastLoop(op);
  if (!last || op.hasIndexSemantics())
    return failure();
  for (unsigned splatDegree : {0, 1}) {
    carriers.clear();
    if (succeeded(getLinearOperands(op, *last, ignored, splatDegree, carriers)))
      return success();
  }
  return failure();
}

//===----------------------------------------------------------------------===//
// Sums of squares
//===----------------------------------------------------------------------===//

/// v for a value v * v, perhaps widened or scaled by something of degree 0.
static Value getSquared(Value value, const Degrees &degrees) {
  while (Operation *op = value.getDefiningOp()) {
    auto mul = dyn_cast<arith::MulFOp>(op);
    if (mul && mul.getLhs() == mul.getRhs())
      return mul.getLhs();
    if (mul && degrees.lookup(mul.getLhs()) == 0)
      value = mul.getRhs();
    else if (mul && degrees.lookup(mul.getRhs()) == 0)
      value = mul.getLhs();
    else if (isa<arith::ExtFOp, arith::TruncFOp>(op) ||
             (isa<arith::DivFOp>(op) && degrees.lookup(op->getOperand(1)) == 0))
      value = op->getOperand(0);
    else
      return {};
  }
  return {};
}

/// The operand through widenings only.
static bool isArgument(Value value, BlockArgument argument) {
  while (auto extend = value.getDefiningOp<arith::ExtFOp>())
    value = extend.getIn();
  return value == argument;
}

/// Whether the owner adds up, along the last dimension of `operand`, what it
/// makes of its elements; that is `term`.
static bool isSumAlongLastDim(OpOperand &operand, Value &term) {
  auto op = dyn_cast<linalg::LinalgOp>(operand.getOwner());
  if (!op || op->getNumResults() != 1 || !op.hasPureTensorSemantics() ||
      op.isDpsInit(&operand) || op.getNumReductionLoops() != 1)
    return false;
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  AffineMap map = op.getMatchingIndexingMap(&operand);
  if (!endsWith(map, reduced.front()))
    return false;
  Value out = op.getMatchingBlockArgument(op.getDpsInitOperand(0));
  auto add = op.getBlock()
                 ->getTerminator()
                 ->getOperand(0)
                 .getDefiningOp<arith::AddFOp>();
  if (!add || !out.hasOneUse() || (add.getLhs() != out && add.getRhs() != out))
    return false;
  term = add.getLhs() == out ? add.getRhs() : add.getLhs();
  // Other operands that vary along the sum would not see the rotation.
  return llvm::all_of(op.getDpsInputOperands(), [&](OpOperand *other) {
    return other == &operand ||
           !mentions(op.getMatchingIndexingMap(other), reduced.front()) ||
           isConstantAlongLastDim(other->get());
  });
}

/// Whether all uses of the block argument are inside `square` = v * v.
static bool isOnlySquared(Value term, BlockArgument argument) {
  Degrees degrees;
  degrees[argument] = 1;
  for (Operation &op : argument.getOwner()->without_terminator())
    for (Value operand : op.getOperands())
      if (degrees.lookup(operand) != 0)
        for (Value result : op.getResults())
          degrees[result] = 1;
  Value squared = getSquared(term, degrees);
  if (!squared || !isArgument(squared, argument))
    return false;
  // No way around the square: every link of the chain has one user.
  auto users = [](Value value) {
    return llvm::SmallPtrSet<Operation *, 2>(value.user_begin(),
                                             value.user_end())
        .size();
  };
  for (Value link = squared;; link = link.getDefiningOp()->getOperand(0)) {
    if (users(link) != 1)
      return false;
    if (link == argument)
      return true;
  }
}

bool isSumOfSquares(OpOperand &operand) {
  auto op = dyn_cast<linalg::LinalgOp>(operand.getOwner());
  if (!op || op.hasIndexSemantics())
    return false;
  Value term;
  if (isSumAlongLastDim(operand, term))
    return isOnlySquared(term, op.getMatchingBlockArgument(&operand));

  std::optional<unsigned> last = getLastLoop(op);
  if (!last || op.isDpsInit(&operand) || op.getNumDpsInputs() != 1 ||
      op.getNumReductionLoops() != 0 ||
      !endsWith(op.getMatchingIndexingMap(&operand), *last) ||
      !isOnlySquared(op.getBlock()->getTerminator()->getOperand(0),
                     op.getMatchingBlockArgument(&operand)))
    return false;
  return llvm::all_of(op->getUses(), [](OpOperand &use) {
    Value sum;
    return isSumAlongLastDim(use, sum) &&
           isArgument(sum, cast<linalg::LinalgOp>(use.getOwner())
                               .getMatchingBlockArgument(&use));
  });
}

} // namespace fp4
