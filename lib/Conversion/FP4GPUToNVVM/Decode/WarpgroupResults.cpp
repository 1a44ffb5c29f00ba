//===- WarpgroupResults.cpp - What becomes of the sums --------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The epilogue of the kernels by wgmma, for a tile that one block has computed
// or several.
//
// With a split, the blocks that share a tile put the sums of each other's rows
// in device memory, count themselves, wait until all have, and finish a part of
// the tile's rows each, in a fixed order of additions. That needs all blocks of
// the grid on the device at once, which a grid of at most one block for each
// multiprocessor has.
//
// With a balanced schedule, a block that begins within a tile puts its sums in
// device memory and goes on; the block with the tile's beginning, which comes
// to it last, waits for them and finishes the tile.
//
//===----------------------------------------------------------------------===//

#include "../InlinePTX.h"
#include "WarpgroupMatmul.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// Stores pairs of columns: `results` are column g, and perhaps g + 8, of rows
/// 2t and 2t + 1, of 16 bits; transposed they are row g, columns 2t.., and 8
/// on.
void WarpgroupMatmul::storePairs(Value row, Value column,
                                 ArrayRef<Value> results) {
  Value g = b.shiftRight(lane, 2), t = b.bitAnd(lane, 3);
  Value ownRow = b.add(row, g), ownColumn = b.add(column, b.mul(t, 2));
  // Both ahead of the stores: LLVM would put the second one, which all lanes
  // have to reach together, behind both sides of the first one's condition.
  Values transposed;
  for (size_t i = 0; i < results.size(); i += 2)
    transposed.push_back(transpose8x8(
        b, LLVM::BitcastOp::create(b, b.getI32Type(),
                                   b.pack({results[i], results[i + 1]}))));
  for (int64_t i = 0, e = transposed.size(); i < e; ++i) {
    skeleton.ifWithin(1, b.add(column, 8 * i), [&] {
      skeleton.ifWithin(0, ownRow, [&] {
        b.store(transposed[i],
                skeleton.resultPointer(ownRow, b.add(ownColumn, 8 * i)), 4);
      });
    });
  }
}

void WarpgroupMatmul::finishOctet(const DecodeTile &tile, Value octet,
                                  ValueRange sums) {
  Value g = b.shiftRight(lane, 2), t = b.bitAnd(lane, 3);
  Value row = b.add(b.mul(tile.m, tileRows), b.mul(octet, 8));
  // A gated pair has its two products in rows g and g + 8 of operand A.
  bool isGated = plan.epilogue.getGated();
  int64_t products = isGated ? 2 : 1, count = 4 / products;
  Value unit = b.add(b.mul(tile.n, groups), group);
  Value column =
      b.add(b.mul(unit, kUnitRows / products), b.mul(warp, 16 / products));
  SmallVector<Value> results;
  for (int64_t i = 0; i < count; ++i) {
    Value ownRow = skeleton.clamp(0, b.add(b.add(row, b.mul(t, 2)), i % 2));
    Value ownColumn = skeleton.clamp(1, b.add(b.add(column, g), 8 * (i / 2)));
    Values operands = {sums[i]};
    if (isGated)
      operands.push_back(sums[i + count]);
    for (const Values &vector :
         llvm::concat<Values>(skeleton.loadColumns(ownColumn, 1),
                              skeleton.loadMatrices(ownRow, ownColumn, 1)))
      operands.push_back(vector.front());
    results.push_back(skeleton.emitElement(operands));
  }
  if (results.front().getType().getIntOrFloatBitWidth() == 16)
    return storePairs(row, column, results);
  for (int64_t i = 0; i < count; ++i) {
    Value ownRow = b.add(b.add(row, b.mul(t, 2)), i % 2);
    Value ownColumn = b.add(b.add(column, g), 8 * (i / 2));
    skeleton.ifWithin(1, ownColumn, [&] {
      skeleton.ifWithin(0, ownRow, [&] {
        b.store(results[i], skeleton.resultPointer(ownRow, ownColumn), 4);
      });
    });
  }
}

void WarpgroupMatmul::finishTile(const DecodeTile &tile, ValueRange sums) {
  for (int64_t octet = 0; octet < tileRows / 8; ++octet)
    finishOctet(tile, b.i32(octet), sums.slice(4 * octet, 4));
}

//===----------------------------------------------------------------------===//
// Sums of several blocks
//===----------------------------------------------------------------------===//

/// [8 rows][thread][4]
void WarpgroupMatmul::storeSums(Value destination, ValueRange sums) {
  for (int64_t octet = 0; octet < tileRows / 8; ++octet)
    b.store(b.pack(sums.slice(4 * octet, 4)),
            b.at(destination, octet * kThreads * 16), 16);
}

Value WarpgroupMatmul::getFlag(Value block) {
  return b.at(skeleton.getWorkspace(),
              b.mul(b.add(b.mul(block, groups), group), kFlagBytes));
}

Value WarpgroupMatmul::getSums(Value block) {
  Value first = b.at(skeleton.getWorkspace(),
                     DecodePlan::kMaxBlocks * groups * kFlagBytes);
  return b.at(first,
              b.add(b.mul(b.add(b.mul(block, groups), group), getSumBytes()),
                    b.mul(thread, 16)));
}

/// `sums` plus those of the blocks that have the rest of the tile.
Values WarpgroupMatmul::collect(const DecodeTile &tile, ValueRange sums) {
  Type quad = VectorType::get(4, b.getF32Type());
  Value next = b.add(b.blockId(), 1);
  Value lastRound =
      b.add(b.mul(b.add(tile.index, 1), plan.getTileRounds()), -1);
  Value end = b.add(ring.shareRounds().blockOf(lastRound), 1);
  return b.forLoop(
      next, end, b.i32(1), sums, [&](Value block, ValueRange carried) {
        b.ifThen(b.equal(thread, 0), [&] {
          Value flag = getFlag(block);
          b.repeatUntil([&] { return b.equal(acquireCounter(b, flag), 1); });
          b.store(b.i32(0), flag, 4);
        });
        meet();
        Value source = getSums(block);
        Values parts, totals;
        for (int64_t octet = 0; octet < tileRows / 8; ++octet)
          llvm::append_range(
              parts,
              b.unpack(b.load(quad, b.at(source, octet * kThreads * 16), 16)));
        for (auto [sum, part] : llvm::zip_equal(carried, parts))
          totals.push_back(arith::AddFOp::create(b, sum, part));
        return totals;
      });
}

void WarpgroupMatmul::finishBalanced(const DecodeTile &tile, ValueRange sums) {
  b.ifThenElse(
      b.less(b.i32(0), tile.firstRound),
      [&] {
        storeSums(getSums(b.blockId()), sums);
        meet();
        b.ifThen(b.equal(thread, 0),
                 [&] { releaseCounter(b, getFlag(b.blockId())); });
      },
      [&] { finishTile(tile, collect(tile, sums)); });
}

/// Adds the sums of the blocks that share the tile, each for its rows: a block
/// gives away the sums of the others' rows and reads theirs of its own.
void WarpgroupMatmul::reduceTile(const DecodeTile &tile, ValueRange sums) {
  int64_t split = plan.schedule.getSplit();
  Value base = b.at(skeleton.getWorkspace(),
                    b.createOrFold<arith::MulIOp>(b.extend(tile.index),
                                                  b.i64(getTileWorkspace())));
  Value counters = b.at(base, b.mul(group, getCounterBytes()));
  Value slots = b.at(b.at(base, groups * getCounterBytes()),
                     b.add(b.mul(group, getSumBytes()), b.mul(thread, 16)));
  Value own = b.at(slots, b.mul(tile.part, getPartBytes()));
  for (int64_t part = 0; part < split; ++part)
    b.ifThen(b.notEqual(tile.part, part), [&] {
      for (int64_t o = getFirstOctet(part); o < getFirstOctet(part + 1); ++o)
        b.store(b.pack(sums.slice(4 * o, 4)), b.at(own, o * kThreads * 16), 16);
    });
  meet();
  b.ifThen(b.equal(thread, 0), [&] {
    releaseCounter(b, counters);
    b.repeatUntil([&] { return b.equal(acquireCounter(b, counters), split); });
  });
  meet();
  finishShare(tile, slots, sums);
  // The last to have seen all parts resets both counters. Nobody waits for it:
  // whoever uses them next has waited for this grid.
  b.ifThen(b.equal(thread, 0), [&] {
    Value left = LLVM::AtomicRMWOp::create(
        b, LLVM::AtomicBinOp::add, b.at(counters, 4), b.i32(1),
        LLVM::AtomicOrdering::monotonic, "device");
    b.ifThen(b.equal(left, split - 1), [&] {
      b.store(b.i32(0), counters, 4);
      b.store(b.i32(0), b.at(counters, 4), 4);
    });
  });
}

/// The `i`-th octet of this block's own share, the last one again behind it:
/// its number and its sums here.
std::pair<Value, Values> WarpgroupMatmul::getOwnOctet(const DecodeTile &tile,
                                                      int64_t i,
                                                      ValueRange sums) {
  Value number;
  Values own;
  for (int64_t part = 0; part < plan.schedule.getSplit(); ++part) {
    int64_t octet =
        std::min(getFirstOctet(part) + i, getFirstOctet(part + 1) - 1);
    Values values(sums.slice(4 * octet, 4));
    if (part == 0) {
      number = b.i32(octet);
      own = values;
      continue;
    }
    Value isOwn = b.equal(tile.part, part);
    number = b.select(isOwn, b.i32(octet), number);
    for (auto [value, other] : llvm::zip_equal(own, values))
      value = b.select(isOwn, other, value);
  }
  return {number, own};
}

/// Finishes the rows of this part. Sums of several octets are under way at a
/// time: one after the other would pay the latency of L2 for each.
void WarpgroupMatmul::finishShare(const DecodeTile &tile, Value slots,
                                  ValueRange sums) {
  constexpr int64_t kLoadsInFlight = 16;
  int64_t split = plan.schedule.getSplit();
  int64_t count = llvm::divideCeil(tileRows / 8, split);
  int64_t batch = std::max<int64_t>(1, kLoadsInFlight / split);
  Type quad = VectorType::get(4, b.getF32Type());
  for (int64_t first = 0; first < count; first += batch) {
    SmallVector<std::pair<Value, Values>> octets;
    SmallVector<Values> loads;
    for (int64_t i = first; i < std::min(first + batch, count); ++i) {
      octets.push_back(getOwnOctet(tile, i, sums));
      Value source = b.at(slots, b.mul(octets.back().first, kThreads * 16));
      Values parts;
      for (int64_t j = 1; j < split; ++j) {
        Value part = b.rem(b.add(tile.part, j), b.i32(split));
        parts.push_back(
            b.load(quad, b.at(source, b.mul(part, getPartBytes())), 16));
      }
      loads.push_back(parts);
    }
    for (auto [octet, parts] : llvm::zip_equal(octets, loads)) {
      Values total = octet.second;
      for (Value load : parts)
        for (auto [sum, value] : llvm::zip_equal(total, b.unpack(load)))
          sum = arith::AddFOp::create(b, sum, value);
      finishOctet(tile, octet.first, total);
    }
  }
}

} // namespace fp4::gpu
