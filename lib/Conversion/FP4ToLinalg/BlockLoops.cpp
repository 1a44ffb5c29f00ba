//===- BlockLoops.cpp - Loop nests over blocks ----------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The linalg.generic shapes that all op families use, and the conversions
// between float types around them.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace fp4;
using utils::IteratorType;

namespace fp4 {

PlainParts PlainParts::get(ValueRange values) {
  return {values[0], values[1], values.size() > 2 ? values[2] : Value()};
}

SmallVector<Value> PlainParts::toVector() const {
  SmallVector<Value> values = {codes, scales};
  if (tensorScale)
    values.push_back(tensorScale);
  return values;
}

//===----------------------------------------------------------------------===//
// BlockLoops
//===----------------------------------------------------------------------===//

BlockLoops::BlockLoops(MLIRContext *context, int64_t rank, FormatAttr format)
    : context(context), rank(rank), blockRows(format.getBlockRows()),
      blockCols(format.getBlockCols()) {}

SmallVector<ReassociationIndices> BlockLoops::reassociation() const {
  SmallVector<ReassociationIndices> groups;
  int64_t next = 0;
  for (unsigned dim = 0; dim < rank; ++dim) {
    bool isSplit = dim + inBlock() >= rank;
    groups.push_back(isSplit ? ReassociationIndices{next, next + 1}
                             : ReassociationIndices{next});
    next += isSplit ? 2 : 1;
  }
  return groups;
}

Value BlockLoops::split(OpBuilder &b, Location loc, Value tensor) const {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape(type.getShape().drop_back(inBlock()));
  if (blockRows != 1)
    shape.append({type.getDimSize(rank - 2) / blockRows, blockRows});
  shape.append({type.getDimSize(rank - 1) / blockCols, blockCols});
  return tensor::ExpandShapeOp::create(b, loc, type.clone(shape), tensor,
                                       reassociation());
}

Value BlockLoops::join(OpBuilder &b, Location loc, Value split,
                       RankedTensorType type) const {
  return tensor::CollapseShapeOp::create(b, loc, type, split, reassociation());
}

AffineMap BlockLoops::elementMap() const {
  // Each block loop is followed by its loop inside the block.
  unsigned lead = rank - inBlock();
  SmallVector<unsigned> dims = llvm::to_vector(llvm::seq<unsigned>(0, lead));
  for (unsigned i = 0; i < inBlock(); ++i)
    dims.append({lead + i, rank + i});
  return AffineMap::getMultiDimMapWithTargets(numLoops(), dims, context);
}

AffineMap BlockLoops::blockMap() const {
  SmallVector<unsigned> dims = llvm::to_vector(llvm::seq<unsigned>(0, rank));
  return AffineMap::getMultiDimMapWithTargets(numLoops(), dims, context);
}

SmallVector<IteratorType> BlockLoops::parallel() const {
  return SmallVector<IteratorType>(numLoops(), IteratorType::parallel);
}

SmallVector<IteratorType> BlockLoops::reduceBlocks() const {
  SmallVector<IteratorType> iterators(rank, IteratorType::parallel);
  iterators.append(inBlock(), IteratorType::reduction);
  return iterators;
}

//===----------------------------------------------------------------------===//
// Generic operations
//===----------------------------------------------------------------------===//

Value makeGeneric(OpBuilder &b, Location loc, ValueRange inputs, Value init,
                  ArrayRef<AffineMap> maps, ArrayRef<IteratorType> iterators,
                  GenericBody body) {
  auto generic = linalg::GenericOp::create(
      b, loc, init.getType(), inputs, init, maps, iterators,
      [&](OpBuilder &builder, Location bodyLoc, ValueRange args) {
        ScalarEmitter emitter(builder, bodyLoc);
        linalg::YieldOp::create(builder, bodyLoc, body(emitter, args));
      });
  return generic.getResult(0);
}

Value makeEmptyLike(OpBuilder &b, Location loc, Value like, Type elementType) {
  return tensor::EmptyOp::create(b, loc, tensor::getMixedSizes(b, loc, like),
                                 elementType);
}

Value makeFilledLike(OpBuilder &b, Location loc, Value like, TypedAttr value) {
  Value scalar = arith::ConstantOp::create(b, loc, value);
  Value empty = makeEmptyLike(b, loc, like, value.getType());
  return linalg::FillOp::create(b, loc, scalar, empty).getResult(0);
}

Value makeElementwise(OpBuilder &b, Location loc, ValueRange inputs,
                      Type elementType, GenericBody body) {
  Value init = makeEmptyLike(b, loc, inputs.front(), elementType);
  int64_t rank = cast<RankedTensorType>(init.getType()).getRank();
  SmallVector<AffineMap> maps(inputs.size() + 1,
                              b.getMultiDimIdentityMap(rank));
  SmallVector<IteratorType> iterators(rank, IteratorType::parallel);
  return makeGeneric(b, loc, inputs, init, maps, iterators, body);
}

Value castTo(OpBuilder &b, Location loc, Value tensor, Type type) {
  if (tensor.getType() == type)
    return tensor;
  return tensor::CastOp::create(b, loc, type, tensor);
}

Value emitWiden(OpBuilder &b, Location loc, Value tensor) {
  if (cast<RankedTensorType>(tensor.getType()).getElementType().isF32())
    return tensor;
  return makeElementwise(
      b, loc, tensor, b.getF32Type(),
      [](ScalarEmitter &e, ValueRange args) { return e.widen(args[0]); });
}

Value emitNarrow(OpBuilder &b, Location loc, Value tensor, Type elementType) {
  if (elementType.isF32())
    return tensor;
  return makeElementwise(b, loc, tensor, elementType,
                         [&](ScalarEmitter &e, ValueRange args) {
                           return e.narrow(args[0], elementType);
                         });
}

} // namespace fp4
