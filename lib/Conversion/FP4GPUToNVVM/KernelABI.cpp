//===- KernelABI.cpp - Signatures and their description -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How the arguments of a kernel are passed, and the same in attributes for the
// launch manifest: TMA descriptors by value with the parameters that
// cuTensorMapEncodeTiled needs (CUDA driver API, "Tensor Map Object
// Management"), other arrays as pointers, scalars by value.
//
//===----------------------------------------------------------------------===//

#include "KernelSkeleton.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;

namespace fp4::gpu {

static constexpr StringLiteral kSharedName = "shared_memory";

/// Dynamic shared memory of all kernels in the module.
static LLVM::GlobalOp getSharedMemory(KernelBuilder &b, Operation *device) {
  if (Operation *global = SymbolTable::lookupSymbolIn(device, kSharedName))
    return cast<LLVM::GlobalOp>(global);
  auto type = LLVM::LLVMArrayType::get(b.getI8Type(), 0);
  return LLVM::GlobalOp::create(b, type, /*isConstant=*/false,
                                LLVM::Linkage::External, kSharedName,
                                /*value=*/Attribute(), /*alignment=*/1024,
                                /*addrSpace=*/3, /*dsoLocal=*/true);
}

/// The device type of a kernel argument.
static Type getDeviceType(KernelBuilder &b, Type type, bool isTensorMap) {
  if (isa<MemRefType>(type))
    return b.pointer(isTensorMap ? 0 : 1);
  return type.isIndex() ? b.getI32Type() : type;
}

static void setArgumentAttributes(LLVM::LLVMFuncOp function, unsigned index,
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

/// A size as the manifest has it: a number, or the name of the argument that
/// holds it.
static Attribute describeSize(KernelPlan &plan, Builder &builder,
                              unsigned dim) {
  ArrayRef<int64_t> sizes = plan.forTiles.getStaticSizes();
  if (!ShapedType::isDynamic(sizes[dim]))
    return builder.getI64IntegerAttr(sizes[dim]);
  unsigned position = dim == 1 && ShapedType::isDynamic(sizes[0]) ? 1 : 0;
  auto argument =
      dyn_cast<BlockArgument>(plan.forTiles.getDynamicSizes()[position]);
  if (!argument)
    return builder.getStringAttr("?");
  return builder.getStringAttr(
      plan.kernel.getArgumentName(argument.getArgNumber()));
}

void KernelSkeleton::beginFunction(Operation *device, int64_t threads,
                                   int64_t extraSharedBytes) {
  b.setInsertionPointToEnd(&device->getRegion(0).front());
  LLVM::GlobalOp global = getSharedMemory(b, device);
  SmallVector<Type> types;
  for (BlockArgument argument : plan.kernel.getBody().getArguments())
    types.push_back(getDeviceType(b, argument.getType(),
                                  plan.isTensorMap(argument.getArgNumber())));
  if (plan.workspaceBytes)
    types.push_back(b.pointer(1));
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(b.getContext()), types);
  auto func = LLVM::LLVMFuncOp::create(b, plan.kernel.getSymName(), type);
  function = func;
  for (BlockArgument argument : plan.kernel.getBody().getArguments())
    if (isa<MemRefType>(argument.getType()))
      setArgumentAttributes(func, argument.getArgNumber(),
                            plan.isTensorMap(argument.getArgNumber()));
  func->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), b.getUnitAttr());
  func->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                b.getDenseI32ArrayAttr({static_cast<int32_t>(threads), 1, 1}));
  func->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                b.getI32IntegerAttr(1));
  int64_t blocks = plan.clusterSize;
  if (blocks > 1)
    func->setAttr(NVVM::NVVMDialect::getClusterDimAttrName(),
                  b.getDenseI32ArrayAttr({static_cast<int32_t>(blocks), 1, 1}));
  int64_t sharedBytes =
      plan.getRingBytes() + plan.schedule.getStages() * 16 + extraSharedBytes;
  SmallVector<Attribute> arguments;
  for (unsigned i = 0; i < plan.kernel.getBody().getNumArguments(); ++i)
    arguments.push_back(describeArgument(i));
  if (plan.workspaceBytes) {
    func.setArgAttr(types.size() - 1, LLVM::LLVMDialect::getAlignAttrName(),
                    b.getI64IntegerAttr(16));
    arguments.push_back(b.getDictionaryAttr(
        {b.getNamedAttr("kind", b.getStringAttr("workspace")),
         b.getNamedAttr("name", b.getStringAttr("workspace"))}));
  }
  func->setAttr("fp4gpu.launch",
                describeLaunch(arguments, threads, sharedBytes));
  Block *entry = func.addEntryBlock(b);
  b.setInsertionPointToStart(entry);
  size_t count = plan.kernel.getBody().getNumArguments();
  mapping.map(plan.kernel.getBody().getArguments(),
              entry->getArguments().take_front(count));
  if (plan.workspaceBytes)
    workspace = entry->getArgument(count);
  shared = LLVM::AddressOfOp::create(b, global);
}

void KernelSkeleton::endFunction() { LLVM::ReturnOp::create(b, ValueRange()); }

//===----------------------------------------------------------------------===//
// Description for the manifest
//===----------------------------------------------------------------------===//

DictionaryAttr KernelSkeleton::describeLaunch(ArrayRef<Attribute> arguments,
                                              int64_t threads,
                                              int64_t sharedBytes) {
  NamedAttrList launch;
  launch.set("arguments", b.getArrayAttr(arguments));
  launch.set("block", b.getI64ArrayAttr({threads, 1, 1}));
  launch.set("dynamic_shared_memory", b.getI64IntegerAttr(sharedBytes));
  launch.set("grid", describeGrid());
  if (plan.clusterSize > 1)
    launch.set("cluster", b.getI64ArrayAttr({plan.clusterSize, 1, 1}));
  if (plan.waitsForPredecessor)
    launch.set("programmatic_launch", b.getBoolAttr(true));
  if (plan.workspaceBytes) {
    Attribute rowTiles = b.getDictionaryAttr(
        {b.getNamedAttr("size", describeSize(plan, b, 0)),
         b.getNamedAttr("tile",
                        b.getI64IntegerAttr(plan.schedule.getTileM()))});
    launch.set(
        "workspace",
        b.getArrayAttr({rowTiles, b.getI64IntegerAttr(plan.workspaceBytes)}));
  }
  if (Attribute meaning = plan.kernel->getAttr(kMeaningAttrName))
    launch.set("meaning", meaning);
  return launch.getDictionary(b.getContext());
}

DictionaryAttr KernelSkeleton::describeGrid() {
  auto ceilDiv = [&](unsigned dim, int64_t tile) -> Attribute {
    return b.getDictionaryAttr(
        {b.getNamedAttr("size", describeSize(plan, b, dim)),
         b.getNamedAttr("tile", b.getI64IntegerAttr(tile))});
  };
  // Any smaller grid works too: blocks loop over the tiles.
  SmallVector<Attribute> factors = {ceilDiv(0, plan.schedule.getTileM()),
                                    ceilDiv(1, plan.schedule.getTileN())};
  if (plan.schedule.getSplit() > 1)
    factors.push_back(b.getI64IntegerAttr(plan.schedule.getSplit()));
  return b.getDictionaryAttr({b.getNamedAttr("x", b.getArrayAttr(factors))});
}

DictionaryAttr KernelSkeleton::describeTensorMap(const TilePlan &tile) {
  MemRefType source = tile.getSourceType();
  if (source.getElementType().isBF16())
    return describeActivationMap(tile);
  int64_t rowBytes = source.getDimSize(1) * tile.getSourceBits() / 8;
  int64_t extent = tile.isSpread() ? source.getDimSize(1) : rowBytes;
  StringRef type = !tile.isSpread()            ? "uint8"
                   : tile.getSourceBits() == 4 ? "16u4_align16b"
                                               : "16u6_align16b";
  Attribute rows = source.isDynamicDim(0)
                       ? describeSize(plan, b, tile.followsRows ? 0 : 1)
                       : b.getI64IntegerAttr(source.getDimSize(0));
  auto named = [&](StringRef name, Attribute value) {
    return b.getNamedAttr(name, value);
  };
  return b.getDictionaryAttr({
      named("box", b.getI64ArrayAttr({tile.getRowBytes(), tile.getShape()[0]})),
      named("data_type", b.getStringAttr(type)),
      named("element_strides", b.getI64ArrayAttr({1, 1})),
      named("fill", b.getStringAttr("zero")),
      named("interleave", b.getStringAttr("none")),
      named("l2_promotion", b.getStringAttr("128B")),
      named("shape", b.getArrayAttr({b.getI64IntegerAttr(extent), rows})),
      named("strides", b.getI64ArrayAttr({rowBytes})),
      named("swizzle",
            b.getStringAttr(std::to_string(tile.getRowBytes()) + "B")),
  });
}

/// A row-major bf16 matrix in boxes of 64 columns, the 128 bytes of a swizzled
/// row. Where 64 divides the columns, one box takes all columns of the tile.
DictionaryAttr KernelSkeleton::describeActivationMap(const TilePlan &tile) {
  MemRefType source = tile.getSourceType();
  int64_t columns = source.getDimSize(1);
  Attribute rows = source.isDynamicDim(0)
                       ? describeSize(plan, b, 0)
                       : b.getI64IntegerAttr(source.getDimSize(0));
  bool isWhole = tile.isOneBox();
  SmallVector<Attribute> shape = {b.getI64IntegerAttr(isWhole ? 64 : columns),
                                  rows};
  SmallVector<int64_t> box = {64, tile.getShape()[0]};
  SmallVector<int64_t> strides = {2 * columns};
  if (isWhole) {
    shape.push_back(b.getI64IntegerAttr(columns / 64));
    box.push_back(tile.getShape()[1] / 64);
    strides.push_back(128);
  }
  auto named = [&](StringRef name, Attribute value) {
    return b.getNamedAttr(name, value);
  };
  return b.getDictionaryAttr({
      named("box", b.getI64ArrayAttr(box)),
      named("data_type", b.getStringAttr("bfloat16")),
      named("element_strides",
            b.getI64ArrayAttr(SmallVector<int64_t>(box.size(), 1))),
      named("fill", b.getStringAttr("zero")),
      named("interleave", b.getStringAttr("none")),
      named("l2_promotion", b.getStringAttr("256B")),
      named("shape", b.getArrayAttr(shape)),
      named("strides", b.getI64ArrayAttr(strides)),
      named("swizzle", b.getStringAttr("128B")),
  });
}

/// The shape of a kernel's array. A dynamic extent is that of the result's rows
/// (or columns) or, of a scale array, the number of tiles of them.
ArrayAttr KernelSkeleton::describeShape(unsigned index) {
  BlockArgument argument = plan.kernel.getBody().getArgument(index);
  unsigned dim = 0;
  bool isScales = argument == plan.epilogue.getScales();
  for (TilePlan *tile : plan.getTiles())
    if (tile->source == argument) {
      dim = tile->followsRows ? 0 : 1;
      isScales = !tile->isElements;
    }
  SmallVector<Attribute> shape;
  for (int64_t extent : cast<MemRefType>(argument.getType()).getShape()) {
    Attribute size = ShapedType::isDynamic(extent)
                         ? describeSize(plan, b, dim)
                         : b.getI64IntegerAttr(extent);
    if (ShapedType::isDynamic(extent) && isScales)
      size = b.getDictionaryAttr(
          {b.getNamedAttr("size", size),
           b.getNamedAttr("tile", b.getI64IntegerAttr(kScaleTileRows))});
    shape.push_back(size);
  }
  return b.getArrayAttr(shape);
}

DictionaryAttr KernelSkeleton::describeArgument(unsigned index) {
  Type type = plan.kernel.getBody().getArgument(index).getType();
  SmallVector<NamedAttribute> fields;
  auto add = [&](StringRef name, Attribute value) {
    fields.push_back(b.getNamedAttr(name, value));
  };
  auto print = [&](Type type) {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    return b.getStringAttr(text);
  };
  add("name", b.getStringAttr(plan.kernel.getArgumentName(index)));
  auto global = dyn_cast<MemRefType>(type);
  if (!global) {
    add("kind", b.getStringAttr("value"));
    add("type", type.isIndex() ? b.getStringAttr("i32") : print(type));
    return b.getDictionaryAttr(fields);
  }
  add("kind",
      b.getStringAttr(plan.isTensorMap(index) ? "tensor_map" : "pointer"));
  add("type", print(global.getElementType()));
  add("shape", describeShape(index));
  for (TilePlan *tile : plan.getTiles())
    if (tile->isElements && tile->source.getArgNumber() == index)
      add("tensor_map", describeTensorMap(*tile));
  return b.getDictionaryAttr(fields);
}

} // namespace fp4::gpu
