//===- DecodePlan.cpp - A kernel with a decoded weight --------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finds the product and its tiles, and where they lie in a stage.
//
//===----------------------------------------------------------------------===//

#include "DecodePlan.h"
#include "../Families.h"

using namespace mlir;

namespace fp4::gpu {

static MmaDecodeOp findProduct(Operation *op) {
  MmaDecodeOp product;
  op->walk([&](MmaDecodeOp found) { product = found; });
  return product;
}

bool isDecodeKernel(KernelOp kernel) {
  return findProduct(kernel) != MmaDecodeOp();
}

LogicalResult lowerDecodeKernel(KernelOp kernel, const GPUArch &arch,
                                Operation *device) {
  FailureOr<DecodePlan> plan = planDecodeKernel(kernel, arch);
  if (failed(plan))
    return failure();
  if (plan->isFolded && !plan->usesWarpgroups())
    return kernel.emitOpError()
           << "expected at least 4 warps for f8E4M3FN activations, got "
           << plan->schedule;
  return plan->usesWarpgroups() ? lowerWarpgroupMatmul(*plan, device)
                                : lowerStreamMatmul(*plan, device);
}

FailureOr<DecodePlan> planDecodeKernel(KernelOp kernel, const GPUArch &arch) {
  FailureOr<KernelPlan> parts = planParts(kernel, arch);
  if (failed(parts))
    return failure();
  DecodePlan plan{*parts, findProduct(kernel)};
  if (failed(checkPlainEpilogue(plan)))
    return failure();
  MmaDecodeOp product = plan.product;
  FailureOr<TilePlan> lhs = planTile(plan, product, product.getLhs(), {}, true);
  FailureOr<TilePlan> rhs =
      planTile(plan, product, product.getRhs(), {}, false);
  if (failed(lhs) || failed(rhs))
    return failure();
  if (!lhs->followsRows || rhs->followsRows)
    return product.emitOpError()
           << "expected 'lhs' to follow the first index of the tile loop and "
              "'rhs' the second";
  plan.lhs = *lhs;
  plan.rhs = *rhs;
  plan.hasDecodedWeight = true;
  plan.isFolded = product.isFolded();
  plan.scaleKind = getFragmentUnitBytes(product.getFormat()) == 2304
                       ? ScaleKind::UE4M3
                       : ScaleKind::UE8M0;
  ScheduleAttr schedule = plan.schedule;
  AccType acc = product.getAcc().getType();
  int64_t depth = plan.lhs.getShape()[1];
  if (acc.getRows() != schedule.getTileM() ||
      acc.getCols() != schedule.getTileN() || depth != schedule.getTileK())
    return kernel.emitOpError()
           << "expected a schedule with the tile of the body, " << acc.getRows()
           << "x" << acc.getCols() << "x" << depth << ", got " << schedule;
  if (failed(checkGated(plan, acc.getCols())))
    return failure();
  if (schedule.getSplit() > plan.getUnits())
    return kernel.emitOpError()
           << "expected a split of at most " << plan.getUnits()
           << ", the units of the depth, got " << schedule.getSplit();
  plan.waitsForPredecessor = true;
  // The swizzle of the activation wants tiles at multiples of 1024 bytes.
  plan.lhs.offset = 0;
  plan.rhs.offset = llvm::alignTo(plan.lhs.getBytes(), 1024);
  plan.copiedBytes = plan.lhs.getBytes() + plan.rhs.getBytes();
  plan.stageBytes = llvm::alignTo(plan.rhs.offset + plan.rhs.getBytes(), 1024);
  return plan;
}

} // namespace fp4::gpu
