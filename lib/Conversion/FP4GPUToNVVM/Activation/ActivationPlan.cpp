//===- ActivationPlan.cpp - An activation kernel taken apart --------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Recognizes a loop over tiles that holds one fp4gpu.quantize or fp4gpu.amax.
// Everything else verifier-valid gets a diagnostic that names the part.
//
//===----------------------------------------------------------------------===//

#include "ActivationPlan.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace fp4::gpu {

bool isActivationKernel(KernelOp kernel) {
  return kernel
      .walk([](Operation *op) {
        return isa<QuantizeOp, AmaxOp>(op) ? WalkResult::interrupt()
                                           : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Scalars may be loaded and computed ahead of the loop.
static LogicalResult checkScalarPart(KernelOp kernel) {
  for (Operation &op : kernel.getBody().front()) {
    auto load = dyn_cast<memref::LoadOp>(op);
    if (isa<ForTilesOp, ReturnOp, TensorScaleOp>(op) ||
        isa<arith::ArithDialect>(op.getDialect()) ||
        (load && load.getMemRefType().getRank() == 0))
      continue;
    return op.emitOpError() << "expected only arith operations and loads of "
                               "scalars ahead of fp4gpu.for_tiles";
  }
  return success();
}

/// The tile is what the threads cover, and the loop covers the inputs.
static LogicalResult checkTile(ActivationPlan &plan) {
  ScheduleAttr schedule = plan.kernel.getSchedule();
  int64_t least = 2 * ActivationPlan::kElementsPerThread;
  if (plan.quantize)
    least =
        std::max<int64_t>(least, 4 * plan.quantize.getFormat().getBlockCols());
  int64_t columns =
      std::max({least, plan.getRotation(), plan.getMatrixBlock()});
  int64_t tileN = schedule.getTileN();
  bool isWider = plan.getRow() && llvm::isPowerOf2_64(tileN) &&
                 tileN > columns && tileN <= ActivationPlan::kLargestTile;
  if (schedule.getTileM() != kScaleTileRows || (tileN != columns && !isWider) ||
      schedule.getTileK() != 1)
    return plan.kernel.emitOpError()
           << "expected a schedule with the tile " << kScaleTileRows << "x"
           << columns << "x1, got " << schedule;
  if (plan.forTiles.getStaticSizes()[1] != plan.getColumns())
    return plan.forTiles.emitOpError()
           << "expected the columns of the inputs, " << plan.getColumns()
           << ", as second size, got " << plan.forTiles.getStaticSizes()[1];
  return success();
}

FailureOr<ActivationPlan> planActivation(KernelOp kernel, const GPUArch &arch) {
  ActivationPlan plan{};
  plan.kernel = kernel;
  plan.arch = &arch;
  auto loops = kernel.getBody().getOps<ForTilesOp>();
  if (!llvm::hasSingleElement(loops))
    return kernel.emitOpError() << "expected one fp4gpu.for_tiles, got "
                                << std::distance(loops.begin(), loops.end());
  plan.forTiles = *loops.begin();
  Block &body = plan.forTiles.getBody().front();
  if (failed(checkScalarPart(kernel)))
    return failure();
  Operation *op = body.empty() ? nullptr : &body.front();
  plan.quantize = dyn_cast_if_present<QuantizeOp>(op);
  plan.amax = dyn_cast_if_present<AmaxOp>(op);
  if (!llvm::hasSingleElement(body) || (!plan.quantize && !plan.amax))
    return plan.forTiles.emitOpError(
        "expected one fp4gpu.quantize or fp4gpu.amax and nothing else");
  SmallVector<Value> arrays(plan.getInputs());
  llvm::append_range(arrays, plan.getVectors());
  if (Value matrix = plan.getMatrix())
    arrays.push_back(matrix);
  if (plan.quantize)
    arrays.append({plan.quantize.getElements(), plan.quantize.getScales()});
  else
    arrays.push_back(plan.amax.getMaxima());
  for (Value array : arrays)
    if (!isa<BlockArgument>(array))
      return op->emitOpError("expected kernel arguments as arrays");
  if (plan.quantize && plan.quantize.getRule() == ScaleRule::Search &&
      !isKernelFormat(plan.quantize.getFormat()))
    return op->emitOpError("expected the rule 'search' with 4-bit elements");
  if (failed(checkTile(plan)))
    return failure();
  return plan;
}

} // namespace fp4::gpu
