//===- InputFusion.cpp - What a kernel does ahead of quantizing -----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From what is quantized back through operations on elements, as far as the
// kernel can read their operands: matrices of the same shape, vectors along the
// columns, constants, one value for each row. An operation whose result is used
// elsewhere too has to run anyway; the kernel then reads its result.
//
//===----------------------------------------------------------------------===//

#include "InputFusion.h"
#include "ElementwiseOps.h"
#include "RowSum.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace fp4::gpu {

//===----------------------------------------------------------------------===//
// Search
//===----------------------------------------------------------------------===//

namespace {
enum class Reading { Splat, Matrix, Column, Row, None };

class InputBuilder {
public:
  InputBuilder(Value root, Operation *user)
      : root(root), user(user),
        shape(cast<RankedTensorType>(root.getType()).getShape()) {}

  FusedInput build();

private:
  Reading classify(Operation &op, unsigned operand);
  bool canJoin(Operation &op);
  void collect(Value value);
  /// A result that is used elsewhere, or null.
  Value findShared();
  bool isShape(Value value);

  Value root;
  Operation *user;
  ArrayRef<int64_t> shape;
  /// Values that the kernel has to read.
  llvm::DenseSet<Value> stops;
  llvm::DenseSet<Value> visited;
  FusedInput fused;
  std::optional<RowFactor> row;
};
} // namespace

bool InputBuilder::isShape(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getShape() == shape &&
         isKernelFloat(type.getElementType());
}

/// How the kernel comes by that operand; fills in `row` by the first one that
/// is the factor of a row.
Reading InputBuilder::classify(Operation &op, unsigned operand) {
  Value value = op.getOperand(operand);
  if (getSplat(value))
    return Reading::Splat;
  AffineMap map = getReadMap(op, operand);
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || map.getNumResults() == 0)
    return Reading::None;
  if (map.isIdentity())
    return isShape(value) ? Reading::Matrix : Reading::None;
  AffineExpr first = map.getResult(0);
  if (type.getRank() == 1 && first == getAffineDimExpr(1, op.getContext()))
    return isKernelFloat(type.getElementType()) ? Reading::Column
                                                : Reading::None;
  if (first != getAffineDimExpr(0, op.getContext()))
    return Reading::None;
  value = stripReshapes(value);
  if (row && fused.factor == value)
    return Reading::Row;
  std::optional<RowFactor> found = row ? std::nullopt : matchRowFactor(value);
  if (!found || !isShape(found->matrix))
    return Reading::None;
  row = found;
  fused.factor = value;
  return Reading::Row;
}

bool InputBuilder::canJoin(Operation &op) {
  if (!isElementwise(op, 2) || !isShape(op.getResult(0)))
    return false;
  for (unsigned i = 0; i < getNumReads(op); ++i)
    if (classify(op, i) == Reading::None)
      return false;
  return true;
}

void InputBuilder::collect(Value value) {
  if (!visited.insert(value).second)
    return;
  Operation *op = value.getDefiningOp();
  if (stops.contains(value) || !op || !canJoin(*op)) {
    fused.inputs.insert(value);
    return;
  }
  for (unsigned i = 0; i < getNumReads(*op); ++i) {
    Reading reading = classify(*op, i);
    if (reading == Reading::Matrix)
      collect(op->getOperand(i));
    if (reading == Reading::Column)
      fused.columns.insert(op->getOperand(i));
  }
  fused.body.insert(op);
}

Value InputBuilder::findShared() {
  auto isInside = [&](Operation *op) {
    return op == user || fused.body.contains(op) ||
           (row && row->squares.contains(op));
  };
  for (Operation *op : fused.body)
    if (!llvm::all_of(op->getUsers(), isInside))
      return op->getResult(0);
  return {};
}

FusedInput InputBuilder::build() {
  // Each round makes one more value an input.
  for (;;) {
    fused = FusedInput();
    row.reset();
    visited.clear();
    collect(root);
    if (Value shared = findShared()) {
      stops.insert(shared);
      continue;
    }
    if (row && llvm::any_of(fused.body, [&](Operation *op) {
          return op->getResult(0) == row->matrix;
        })) {
      stops.insert(row->matrix);
      continue;
    }
    break;
  }
  if (!row)
    return std::move(fused);
  llvm::SetVector<Value> ordered;
  ordered.insert(row->matrix);
  ordered.insert_range(fused.inputs);
  fused.inputs = std::move(ordered);
  fused.sum = row->sum;
  fused.row = std::move(row->row);
  return std::move(fused);
}

FusedInput fuseInput(Value matrix, Operation *user) {
  return InputBuilder(matrix, user).build();
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

static Value widen(OpBuilder &builder, Value value) {
  if (value.getType().isF32())
    return value;
  return arith::ExtFOp::create(builder, value.getLoc(), builder.getF32Type(),
                               value);
}

/// The last of `ops` on scalars; `known` has those that they read.
static Value emitAll(OpBuilder &builder, ArrayRef<Operation *> ops,
                     IRMapping &known) {
  auto scalar = [&](Value value) -> Value {
    for (Value candidate : {value, stripReshapes(value)})
      if (Value found = known.lookupOrNull(candidate))
        return found;
    return arith::ConstantOp::create(builder, value.getLoc(), getSplat(value));
  };
  Value last;
  for (Operation *op : ops) {
    last = emitElement(builder, *op, scalar);
    known.map(op->getResult(0), last);
  }
  return last;
}

Value FusedInput::emitRow(OpBuilder &builder, Value sumOfRow) const {
  IRMapping known;
  known.map(sum, sumOfRow);
  Value last = emitAll(builder, row.getArrayRef(), known);
  return widen(builder, last ? last : sumOfRow);
}

Value FusedInput::emitBody(OpBuilder &builder, ValueRange elements,
                           Value factorOfRow) const {
  IRMapping known;
  for (auto [i, input] : llvm::enumerate(inputs))
    known.map(input, elements[i]);
  for (auto [i, column] : llvm::enumerate(columns))
    known.map(column, elements[inputs.size() + i]);
  if (factor) {
    // Exact: it was widened from that type.
    Type type = getElementTypeOrSelf(factor.getType());
    if (!type.isF32())
      factorOfRow = arith::TruncFOp::create(builder, factorOfRow.getLoc(), type,
                                            factorOfRow);
    known.map(factor, factorOfRow);
  }
  Value last = emitAll(builder, body.getArrayRef(), known);
  return widen(builder, last ? last : elements[0]);
}

} // namespace fp4::gpu
