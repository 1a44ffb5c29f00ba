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
//===----------------------------------------------------------------------===//

#include "WarpgroupMatmul.h"
#include "../InlinePTX.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

void WarpgroupMatmul::setPlan() {
  if (isBalanced()) {
    plan.workspaceBytes =
        DecodePlan::kMaxBlocks * groups * (kFlagBytes + getSumBytes());
    plan.isWorkspacePerGrid = true;
    plan.gridBlocks = DecodePlan::kMaxBlocks;
  }
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
  if (plan.lhs.getShape()[1] != 128 ||
      ShapedType::isDynamic(plan.forTiles.getStaticSizes()[1]))
    return plan.kernel.emitOpError()
           << "expected a tile depth of 128, got " << schedule.getTileK();
  int64_t maxSplit =
      std::min(tileRows / 8, plan.getUnits() / plan.getStageUnits());
  if (schedule.getSplit() > maxSplit)
    return plan.kernel.emitOpError()
           << "expected a split of at most " << maxSplit << ", got "
           << schedule.getSplit();
  if (schedule.getBalanced() && isSplit())
    return plan.kernel.emitOpError()
           << "expected a split or a balanced schedule, got " << schedule;
  if (schedule.getPromotion() &&
      (!plan.isFolded || schedule.getStages() % schedule.getPromotion() != 0 ||
       tileRows > 128))
    return plan.kernel.emitOpError()
           << "expected a promotion that divides the stages, of f8E4M3FN "
              "products in a tile of at most 128 rows, got "
           << schedule;
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

/// What the matrix descriptor of a quarter of a unit's depth, `step`, has
/// more than that of the ring's first bytes, in units of 16 bytes.
int64_t WarpgroupMatmul::getDescriptorOffset(int64_t slot, int64_t unit,
                                             int64_t step) {
  return (slot * plan.stageBytes + plan.lhs.offset +
          unit * tileRows * kUnitRowBytes + step * 32) /
         16;
}

void WarpgroupMatmul::releaseSlot(int64_t slot) {
  b.ifThen(b.elect(), [&] { b.barrierArrive(ring.empty(slot)); });
}

Values WarpgroupMatmul::emitProducts(const RingStage &stage,
                                     ValueRange carried) {
  b.barrierWait(ring.full(stage.slot), stage.parity);
  Values sums(carried);
  int64_t promotion = plan.schedule.getPromotion();
  bool isFirst = promotion && stage.slot % promotion == 0;
  int64_t slots = plan.schedule.getStages();
  int64_t previous = (stage.slot + slots - 1) % slots;
  for (int64_t unit = 0; unit < plan.getStageUnits(); ++unit) {
    FragmentDecoder::Raw raw = decoder.load(
        b.at(ring.weights(stage.slot), unit * plan.getUnitBytes()), 0);
    for (int64_t half = 0; half < 2; ++half) {
      Values fragments[] = {decoder.decode(raw, 2 * half),
                            decoder.decode(raw, 2 * half + 1)};
      warpgroupFence(b);
      for (int64_t i = 0; i < 2; ++i) {
        sums = warpgroupMma(b, fragments[i], descriptorBase,
                            getDescriptorOffset(stage.slot, unit, 2 * half + i),
                            sums, plan.getElementType(), isFirst);
        isFirst = false;
      }
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

/// `totals` + `sums`, when these are there.
Values WarpgroupMatmul::promote(ValueRange sums, ValueRange totals) {
  Values result;
  for (auto [total, sum] :
       llvm::zip_equal(totals, warpgroupWait(b, Values(sums))))
    result.push_back(arith::AddFOp::create(b, total, sum));
  return result;
}

/// The stage's products added to the carried sums; with a promotion, float32
/// totals are carried behind them.
Values WarpgroupMatmul::emitStage(const RingStage &stage, ValueRange carried) {
  ValueRange totals = carried.drop_front(getAccumulators());
  Values result = emitProducts(stage, carried.take_front(getAccumulators()));
  if (totals.empty())
    return result;
  bool isLast = (stage.slot + 1) % plan.schedule.getPromotion() == 0;
  llvm::append_range(result, isLast ? promote(result, totals) : Values(totals));
  return result;
}

Values WarpgroupMatmul::sumTile(const DecodeTile &tile) {
  int64_t promotion = plan.schedule.getPromotion();
  Values zeros = warpgroupZeros(b, getAccumulators() * (promotion ? 2 : 1));
  Values carried = ring.forStages(
      tile, zeros, [&](const RingStage &stage, ValueRange values) {
        return emitStage(stage, values);
      });
  ValueRange sums = ValueRange(carried).take_front(getAccumulators());
  ValueRange totals = ValueRange(carried).drop_front(getAccumulators());
  if (!promotion)
    return warpgroupWait(b, sums);
  bool isPromoted =
      isBalanced() ||
      plan.getShareStages() % plan.schedule.getStages() % promotion == 0;
  return isPromoted ? Values(totals) : promote(sums, totals);
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

void WarpgroupMatmul::emitConsumer(Value blockThread) {
  thread = b.bitAnd(blockThread, kThreads - 1);
  lane = b.bitAnd(blockThread, 31);
  warp = b.shiftRight(thread, 5);
  decoder.begin(lane, b.mul(group, plan.getStageUnits() * plan.getUnitBytes()),
                warp);
  // PTX ISA, "Matrix Descriptor": rows of 128 bytes, swizzled, 1024 bytes from
  // one group of 8 to the next; the leading dimension is ignored.
  Value start = b.shiftRight(b.addressOf(ring.activations(0)), 4);
  constexpr int64_t kLayout =
      int64_t(1) << 16 | int64_t(64) << 32 | int64_t(1) << 62;
  descriptorBase =
      b.createOrFold<arith::AddIOp>(b.extend(start), b.i64(kLayout));
  skeleton.waitForMatrices();
  ring.forTiles([&](const DecodeTile &tile) {
    Values sums = sumTile(tile);
    int64_t slots = plan.schedule.getStages();
    int64_t last = isBalanced() ? 0 : plan.getShareStages() % slots;
    releaseSlot((last + slots - 1) % slots);
    if (isBalanced())
      finishBalanced(tile, sums);
    else if (isSplit())
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
