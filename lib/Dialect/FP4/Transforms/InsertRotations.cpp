//===- InsertRotations.cpp - Rotate both operands of linear layers --------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pass --fp4-insert-rotations. Only inserts; --fp4-fuse-rotations decides
// where the rotations end up.
//
// Source: arXiv 2509.23202 section 4.1 (block Hadamard along K, no signs).
//
//===----------------------------------------------------------------------===//

#include "PassOptions.h"
#include "WeightSource.h"
#include "fp4/Dialect/FP4/Transforms/Passes.h"
#include "fp4/Numerics/Hadamard.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace fp4 {
#define GEN_PASS_DEF_INSERTROTATIONS
#include "fp4/Dialect/FP4/Transforms/Passes.h.inc"
} // namespace fp4

using namespace mlir;
using namespace fp4;

/// Whether `value` has been rotated, widening casts aside.
static bool isRotated(Value value) {
  while (auto extend = value.getDefiningOp<arith::ExtFOp>())
    value = extend.getIn();
  return value.getDefiningOp<HadamardOp>() != nullptr;
}

/// A float layer over a constant weight that has no rotation yet.
static bool isCandidate(MatmulOp matmul) {
  return isa<RankedTensorType>(matmul.getLhs().getType()) &&
         isa<RankedTensorType>(matmul.getRhs().getType()) &&
         isConstantWeight(matmul.getRhs()) && !isRotated(matmul.getLhs()) &&
         !isRotated(matmul.getRhs());
}

namespace {
struct InsertRotations : fp4::impl::InsertRotationsBase<InsertRotations> {
  using InsertRotationsBase::InsertRotationsBase;

  void runOnOperation() override {
    int64_t size = block;
    if (size < 0 || !numerics::isHadamardBlockLegal(size)) {
      emitError(getOperation()->getLoc())
          << "expected option 'block' to be a power of two in 2..1024, got "
          << size;
      return signalPassFailure();
    }
    cache.clear();
    getOperation()->walk([&](MatmulOp matmul) {
      if (!isCandidate(matmul))
        return;
      int64_t k = matmul.getReductionSize();
      if (k % size != 0 ||
          cast<RankedTensorType>(matmul.getLhs().getType()).isDynamicDim(1)) {
        emitRemark(matmul.getLoc())
            << describeLayer(matmul)
            << " is not rotated: expected a static K that is a "
               "multiple of block "
            << size << ", got " << matmul.getLhs().getType();
        ++numSkipped;
        return;
      }
      matmul.getLhsMutable().assign(rotate(matmul.getLhs()));
      matmul.getRhsMutable().assign(rotate(widen(matmul.getRhs())));
      matmul->setAttr(kInputRotationAttr,
                      Builder(&getContext()).getI64IntegerAttr(size));
      ++numRotated;
    });
  }

private:
  /// `value` in float32.
  Value widen(Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getElementType().isF32())
      return value;
    Value &widened = cache[{value, 0}];
    if (!widened) {
      OpBuilder builder(value.getContext());
      builder.setInsertionPointAfterValue(value);
      widened = arith::ExtFOp::create(builder, value.getLoc(),
                                      type.clone(builder.getF32Type()), value);
    }
    return widened;
  }

  /// The rotation of `value`, made once, where it dominates every user.
  Value rotate(Value value) {
    Value &rotated = cache[{value, block}];
    if (!rotated) {
      OpBuilder builder(value.getContext());
      builder.setInsertionPointAfterValue(value);
      rotated = HadamardOp::create(builder, value.getLoc(), value.getType(),
                                   value, block, /*signs=*/nullptr,
                                   /*inverse=*/false);
    }
    return rotated;
  }

  DenseMap<std::pair<Value, int64_t>, Value> cache;
};
} // namespace
