//===- SplitSums.cpp - Sums of blocks that share a tile -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See the header. One lane counts for its warp: the barriers of the warp order
// what the other lanes wrote before, and read after, the atomic operation (PTX
// ISA, "Memory Consistency Model": causality order).
//
//===----------------------------------------------------------------------===//

#include "SplitSums.h"
#include "../InlinePTX.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

void SplitSums::planWorkspace() {
  if (plan.schedule.getBalanced()) {
    plan.gridBlocks = kMostBlocks;
    plan.isWorkspacePerGrid = true;
    plan.workspaceBytes =
        kMostBlocks * (getCounterBytes() + kPartsOfBlock * getPartBytes());
  } else if (plan.schedule.getSplit() > 1) {
    int64_t columns = plan.forTiles.getStaticSizes()[1];
    plan.workspaceBytes =
        getTileBytes() * llvm::divideCeil(columns, plan.schedule.getTileN());
  }
}

/// With a split, a tile has counters and parts of its own.
SplitSums::SharedTile SplitSums::placeSplit() {
  Value base = b.at(skeleton.getWorkspace(),
                    b.createOrFold<arith::MulIOp>(b.extend(skeleton.getTile()),
                                                  b.i64(getTileBytes())));
  Value slots = b.at(base, getCounterBytes());
  auto getPart = [this, slots](Value part) {
    return b.at(slots, b.mul(part, getPartBytes()));
  };
  return {base, b.i32(plan.schedule.getSplit()), skeleton.getPart(), getPart};
}

/// Of a balanced schedule, a block has the end of one tile at most, the
/// beginning of another, or a middle. Counters are those of the block that has
/// the beginning: it has no second one.
SplitSums::SharedTile SplitSums::placeShare() {
  int64_t steps = plan.getSteps();
  BalancedShares &shares = skeleton.getShares();
  Value firstStep = b.mul(skeleton.getTile(), steps);
  Value first = shares.blockOf(firstStep);
  Value last = shares.blockOf(b.add(firstStep, steps - 1));
  Value count = b.add(b.createOrFold<arith::SubIOp>(last, first), 1);
  Value own = b.createOrFold<arith::SubIOp>(b.blockId(), first);
  Value slots = b.at(skeleton.getWorkspace(), kMostBlocks * getCounterBytes());
  auto getPart = [this, first, slots](Value part) {
    // The first part is the last one of its block.
    Value slot = b.add(b.mul(b.add(first, part), kPartsOfBlock),
                       b.select(b.equal(part, 0), b.i32(1), b.i32(0)));
    return b.at(slots, b.createOrFold<arith::MulIOp>(b.extend(slot),
                                                     b.i64(getPartBytes())));
  };
  return {b.at(skeleton.getWorkspace(), b.mul(first, getCounterBytes())), count,
          own, getPart};
}

/// Whether this warp was the last one with a part of `tile`, and then the sums
/// of all parts.
Values SplitSums::exchange(const SharedTile &tile, Value warp, Value lane,
                           ValueRange sums) {
  Type quad = VectorType::get(4, b.getF32Type());
  Value counter = b.at(tile.counters, b.mul(warp, 4));
  auto getSlot = [&](Value part) {
    return b.at(tile.getPart(part),
                b.add(b.mul(warp, getWarpBytes()), b.mul(lane, 16)));
  };
  Value own = getSlot(tile.part);
  for (int64_t i = 0; i < registers; i += 4)
    b.store(b.pack(sums.slice(i, 4)), b.at(own, i * 128), 16);
  b.syncWarp();
  Value isFirstLane = b.equal(lane, 0);
  Values arrivals = b.choose(
      isFirstLane, [&]() -> Values { return {countArrival(b, counter)}; },
      [&]() -> Values { return {b.i32(0)}; });
  Value isLast = b.equal(b.broadcast(arrivals[0]), b.add(tile.count, -1));
  b.syncWarp();
  Values zeros(registers, b.f32(0.0f));
  auto addUp = [&]() -> Values {
    b.ifThen(isFirstLane, [&] { b.store(b.i32(0), counter, 4); });
    return b.forLoop(
        b.i32(0), tile.count, b.i32(1), zeros,
        [&](Value part, ValueRange carried) {
          Value source = getSlot(part);
          Values next;
          for (int64_t i = 0; i < registers; i += 4) {
            Values four = b.unpack(b.load(quad, b.at(source, i * 128), 16));
            for (auto [sum, value] : llvm::zip_equal(carried.slice(i, 4), four))
              next.push_back(arith::AddFOp::create(b, sum, value));
          }
          return next;
        });
  };
  Values results = {isLast};
  llvm::append_range(results, b.choose(isLast, addUp, [&] { return zeros; }));
  return results;
}

void SplitSums::finish(Value warp, Value lane, ValueRange sums,
                       function_ref<void(ValueRange)> body) {
  Values results;
  if (plan.schedule.getBalanced()) {
    SharedTile tile = placeShare();
    results = b.choose(
        b.equal(tile.count, 1),
        [&] {
          Values whole = {b.boolean(true)};
          llvm::append_range(whole, sums);
          return whole;
        },
        [&] { return exchange(tile, warp, lane, sums); });
  } else {
    results = exchange(placeSplit(), warp, lane, sums);
  }
  b.ifThen(results[0], [&] { body(ValueRange(results).drop_front()); });
}

} // namespace fp4::gpu
