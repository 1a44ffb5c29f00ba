//===- RowSum.cpp - Sums of squares over rows -----------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The sum is a linalg reduction over the columns that starts from zeros. It
// squares in its payload, or adds what an operation ahead has squared; both
// widen narrow elements to float32 first. The factor follows by arithmetic on
// the rows' values.
//
//===----------------------------------------------------------------------===//

#include "RowSum.h"
#include "ElementwiseOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace fp4::gpu {

Value stripReshapes(Value vector) {
  while (Operation *op = vector.getDefiningOp()) {
    if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(
            op))
      break;
    vector = op->getOperand(0);
  }
  return vector;
}

//===----------------------------------------------------------------------===//
// Squares
//===----------------------------------------------------------------------===//

namespace {
/// A scalar of a payload, or a tensor where `op` is null, read through.
struct Reader {
  linalg::LinalgOp op;

  /// The tensor that an argument of the payload reads, or the tensor itself.
  Value toTensor(Value value) {
    auto argument = dyn_cast<BlockArgument>(value);
    if (!op)
      return value;
    if (!argument || argument.getOwner() != op.getBlock() ||
        argument.getArgNumber() >= op.getNumDpsInputs())
      return {};
    unsigned index = argument.getArgNumber();
    AffineMap map = op.getMatchingIndexingMap(&op->getOpOperand(index));
    return map.isIdentity() ? op->getOperand(index) : Value();
  }
};
} // namespace

static Value stripExtensions(Value value) {
  while (auto extension = value.getDefiningOp<arith::ExtFOp>())
    value = extension.getIn();
  return value;
}

/// The elementwise operation that gives `tensor`, and what it yields: a scalar
/// of its payload, or `tensor`.
static std::optional<std::pair<Reader, Value>> enter(Value tensor) {
  Operation *op = tensor.getDefiningOp();
  if (!op || !isElementwise(*op, 2))
    return std::nullopt;
  if (auto structured = dyn_cast<linalg::LinalgOp>(op))
    return std::make_pair(
        Reader{structured},
        structured.getBlock()->getTerminator()->getOperand(0));
  return std::make_pair(Reader{}, tensor);
}

/// The tensor that `tensor` was widened from.
static Value stripWidening(Value tensor,
                           llvm::SetVector<Operation *> &squares) {
  while (auto inner = enter(tensor)) {
    Value stripped = stripExtensions(inner->second);
    Value source = inner->first.toTensor(stripped);
    if (!source || source == tensor)
      break;
    squares.insert(tensor.getDefiningOp());
    tensor = source;
  }
  return tensor;
}

/// Whether a power has the exponent 2.
static bool isTwo(Value exponent) {
  FloatAttr real;
  IntegerAttr integer;
  if (TypedAttr splat = getSplat(exponent)) {
    real = dyn_cast<FloatAttr>(splat);
    integer = dyn_cast<IntegerAttr>(splat);
  } else {
    matchPattern(exponent, m_Constant(&real));
    matchPattern(exponent, m_Constant(&integer));
  }
  return (real && real.getValueAsDouble() == 2) ||
         (integer && integer.getInt() == 2);
}

/// What `value`, a float32, is the square of: a tensor, before widening.
static Value getRoot(Reader reader, Value value) {
  if (!getElementTypeOrSelf(value.getType()).isF32())
    return {};
  Operation *op = value.getDefiningOp();
  Value a, b;
  if (auto product = dyn_cast_if_present<arith::MulFOp>(op)) {
    a = product.getLhs();
    b = product.getRhs();
  } else if (isa_and_present<math::PowFOp, math::FPowIOp>(op) &&
             isTwo(op->getOperand(1))) {
    a = b = op->getOperand(0);
  } else {
    return {};
  }
  Value first = reader.toTensor(stripExtensions(a));
  return first == reader.toTensor(stripExtensions(b)) ? first : Value();
}

/// The matrix whose squares are the elements that `reader` reads by `value`.
static Value findMatrix(Reader reader, Value value,
                        llvm::SetVector<Operation *> &squares) {
  if (Value root = getRoot(reader, value))
    return stripWidening(root, squares);
  Value tensor = reader.toTensor(stripExtensions(value));
  if (!tensor)
    return {};
  // Powers are not elementwise operations that a kernel does.
  Operation *op = tensor.getDefiningOp();
  auto structured = dyn_cast_if_present<linalg::LinalgOp>(op);
  Value root;
  if (structured && structured.getNumParallelLoops() == 2 &&
      structured.getNumLoops() == 2 && structured.getNumDpsInits() == 1)
    root = getRoot(Reader{structured},
                   structured.getBlock()->getTerminator()->getOperand(0));
  else if (op && !structured)
    root = getRoot(Reader{}, tensor);
  if (!root)
    return {};
  squares.insert(op);
  return stripWidening(root, squares);
}

//===----------------------------------------------------------------------===//
// Sums and factors
//===----------------------------------------------------------------------===//

/// Whether `op` adds up rows of a matrix, starting from zeros.
static bool isRowSum(linalg::LinalgOp op) {
  if (op.getNumLoops() != 2 || op.getNumReductionLoops() != 1 ||
      op.getIteratorTypesArray()[1] != utils::IteratorType::reduction ||
      op.getNumDpsInits() != 1 || !op.hasPureTensorSemantics())
    return false;
  auto zero = dyn_cast_if_present<FloatAttr>(getSplat(op.getDpsInits()[0]));
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  return zero && zero.getValue().isZero() && map.getNumResults() > 0 &&
         map.getResult(0) == getAffineDimExpr(0, op.getContext()) &&
         llvm::all_of(map.getResults().drop_front(), [](AffineExpr expr) {
           return isa<AffineConstantExpr>(expr);
         });
}

/// Fills in matrix, squares and sum if `sum` adds squares.
static bool matchSum(Value sum, RowFactor &factor) {
  auto op = sum.getDefiningOp<linalg::LinalgOp>();
  if (!op || !isRowSum(op))
    return false;
  Block *block = op.getBlock();
  auto addition =
      block->getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  Value accumulator = block->getArgument(op.getNumDpsInputs());
  if (!addition || !accumulator.getType().isF32() ||
      (addition.getLhs() != accumulator && addition.getRhs() != accumulator))
    return false;
  Value term =
      addition.getLhs() == accumulator ? addition.getRhs() : addition.getLhs();
  if (factor.sum && factor.sum != sum)
    return false;
  factor.matrix = findMatrix(Reader{op}, term, factor.squares);
  factor.sum = sum;
  factor.squares.insert(op);
  return factor.matrix != nullptr;
}

/// Extends `factor` by the operations that give `vector`.
static bool match(Value vector, RowFactor &factor) {
  vector = stripReshapes(vector);
  auto type = dyn_cast<RankedTensorType>(vector.getType());
  if (getSplat(vector) || vector == factor.sum)
    return true;
  Operation *op = vector.getDefiningOp();
  if (!op || !type || type.getRank() < 1 || type.getRank() > 2 ||
      (type.getRank() == 2 && type.getDimSize(1) != 1))
    return false;
  if (matchSum(vector, factor))
    return true;
  if (!isElementwise(*op, type.getRank()))
    return false;
  for (unsigned i = 0; i < getNumReads(*op); ++i) {
    AffineMap map = getReadMap(*op, i);
    bool isRow = map.getNumResults() > 0 &&
                 map.getResult(0) == getAffineDimExpr(0, op->getContext());
    if (!getSplat(op->getOperand(i)) &&
        (!isRow || !match(op->getOperand(i), factor)))
      return false;
  }
  factor.row.insert(op);
  return true;
}

std::optional<RowFactor> matchRowFactor(Value vector) {
  RowFactor factor;
  if (!match(vector, factor) || !factor.sum)
    return std::nullopt;
  return factor;
}

} // namespace fp4::gpu
