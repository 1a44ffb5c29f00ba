//===- HadamardToLinalg.cpp - Rotations -----------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The fast transform in the order that Numerics/Hadamard.h fixes: one
// linalg.generic per round of butterflies, strides 1, 2, 4, ..., then one
// multiplication.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace fp4;
using utils::IteratorType;

/// Groups the last `count` of `rank` dimensions.
static SmallVector<ReassociationIndices> groupLast(int64_t rank,
                                                   int64_t count) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim = 0; dim <= rank - count; ++dim)
    groups.push_back({dim});
  for (int64_t dim = rank - count + 1; dim < rank; ++dim)
    groups.back().push_back(dim);
  return groups;
}

/// One round of butterflies with the given stride: the last dimension is seen
/// as (groups, 2, stride), and (a, b) becomes (a + b, a - b).
static Value emitRound(OpBuilder &b, Location loc, Value tensor,
                       int64_t stride) {
  auto type = cast<RankedTensorType>(tensor.getType());
  int64_t rank = type.getRank() + 2;
  SmallVector<int64_t> shape(type.getShape().drop_back());
  shape.append({type.getShape().back() / (2 * stride), 2, stride});
  SmallVector<ReassociationIndices> groups = groupLast(rank, 3);
  Value pairs =
      tensor::ExpandShapeOp::create(b, loc, type.clone(shape), tensor, groups);

  auto half = [&](int64_t which) {
    AffineMap map = b.getMultiDimIdentityMap(rank);
    return map.replace(b.getAffineDimExpr(rank - 2),
                       b.getAffineConstantExpr(which), rank, 0);
  };
  Value init = makeEmptyLike(b, loc, pairs, b.getF32Type());
  SmallVector<IteratorType> iterators(rank, IteratorType::parallel);
  Value round = makeGeneric(
      b, loc, {pairs, pairs}, init,
      {half(0), half(1), b.getMultiDimIdentityMap(rank)}, iterators,
      [&](ScalarEmitter &e, ValueRange args) -> Value {
        Value index = linalg::IndexOp::create(e.b, rank - 2);
        Value zero = arith::ConstantIndexOp::create(e.b, 0);
        Value isLow = e.compare(arith::CmpIPredicate::eq, index, zero);
        Value sum = arith::AddFOp::create(e.b, args[0], args[1]);
        Value difference = arith::SubFOp::create(e.b, args[0], args[1]);
        return e.select(isLow, sum, difference);
      });
  return tensor::CollapseShapeOp::create(b, loc, type, round, groups);
}

/// Multiplies runs of signs.size() values by the signs.
static Value emitSigns(OpBuilder &b, Location loc, Value tensor,
                       ArrayRef<int8_t> signs) {
  auto type = cast<RankedTensorType>(tensor.getType());
  auto block = static_cast<int64_t>(signs.size());
  int64_t rank = type.getRank() + 1;
  SmallVector<int64_t> shape(type.getShape().drop_back());
  shape.append({type.getShape().back() / block, block});
  SmallVector<ReassociationIndices> groups = groupLast(rank, 2);
  Value runs =
      tensor::ExpandShapeOp::create(b, loc, type.clone(shape), tensor, groups);
  SmallVector<float> values(signs.begin(), signs.end());
  Value factors = arith::ConstantOp::create(
      b, loc,
      DenseElementsAttr::get(RankedTensorType::get({block}, b.getF32Type()),
                             ArrayRef<float>(values)));
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  AffineMap last = AffineMap::getMultiDimMapWithTargets(
      rank, {static_cast<unsigned>(rank - 1)}, b.getContext());
  SmallVector<IteratorType> iterators(rank, IteratorType::parallel);
  Value init = makeEmptyLike(b, loc, runs, b.getF32Type());
  Value product =
      makeGeneric(b, loc, {runs, factors}, init, {identity, last, identity},
                  iterators, [](ScalarEmitter &e, ValueRange args) -> Value {
                    return arith::MulFOp::create(e.b, args[0], args[1]);
                  });
  return tensor::CollapseShapeOp::create(b, loc, type, product, groups);
}

Value fp4::emitHadamard(OpBuilder &b, Location loc, Value tensor,
                        const HadamardParameters &parameters) {
  if (parameters.signs && !parameters.inverse)
    tensor = emitSigns(b, loc, tensor, *parameters.signs);
  for (int64_t stride = 1; stride < parameters.block; stride *= 2)
    tensor = emitRound(b, loc, tensor, stride);
  auto norm = static_cast<float>(
      1.0 / std::sqrt(static_cast<double>(parameters.block)));
  tensor =
      makeElementwise(b, loc, tensor, b.getF32Type(),
                      [&](ScalarEmitter &e, ValueRange args) -> Value {
                        return arith::MulFOp::create(e.b, args[0], e.f32(norm));
                      });
  if (parameters.signs && parameters.inverse)
    tensor = emitSigns(b, loc, tensor, *parameters.signs);
  return tensor;
}

namespace {
struct HadamardToLinalg : OpConversionPattern<HadamardOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(HadamardOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value values = emitWiden(rewriter, loc, adaptor.getInput());
    values = emitHadamard(
        rewriter, loc, values,
        {static_cast<int64_t>(op.getBlock()), op.getSigns(), op.getInverse()});
    rewriter.replaceOp(
        op, emitNarrow(rewriter, loc, values, op.getType().getElementType()));
    return success();
  }
};
} // namespace

void fp4::populateHadamardPatterns(const TypeConverter &converter,
                                   RewritePatternSet &patterns) {
  patterns.add<HadamardToLinalg>(converter, patterns.getContext());
}
