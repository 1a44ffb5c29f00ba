//===- KernelPlan.h - A kernel taken apart for lowering ---------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What all families derive from a fp4gpu.kernel before they emit code: its
// parts, where the tiles of a stage lie in shared memory, how each argument is
// passed. What a family requires beyond that it checks itself.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4GPUTONVVM_KERNELPLAN_H
#define FP4_LIB_CONVERSION_FP4GPUTONVVM_KERNELPLAN_H

#include "KernelBuilder.h"
#include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.h"
#include "fp4/Dialect/FP4GPU/IR/GPUArch.h"

namespace fp4::gpu {

/// Elements that a lane copies at a time where TMA cannot: the smallest block
/// of scales, so that all of them exist or none.
inline constexpr int64_t kLaneCopyElements = 16;

/// One tile of a stage.
struct TilePlan {
  TileType type;
  /// The kernel argument that is copied.
  mlir::BlockArgument source;
  /// Whether the row index is that of the output tile's rows or its columns.
  bool followsRows;
  /// Elements go by TMA with swizzled rows, scales as consecutive bytes.
  bool isElements;
  /// Consecutive row indices that stand for the same tile (scales).
  int64_t sharedBy;
  /// Position in the stage.
  int64_t offset;

  /// Bits of an element in shared memory: elements of 4 and 6 bits that meet
  /// others are spread to bytes by TMA (`isSpread`), 16 to 16 bytes.
  unsigned bits;

  /// Whether the lanes of the producer copy the elements by cp.async, for TMA
  /// takes no such rows: they are no whole 16 bytes, or spread and no whole 128
  /// elements (CUDA driver API, cuTensorMapEncodeTiled).
  bool isCopiedByLanes;

  /// In shared memory, and what a barrier counts of it (CUTLASS, collective
  /// sm120_blockscaled_mma_tma: without the gaps).
  int64_t getBytes() const {
    return isSpread() ? getShape()[0] * getShape()[1] : type.getByteSize();
  }
  int64_t getCountedBytes() const { return type.getByteSize(); }
  llvm::ArrayRef<int64_t> getShape() const { return type.getShape(); }
  mlir::MemRefType getSourceType() const {
    return mlir::cast<mlir::MemRefType>(source.getType());
  }
  /// Of the activations of a decoded product: columns in 128 bytes, and whether
  /// one three-dimensional TMA box takes the tile, or else a box for each of
  /// those.
  int64_t getBoxColumns() const { return 128 * 8 / getBits(); }
  bool isOneBox() const {
    return getSourceType().getDimSize(1) % getBoxColumns() == 0;
  }
  /// Bytes of a row of elements.
  int64_t getRowBytes() const { return getShape()[1] * getBits() / 8; }
  unsigned getBits() const { return bits; }
  unsigned getSourceBits() const {
    return type.getElementType().getIntOrFloatBitWidth();
  }
  /// Bytes from a row of the matrix to the next one.
  int64_t getSourcePitch() const {
    return getSourceType().getDimSize(1) * getSourceBits() / 8;
  }
  bool isSpread() const { return bits != getSourceBits(); }
};

struct KernelPlan {
  KernelOp kernel;
  const GPUArch *arch;
  ForTilesOp forTiles;
  PipelineOp pipeline;
  MmaOp mma;
  EpilogueOp epilogue;
  ScheduleAttr schedule;

  TilePlan lhs, lhsScales, rhs, rhsScales;
  ScaleKind scaleKind;
  /// Distance of two stages, and bytes that are written in each.
  int64_t stageBytes, copiedBytes;
  /// Blocks of a cluster.
  int64_t clusterSize = 1;
  /// Whether `rhs` is decoded in registers (Decode/).
  bool hasDecodedWeight = false;
  /// Whether it does so itself (griddepcontrol.wait) and may start early.
  bool waitsForPredecessor = false;
  /// Scratch memory for each row of tiles, an argument behind the others if
  /// there is any.
  int64_t workspaceBytes = 0;
  /// Or once, not for each row.
  bool isWorkspacePerGrid = false;
  /// Blocks that are to run on a multiprocessor at once.
  int64_t blocksPerMultiprocessor = 1;
  /// Blocks of the grid; 0: as many as there are tiles.
  int64_t gridBlocks = 0;

  llvm::SmallVector<TilePlan *, 4> getTiles() {
    return {&lhs, &rhs, &lhsScales, &rhsScales};
  }
  /// Where the barriers begin.
  int64_t getRingBytes() const { return stageBytes * schedule.getStages(); }
  /// Whether argument `index` is passed as a TMA descriptor.
  bool isTensorMap(unsigned index) const {
    auto isMapped = [&](const TilePlan &tile) {
      return tile.isElements && !tile.isCopiedByLanes &&
             index == tile.source.getArgNumber();
    };
    return isMapped(lhs) || isMapped(rhs);
  }
  /// Whether all lanes of the producer copy, or else one thread by TMA alone.
  bool hasLaneCopies() const {
    return lhs.isCopiedByLanes || rhs.isCopiedByLanes;
  }
  int64_t getSteps() { return pipeline.getSteps(); }
  /// Rows and columns of the accumulators: the tile, transposed if swapped.
  int64_t getAccRows() { return mma.getAcc().getType().getRows(); }
  int64_t getAccColumns() { return mma.getAcc().getType().getCols(); }
  /// Columns of the result in a tile: half of the product's if gated.
  int64_t getResultColumns() {
    return schedule.getTileN() / (epilogue.getGated() ? 2 : 1);
  }
};

/// The plan of `kernel` without its product and tiles.
mlir::FailureOr<KernelPlan> planParts(KernelOp kernel, const GPUArch &arch);

/// Says that the kernel's family cannot quantize results, if it has to.
mlir::LogicalResult checkPlainEpilogue(KernelPlan &plan);

/// Says that the columns of a gated product are not those of two.
mlir::LogicalResult checkGated(KernelPlan &plan, int64_t columns);

/// Says that the kernel's family does not share tiles evenly nor promote sums,
/// if the schedule asks for either.
mlir::LogicalResult checkPlainTiles(KernelPlan &plan);

/// Says that the kernel's family copies elements by TMA alone, if rows of them
/// are none that TMA takes.
mlir::LogicalResult checkTensorMaps(KernelPlan &plan);

/// One side of a product: the rows of its tile and, if these are fewer than a
/// tile of scales has, which part of that they are.
struct ProductSide {
  int64_t rows;
  mlir::Value part;
};

/// The plan of the tile that `value`, an operand of `product`, was copied from.
mlir::FailureOr<TilePlan> planTile(KernelPlan &plan, mlir::Operation *product,
                                   mlir::Value value, ProductSide side,
                                   bool isElements);

/// Takes `kernel` apart, or says what about it is not understood.
mlir::FailureOr<KernelPlan> planKernel(KernelOp kernel, const GPUArch &arch);

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_KERNELPLAN_H
