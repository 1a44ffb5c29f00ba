//===- StreamMatmul.cpp - Few rows by a streamed weight -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For up to 16 or so rows, where a matmul is as fast as its weight arrives. A
// block owns 64 columns of the result. Its warps take turns at units of the
// depth: a stage of the ring has one unit for each. Weights are operand A of
// mma.sync m16n8k16, activations B. One warp copies the weights, another the
// activations, so that weights are under way before the previous kernel, whose
// result the activations may be, has ended.
//
// The sums of the warps meet once per tile in shared memory; with a split, two
// blocks of a cluster have half of the depth each, and give each other the sums
// of the half of the result that the other finishes. The order of additions is
// fixed.
//
//===----------------------------------------------------------------------===//

#include "../Families.h"
#include "../KernelSkeleton.h"
#include "DecodeRing.h"
#include "FragmentDecoder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

namespace {
class StreamMatmul {
public:
  StreamMatmul(DecodePlan &plan, KernelBuilder &builder)
      : plan(plan), b(builder), skeleton(plan, builder),
        ring(plan, builder, skeleton), decoder(plan, builder),
        tileRows(plan.schedule.getTileM()), warps(plan.getStageUnits()) {}

  LogicalResult check();
  void emit(Operation *device);

private:
  /// Floats from one row of a warp's sums to the next: the lanes of a quad and
  /// of a group then write to 32 different banks.
  static constexpr int64_t kSumPitch = kUnitRows + 4;

  bool isSplit() const { return plan.schedule.getSplit() > 1; }
  int64_t getSharedBytes() const {
    return plan.getRingBytes() + 16 * plan.schedule.getStages() +
           getExtraBytes();
  }
  void setPlan();
  int64_t getThreads() const { return 32 * (warps + 2); }
  int64_t getSumBytes() const { return warps * tileRows * kSumPitch * 4; }
  int64_t getProducts() { return plan.epilogue.getGated() ? 2 : 1; }
  /// Elements that a thread finishes at a time.
  int64_t getChunk() const { return tileRows >= 16 ? 4 : 2; }
  int64_t getChunksPerRow() { return kUnitRows / getProducts() / getChunk(); }
  int64_t getChunks() { return tileRows * getChunksPerRow(); }
  int64_t getInboxBytes() const {
    return isSplit() ? tileRows * kUnitRows / 2 * 4 : 0;
  }
  /// Behind the ring: sums, two inboxes, the barrier of the inboxes.
  int64_t getExtraBytes() const {
    return getSumBytes() + 2 * getInboxBytes() + 16;
  }
  Value sums() { return skeleton.extraShared(16); }
  Value inbox(Value parity) {
    return b.at(skeleton.extraShared(16 + getSumBytes()),
                b.mul(parity, getInboxBytes()));
  }
  Value inboxBarrier() { return skeleton.extraShared(0); }

  void emitConsumer(Value thread, Value lane, Value warp);
  Values emitUnit(int64_t slot, Value warp, Value lane, ValueRange sums);
  void storeSums(Value warp, Value lane, ValueRange accumulators);
  void reduce(const DecodeTile &tile, Value thread);
  void finishChunk(const DecodeTile &tile, Value chunk, ValueRange values);
  Value sumOffset(Value chunk, int64_t product);
  Values addWarps(Value chunk);
  void reduceSplit(const DecodeTile &tile, Value thread);

  DecodePlan &plan;
  KernelBuilder &b;
  KernelSkeleton skeleton;
  DecodeRing ring;
  FragmentDecoder decoder;
  int64_t tileRows, warps;
};
} // namespace

LogicalResult StreamMatmul::check() {
  if (failed(checkPlainTiles(plan)))
    return failure();
  ScheduleAttr schedule = plan.schedule;
  if (!llvm::is_contained({8, 16, 32}, tileRows) ||
      schedule.getTileN() != kUnitRows || schedule.getWarpsM() != 1 ||
      schedule.getWarpsN() != 1)
    return plan.kernel.emitOpError()
           << "expected a tile of 8, 16 or 32 rows and 64 columns and warps = "
              "1x1, got "
           << schedule;
  if (warps > 16)
    return plan.kernel.emitOpError()
           << "expected a tile depth of at most 1024, got "
           << schedule.getTileK();
  if (schedule.getSplit() > (plan.arch->family == GPUFamily::SM90 ? 2 : 1))
    return plan.kernel.emitOpError()
           << "expected no split but one of 2 on sm_90a, got "
           << schedule.getSplit();
  int64_t bytes = getSharedBytes();
  if (bytes > plan.arch->sharedBytes)
    return plan.kernel.emitOpError()
           << "expected at most " << plan.arch->sharedBytes
           << " bytes of shared memory for " << plan.arch->name << ", got "
           << bytes;
  return success();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Adds the product of this warp's unit in the stage at `slot`.
Values StreamMatmul::emitUnit(int64_t slot, Value warp, Value lane,
                              ValueRange sums) {
  // A lane gives the address of row l % 8, chunk l / 8 of four: registers
  // 2 s and 2 s + 1 are the fragment of step s. TMA has exchanged the 16-byte
  // chunks of a row by the row's number.
  Value row = b.bitAnd(lane, 7);
  Value activations =
      b.at(b.at(ring.activations(slot), b.mul(warp, tileRows * 128)),
           b.mul(row, 128));
  SmallVector<Values> x;
  for (int64_t j = 0; j < tileRows / 8; ++j)
    for (int64_t half = 0; half < 2; ++half) {
      Value chunk = b.bitXor(b.add(b.shiftRight(lane, 3), 4 * half), row);
      Value source = b.at(activations, b.mul(chunk, 16));
      x.push_back(b.loadMatrixX4(b.at(source, j * 1024)));
    }
  Value unit = b.at(ring.weights(slot), b.mul(warp, plan.getUnitBytes()));
  Values result(sums);
  for (int64_t rowTile = 0; rowTile < 4; ++rowTile) {
    FragmentDecoder::Raw raw = decoder.load(unit, rowTile);
    for (int64_t step = 0; step < 4; ++step) {
      Values a = decoder.decode(raw, step);
      for (int64_t j = 0; j < tileRows / 8; ++j) {
        MutableArrayRef<Value> sum = MutableArrayRef(result).slice(
            (rowTile * (tileRows / 8) + j) * 4, 4);
        ValueRange pair =
            ValueRange(x[2 * j + step / 2]).slice(2 * (step % 2), 2);
        llvm::copy(b.mmaPairs(plan.getElementType(), a, pair, sum),
                   sum.begin());
      }
    }
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

/// Puts a warp's sums in shared memory as [row of the result][column].
void StreamMatmul::storeSums(Value warp, Value lane, ValueRange accumulators) {
  // lane = 4g + t; registers 0 and 1 are column g of the tile and rows 2t and
  // 2t + 1, registers 2 and 3 column g + 8.
  Value group = b.shiftRight(lane, 2), member = b.bitAnd(lane, 3);
  Value base = b.at(sums(), b.mul(warp, tileRows * kSumPitch * 4));
  base = b.at(base, b.mul(member, 2 * kSumPitch * 4));
  base = b.at(base, b.mul(group, 4));
  for (int64_t rowTile = 0; rowTile < 4; ++rowTile)
    for (int64_t j = 0; j < tileRows / 8; ++j)
      for (int64_t i = 0; i < 4; ++i) {
        int64_t row = 8 * j + i % 2, column = 16 * rowTile + 8 * (i / 2);
        b.store(accumulators[(rowTile * (tileRows / 8) + j) * 4 + i],
                b.at(base, (row * kSumPitch + column) * 4), 4);
      }
}

void StreamMatmul::finishChunk(const DecodeTile &tile, Value chunk,
                               ValueRange values) {
  Value perRow = b.i32(getChunksPerRow());
  Value row = b.add(b.mul(tile.m, tileRows), b.div(chunk, perRow));
  Value column = b.add(b.mul(tile.n, kUnitRows / getProducts()),
                       b.mul(b.rem(chunk, perRow), getChunk()));
  SmallVector<Values> products;
  for (int64_t i = 0; i < getProducts(); ++i)
    products.push_back(Values(values.slice(i * getChunk(), getChunk())));
  skeleton.ifWithin(1, column, [&] {
    skeleton.ifWithin(0, row, [&] {
      skeleton.storeElements(products, row, column,
                             skeleton.loadColumns(column, getChunk()));
    });
  });
}

/// Where a warp has the sums of a chunk. Columns alternate between the products
/// of a gated pair in groups of eight.
Value StreamMatmul::sumOffset(Value chunk, int64_t product) {
  Value perRow = b.i32(getChunksPerRow());
  Value column = b.mul(b.rem(chunk, perRow), getChunk());
  if (getProducts() == 2)
    column = b.add(b.mul(b.shiftRight(column, 3), 16),
                   b.add(b.bitAnd(column, 7), 8 * product));
  return b.add(b.mul(b.div(chunk, perRow), kSumPitch * 4), b.mul(column, 4));
}

/// The sums over all warps of chunk `chunk`, one product behind the other.
Values StreamMatmul::addWarps(Value chunk) {
  Type type = VectorType::get(getChunk(), b.getF32Type());
  Values totals;
  for (int64_t product = 0; product < getProducts(); ++product) {
    Value base = b.at(sums(), sumOffset(chunk, product));
    Values total = b.unpack(b.load(type, base, 4 * getChunk()));
    for (int64_t i = 1; i < warps; ++i) {
      Value other = b.at(base, i * tileRows * kSumPitch * 4);
      Values part = b.unpack(b.load(type, other, 4 * getChunk()));
      for (auto [sum, value] : llvm::zip_equal(total, part))
        sum = arith::AddFOp::create(b, sum, value);
    }
    llvm::append_range(totals, total);
  }
  return totals;
}

/// Adds the sums of all warps and finishes the elements.
void StreamMatmul::reduce(const DecodeTile &tile, Value thread) {
  for (int64_t first = 0; first < getChunks(); first += 32 * warps) {
    Value chunk = b.add(thread, first);
    b.ifThen(b.less(chunk, b.i32(getChunks())),
             [&] { finishChunk(tile, chunk, addWarps(chunk)); });
  }
}

/// The same between the two blocks of a cluster: each gives the other its sums
/// of one half of the chunks and completes the other half. There are two
/// inboxes: a block is never more than one tile ahead.
void StreamMatmul::reduceSplit(const DecodeTile &tile, Value thread) {
  int64_t half = getChunks() / 2, count = getProducts() * getChunk();
  Type type = VectorType::get(getChunk(), b.getF32Type());
  Value parity = b.bitAnd(tile.round, 1);
  Value other = b.bitXor(tile.part, b.i32(1));
  auto slot = [&](Value chunk) {
    return b.at(inbox(parity), b.mul(b.rem(chunk, b.i32(half)), 4 * count));
  };
  SmallVector<Value> chunks;
  SmallVector<Values> own;
  for (int64_t first = 0; first < getChunks(); first += 32 * warps) {
    Value chunk = b.add(thread, first);
    Value exists = b.less(chunk, b.i32(getChunks()));
    Values total = b.choose(
        exists, [&] { return addWarps(chunk); },
        [&] { return Values(count, b.f32(0.0f)); });
    b.ifThen(b.equal(b.div(chunk, b.i32(half)), other), [&] {
      Value inbox = b.mapToRank(slot(chunk), other);
      for (int64_t i = 0; i < count; i += getChunk())
        b.store(b.pack(ArrayRef(total).slice(i, getChunk())),
                b.at(inbox, 4 * i), 4 * getChunk());
    });
    chunks.push_back(chunk);
    own.push_back(total);
  }
  b.syncWarp();
  b.ifThen(b.elect(),
           [&] { b.remoteArrive(b.mapToRank(inboxBarrier(), other)); });
  b.clusterBarrierWait(inboxBarrier(), parity);
  for (size_t i = 0; i < chunks.size(); ++i)
    b.ifThen(b.equal(b.div(chunks[i], b.i32(half)), tile.part), [&] {
      Values sums;
      for (int64_t j = 0; j < count; j += getChunk())
        llvm::append_range(sums,
                           b.unpack(b.load(type, b.at(slot(chunks[i]), 4 * j),
                                           4 * getChunk())));
      for (auto [sum, value] : llvm::zip_equal(sums, own[i]))
        sum = arith::AddFOp::create(b, value, sum);
      finishChunk(tile, chunks[i], sums);
    });
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

void StreamMatmul::emitConsumer(Value thread, Value lane, Value warp) {
  decoder.begin(lane);
  skeleton.waitForMatrices();
  int64_t registers = tileRows * kUnitRows / 32;
  Values zeros(registers, b.f32(0.0f));
  ring.forTiles([&](const DecodeTile &tile) {
    Values accumulators = ring.forStages(
        tile, zeros, [&](const RingStage &stage, ValueRange carried) -> Values {
          b.barrierWait(ring.full(stage.slot), stage.parity);
          Values next;
          if (plan.isEven()) {
            next = emitUnit(stage.slot, warp, lane, carried);
          } else {
            Value exists = b.less(warp, ring.countUnits(tile, stage));
            next = b.choose(
                exists,
                [&] { return emitUnit(stage.slot, warp, lane, carried); },
                [&] { return Values(carried); });
          }
          // All lanes have read the stage when their warp has met here.
          b.syncWarp();
          b.ifThen(b.elect(), [&] { b.barrierArrive(ring.empty(stage.slot)); });
          return next;
        });
    storeSums(warp, lane, accumulators);
    b.namedBarrier(b.i32(1), 32 * warps);
    if (isSplit())
      reduceSplit(tile, thread);
    else
      reduce(tile, thread);
    // The sums have been read; only the consumers meet, as the producers are
    // ahead in later tiles.
    b.namedBarrier(b.i32(1), 32 * warps);
  });
}

void StreamMatmul::setPlan() {
  // The driver takes 1024 bytes more for each block.
  constexpr int64_t kReservedBytes = 1024;
  int64_t room = plan.arch->sharedBytes + kReservedBytes;
  plan.clusterSize = plan.schedule.getSplit();
  if (!isSplit() && 2 * (getSharedBytes() + kReservedBytes) <= room)
    plan.blocksPerMultiprocessor = 2;
}

void StreamMatmul::emit(Operation *device) {
  setPlan();
  b.setInsertionPointToEnd(&device->getRegion(0).front());
  decoder.declare(device);
  skeleton.beginFunction(device, getThreads(), getExtraBytes());
  Value thread = b.threadId();
  Value warp = b.warpId(thread);
  b.ifThen(b.equal(thread, 0), [&] {
    ring.init(/*consumers=*/warps);
    if (isSplit())
      b.barrierInit(inboxBarrier(), warps);
    b.fenceBarrierInit();
  });
  if (isSplit())
    b.clusterBarrier();
  else
    b.barrier();
  b.launchDependents();
  skeleton.emitScalars();
  b.ifThenElse(
      b.less(warp, b.i32(warps)),
      [&] { emitConsumer(thread, b.bitAnd(thread, 31), warp); },
      [&] {
        b.ifThen(b.elect(), [&] {
          b.ifThenElse(
              b.equal(warp, warps),
              [&] { ring.emitWeightProducer(/*fillsTail=*/false); },
              [&] { ring.emitActivationProducer(); });
        });
      });
  skeleton.endFunction();
}

LogicalResult lowerStreamMatmul(DecodePlan &plan, Operation *device) {
  return lowerAs<StreamMatmul>(plan, device);
}

} // namespace fp4::gpu
