//===- ActivationABI.cpp - The function of an activation kernel -----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The attribute `fp4gpu.launch` that becomes the kernel's entry in the manifest
// (docs/Manifest.md).
//
//===----------------------------------------------------------------------===//

#include "ActivationABI.h"
#include "../KernelFunction.h"

using namespace mlir;

namespace fp4::gpu {

static DictionaryAttr describeArgument(ActivationPlan &plan, unsigned index) {
  BlockArgument argument = plan.kernel.getBody().getArgument(index);
  bool isScales = plan.quantize && argument == plan.quantize.getScales();
  ArrayAttr shape;
  if (isa<MemRefType>(argument.getType()))
    shape = describeShape(plan.forTiles, index, /*dim=*/0, isScales);
  return describeArgument(plan.kernel, index, "pointer", shape)
      .getDictionary(plan.kernel.getContext());
}

static DictionaryAttr describeLaunch(ActivationPlan &plan, Builder &builder) {
  SmallVector<Attribute> arguments;
  for (unsigned i = 0; i < plan.kernel.getBody().getNumArguments(); ++i)
    arguments.push_back(describeArgument(plan, i));
  // Any smaller grid works too: blocks loop over the tiles' parts.
  Attribute factors[] = {
      describeTiles(describeSize(plan.forTiles, 0), kScaleTileRows),
      describeTiles(describeSize(plan.forTiles, 1), plan.getTileColumns()),
      describeTiles(builder.getI64IntegerAttr(plan.getParts()), 1)};
  auto named = [&](StringRef name, Attribute value) {
    return builder.getNamedAttr(name, value);
  };
  SmallVector<NamedAttribute> fields = {
      named("arguments", builder.getArrayAttr(arguments)),
      named("block", builder.getI64ArrayAttr({ActivationPlan::kThreads, 1, 1})),
      named("blocks_per_multiprocessor",
            builder.getI64IntegerAttr(plan.getBlocksPerMultiprocessor())),
      named("dynamic_shared_memory", builder.getI64IntegerAttr(0)),
      named("grid", builder.getDictionaryAttr(
                        named("x", builder.getArrayAttr(factors))))};
  if (Attribute meaning = plan.kernel->getAttr(kMeaningAttrName))
    fields.push_back(named("meaning", meaning));
  return builder.getDictionaryAttr(fields);
}

void beginActivationFunction(KernelBuilder &b, ActivationPlan &plan,
                             Operation *device, IRMapping &mapping) {
  FunctionOptions options{ActivationPlan::kThreads,
                          plan.getBlocksPerMultiprocessor()};
  LLVM::LLVMFuncOp function =
      createKernelFunction(b, plan.kernel, device, options, mapping);
  function->setAttr("fp4gpu.launch", describeLaunch(plan, b));
}

} // namespace fp4::gpu
