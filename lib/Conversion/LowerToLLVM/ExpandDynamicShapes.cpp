//===- ExpandDynamicShapes.cpp - memref.expand_shape of many sizes --------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Upstream's expand-strided-metadata crashes on a memref.expand_shape that
// makes several dynamic dimensions of one ([rows] to [batch, position]), since
// it computes sizes and does not read those that the operation carries. This
// pass goes before it and takes those operations.
//
//===----------------------------------------------------------------------===//

#include "ExpandDynamicShapes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;

/// Whether one dimension of the source becomes several dynamic ones.
static bool hasManyDynamicSizes(memref::ExpandShapeOp op) {
  MemRefType type = op.getResultType();
  return llvm::any_of(op.getReassociationIndices(),
                      [&](ArrayRef<int64_t> dims) {
                        return llvm::count_if(dims, [&](int64_t dim) {
                                 return type.isDynamicDim(dim);
                               }) > 1;
                      });
}

static Value toValue(OpBuilder &b, Location loc, OpFoldResult size) {
  if (auto value = dyn_cast<Value>(size))
    return value;
  return arith::ConstantIndexOp::create(
      b, loc, cast<IntegerAttr>(cast<Attribute>(size)).getInt());
}

/// `value`, or the attribute for it if the type says it.
static OpFoldResult asInType(OpBuilder &b, Value value, int64_t inType) {
  if (ShapedType::isDynamic(inType))
    return value;
  return b.getIndexAttr(inType);
}

static void expand(memref::ExpandShapeOp op) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  MemRefType type = op.getResultType();
  auto [typeStrides, typeOffset] = type.getStridesAndOffset();
  auto source = memref::ExtractStridedMetadataOp::create(b, loc, op.getSrc());
  SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
  SmallVector<OpFoldResult> strides(type.getRank());
  for (auto [from, dims] : llvm::enumerate(op.getReassociationIndices())) {
    Value stride = source.getStrides()[from];
    for (int64_t dim : llvm::reverse(dims)) {
      strides[dim] = asInType(b, stride, typeStrides[dim]);
      stride =
          arith::MulIOp::create(b, loc, stride, toValue(b, loc, sizes[dim]));
    }
  }
  Value result = memref::ReinterpretCastOp::create(
      b, loc, type, source.getBaseBuffer(),
      asInType(b, source.getOffset(), typeOffset), sizes, strides);
  op.replaceAllUsesWith(result);
  op.erase();
}

namespace {
struct ExpandDynamicShapes
    : PassWrapper<ExpandDynamicShapes, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandDynamicShapes)

  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, memref::MemRefDialect>();
  }

  void runOnOperation() override {
    SmallVector<memref::ExpandShapeOp> found;
    getOperation().walk([&](memref::ExpandShapeOp op) {
      if (hasManyDynamicSizes(op))
        found.push_back(op);
    });
    for (memref::ExpandShapeOp op : found)
      expand(op);
  }
};
} // namespace

std::unique_ptr<Pass> fp4::createExpandDynamicShapes() {
  return std::make_unique<ExpandDynamicShapes>();
}
