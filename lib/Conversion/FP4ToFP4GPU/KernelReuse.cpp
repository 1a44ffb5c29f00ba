//===- KernelReuse.cpp - One kernel for equal problems --------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelReuse.h"

using namespace mlir;

namespace fp4::gpu {

/// A kernel that does the same under its own name, or null.
static KernelOp findEquivalent(ModuleOp module, KernelOp kernel) {
  StringAttr name = kernel.getSymNameAttr();
  KernelOp found;
  for (auto other : module.getOps<KernelOp>()) {
    if (other == kernel || !other.getSymName().starts_with(name.getValue()))
      continue;
    kernel.setSymNameAttr(other.getSymNameAttr());
    if (OperationEquivalence::isEquivalentTo(
            kernel, other, OperationEquivalence::IgnoreLocations))
      found = other;
    kernel.setSymNameAttr(name);
    if (found)
      return found;
  }
  return {};
}

std::pair<KernelOp, bool> reuseKernel(ModuleOp module, KernelOp kernel) {
  if (KernelOp equivalent = findEquivalent(module, kernel)) {
    kernel.erase();
    return {equivalent, false};
  }
  std::string name = kernel.getSymName().str();
  for (unsigned i = 1;
       SymbolTable(module).lookup(kernel.getSymName()) != kernel; ++i)
    kernel.setSymName(name + "_" + std::to_string(i));
  return {kernel, true};
}

} // namespace fp4::gpu
