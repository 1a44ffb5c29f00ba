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
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;

namespace fp4::gpu {

/// The number of rows: a number, or the name of the argument that holds it.
static Attribute describeRows(ActivationPlan &plan, Builder &builder) {
  int64_t rows = plan.forTiles.getStaticSizes()[0];
  if (!ShapedType::isDynamic(rows))
    return builder.getI64IntegerAttr(rows);
  auto argument = dyn_cast<BlockArgument>(plan.forTiles.getDynamicSizes()[0]);
  return builder.getStringAttr(
      argument ? plan.kernel.getArgumentName(argument.getArgNumber()) : "?");
}

static DictionaryAttr describeTiles(Builder &builder, Attribute size,
                                    int64_t tile) {
  return builder.getDictionaryAttr(
      {builder.getNamedAttr("size", size),
       builder.getNamedAttr("tile", builder.getI64IntegerAttr(tile))});
}

/// A dynamic extent is that of the rows or, of scales, that of their tiles.
static DictionaryAttr describeArgument(ActivationPlan &plan, Builder &builder,
                                       BlockArgument argument) {
  SmallVector<NamedAttribute> fields;
  auto add = [&](StringRef name, Attribute value) {
    fields.push_back(builder.getNamedAttr(name, value));
  };
  auto print = [&](Type type) {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    return builder.getStringAttr(text);
  };
  add("name", builder.getStringAttr(
                  plan.kernel.getArgumentName(argument.getArgNumber())));
  auto global = dyn_cast<MemRefType>(argument.getType());
  if (!global) {
    add("kind", builder.getStringAttr("value"));
    add("type", argument.getType().isIndex() ? builder.getStringAttr("i32")
                                             : print(argument.getType()));
    return builder.getDictionaryAttr(fields);
  }
  bool isPerTile = plan.quantize && argument == plan.quantize.getScales();
  SmallVector<Attribute> shape;
  for (int64_t extent : global.getShape()) {
    Attribute size = builder.getI64IntegerAttr(extent);
    if (ShapedType::isDynamic(extent))
      size = describeRows(plan, builder);
    if (ShapedType::isDynamic(extent) && isPerTile)
      size = describeTiles(builder, size, kScaleTileRows);
    shape.push_back(size);
  }
  add("kind", builder.getStringAttr("pointer"));
  add("type", print(global.getElementType()));
  add("shape", builder.getArrayAttr(shape));
  return builder.getDictionaryAttr(fields);
}

static DictionaryAttr describeLaunch(ActivationPlan &plan, Builder &builder) {
  SmallVector<Attribute> arguments;
  for (BlockArgument argument : plan.kernel.getBody().getArguments())
    arguments.push_back(describeArgument(plan, builder, argument));
  // Any smaller grid works too: blocks loop over the tiles' parts.
  Attribute factors[] = {
      describeTiles(builder, describeRows(plan, builder), kScaleTileRows),
      describeTiles(builder, builder.getI64IntegerAttr(plan.getColumns()),
                    plan.getTileColumns()),
      describeTiles(builder, builder.getI64IntegerAttr(plan.getParts()), 1)};
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
  b.setInsertionPointToEnd(&device->getRegion(0).front());
  SmallVector<Type> types;
  for (BlockArgument argument : plan.kernel.getBody().getArguments()) {
    Type type = argument.getType();
    types.push_back(isa<MemRefType>(type) ? b.pointer(1)
                    : type.isIndex()      ? b.getI32Type()
                                          : type);
  }
  auto func = LLVM::LLVMFuncOp::create(
      b, plan.kernel.getSymName(),
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                  types));
  for (auto [index, type] : llvm::enumerate(types)) {
    if (!isa<LLVM::LLVMPointerType>(type))
      continue;
    func.setArgAttr(index, LLVM::LLVMDialect::getAlignAttrName(),
                    b.getI64IntegerAttr(16));
    func.setArgAttr(index, LLVM::LLVMDialect::getNoAliasAttrName(),
                    b.getUnitAttr());
  }
  func->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), b.getUnitAttr());
  func->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                b.getDenseI32ArrayAttr(
                    {static_cast<int32_t>(ActivationPlan::kThreads), 1, 1}));
  func->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                b.getI32IntegerAttr(plan.getBlocksPerMultiprocessor()));
  func->setAttr("fp4gpu.launch", describeLaunch(plan, b));
  Block *entry = func.addEntryBlock(b);
  b.setInsertionPointToStart(entry);
  mapping.map(plan.kernel.getBody().getArguments(), entry->getArguments());
}

} // namespace fp4::gpu
