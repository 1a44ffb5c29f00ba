//===- DecodeRing.cpp - Stages of weights and activations -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See the header. Parities: slot s is filled P(s) times per tile, so before
// round r of tile number t it has been filled t * P(s) + r times. A balanced
// schedule counts the rounds instead.
//
//===----------------------------------------------------------------------===//

#include "DecodeRing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

void DecodeRing::init(int64_t consumers) {
  for (int64_t slot = 0; slot < plan.schedule.getStages(); ++slot) {
    // Both producers announce their bytes.
    b.barrierInit(full(slot), 2);
    b.barrierInit(empty(slot), consumers);
  }
}

std::pair<Value, Value> DecodeRing::countTiles() {
  Value rowTiles = b.ceilDiv(skeleton.size(0), plan.schedule.getTileM());
  Value columnTiles = b.ceilDiv(skeleton.size(1), plan.schedule.getTileN());
  return {b.createOrFold<arith::MulIOp>(rowTiles, columnTiles), rowTiles};
}

void DecodeRing::forTiles(function_ref<void(const DecodeTile &)> body) {
  if (plan.schedule.getBalanced())
    return forBalancedTiles(body);
  auto [count, rowTiles] = countTiles();
  Value split = b.i32(plan.schedule.getSplit());
  count = b.createOrFold<arith::MulIOp>(count, split);
  Value zero = b.i32(0), rows = rowTiles;
  b.forLoop(b.blockId(), count, b.gridSize(), zero,
            [&](Value share, ValueRange carried) -> Values {
              Value tile = b.div(share, split);
              DecodeTile t{b.rem(tile, rows),
                           b.div(tile, rows),
                           b.rem(share, split),
                           carried[0],
                           tile,
                           {},
                           {}};
              body(t);
              return {b.add(carried[0], 1)};
            });
}

//===----------------------------------------------------------------------===//
// Balanced tiles
//===----------------------------------------------------------------------===//

BalancedShares DecodeRing::shareRounds() {
  Value total = b.mul(countTiles().first, plan.getTileRounds());
  return BalancedShares(b, total, DecodePlan::kMaxBlocks);
}

void DecodeRing::forBalancedTiles(function_ref<void(const DecodeTile &)> body) {
  int64_t tileRounds = plan.getTileRounds();
  Value rows = countTiles().second, block = b.blockId();
  BalancedShares shares = shareRounds();
  Value begin = shares.begin(block), end = shares.begin(b.add(block, 1));
  Value perTile = b.i32(tileRounds);
  b.forLoop(b.div(begin, perTile), b.ceilDiv(end, tileRounds), b.i32(1), {},
            [&](Value tile, ValueRange) -> Values {
              Value zero = b.i32(0), first = b.mul(tile, tileRounds);
              Value skipped = b.createOrFold<arith::SubIOp>(begin, first);
              Value left = b.createOrFold<arith::SubIOp>(end, first);
              DecodeTile t{b.rem(tile, rows),
                           b.div(tile, rows),
                           zero,
                           {},
                           tile,
                           b.select(b.less(first, begin), skipped, zero),
                           b.select(b.less(left, perTile), left, perTile)};
              t.round = b.createOrFold<arith::SubIOp>(
                  b.add(first, t.firstRound), begin);
              body(t);
              return {};
            });
}

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

Values
DecodeRing::runRound(const DecodeTile &tile, Value round, int64_t upTo,
                     Values carried,
                     function_ref<Values(const RingStage &, ValueRange)> body) {
  int64_t slots = plan.schedule.getStages(), count = plan.getShareStages();
  int64_t rounds = count / slots, rest = count % slots;
  Value shareBegin = b.mul(tile.part, plan.getShareUnits());
  if (tile.firstRound)
    shareBegin = b.mul(tile.firstRound, slots * plan.getStageUnits());
  for (int64_t slot = 0; slot < upTo; ++slot) {
    int64_t fills = rounds + (slot < rest ? 1 : 0);
    bool isOdd = tile.firstRound || fills % 2;
    Value filled = isOdd ? b.add(round, tile.round) : round;
    Value number = b.add(b.mul(round, slots), slot);
    Value unit = b.add(shareBegin, b.mul(number, plan.getStageUnits()));
    RingStage stage{slot, number, b.bitAnd(filled, 1), unit};
    carried = body(stage, carried);
  }
  return carried;
}

Values DecodeRing::forStages(
    const DecodeTile &tile, ValueRange init,
    function_ref<Values(const RingStage &, ValueRange)> body) {
  int64_t slots = plan.schedule.getStages(), count = plan.getShareStages();
  int64_t rounds = count / slots, rest = count % slots;
  auto runRounds = [&](Value end) {
    return b.forLoop(
        b.i32(0), end, b.i32(1), init, [&](Value round, ValueRange values) {
          return runRound(tile, round, slots, Values(values), body);
        });
  };
  // Whole rounds, so that slots are used equally often.
  if (tile.firstRound)
    return runRounds(
        b.createOrFold<arith::SubIOp>(tile.endRound, tile.firstRound));
  Values carried(init);
  if (rounds == 1)
    carried = runRound(tile, b.i32(0), slots, carried, body);
  else if (rounds > 1)
    carried = runRounds(b.i32(rounds));
  return runRound(tile, b.i32(rounds), rest, carried, body);
}

Value DecodeRing::countUnits(const DecodeTile &tile, const RingStage &stage) {
  // The share ends with the next one or with the depth.
  Value end = b.mul(b.add(tile.part, 1), plan.getShareUnits());
  Value depth = b.i32(plan.getUnits());
  end = b.select(b.less(end, depth), end, depth);
  Value left = b.createOrFold<arith::SubIOp>(end, stage.firstUnit);
  Value all = b.i32(plan.getStageUnits()), none = b.i32(0);
  left = b.select(b.less(left, all), left, all);
  return b.select(b.less(left, none), none, left);
}

//===----------------------------------------------------------------------===//
// Producers
//===----------------------------------------------------------------------===//

void DecodeRing::emitWeightProducer(bool fillsTail) {
  Value source = skeleton.lookup(plan.rhs.source);
  int64_t unitRows = plan.rhs.getShape()[0];
  int64_t lastRow = plan.rhs.getSourceType().getDimSize(0) - 1;
  forTiles([&](const DecodeTile &tile) {
    forStages(tile, {}, [&](const RingStage &stage, ValueRange) -> Values {
      Value barrier = full(stage.slot);
      b.barrierWait(empty(stage.slot), b.bitXor(stage.parity, b.i32(1)));
      bool isFull = fillsTail || plan.isEven();
      Value bytes = isFull
                        ? b.i32(plan.getStageUnits() * plan.getUnitBytes())
                        : b.mul(countUnits(tile, stage), plan.getUnitBytes());
      Value first = stage.firstUnit;
      if (fillsTail && !plan.isEven()) {
        Value last = b.i32(plan.getUnits() - plan.getStageUnits());
        first = b.select(b.less(first, last), first, last);
      }
      b.barrierArriveExpecting(barrier, b.mul(bytes, unitRows));
      auto copy = [&] {
        for (int64_t i = 0; i < unitRows; ++i) {
          // Behind the last row any row will do: nothing of it is stored.
          Value row = b.add(b.mul(tile.n, unitRows), i);
          if ((lastRow + 1) % unitRows != 0)
            row = b.select(b.less(row, b.i32(lastRow)), row, b.i32(lastRow));
          Value unit = b.add(b.mul(row, plan.getUnits()), first);
          Value offset = b.createOrFold<arith::MulIOp>(
              b.extend(unit), b.i64(plan.getUnitBytes()));
          int64_t rowBytes = plan.getStageUnits() * plan.getUnitBytes();
          b.streamBytes(b.at(weights(stage.slot), i * rowBytes),
                        b.at(source, offset), bytes, barrier);
        }
      };
      if (isFull)
        copy();
      else
        b.ifThen(b.less(b.i32(0), bytes), copy);
      return {};
    });
  });
}

void DecodeRing::emitActivationProducer() {
  Value map = skeleton.lookup(plan.lhs.source);
  b.prefetchTensorMap(map);
  b.waitForPreviousGrid();
  int64_t rows = plan.schedule.getTileM();
  forTiles([&](const DecodeTile &tile) {
    forStages(tile, {}, [&](const RingStage &stage, ValueRange) -> Values {
      Value barrier = full(stage.slot);
      b.barrierWait(empty(stage.slot), b.bitXor(stage.parity, b.i32(1)));
      b.barrierArriveExpecting(barrier, plan.lhs.getBytes());
      Value row = b.mul(tile.m, rows), unit = stage.firstUnit;
      if (plan.lhs.isOneBox()) {
        b.copyTile(activations(stage.slot), map, {b.i32(0), row, unit},
                   barrier);
        return {};
      }
      for (int64_t i = 0; i < plan.getStageUnits(); ++i)
        b.copyTile(b.at(activations(stage.slot), i * rows * kUnitRowBytes), map,
                   {b.mul(b.add(unit, i), plan.getUnitDepth()), row}, barrier);
      return {};
    });
  });
}

} // namespace fp4::gpu
