//===- WarpMatmul.cpp - Matmul kernels by mma.sync block_scale ------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One warp fills the ring by TMA; the others own a part of the output tile
// each, in registers. Which lane holds what is from the PTX ISA, "Matrix
// Fragments for mma.m16n8k64" and "Block Scaling for mma.sync".
//
// Scales are used as they lie in the 128x4 layout: its 16-byte entry for row
// r % 32 holds the four scales of rows r, r+32, r+64, r+96. With lane = 4g + t,
// a lane loads the entry of row 8t + g. As scale A with thread-id 0 that gives
// the rows g and g+8 of one 16-row block (t = 0, 1), with thread-id 1 those of
// the next (t = 2, 3); as scale B with thread-id t the columns of the t-th of
// four 8-column blocks. So one register serves 32 rows or columns, and one
// vector load gives the scales of a warp's whole edge.
//
//===----------------------------------------------------------------------===//

#include "../Families.h"
#include "../KernelSkeleton.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

namespace {
class WarpMatmul {
public:
  WarpMatmul(KernelPlan &plan, KernelBuilder &builder)
      : plan(plan), b(builder), skeleton(plan, builder),
        warpM(plan.schedule.getTileM() / plan.schedule.getWarpsM()),
        warpN(plan.schedule.getTileN() / plan.schedule.getWarpsN()) {}

  LogicalResult check();
  void emit(Operation *device);

private:
  static constexpr int64_t kDepth = 64; // of one instruction
  int64_t getConsumers() const {
    return plan.schedule.getWarpsM() * plan.schedule.getWarpsN();
  }
  int64_t getThreads() const { return 32 * (getConsumers() + 1); }
  int64_t getRowBlocks() const { return warpM / 16; }
  int64_t getColumnBlocks() const { return warpN / 8; }

  void emitConsumer(Value lane, Value warp);
  Values emitStage(Value stage, ValueRange accumulators);
  void emitEpilogue(Value m, Value n, ValueRange accumulators);
  /// The register fragments of 16 rows each, `count` of them, at depth step
  /// `step` of a tile whose first row for this warp is `row`.
  SmallVector<Values> loadFragments(const TilePlan &tile, Value address,
                                    Value row, int64_t count, int64_t step);
  /// One word per 32 rows, for the warp's `extent` rows that begin at group
  /// `group` of 32.
  Values loadScales(const TilePlan &tile, Value address, Value group,
                    int64_t extent, int64_t chunk);

  KernelPlan &plan;
  KernelBuilder &b;
  KernelSkeleton skeleton;
  int64_t warpM, warpN;
  /// Position of the warp's part in the tile.
  Value warpRow, warpColumn;
  /// lane = 4 * group + member.
  Value lane, group, member;
};
} // namespace

LogicalResult WarpMatmul::check() {
  ScheduleAttr schedule = plan.schedule;
  auto isEdge = [](int64_t extent) {
    return llvm::is_contained({32, 64, 128}, extent);
  };
  if (schedule.getTileM() % schedule.getWarpsM() != 0 ||
      schedule.getTileN() % schedule.getWarpsN() != 0 || !isEdge(warpM) ||
      !isEdge(warpN) || warpM * warpN > 64 * 64)
    return plan.kernel.emitOpError()
           << "expected warps that own 32, 64 or 128 rows and columns and at "
              "most 4096 elements, got "
           << warpM << "x" << warpN;
  int64_t bytes = plan.getRingBytes() + 16 * schedule.getStages();
  if (bytes > plan.arch->sharedBytes)
    return plan.kernel.emitOpError()
           << "expected at most " << plan.arch->sharedBytes
           << " bytes of shared memory for " << plan.arch->name << ", got "
           << bytes;
  if (getThreads() > 1024)
    return plan.kernel.emitOpError()
           << "expected at most 1024 threads, got " << getThreads();
  return success();
}

//===----------------------------------------------------------------------===//
// Loads of one stage
//===----------------------------------------------------------------------===//

SmallVector<Values> WarpMatmul::loadFragments(const TilePlan &tile,
                                              Value address, Value row,
                                              int64_t count, int64_t step) {
  // Lane l gives the address of row l % 16 and 16-byte chunk l / 16 of the two
  // that make up the depth of an instruction. TMA has exchanged chunks by the
  // address bits from 7 on, which depend on the row in the tile alone and, as
  // blocks of 16 rows begin at multiples of 1024 or 512 bytes, on the lane.
  int64_t rowBytes = tile.getRowBytes();
  int64_t chunks = rowBytes / 16;
  Value laneRow = b.bitAnd(lane, 15);
  Value chunk = b.add(b.shiftRight(lane, 4), 2 * step);
  Value exchange =
      b.bitAnd(b.shiftRight(b.mul(laneRow, rowBytes), 7), chunks - 1);
  Value chunkOffset = b.mul(b.bitXor(chunk, exchange), 16);
  Value offset = b.add(b.mul(b.add(row, laneRow), rowBytes), chunkOffset);
  Value base = b.at(address, offset);
  SmallVector<Values> fragments;
  for (int64_t i = 0; i < count; ++i)
    fragments.push_back(b.loadMatrixX4(b.at(base, i * 16 * rowBytes)));
  return fragments;
}

Values WarpMatmul::loadScales(const TilePlan &tile, Value address, Value group,
                              int64_t extent, int64_t chunk) {
  int64_t words = extent / 32;
  int64_t chunksPerRow = tile.getShape()[1];
  Value entry = b.add(b.mul(member, 8), this->group);
  Value rowTile = b.shiftRight(group, 2);
  Value offset = b.add(b.mul(rowTile, chunksPerRow * 512),
                       b.add(b.mul(entry, 16), b.mul(b.bitAnd(group, 3), 4)));
  Value source = b.at(b.at(address, offset), chunk * 512);
  if (words == 1)
    return {b.load(b.getI32Type(), source, 4)};
  return b.unpack(
      b.load(VectorType::get(words, b.getI32Type()), source, 4 * words));
}

Values WarpMatmul::emitStage(Value stage, ValueRange accumulators) {
  Value lhs = skeleton.tileAddress(plan.lhs, stage);
  Value rhs = skeleton.tileAddress(plan.rhs, stage);
  Value lhsScales = skeleton.tileAddress(plan.lhsScales, stage);
  Value rhsScales = skeleton.tileAddress(plan.rhsScales, stage);
  // An instruction takes 4 scales of 16 elements, a whole word, or 2 of 32: the
  // halves of a word serve two steps.
  bool isUE4M3 = plan.scaleKind == ScaleKind::UE4M3;
  int64_t stepsPerWord = isUE4M3 ? 1 : 2;
  Values sums(accumulators), scaleA, scaleB;
  for (int64_t step = 0; step < plan.schedule.getTileK() / kDepth; ++step) {
    SmallVector<Values> a =
        loadFragments(plan.lhs, lhs, warpRow, getRowBlocks(), step);
    // 16 columns at a time: registers 0 and 2 are those of the first 8.
    SmallVector<Values> bPairs =
        loadFragments(plan.rhs, rhs, warpColumn, getColumnBlocks() / 2, step);
    if (step % stepsPerWord == 0) {
      int64_t chunk = step / stepsPerWord;
      scaleA = loadScales(plan.lhsScales, lhsScales, b.shiftRight(warpRow, 5),
                          warpM, chunk);
      scaleB = loadScales(plan.rhsScales, rhsScales,
                          b.shiftRight(warpColumn, 5), warpN, chunk);
    }
    int64_t byteId = 2 * (step % stepsPerWord);
    for (int64_t i = 0; i < getRowBlocks(); ++i)
      for (int64_t j = 0; j < getColumnBlocks(); ++j) {
        MutableArrayRef<Value> sum =
            MutableArrayRef(sums).slice((i * getColumnBlocks() + j) * 4, 4);
        const Values &pair = bPairs[j / 2];
        Values result = b.mmaBlockScaled(
            plan.scaleKind, a[i], {pair[j % 2], pair[j % 2 + 2]}, sum,
            {scaleA[i / 2], byteId, i % 2}, {scaleB[j / 4], byteId, j % 4});
        llvm::copy(result, sum.begin());
      }
  }
  return sums;
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

void WarpMatmul::emitEpilogue(Value m, Value n, ValueRange accumulators) {
  Value firstRow =
      b.add(b.add(b.mul(m, plan.schedule.getTileM()), warpRow), group);
  Value firstColumn = b.add(
      b.add(b.mul(n, plan.schedule.getTileN()), warpColumn), b.mul(member, 2));
  for (int64_t j = 0; j < getColumnBlocks(); ++j) {
    Value column = b.add(firstColumn, 8 * j);
    skeleton.ifWithin(1, column, [&] {
      SmallVector<Values> vectors = skeleton.loadColumns(column, 2);
      for (int64_t i = 0; i < 2 * getRowBlocks(); ++i) {
        // Registers 0, 1 of a block are row g, registers 2, 3 row g + 8.
        ValueRange pair = accumulators.slice(
            ((i / 2) * getColumnBlocks() + j) * 4 + 2 * (i % 2), 2);
        Value row = b.add(firstRow, 8 * i);
        skeleton.ifWithin(0, row, [&] {
          skeleton.storeElements(pair, row, column, vectors);
        });
      }
    });
  }
}

void WarpMatmul::emitConsumer(Value lane, Value warp) {
  this->lane = lane;
  group = b.shiftRight(lane, 2);
  member = b.bitAnd(lane, 3);
  Value warpsN = b.i32(plan.schedule.getWarpsN());
  warpRow = b.mul(b.div(warp, warpsN), warpM);
  warpColumn = b.mul(b.rem(warp, warpsN), warpN);
  int64_t registers = warpM * warpN / 32;
  Value zero = b.f32(0.0f);
  skeleton.forTiles(
      {b.i32(0), b.i32(0)}, [&](Value m, Value n, ValueRange ring) -> Values {
        Values init(ring);
        init.append(registers, zero);
        Values carried = skeleton.forSteps(
            init, [&](Value step, ValueRange carried) -> Values {
              RingPosition position{carried[0], carried[1]};
              b.barrierWait(skeleton.fullBarrier(position.stage),
                            position.parity);
              Values sums = emitStage(position.stage, carried.drop_front(2));
              // All lanes have read the stage when their warp has met here.
              b.syncWarp();
              b.ifThen(b.elect(), [&] {
                b.barrierArrive(skeleton.emptyBarrier(position.stage));
              });
              position = skeleton.advance(position);
              Values next = {position.stage, position.parity};
              next.append(sums);
              return next;
            });
        emitEpilogue(m, n, ValueRange(carried).drop_front(2));
        return {carried[0], carried[1]};
      });
}

void WarpMatmul::emit(Operation *device) {
  skeleton.beginFunction(device, getThreads(), /*extraSharedBytes=*/0);
  Value thread = b.threadId();
  Value warp = b.warpId(thread);
  b.ifThen(b.equal(thread, 0), [&] {
    skeleton.initRing(getConsumers());
    b.fenceBarrierInit();
  });
  b.barrier();
  skeleton.emitScalars();
  b.ifThenElse(
      b.equal(warp, getConsumers()),
      [&] { b.ifThen(b.elect(), [&] { skeleton.emitProducer(); }); },
      [&] { emitConsumer(b.bitAnd(thread, 31), warp); });
  skeleton.endFunction();
}

LogicalResult lowerToSM120(KernelPlan &plan, Operation *device) {
  OpBuilder builder(device->getContext());
  KernelBuilder kernelBuilder(plan.kernel.getLoc(), builder);
  WarpMatmul matmul(plan, kernelBuilder);
  if (failed(matmul.check()))
    return failure();
  matmul.emit(device);
  return success();
}

} // namespace fp4::gpu
