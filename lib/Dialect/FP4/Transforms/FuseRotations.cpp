//===- FuseRotations.cpp - Move rotations to where they cost least --------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pass --fp4-fuse-rotations: one placement per distinct matrix, and then
// the constants.
//
//===----------------------------------------------------------------------===//

#include "PassOptions.h"
#include "RotationModels.h"
#include "RotationPlacement.h"
#include "WeightSource.h"
#include "fp4/Dialect/FP4/IR/ConstantData.h"
#include "fp4/Dialect/FP4/IR/DeadOps.h"
#include "fp4/Dialect/FP4/Transforms/Passes.h"

namespace fp4 {
#define GEN_PASS_DEF_FUSEROTATIONS
#include "fp4/Dialect/FP4/Transforms/Passes.h.inc"
} // namespace fp4

using namespace mlir;
using namespace fp4;

/// Rotations in program order whose input is not a constant.
static SmallVector<HadamardOp> getOnlineRotations(Operation *root) {
  SmallVector<HadamardOp> result;
  root->walk([&](HadamardOp op) {
    if (!isConstantWeight(op.getInput()))
      result.push_back(op);
  });
  return result;
}

/// The value of a rotation of a constant, a few rows at a time, or null.
static ElementsAttr evaluate(HadamardOp op) {
  std::optional<WeightSource> source = WeightSource::matchAnyRank(op);
  if (!source)
    return {};
  std::string name = source->keyWith(".rotated");
  if (!op.getType().getElementType().isF32()) {
    std::vector<float> values(op.getType().getNumElements());
    if (!source->readRows(0, source->rows(), values.data()))
      return {};
    return makeFloatConstant(op.getType(), values, name);
  }
  ConstantBuffer buffer(op.getType());
  int64_t step = source->chunkRows();
  for (int64_t first = 0; first < source->rows(); first += step) {
    int64_t count = std::min(step, source->rows() - first);
    if (!source->readRows(first, count,
                          buffer.floats() + first * source->cols()))
      return {};
    // Otherwise both copies of the weight would be in memory at the end. From
    // the start, since the system keeps a large page that is covered in part.
    source->releaseRows(0, first + count);
  }
  return buffer.finish(name);
}

namespace {
struct FuseRotations : fp4::impl::FuseRotationsBase<FuseRotations> {
  using FuseRotationsBase::FuseRotationsBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    FuseRotationsBase::getDependentDialects(registry);
    registerRotationModels(registry);
  }

  void runOnOperation() override {
    Operation *root = getOperation();
    size_t before = getOnlineRotations(root).size();
    SmallVector<Rotation> done;
    for (HadamardOp op : getOnlineRotations(root))
      if (Rotation rotation = Rotation::of(op);
          !llvm::is_contained(done, rotation)) {
        done.push_back(rotation);
        place(rotation);
      }
    cancelInverses();
    if (foldConstants)
      evaluateConstants();
    size_t after = getOnlineRotations(root).size();
    numRemoved += before > after ? before - after : 0;
  }

private:
  void place(const Rotation &rotation) {
    SmallVector<HadamardOp> rotations;
    for (HadamardOp op : getOnlineRotations(getOperation()))
      if (Rotation::of(op) == rotation)
        rotations.push_back(op);
    if (rotations.empty())
      return;
    RotationPlacement placement(rotation);
    for (HadamardOp op : rotations)
      placement.add(op);
    placement.run();
    eraseDeadOps(SmallVector<Operation *>(rotations.begin(), rotations.end()));
  }

  /// R R^T = 1 where two rotations have met.
  void cancelInverses() {
    for (HadamardOp op : getOnlineRotations(getOperation())) {
      auto producer = op.getInput().getDefiningOp<HadamardOp>();
      if (!producer || !op.isInverseOf(producer))
        continue;
      op.getResult().replaceAllUsesWith(producer.getInput());
      eraseDeadOps(op.getOperation());
    }
  }

  void evaluateConstants() {
    SmallVector<HadamardOp> rotations;
    getOperation()->walk([&](HadamardOp op) { rotations.push_back(op); });
    for (HadamardOp op : rotations) {
      ElementsAttr value = evaluate(op);
      if (!value)
        continue;
      OpBuilder builder(op);
      op.getResult().replaceAllUsesWith(
          arith::ConstantOp::create(builder, op.getLoc(), value));
      eraseDeadOps(op.getOperation());
      ++numFolded;
    }
  }
};
} // namespace
