//===- WarpgroupMatmul.cpp - Many rows by a decoded weight, wgmma ---------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The product is computed transposed: 64 columns of the result are the rows of
// a warpgroup's operand A, decoded into registers; the activations are operand
// B in shared memory. So one layout of the weight serves all numbers of rows.
//
// A stage has two units of the depth, and a unit goes in two halves of 32:
// their fragments alternate between two sets of registers, so that one is
// decoded while wgmma still reads the other. The loop over stages is unrolled
// over the ring: addresses, barriers and descriptors differ by constants.
//
// With a split, the blocks that share a tile put their sums in device memory,
// count themselves, wait until all have, and finish a part of the tile's rows
// each, adding in the order of the parts. That needs all blocks of the grid on
// the device at once, which a grid of at most one block for each multiprocessor
// has.
//
//===----------------------------------------------------------------------===//

#include "../InlinePTX.h"
#include "../KernelSkeleton.h"
#include "DecodeRing.h"
#include "FragmentDecoder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

namespace {
class WarpgroupMatmul {
public:
  WarpgroupMatmul(DecodePlan &plan, KernelBuilder &builder)
      : plan(plan), b(builder), skeleton(plan, builder),
        ring(plan, builder, skeleton), decoder(plan, builder),
        tileRows(plan.schedule.getTileM()),
        groups(plan.schedule.getTileN() / kUnitRows) {}

  LogicalResult check();
  void emit(Operation *device);

private:
  static constexpr int64_t kThreads = 128; // of a warpgroup
  bool isSplit() const { return plan.schedule.getSplit() > 1; }
  int64_t getAccumulators() const { return tileRows / 2; }
  int64_t getSumBytes() const { return tileRows * kUnitRows * 4; }
  /// Two counters for each warpgroup.
  int64_t getCounterBytes() const { return 32; }
  /// Of one tile: counters, then sums [part][warpgroup][8 rows][thread][4].
  int64_t getTileWorkspace() const {
    return groups *
           (getCounterBytes() + plan.schedule.getSplit() * getSumBytes());
  }
  void setPlan();

  void emitConsumer(Value thread);
  Values emitStage(const RingStage &stage, ValueRange sums);
  void release(const DecodeTile &tile, const RingStage &stage);
  void releaseSlot(int64_t slot);
  int64_t getDescriptorOffset(int64_t slot, int64_t unit, int64_t step);
  void finishTile(const DecodeTile &tile, ValueRange sums);
  void reduceTile(const DecodeTile &tile, ValueRange sums);
  /// Finishes rows 8 * octet.. of the tile, of which this lane has four sums.
  void finishOctet(const DecodeTile &tile, Value octet, ValueRange sums);
  void storePairs(Value row, Value column, ArrayRef<Value> results);
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
} // namespace

void WarpgroupMatmul::setPlan() {
  if (isSplit())
    plan.workspaceBytes =
        getTileWorkspace() * llvm::divideCeil(plan.forTiles.getStaticSizes()[1],
                                              plan.schedule.getTileN());
}

LogicalResult WarpgroupMatmul::check() {
  ScheduleAttr schedule = plan.schedule;
  if (plan.arch->family != GPUFamily::SM90)
    return plan.kernel.emitOpError() << "expected warps = 1x1 on "
                                     << plan.arch->name << ", got " << schedule;
  if (!llvm::is_contained({8, 16, 32, 64, 128, 256}, tileRows) || groups > 4 ||
      tileRows * groups > 512 || schedule.getWarpsM() != 1 ||
      schedule.getWarpsN() != 4 * groups)
    return plan.kernel.emitOpError()
           << "expected 4 warps for each of at most 4 times 64 columns, and 8 "
              "to 256 rows, with more than 128 at most 128 columns, got "
           << schedule;
  if (plan.getStageUnits() != 2 ||
      ShapedType::isDynamic(plan.forTiles.getStaticSizes()[1]))
    return plan.kernel.emitOpError()
           << "expected a tile depth of 128, got " << schedule.getTileK();
  if (schedule.getSplit() > tileRows / 8 ||
      schedule.getSplit() > plan.getUnits() / 2)
    return plan.kernel.emitOpError()
           << "expected a split of at most "
           << std::min(tileRows / 8, plan.getUnits() / 2) << ", got "
           << schedule.getSplit();
  // A stage is given back while the next one is read, so two would leave the
  // producers nothing to fill.
  if (schedule.getStages() < 3)
    return plan.kernel.emitOpError()
           << "expected at least 3 stages, got " << schedule.getStages();
  int64_t bytes = plan.getRingBytes() + 16 * schedule.getStages();
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

/// What the matrix descriptor of 16 of the depth, `step` of a unit's four, has
/// more than that of the ring's first bytes, in units of 16 bytes.
int64_t WarpgroupMatmul::getDescriptorOffset(int64_t slot, int64_t unit,
                                             int64_t step) {
  return (slot * plan.stageBytes + plan.lhs.offset +
          unit * tileRows * 2 * kUnitDepth + step * 32) /
         16;
}

void WarpgroupMatmul::releaseSlot(int64_t slot) {
  b.ifThen(b.elect(), [&] { b.barrierArrive(ring.empty(slot)); });
}

Values WarpgroupMatmul::emitStage(const RingStage &stage, ValueRange carried) {
  b.barrierWait(ring.full(stage.slot), stage.parity);
  Values sums(carried);
  int64_t slots = plan.schedule.getStages();
  int64_t previous = (stage.slot + slots - 1) % slots;
  for (int64_t unit = 0; unit < 2; ++unit) {
    FragmentDecoder::Raw raw = decoder.load(
        b.at(ring.weights(stage.slot), unit * plan.getUnitBytes()), 0);
    for (int64_t half = 0; half < 2; ++half) {
      Values fragments[] = {decoder.decode(raw, 2 * half),
                            decoder.decode(raw, 2 * half + 1)};
      warpgroupFence(b);
      for (int64_t i = 0; i < 2; ++i)
        sums = warpgroupMma(b, fragments[i], descriptorBase,
                            getDescriptorOffset(stage.slot, unit, 2 * half + i),
                            sums);
      warpgroupCommit(b);
      warpgroupWaitForPrevious(b);
      // The stage before this one has been read; a warp's wait covers only its
      // own part of the product, so every warp says so for itself.
      if (unit == 0 && half == 0) {
        if (stage.slot > 0)
          releaseSlot(previous);
        else
          b.ifThen(b.less(b.i32(0), stage.number),
                   [&] { releaseSlot(previous); });
      }
    }
  }
  return sums;
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

/// Stores pairs of columns: `results` are columns g and g + 8 of rows 2t and
/// 2t + 1, packed to 16 bits; transposed they are row g, columns 2t.. and 8 on.
void WarpgroupMatmul::storePairs(Value row, Value column,
                                 ArrayRef<Value> results) {
  Value g = b.shiftRight(lane, 2), t = b.bitAnd(lane, 3);
  Value ownRow = b.add(row, g), ownColumn = b.add(column, b.mul(t, 2));
  for (int64_t i = 0; i < 2; ++i) {
    Value pair = LLVM::BitcastOp::create(
        b, b.getI32Type(), b.pack({results[2 * i], results[2 * i + 1]}));
    Value transposed = transpose8x8(b, pair);
    skeleton.ifWithin(1, b.add(column, 8 * i), [&] {
      skeleton.ifWithin(0, ownRow, [&] {
        b.store(transposed,
                skeleton.resultPointer(ownRow, b.add(ownColumn, 8 * i)), 4);
      });
    });
  }
}

void WarpgroupMatmul::finishOctet(const DecodeTile &tile, Value octet,
                                  ValueRange sums) {
  Value g = b.shiftRight(lane, 2), t = b.bitAnd(lane, 3);
  Value row = b.add(b.mul(tile.m, tileRows), b.mul(octet, 8));
  Value column = b.add(b.mul(b.add(b.mul(tile.n, groups), group), kUnitRows),
                       b.mul(warp, 16));
  SmallVector<Value> results;
  for (int64_t i = 0; i < 4; ++i) {
    Value ownRow = skeleton.clamp(0, b.add(b.add(row, b.mul(t, 2)), i % 2));
    Value ownColumn = skeleton.clamp(1, b.add(b.add(column, g), 8 * (i / 2)));
    Values operands = {sums[i]};
    for (const Values &vector :
         llvm::concat<Values>(skeleton.loadColumns(ownColumn, 1),
                              skeleton.loadMatrices(ownRow, ownColumn, 1)))
      operands.push_back(vector.front());
    results.push_back(skeleton.emitElement(operands));
  }
  if (results.front().getType().getIntOrFloatBitWidth() == 16)
    return storePairs(row, column, results);
  for (int64_t i = 0; i < 4; ++i) {
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

/// Adds the sums of the blocks that share the tile, each for its rows.
void WarpgroupMatmul::reduceTile(const DecodeTile &tile, ValueRange sums) {
  int64_t split = plan.schedule.getSplit();
  Value base = b.at(skeleton.getWorkspace(),
                    b.createOrFold<arith::MulIOp>(b.extend(tile.index),
                                                  b.i64(getTileWorkspace())));
  Value counters = b.at(base, b.mul(group, getCounterBytes()));
  Type quad = VectorType::get(4, b.getF32Type());
  Value slots = b.at(b.at(base, groups * getCounterBytes()),
                     b.add(b.mul(group, getSumBytes()), b.mul(thread, 16)));
  int64_t partBytes = groups * getSumBytes();
  Value own = b.at(slots, b.mul(tile.part, partBytes));
  for (int64_t octet = 0; octet < tileRows / 8; ++octet)
    b.store(b.pack(sums.slice(4 * octet, 4)), b.at(own, octet * kThreads * 16),
            16);
  meet();
  b.ifThen(b.equal(thread, 0), [&] {
    releaseCounter(b, counters);
    b.repeatUntil([&] { return b.equal(acquireCounter(b, counters), split); });
    // The last to have seen that resets both.
    Value left = LLVM::AtomicRMWOp::create(
        b, LLVM::AtomicBinOp::add, b.at(counters, 4), b.i32(1),
        LLVM::AtomicOrdering::monotonic, "device");
    b.ifThen(b.equal(left, split - 1), [&] {
      b.store(b.i32(0), counters, 4);
      b.store(b.i32(0), b.at(counters, 4), 4);
    });
  });
  meet();
  auto share = [&](Value part) {
    return b.div(b.mul(part, tileRows / 8), b.i32(split));
  };
  b.forLoop(share(tile.part), share(b.add(tile.part, 1)), b.i32(1), {},
            [&](Value octet, ValueRange) -> Values {
              Value first = b.at(slots, b.mul(octet, kThreads * 16));
              Values total = b.unpack(b.load(quad, first, 16));
              for (int64_t i = 1; i < split; ++i) {
                Values part =
                    b.unpack(b.load(quad, b.at(first, i * partBytes), 16));
                for (auto [sum, value] : llvm::zip_equal(total, part))
                  sum = arith::AddFOp::create(b, sum, value);
              }
              finishOctet(tile, octet, total);
              return {};
            });
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

void WarpgroupMatmul::emitConsumer(Value blockThread) {
  thread = b.bitAnd(blockThread, kThreads - 1);
  lane = b.bitAnd(blockThread, 31);
  warp = b.shiftRight(thread, 5);
  decoder.begin(lane, b.mul(group, 2 * plan.getUnitBytes()), warp);
  // PTX ISA, "Matrix Descriptor": rows of 128 bytes, swizzled, 1024 bytes from
  // one group of 8 to the next; the leading dimension is ignored.
  Value start = b.shiftRight(b.addressOf(ring.activations(0)), 4);
  constexpr int64_t kLayout =
      int64_t(1) << 16 | int64_t(64) << 32 | int64_t(1) << 62;
  descriptorBase =
      b.createOrFold<arith::AddIOp>(b.extend(start), b.i64(kLayout));
  skeleton.waitForMatrices();
  Values zeros(getAccumulators(), b.f32(0.0f));
  ring.forTiles([&](const DecodeTile &tile) {
    Values sums = ring.forStages(
        tile, zeros, [&](const RingStage &stage, ValueRange carried) {
          return emitStage(stage, carried);
        });
    sums = warpgroupWait(b, sums);
    int64_t slots = plan.schedule.getStages();
    releaseSlot((plan.getShareStages() + slots - 1) % slots);
    if (isSplit())
      reduceTile(tile, sums);
    else
      finishTile(tile, sums);
  });
}

void WarpgroupMatmul::emit(Operation *device) {
  setPlan();
  b.setInsertionPointToEnd(&device->getRegion(0).front());
  decoder.declare(device);
  int64_t threads = (groups + 1) * kThreads;
  skeleton.beginFunction(device, threads, /*extraSharedBytes=*/0);
  Value thread = b.threadId();
  Value warp = b.warpId(thread);
  b.ifThen(b.equal(thread, 0), [&] {
    ring.init(/*consumers=*/4 * groups);
    b.fenceBarrierInit();
  });
  b.barrier();
  b.launchDependents();
  skeleton.emitScalars();
  group = b.shiftRight(warp, 2);
  // A thread starts with 65536 / threads registers, at most 255, in steps of 8:
  // 96 of 640. What the producers give away the consumers get; more would wait
  // for ever.
  static constexpr int64_t kGiven[] = {0, 40, 40, 40, 32};
  static constexpr int64_t kTaken[] = {0, 240, 232, 152, 112};
  b.ifThenElse(
      b.equal(group, groups),
      [&] {
        b.setMaxRegisters(kGiven[groups], /*isMore=*/false);
        Value producer = b.bitAnd(warp, 3);
        b.ifThen(b.equal(producer, 0), [&] {
          b.ifThen(b.elect(),
                   [&] { ring.emitWeightProducer(/*fillsTail=*/true); });
        });
        b.ifThen(b.equal(producer, 1), [&] {
          b.ifThen(b.elect(), [&] { ring.emitActivationProducer(); });
        });
      },
      [&] {
        b.setMaxRegisters(kTaken[groups], /*isMore=*/true);
        emitConsumer(thread);
      });
  skeleton.endFunction();
}

LogicalResult lowerWarpgroupMatmul(DecodePlan &plan, Operation *device) {
  return lowerAs<WarpgroupMatmul>(plan, device);
}

} // namespace fp4::gpu
