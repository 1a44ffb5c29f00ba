//===- WarpgroupMatmul.h - Many rows by a decoded weight --------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The kernel by wgmma in two files: WarpgroupMatmul.cpp has products and roles,
// WarpgroupResults.cpp what becomes of the sums.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4GPUTONVVM_DECODE_WARPGROUPMATMUL_H
#define FP4_LIB_CONVERSION_FP4GPUTONVVM_DECODE_WARPGROUPMATMUL_H

#include "../KernelSkeleton.h"
#include "DecodeRing.h"
#include "FragmentDecoder.h"

namespace fp4::gpu {

class WarpgroupMatmul {
public:
  using Value = mlir::Value;
  using Values = KernelBuilder::Values;

  WarpgroupMatmul(DecodePlan &plan, KernelBuilder &builder)
      : plan(plan), b(builder), skeleton(plan, builder),
        ring(plan, builder, skeleton), decoder(plan, builder),
        tileRows(plan.schedule.getTileM()),
        groups(plan.schedule.getTileN() / kUnitRows) {}

  mlir::LogicalResult check();
  void emit(mlir::Operation *device);

private:
  static constexpr int64_t kThreads = 128; // of a warpgroup
  static constexpr int64_t kFlagBytes = 32;
  bool isSplit() const { return plan.schedule.getSplit() > 1; }
  bool isBalanced() const { return plan.schedule.getBalanced(); }
  int64_t getAccumulators() const { return tileRows / 2; }
  int64_t getSumBytes() const { return tileRows * kUnitRows * 4; }
  int64_t getPartBytes() const { return groups * getSumBytes(); }
  /// Groups of eight rows ahead of those that `part` of a split tile finishes.
  int64_t getFirstOctet(int64_t part) const {
    return part * (tileRows / 8) / plan.schedule.getSplit();
  }
  /// Two counters for each warpgroup.
  int64_t getCounterBytes() const { return 32; }
  /// Of one tile: counters, then sums [part][warpgroup][8 rows][thread][4].
  int64_t getTileWorkspace() const {
    return groups *
           (getCounterBytes() + plan.schedule.getSplit() * getSumBytes());
  }
  /// Of a balanced schedule: where a block's flag and its sums are.
  Value getFlag(Value block);
  Value getSums(Value block);
  void setPlan();

  void emitConsumer(Value thread);
  Values emitStage(const RingStage &stage, mlir::ValueRange carried);
  Values emitProducts(const RingStage &stage, mlir::ValueRange carried);
  Values promote(mlir::ValueRange sums, mlir::ValueRange totals);
  Values sumTile(const DecodeTile &tile);
  void releaseSlot(int64_t slot);
  int64_t getDescriptorOffset(int64_t slot, int64_t unit, int64_t step);
  void finishTile(const DecodeTile &tile, mlir::ValueRange sums);
  void reduceTile(const DecodeTile &tile, mlir::ValueRange sums);
  void finishBalanced(const DecodeTile &tile, mlir::ValueRange sums);
  void storeSums(Value destination, mlir::ValueRange sums);
  Values collect(const DecodeTile &tile, mlir::ValueRange sums);
  std::pair<Value, Values> getOwnOctet(const DecodeTile &tile, int64_t i,
                                       mlir::ValueRange sums);
  void finishShare(const DecodeTile &tile, Value slots, mlir::ValueRange sums);
  /// Finishes rows 8 * octet.. of the tile, of which this lane has four sums.
  void finishOctet(const DecodeTile &tile, Value octet, mlir::ValueRange sums);
  void storePairs(Value row, Value column, llvm::ArrayRef<Value> results);
  void meet() { b.namedBarrier(b.add(group, 1), kThreads); }

  DecodePlan &plan;
  KernelBuilder &b;
  KernelSkeleton skeleton;
  DecodeRing ring;
  FragmentDecoder decoder;
  int64_t tileRows, groups;
  /// Of a consumer: its warpgroup, warp and lane in it, thread in it.
  Value group, warp, lane, thread;
  Value descriptorBase;
};

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_DECODE_WARPGROUPMATMUL_H
