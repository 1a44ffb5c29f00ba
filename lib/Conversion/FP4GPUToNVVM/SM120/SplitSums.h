//===- SplitSums.h - Sums of blocks that share a tile -----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// With a split, blocks have a part of a tile's depth each; with a balanced
// schedule, each has the same number of steps, and tiles that lie across the
// ends of shares are shared. They leave their sums in scratch memory; the last
// one to come, warp by warp, adds them up in the order of the parts and goes on
// to the epilogue. Nobody waits, so any grid works, and the result does not
// depend on who was last.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4GPUTONVVM_SM120_SPLITSUMS_H
#define FP4_LIB_CONVERSION_FP4GPUTONVVM_SM120_SPLITSUMS_H

#include "../KernelSkeleton.h"
#include <functional>

namespace fp4::gpu {

class SplitSums {
public:
  using Value = mlir::Value;
  using Values = KernelBuilder::Values;

  /// For `warps` warps of which each lane has `registers` sums.
  SplitSums(KernelPlan &plan, KernelBuilder &builder, KernelSkeleton &skeleton,
            int64_t warps, int64_t registers)
      : plan(plan), b(builder), skeleton(skeleton), warps(warps),
        registers(registers) {}

  bool isNeeded() const {
    return plan.schedule.getBalanced() || plan.schedule.getSplit() > 1;
  }
  /// Sets what the plan says of scratch memory and grid.
  void planWorkspace();
  /// Within forTiles: hands over a warp's sums, and runs `body` with those of
  /// all parts in the last warp to do so.
  void finish(Value warp, Value lane, mlir::ValueRange sums,
              llvm::function_ref<void(mlir::ValueRange)> body);

private:
  /// More than any of these GPUs has multiprocessors, each of which gets one
  /// block.
  static constexpr int64_t kMostBlocks = 192;
  static constexpr int64_t kPartsOfBlock = 2;

  /// A tile with several parts: where its counters are, how many parts there
  /// are, which one this block has, and where each one's sums are.
  struct SharedTile {
    Value counters, count, part;
    std::function<Value(Value part)> getPart;
  };

  SharedTile placeSplit();
  SharedTile placeShare();
  Values exchange(const SharedTile &tile, Value warp, Value lane,
                  mlir::ValueRange sums);
  /// Arrivals of each warp, then [part][warp][4 registers][lane].
  int64_t getCounterBytes() const { return llvm::alignTo(4 * warps, 16); }
  int64_t getWarpBytes() const { return 32 * 4 * registers; }
  int64_t getPartBytes() const { return warps * getWarpBytes(); }
  int64_t getTileBytes() const {
    return getCounterBytes() + plan.schedule.getSplit() * getPartBytes();
  }

  KernelPlan &plan;
  KernelBuilder &b;
  KernelSkeleton &skeleton;
  int64_t warps, registers;
};

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_SM120_SPLITSUMS_H
