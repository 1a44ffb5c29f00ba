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

#include "../BalancedShares.h"
#include "../KernelSkeleton.h"
#include "DecodePlan.h"

namespace fp4::gpu {

/// A block's share of a tile of the result: `part` says of which part of the
/// depth, `round` how many shares the block had before.
struct DecodeTile {
  mlir::Value m, n, part, round;
  /// The tile's number.
  mlir::Value index;
  /// With a balanced schedule the share is some of the rounds of the ring that
  /// the tile takes, and `round` counts rounds that the block had before.
  mlir::Value firstRound, endRound;
};

/// A stage of a tile.
struct RingStage {
  int64_t slot;
  /// Its number within the block's share of the tile.
  mlir::Value number;
  /// The parity that the slot's full barrier completes with.
  mlir::Value parity;
  /// Its first unit in the whole depth.
  mlir::Value firstUnit;
};

class DecodeRing {
public:
  using Value = mlir::Value;
  using Values = KernelBuilder::Values;

  DecodeRing(DecodePlan &plan, KernelBuilder &builder, KernelSkeleton &skeleton)
      : plan(plan), b(builder), skeleton(skeleton) {}

  /// One thread: prepares the barriers; `consumers` arrivals free a stage.
  void init(int64_t consumers);
  Value full(int64_t slot) { return skeleton.fullBarrier(b.i32(slot)); }
  Value empty(int64_t slot) { return skeleton.emptyBarrier(b.i32(slot)); }
  Value activations(int64_t slot) {
    return skeleton.tileAddress(plan.lhs, b.i32(slot));
  }
  Value weights(int64_t slot) {
    return skeleton.tileAddress(plan.rhs, b.i32(slot));
  }
  /// Units of the stage within the share, at most getStageUnits().
  Value countUnits(const DecodeTile &tile, const RingStage &stage);

  void forTiles(llvm::function_ref<void(const DecodeTile &)> body);
  /// Of a balanced schedule: which block has which rounds.
  BalancedShares shareRounds();
  Values forStages(
      const DecodeTile &tile, mlir::ValueRange init,
      llvm::function_ref<Values(const RingStage &, mlir::ValueRange)> body);

  /// The one thread that copies weights, and the one that copies activations.
  /// Behind the depth, activations are zero; so weights need not be, and with
  /// `fillsTail` some are copied, so that a stage has all its units.
  void emitWeightProducer(bool fillsTail);
  void emitActivationProducer();

private:
  /// The number of tiles, and of those along the rows.
  std::pair<Value, Value> countTiles();
  void forBalancedTiles(llvm::function_ref<void(const DecodeTile &)> body);
  Values runRound(
      const DecodeTile &tile, Value round, int64_t upTo, Values carried,
      llvm::function_ref<Values(const RingStage &, mlir::ValueRange)> body);

  DecodePlan &plan;
  KernelBuilder &b;
  KernelSkeleton &skeleton;
};

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_DECODE_DECODERING_H
