//===- DeadOps.cpp - Erasing what a rewrite has left over -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A worklist from users to producers.
//
//===----------------------------------------------------------------------===//

#include "fp4/Dialect/FP4/IR/DeadOps.h"
#include "mlir/IR/Operation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace fp4 {

void eraseDeadOps(ArrayRef<Operation *> ops) {
  // A set: a producer may be there for two reasons, as one of the first and as
  // an operand of another, or as the operand of two that die.
  llvm::SmallSetVector<Operation *, 8> worklist(ops.begin(), ops.end());
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val();
    if (!op || !isOpTriviallyDead(op))
      continue;
    for (Value operand : op->getOperands())
      worklist.insert(operand.getDefiningOp());
    op->erase();
  }
}

} // namespace fp4
