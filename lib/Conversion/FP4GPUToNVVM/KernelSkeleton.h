//===- KernelSkeleton.h - What all families share ---------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The signature, the ring of shared-memory stages and its barriers, the
// producer, the persistent loop over tiles, and the epilogue's element code.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4GPUTONVVM_KERNELSKELETON_H
#define FP4_LIB_CONVERSION_FP4GPUTONVVM_KERNELSKELETON_H

#include "BalancedShares.h"
#include "KernelPlan.h"
#include "mlir/IR/IRMapping.h"

namespace fp4::gpu {

/// A stage of the ring and the parity that its current phase will complete
/// with; both are loop-carried.
struct RingPosition {
  mlir::Value stage, parity;
};

class KernelSkeleton {
public:
  using Value = mlir::Value;
  using Values = KernelBuilder::Values;

  KernelSkeleton(KernelPlan &plan, KernelBuilder &builder)
      : plan(plan), b(builder) {}

  /// Declares the shared memory of the module `device`, and in it the function
  /// of the plan's kernel; the builder is left in its empty body. `threads`
  /// are those of a block, `sharedBytes` what the family uses after the ring.
  void beginFunction(mlir::Operation *device, int64_t threads,
                     int64_t extraSharedBytes);
  /// Ends the function.
  void endFunction();

  /// Computes the scalars of the kernel, usable in the epilogue.
  void emitScalars();

  //===--------------------------------------------------------------------===//
  // Shared memory
  //===--------------------------------------------------------------------===//
  /// Byte `offset` behind the ring and its barriers.
  Value extraShared(int64_t offset);
  Value fullBarrier(Value stage);
  Value emptyBarrier(Value stage);
  /// Where the stage's copy of `tile` begins.
  Value tileAddress(const TilePlan &tile, Value stage);
  /// Where in a row of elements its 16-byte `chunk` lies: the swizzle of TMA
  /// exchanges chunks by the address bits from 7 on, which follow from `row`,
  /// of the tile or counted from a multiple of eight rows in it.
  Value swizzledChunk(const TilePlan &tile, Value row, Value chunk);
  /// One thread: prepares the barriers of the ring.
  void initRing(int64_t consumerArrivals);
  RingPosition advance(RingPosition position);

  //===--------------------------------------------------------------------===//
  // Loops
  //===--------------------------------------------------------------------===//
  /// The tiles of this block, in order, carrying `init`; with a split or a
  /// balanced schedule, its parts of tiles.
  void
  forTiles(mlir::ValueRange init,
           llvm::function_ref<Values(Value m, Value n, mlir::ValueRange)> body);
  /// The first step of a tile's pipeline and the one behind the last.
  std::pair<Value, Value> getSteps();
  /// The steps of a tile's pipeline.
  Values forSteps(mlir::ValueRange init,
                  llvm::function_ref<Values(Value k, mlir::ValueRange)> body);
  /// In `forTiles`: the number of the tile, with a split row by row, and of the
  /// part of its depth.
  Value getTile() { return tile; }
  Value getPart() { return part; }
  /// The steps of all tiles, of a balanced schedule, and how they are shared.
  BalancedShares &getShares() { return *shares; }
  /// The part of the one thread that fills the ring, or, given its `lane`, of
  /// each in a warp, for plans with copies by lanes.
  void emitProducer(Value lane = {});

  //===--------------------------------------------------------------------===//
  // Epilogue
  //===--------------------------------------------------------------------===//
  /// Whether the matrix may end within a tile in that dimension (0 or 1).
  bool isRagged(unsigned dim);
  /// Rows or columns of the product.
  Value size(unsigned dim);
  /// Rows or columns of the result: half the columns if gated.
  Value resultSize(unsigned dim);
  /// Runs `body` where `index` (a row or column) is within the result.
  void ifWithin(unsigned dim, Value index, llvm::function_ref<void()> body);
  /// A row or column of the result, or, if `count` of them from there on are
  /// behind the end, the last one that has so many.
  Value clamp(unsigned dim, Value index, int64_t count = 1);
  /// `count` consecutive entries, from `column`, of each column vector.
  llvm::SmallVector<Values> loadColumns(Value column, int64_t count);
  /// A kernel that starts before its predecessor has ended: waits for it if the
  /// epilogue reads matrices, which it may have written. Costs nothing where
  /// the activations, which it has written, are needed first.
  void waitForMatrices();
  /// `count` consecutive entries, from (row, column), of each matrix.
  llvm::SmallVector<Values> loadMatrices(Value row, Value column,
                                         int64_t count);
  /// Stores the epilogue's results for consecutive elements of a row, given
  /// their accumulators: one list, two if gated.
  void storeElements(llvm::ArrayRef<Values> products, Value row, Value column,
                     llvm::ArrayRef<Values> columns);
  /// The epilogue's result for one element.
  Value emitElement(mlir::ValueRange operands);
  /// Where an element of the result is.
  Value resultPointer(Value row, Value column);

  /// Scratch memory, zero where the last launch left it so.
  Value getWorkspace() { return workspace; }
  /// The device value of a kernel argument.
  Value lookup(Value argument) { return mapping.lookup(argument); }

private:
  /// The parts of tiles of this block's share of all steps.
  void forShares(Value tiles, mlir::ValueRange init,
                 llvm::function_ref<Values(Value tile, mlir::ValueRange)> body);
  /// Row and column of the `tile`-th tile of the grid.
  std::pair<Value, Value> placeTile(Value tile, Value rowTiles,
                                    Value columnTiles);
  void emitCopy(const TilePlan &tile, Value index, Value step,
                RingPosition position);
  /// The same for elements that lanes copy (LaneCopies.cpp).
  void emitLaneCopies(const TilePlan &tile, Value index, Value step,
                      RingPosition position, Value lane);
  Value resultIndex(Value row, Value column);
  Value loadVector(Value base, Value index, int64_t count);
  mlir::DictionaryAttr describeArgument(unsigned index);
  mlir::DictionaryAttr describeTensorMap(const TilePlan &tile);
  mlir::DictionaryAttr describeActivationMap(const TilePlan &tile);
  mlir::DictionaryAttr describeGrid();
  mlir::DictionaryAttr describeLaunch(llvm::ArrayRef<mlir::Attribute> arguments,
                                      int64_t threads, int64_t sharedBytes);

  KernelPlan &plan;
  KernelBuilder &b;
  mlir::Operation *function = nullptr;
  Value shared, workspace, tile, part, firstStep, endStep;
  std::optional<BalancedShares> shares;
  /// Kernel arguments and scalars to their device values.
  mlir::IRMapping mapping;
};

/// Emits the function of `plan` by `Lowering`, which is made from a plan and a
/// builder; its `check` says why the schedule does not suit it.
template <typename Lowering, typename Builder = KernelBuilder, typename Plan>
mlir::LogicalResult lowerAs(Plan &plan, mlir::Operation *device) {
  mlir::OpBuilder builder(device->getContext());
  Builder kernelBuilder(plan.kernel.getLoc(), builder);
  Lowering lowering(plan, kernelBuilder);
  if (failed(lowering.check()))
    return mlir::failure();
  lowering.emit(device);
  return mlir::success();
}

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_KERNELSKELETON_H
