//===- LaunchOrder.cpp - Whether a list of launches is enough -------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Looks for control flow around launches and for operations between them.
//
//===----------------------------------------------------------------------===//

#include "LaunchOrder.h"
#include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;

static LogicalResult checkControlFlow(fp4::gpu::LaunchOp launch) {
  Operation *parent = launch->getParentOp();
  if (!isa<FunctionOpInterface>(parent))
    return launch.emitOpError()
           << "expected a function directly around it, got '"
           << parent->getName()
           << "': an artifact launches its kernels once, in order";
  size_t blocks = launch->getParentRegion()->getBlocks().size();
  if (blocks == 1)
    return success();
  return launch.emitOpError()
         << "expected a function of one block around it, got " << blocks
         << ": an artifact launches its kernels once, in order";
}

/// Whether `op`, which is not a launch, needs the result of one.
static bool dependsOnLaunch(Operation *op) {
  BackwardSliceOptions options;
  options.omitBlockArguments = true;
  llvm::SetVector<Operation *> slice;
  return succeeded(getBackwardSlice(op, &slice, options)) &&
         llvm::any_of(slice, llvm::IsaPred<fp4::gpu::LaunchOp>);
}

LogicalResult fp4::checkLaunchOrder(ModuleOp module) {
  bool isValid = true;
  llvm::SmallPtrSet<Operation *, 4> told;
  module.walk([&](gpu::LaunchOp launch) {
    if (failed(checkControlFlow(launch))) {
      isValid = false;
      return;
    }
    for (Value operand : launch.getInputs()) {
      Operation *source = operand.getDefiningOp();
      if (source && !isa<gpu::LaunchOp>(source) && dependsOnLaunch(source) &&
          told.insert(source).second)
        source->emitWarning() << "'" << source->getName()
                              << "' op between launches is not part of the "
                                 "artifact: its result is an input of it";
    }
  });
  return success(isValid);
}
