//===- DecodeRing.h - Stages of weights and activations ---------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ring of stages in shared memory, its two producers, and the loops over
// tiles and stages. Every tile begins at slot 0 and the loop over stages is
// unrolled over the ring, so that a slot's addresses are constants.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4GPUTONVVM_DECODE_DECODERING_H
#define FP4_LIB_CONVERSION_FP4GPUTONVVM_DECODE_DECODERING_H

#include "../KernelSkeleton.h"
#include "DecodePlan.h"

namespace fp4::gpu {

/// A tile of the result, and how many tiles this block had before it.
struct DecodeTile {
  mlir::Value m, n, round;
};

/// A stage of a tile.
struct RingStage {
  int64_t slot;
  /// Its number within the block's share of the tile.
  mlir::Value number;
  /// The parity that the slot's full barrier completes with.
  mlir::Value parity;
};

class DecodeRing {
public:
  using Value = mlir::Value;
  using Values = KernelBuilder::Values;

  DecodeRing(DecodePlan &plan, KernelBuilder &builder, KernelSkeleton &skeleton)
      : plan(plan), b(builder), skeleton(skeleton) {}

  /// One thread: prepares the barriers; `consumers` arrivals free a stage.
  void init(int64_t consumers);
  /// All threads: computes which tiles and which part of the depth are the
  /// block's.
  void begin();

  Value full(int64_t slot) { return skeleton.fullBarrier(b.i32(slot)); }
  Value empty(int64_t slot) { return skeleton.emptyBarrier(b.i32(slot)); }
  Value activations(int64_t slot) {
    return skeleton.tileAddress(plan.lhs, b.i32(slot));
  }
  Value weights(int64_t slot) {
    return skeleton.tileAddress(plan.rhs, b.i32(slot));
  }
  /// Which of the blocks that share a tile this is.
  Value rank() { return blockRank; }
  /// Units of the stage that exist, at most getStageUnits().
  Value countUnits(const RingStage &stage);

  void forTiles(llvm::function_ref<void(const DecodeTile &)> body);
  Values forStages(
      const DecodeTile &tile, mlir::ValueRange init,
      llvm::function_ref<Values(const RingStage &, mlir::ValueRange)> body);

  /// The one thread that copies weights, and the one that copies activations.
  void emitWeightProducer();
  void emitActivationProducer();

private:
  /// The first unit of the stage in the whole depth.
  Value firstUnit(const RingStage &stage);

  DecodePlan &plan;
  KernelBuilder &b;
  KernelSkeleton &skeleton;
  Value firstTile, tileStep, blockRank, shareBegin;
};

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_DECODE_DECODERING_H
