//===- KernelFunction.cpp - The device function of a kernel ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arguments are aligned as cuTensorMapEncodeTiled and 16-byte accesses want
// them (CUDA driver API, "Tensor Map Object Management").
//
//===----------------------------------------------------------------------===//

#include "KernelFunction.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace fp4::gpu {

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// The device type of a kernel argument.
static Type getDeviceType(KernelBuilder &b, Type type, bool isTensorMap) {
  if (isa<MemRefType>(type))
    return b.pointer(isTensorMap ? 0 : 1);
  return type.isIndex() ? b.getI32Type() : type;
}

static void setArrayAttributes(LLVM::LLVMFuncOp function, unsigned index,
                               bool isTensorMap) {
  MLIRContext *context = function.getContext();
  auto set = [&](StringRef name, Attribute value) {
    function.setArgAttr(index, name, value);
  };
  auto i64 = IntegerType::get(context, 64);
  if (isTensorMap) {
    auto bytes = LLVM::LLVMArrayType::get(IntegerType::get(context, 8), 128);
    set(LLVM::LLVMDialect::getByValAttrName(), TypeAttr::get(bytes));
    set(LLVM::LLVMDialect::getAlignAttrName(), IntegerAttr::get(i64, 64));
    set(NVVM::NVVMDialect::getGridConstantAttrName(), UnitAttr::get(context));
    return;
  }
  set(LLVM::LLVMDialect::getAlignAttrName(), IntegerAttr::get(i64, 16));
  set(LLVM::LLVMDialect::getNoAliasAttrName(), UnitAttr::get(context));
}

LLVM::LLVMFuncOp createKernelFunction(KernelBuilder &b, KernelOp kernel,
                                      Operation *device,
                                      const FunctionOptions &options,
                                      IRMapping &mapping) {
  b.setInsertionPointToEnd(&device->getRegion(0).front());
  Block::BlockArgListType arguments = kernel.getBody().getArguments();
  SmallVector<Type> types;
  for (auto [index, argument] : llvm::enumerate(arguments))
    types.push_back(
        getDeviceType(b, argument.getType(), options.isTensorMap(index)));
  if (options.hasWorkspace)
    types.push_back(b.pointer(1));
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(b.getContext()), types);
  auto function = LLVM::LLVMFuncOp::create(b, kernel.getSymName(), type);
  for (auto [index, argument] : llvm::enumerate(arguments))
    if (isa<MemRefType>(argument.getType()))
      setArrayAttributes(function, index, options.isTensorMap(index));
  if (options.hasWorkspace)
    function.setArgAttr(types.size() - 1, LLVM::LLVMDialect::getAlignAttrName(),
                        b.getI64IntegerAttr(16));
  function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(),
                    b.getUnitAttr());
  function->setAttr(
      NVVM::NVVMDialect::getReqntidAttrName(),
      b.getDenseI32ArrayAttr({static_cast<int32_t>(options.threads), 1, 1}));
  function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                    b.getI32IntegerAttr(options.blocksPerMultiprocessor));
  Block *entry = function.addEntryBlock(b);
  b.setInsertionPointToStart(entry);
  mapping.map(arguments, entry->getArguments().take_front(arguments.size()));
  return function;
}

void emitScalars(KernelBuilder &b, KernelOp kernel, IRMapping &mapping,
                 function_ref<Value(Operation &)> emitSpecial) {
  for (Operation &op : kernel.getBody().front()) {
    if (isa<ForTilesOp, ReturnOp>(op))
      continue;
    if (auto load = dyn_cast<memref::LoadOp>(op)) {
      Value pointer = mapping.lookup(load.getMemRef());
      mapping.map(load.getResult(), b.load(load.getType(), pointer, 4));
      continue;
    }
    if (Value special = emitSpecial(op))
      mapping.map(op.getResult(0), special);
    else
      b.clone(op, mapping);
  }
}

/// The dynamic extent `dim`.
static Value getDynamicSize(ForTilesOp forTiles, unsigned dim) {
  bool isSecond =
      dim == 1 && ShapedType::isDynamic(forTiles.getStaticSizes()[0]);
  return forTiles.getDynamicSizes()[isSecond ? 1 : 0];
}

Value emitSize(KernelBuilder &b, ForTilesOp forTiles, unsigned dim,
               const IRMapping &mapping) {
  int64_t size = forTiles.getStaticSizes()[dim];
  return ShapedType::isDynamic(size)
             ? mapping.lookup(getDynamicSize(forTiles, dim))
             : b.i32(size);
}

//===----------------------------------------------------------------------===//
// Description for the manifest
//===----------------------------------------------------------------------===//

Attribute describeSize(ForTilesOp forTiles, unsigned dim) {
  Builder builder(forTiles.getContext());
  int64_t size = forTiles.getStaticSizes()[dim];
  if (!ShapedType::isDynamic(size))
    return builder.getI64IntegerAttr(size);
  auto argument = dyn_cast<BlockArgument>(getDynamicSize(forTiles, dim));
  if (!argument)
    return builder.getStringAttr("?");
  auto kernel = forTiles->getParentOfType<KernelOp>();
  return builder.getStringAttr(kernel.getArgumentName(argument.getArgNumber()));
}

Attribute describeTiles(Attribute size, int64_t tile) {
  Builder builder(size.getContext());
  return builder.getDictionaryAttr(
      {builder.getNamedAttr("size", size),
       builder.getNamedAttr("tile", builder.getI64IntegerAttr(tile))});
}

ArrayAttr describeShape(ForTilesOp forTiles, unsigned index, unsigned dim,
                        bool isScales) {
  Builder builder(forTiles.getContext());
  auto kernel = forTiles->getParentOfType<KernelOp>();
  auto type = cast<MemRefType>(kernel.getBody().getArgument(index).getType());
  SmallVector<Attribute> shape;
  for (int64_t extent : type.getShape()) {
    Attribute size = ShapedType::isDynamic(extent)
                         ? describeSize(forTiles, dim)
                         : builder.getI64IntegerAttr(extent);
    if (ShapedType::isDynamic(extent) && isScales)
      size = describeTiles(size, kScaleTileRows);
    shape.push_back(size);
  }
  return builder.getArrayAttr(shape);
}

NamedAttrList describeArgument(KernelOp kernel, unsigned index,
                               StringRef arrayKind, ArrayAttr shape) {
  Builder builder(kernel.getContext());
  NamedAttrList fields;
  auto add = [&](StringRef name, StringRef value) {
    fields.set(name, builder.getStringAttr(value));
  };
  Type type = kernel.getBody().getArgument(index).getType();
  auto array = dyn_cast<MemRefType>(type);
  std::string text;
  llvm::raw_string_ostream(text) << (array ? array.getElementType() : type);
  add("name", kernel.getArgumentName(index));
  add("kind", array ? arrayKind : "value");
  add("type", type.isIndex() ? "i32" : StringRef(text));
  if (array)
    fields.set("shape", shape);
  return fields;
}

} // namespace fp4::gpu
