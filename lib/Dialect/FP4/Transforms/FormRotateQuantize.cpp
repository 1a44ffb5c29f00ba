//===- FormRotateQuantize.cpp - Join rotation and quantization ------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pass --fp4-form-rotate-quantize.
//
//===----------------------------------------------------------------------===//

#include "fp4/Dialect/FP4/IR/FP4Ops.h"
#include "fp4/Dialect/FP4/Transforms/Passes.h"
#include "mlir/IR/Builders.h"

namespace fp4 {
#define GEN_PASS_DEF_FORMROTATEQUANTIZE
#include "fp4/Dialect/FP4/Transforms/Passes.h.inc"
} // namespace fp4

using namespace mlir;
using namespace fp4;

static bool canAbsorbRotation(Operation *user) {
  auto quantize = dyn_cast<QuantizeOp>(user);
  return quantize && !quantize.getRandom();
}

namespace {
struct FormRotateQuantize
    : fp4::impl::FormRotateQuantizeBase<FormRotateQuantize> {
  void runOnOperation() override {
    SmallVector<HadamardOp> rotations;
    getOperation()->walk([&](HadamardOp op) { rotations.push_back(op); });
    for (HadamardOp op : rotations) {
      bool isForward = !op.getInverse() || !op.getSigns();
      if (isForward && !op->use_empty() &&
          llvm::all_of(op->getUsers(), canAbsorbRotation))
        fuseIntoUsers(op);
    }
  }

private:
  void fuseIntoUsers(HadamardOp rotation) {
    for (Operation *user : llvm::make_early_inc_range(rotation->getUsers())) {
      auto quantize = cast<QuantizeOp>(user);
      OpBuilder builder(quantize);
      auto fused = RotateQuantizeOp::create(
          builder, quantize.getLoc(), quantize.getType(), rotation.getInput(),
          quantize.getTensorScale(), rotation.getBlock(),
          rotation.getSignsAttr(), quantize.getScaleRuleAttr(),
          quantize.getNanPolicyAttr());
      fused->setDiscardableAttrs(quantize->getDiscardableAttrDictionary());
      quantize.replaceAllUsesWith(fused.getResult());
      quantize.erase();
      ++numFormed;
    }
    rotation.erase();
  }
};
} // namespace
