//===- QuantizedEpilogue.h - Results as FP4 blocks --------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Quantizes the results of a warp and stores codes and scales as the next
// matmul reads them. The lanes that share a row exchange their results, so that
// each has whole blocks, and proceed as the kernels of activations do.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4GPUTONVVM_SM120_QUANTIZEDEPILOGUE_H
#define FP4_LIB_CONVERSION_FP4GPUTONVVM_SM120_QUANTIZEDEPILOGUE_H

#include "../Activation/BlockQuantizer.h"
#include "../KernelSkeleton.h"

namespace fp4::gpu {

/// What the lanes of a warp hold: a group of `lanes` lanes, `stride` apart, has
/// `rows` rows of `blocks` blocks; lane `lane` of it has columns
/// 8 i + (8 / lanes) lane and up to the next lane's, for each i.
struct WarpResults {
  int64_t lanes, stride, rows, blocks;
  mlir::Value lane;
  /// First column of the warp, and row number `index` of the group.
  mlir::Value column;
  llvm::function_ref<mlir::Value(mlir::Value index)> getRow;
  /// The accumulators of columns 8 i and on in row `index`: one list, two if
  /// gated.
  llvm::function_ref<llvm::SmallVector<KernelBuilder::Values>(int64_t index,
                                                              int64_t i)>
      getAccumulators;
};

class QuantizedEpilogue {
public:
  using Value = mlir::Value;
  using Values = KernelBuilder::Values;

  QuantizedEpilogue(KernelPlan &plan, RealBuilder &builder,
                    KernelSkeleton &skeleton)
      : plan(plan), b(builder), skeleton(skeleton) {}

  void store(const WarpResults &results);
  /// Thread `thread` of `threads`: zeros for its share of the scales that stand
  /// behind the last row or block and next to tile (m, n).
  void zeroPadding(Value m, Value n, Value thread, int64_t threads);

private:
  int64_t getBlock() const { return plan.epilogue.getFormat()->getBlockCols(); }
  /// Of a row: blocks of the matrix, and tiles of four in the array.
  int64_t getBlocks() const {
    return plan.epilogue.getDest().getType().getDimSize(1) / getBlock();
  }
  int64_t getChunks() const {
    return plan.epilogue.getScales().getType().getDimSize(1);
  }
  Values computeBlock(const WarpResults &results, int64_t index);
  void exchange(const WarpResults &results, llvm::SmallVector<Values> &blocks);
  void storeBlock(const QuantizedBlock &block, Value row, Value column);
  void storeScale(Value code, Value row, Value block);
  void zeroScales(Value firstRow, Value rows, Value firstBlock, Value blocks,
                  Value thread, int64_t threads);

  KernelPlan &plan;
  RealBuilder &b;
  KernelSkeleton &skeleton;
};

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_SM120_QUANTIZEDEPILOGUE_H
