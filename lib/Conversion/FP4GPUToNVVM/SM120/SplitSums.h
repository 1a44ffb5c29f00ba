//===- SplitSums.h - Sums of blocks that share a tile -----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// With a split, blocks have a part of a tile's depth each. They leave their
// sums in scratch memory; the last one to come, warp by warp, adds them up in
// the order of the parts and goes on to the epilogue. Nobody waits, so any grid
// works, and the result does not depend on who was last.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4GPUTONVVM_SM120_SPLITSUMS_H
#define FP4_LIB_CONVERSION_FP4GPUTONVVM_SM120_SPLITSUMS_H

#include "../KernelSkeleton.h"

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

  /// Scratch memory for a row of tiles, zero where the last launch left it so.
  int64_t getWorkspaceBytes() const;
  /// Within forTiles: hands over a warp's sums, and runs `body` with those of
  /// all parts in the last warp to do so.
  void finish(Value warp, Value lane, mlir::ValueRange sums,
              llvm::function_ref<void(mlir::ValueRange)> body);

private:
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
