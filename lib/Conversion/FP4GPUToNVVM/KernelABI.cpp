//===- KernelABI.cpp - Signatures and their description -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions of kernels that multiply, and the description of their launch
// for the manifest, with the parameters that cuTensorMapEncodeTiled needs (CUDA
// driver API, "Tensor Map Object Management").
//
//===----------------------------------------------------------------------===//

#include "KernelFunction.h"
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

void KernelSkeleton::beginFunction(Operation *device, int64_t threads,
                                   int64_t extraSharedBytes) {
  b.setInsertionPointToEnd(&device->getRegion(0).front());
  LLVM::GlobalOp global = getSharedMemory(b, device);
  FunctionOptions options{threads};
  options.blocksPerMultiprocessor = plan.blocksPerMultiprocessor;
  options.isTensorMap = [&](unsigned i) { return plan.isTensorMap(i); };
  options.hasWorkspace = plan.workspaceBytes != 0;
  LLVM::LLVMFuncOp func =
      createKernelFunction(b, plan.kernel, device, options, mapping);
  function = func;
  int64_t blocks = plan.clusterSize;
  if (blocks > 1)
    func->setAttr(NVVM::NVVMDialect::getClusterDimAttrName(),
                  b.getDenseI32ArrayAttr({static_cast<int32_t>(blocks), 1, 1}));
  int64_t sharedBytes =
      plan.getRingBytes() + plan.schedule.getStages() * 16 + extraSharedBytes;
  SmallVector<Attribute> arguments;
  unsigned count = plan.kernel.getBody().getNumArguments();
  for (unsigned i = 0; i < count; ++i)
    arguments.push_back(describeArgument(i));
  if (plan.workspaceBytes) {
    workspace = func.getArgument(count);
    arguments.push_back(b.getDictionaryAttr(
        {b.getNamedAttr("kind", b.getStringAttr("workspace")),
         b.getNamedAttr("name", b.getStringAttr("workspace"))}));
  }
  func->setAttr("fp4gpu.launch",
                describeLaunch(arguments, threads, sharedBytes));
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
  if (plan.blocksPerMultiprocessor > 1)
    launch.set("blocks_per_multiprocessor",
               b.getI64IntegerAttr(plan.blocksPerMultiprocessor));
  if (plan.waitsForPredecessor)
    launch.set("programmatic_launch", b.getBoolAttr(true));
  if (plan.isWorkspacePerGrid) {
    launch.set("workspace", b.getI64ArrayAttr({plan.workspaceBytes}));
  } else if (plan.workspaceBytes) {
    Attribute rowTiles =
        describeTiles(describeSize(plan.forTiles, 0), plan.schedule.getTileM());
    launch.set(
        "workspace",
        b.getArrayAttr({rowTiles, b.getI64IntegerAttr(plan.workspaceBytes)}));
  }
  if (Attribute meaning = plan.kernel->getAttr(kMeaningAttrName))
    launch.set("meaning", meaning);
  return launch.getDictionary(b.getContext());
}

DictionaryAttr KernelSkeleton::describeGrid() {
  auto tiles = [&](unsigned dim, int64_t tile) {
    return describeTiles(describeSize(plan.forTiles, dim), tile);
  };
  // Any smaller grid works too: blocks loop over the tiles.
  SmallVector<Attribute> factors = {tiles(0, plan.schedule.getTileM()),
                                    tiles(1, plan.schedule.getTileN())};
  if (plan.schedule.getSplit() > 1)
    factors.push_back(b.getI64IntegerAttr(plan.schedule.getSplit()));
  if (plan.gridBlocks)
    factors = {b.getI64IntegerAttr(plan.gridBlocks)};
  return b.getDictionaryAttr({b.getNamedAttr("x", b.getArrayAttr(factors))});
}

DictionaryAttr KernelSkeleton::describeTensorMap(const TilePlan &tile) {
  MemRefType source = tile.getSourceType();
  if (plan.hasDecodedWeight)
    return describeActivationMap(tile);
  int64_t rowBytes = source.getDimSize(1) * tile.getSourceBits() / 8;
  int64_t extent = tile.isSpread() ? source.getDimSize(1) : rowBytes;
  StringRef type = !tile.isSpread()            ? "uint8"
                   : tile.getSourceBits() == 4 ? "16u4_align16b"
                                               : "16u6_align16b";
  Attribute rows = source.isDynamicDim(0)
                       ? describeSize(plan.forTiles, tile.followsRows ? 0 : 1)
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

/// A row-major matrix in boxes of the 128 bytes of a swizzled row. Where these
/// divide the columns, one box takes all columns of the tile.
DictionaryAttr KernelSkeleton::describeActivationMap(const TilePlan &tile) {
  MemRefType source = tile.getSourceType();
  int64_t columns = source.getDimSize(1);
  Attribute rows = source.isDynamicDim(0)
                       ? describeSize(plan.forTiles, 0)
                       : b.getI64IntegerAttr(source.getDimSize(0));
  bool isWhole = tile.isOneBox();
  int64_t boxColumns = tile.getBoxColumns();
  SmallVector<Attribute> shape = {
      b.getI64IntegerAttr(isWhole ? boxColumns : columns), rows};
  SmallVector<int64_t> box = {boxColumns, tile.getShape()[0]};
  SmallVector<int64_t> strides = {columns * tile.getBits() / 8};
  if (isWhole) {
    shape.push_back(b.getI64IntegerAttr(columns / boxColumns));
    box.push_back(tile.getShape()[1] / boxColumns);
    strides.push_back(128);
  }
  auto named = [&](StringRef name, Attribute value) {
    return b.getNamedAttr(name, value);
  };
  return b.getDictionaryAttr({
      named("box", b.getI64ArrayAttr(box)),
      named("data_type",
            b.getStringAttr(tile.getBits() == 8                  ? "uint8"
                            : tile.type.getElementType().isF16() ? "float16"
                                                                 : "bfloat16")),
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

DictionaryAttr KernelSkeleton::describeArgument(unsigned index) {
  BlockArgument argument = plan.kernel.getBody().getArgument(index);
  unsigned dim = 0;
  bool isScales = argument == plan.epilogue.getScales();
  TilePlan *map = nullptr;
  for (TilePlan *tile : plan.getTiles())
    if (tile->source == argument) {
      dim = tile->followsRows ? 0 : 1;
      isScales = !tile->isElements;
      map = plan.isTensorMap(index) ? tile : nullptr;
    }
  ArrayAttr shape;
  if (isa<MemRefType>(argument.getType()))
    shape = describeShape(plan.forTiles, index, dim, isScales);
  NamedAttrList fields = gpu::describeArgument(
      plan.kernel, index, plan.isTensorMap(index) ? "tensor_map" : "pointer",
      shape);
  if (map)
    fields.set("tensor_map", describeTensorMap(*map));
  return fields.getDictionary(b.getContext());
}

} // namespace fp4::gpu
