//===- BlockTransform.cpp - Products with block-diagonal matrices ---------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// With x3 the input as [M, C / B, B], the contraction is
//
//     out[m, b, i] = sum over j of x3[m, b, j] * T[b, i, j]   or   T[i, j].
//
//===----------------------------------------------------------------------===//

#include "BlockTransform.h"
#include "ElementwiseOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace fp4::gpu {

/// Whether the payload adds a product of the two inputs to zero.
static bool isProductSum(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 ||
      op.getNumLoops() != 4 || op.getNumReductionLoops() != 1 ||
      !op.hasPureTensorSemantics())
    return false;
  auto zero = dyn_cast_if_present<FloatAttr>(getSplat(op.getDpsInits()[0]));
  Block *block = op.getBlock();
  auto addition =
      block->getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!zero || !zero.getValue().isZero() || !addition ||
      !addition.getType().isF32())
    return false;
  Value sum = block->getArgument(2);
  Value term = addition.getLhs() == sum ? addition.getRhs() : addition.getLhs();
  auto product = term.getDefiningOp<arith::MulFOp>();
  if (!product || (addition.getLhs() != sum && addition.getRhs() != sum))
    return false;
  Value a = block->getArgument(0), b = block->getArgument(1);
  return (product.getLhs() == a && product.getRhs() == b) ||
         (product.getLhs() == b && product.getRhs() == a);
}

/// Whether a reshape splits the columns of a matrix into blocks, or joins them.
template <typename OpTy> static bool reshapesColumns(OpTy op) {
  SmallVector<ReassociationIndices> groups = op.getReassociationIndices();
  return groups.size() == 2 && groups[0].size() == 1 && groups[1].size() == 2;
}

static bool isMatrix(RankedTensorType type, int64_t columns, int64_t block) {
  if (!type || !type.getElementType().isF32() || !llvm::isPowerOf2_64(block) ||
      block < 16 || block > 1024)
    return false;
  return type.getShape() == ArrayRef<int64_t>({block, block}) ||
         type.getShape() == ArrayRef<int64_t>({columns / block, block, block});
}

std::optional<BlockTransform> matchBlockTransform(Value value,
                                                  Operation *user) {
  auto join = value.getDefiningOp<tensor::CollapseShapeOp>();
  if (!join || !value.hasOneUse() || *value.user_begin() != user ||
      !reshapesColumns(join) || !join.getSrc().hasOneUse())
    return std::nullopt;
  auto op = join.getSrc().getDefiningOp<linalg::LinalgOp>();
  if (!op || !isProductSum(op))
    return std::nullopt;
  ArrayRef<AffineExpr> out =
      op.getMatchingIndexingMap(op.getDpsInitOperand(0)).getResults();
  for (unsigned i = 0; i < 2; ++i) {
    ArrayRef<AffineExpr> x =
        op.getMatchingIndexingMap(&op->getOpOperand(i)).getResults();
    ArrayRef<AffineExpr> t =
        op.getMatchingIndexingMap(&op->getOpOperand(1 - i)).getResults();
    auto split = op->getOperand(i).getDefiningOp<tensor::ExpandShapeOp>();
    if (!split || !reshapesColumns(split) || !split->getResult(0).hasOneUse() ||
        out.size() != 3 || x.size() != 3 || x[0] != out[0] || x[1] != out[1] ||
        x[2] == out[2])
      continue;
    bool isOwn = t == ArrayRef<AffineExpr>({out[1], out[2], x[2]});
    bool isShared = t == ArrayRef<AffineExpr>({out[2], x[2]});
    Value matrix = op->getOperand(1 - i);
    auto type = cast<RankedTensorType>(split.getSrc().getType());
    if ((isOwn || isShared) && type.getElementType().isF32() &&
        isMatrix(dyn_cast<RankedTensorType>(matrix.getType()),
                 type.getDimSize(1),
                 cast<RankedTensorType>(split.getType()).getDimSize(2)))
      return BlockTransform{split.getSrc(), split, matrix};
  }
  return std::nullopt;
}

} // namespace fp4::gpu
