//===- TensorMatmul.cpp - Matmul kernels by tcgen05.mma -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Six warps: four own the result, 32 rows each, one issues the products, one
// fills the ring by TMA. Elements go from shared memory, scales by tcgen05.cp
// through tensor memory. Descriptor and scale layouts are from the PTX ISA,
// "tcgen05 Instruction Descriptor", "Shared memory descriptor" and "Scale
// Factor Layouts" for kind::mxf4 and kind::mxf4nvf4.
//
// Tensor memory: the accumulator in the first columns, one word per element;
// then the scales of one stage. A 512-byte tile of scales (128 rows x 4) takes
// four columns, word (row / 32) of lane row % 32; for each depth step the tiles
// of all rows are adjacent.
//
// Order: one thread issues tcgen05.cp and tcgen05.mma, which execute in the
// order of issue, so the scales of the next stage do not overtake their use.
//
//===----------------------------------------------------------------------===//

#include "../Families.h"
#include "../KernelSkeleton.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

namespace {
class TensorMatmul {
public:
  TensorMatmul(KernelPlan &plan, KernelBuilder &builder)
      : plan(plan), b(builder), skeleton(plan, builder) {}

  LogicalResult check();
  void emit(Operation *device);

private:
  static constexpr int64_t kOwners = 4, kIssuer = 4, kProducer = 5;
  static constexpr int64_t kThreads = 6 * 32;
  static constexpr int64_t kDepth = 64; // of one instruction
  /// Behind the ring: two barriers and the word that tcgen05.alloc writes.
  static constexpr int64_t kFull = 0, kEmpty = 8, kAddress = 16, kExtra = 32;

  int64_t getScaleColumns(const TilePlan &tile) const {
    return 4 * tile.getShape()[0] * tile.getShape()[1];
  }
  int64_t getColumns() const;
  int64_t getSharedBytes() const {
    return plan.getRingBytes() + 16 * plan.schedule.getStages() + kExtra;
  }
  int64_t getInstruction(int64_t scaleId) const;

  void emitIssuer();
  void emitStage(RingPosition position, Value step);
  void emitOwner(Value thread, Value warp);
  void emitTileEpilogue(Value row, Value firstColumn, Value warp);
  Value elementDescriptor(const TilePlan &tile, Value stage);
  void copyScales(const TilePlan &tile, Value stage, Value columns);

  KernelPlan &plan;
  KernelBuilder &b;
  KernelSkeleton skeleton;
  /// First column of tensor memory.
  Value accumulator;
};
} // namespace

int64_t TensorMatmul::getColumns() const {
  int64_t columns = plan.schedule.getTileN() + getScaleColumns(plan.lhsScales) +
                    getScaleColumns(plan.rhsScales);
  return std::max<int64_t>(32, llvm::PowerOf2Ceil(columns));
}

LogicalResult TensorMatmul::check() {
  if (failed(checkPlainEpilogue(plan)) || failed(checkPlainTiles(plan)))
    return failure();
  ScheduleAttr schedule = plan.schedule;
  if (schedule.getSplit() != 1)
    return plan.kernel.emitOpError() << "expected no split on "
                                     << plan.arch->name << ", got " << schedule;
  if (plan.lhs.getBits() != 4)
    return plan.kernel.emitOpError()
           << "expected f4E2M1FN elements for " << plan.arch->name << ", got "
           << plan.lhs.type.getElementType() << " and "
           << plan.rhs.type.getElementType()
           << "; sm_120a, sm_120f and sm_121a have kernels for them";
  if (failed(checkTensorMaps(plan)))
    return failure();
  if (schedule.getTileM() != 128 ||
      !llvm::is_contained({128, 256}, schedule.getTileN()) ||
      schedule.getWarpsM() != kOwners || schedule.getWarpsN() != 1 ||
      schedule.getSwapped())
    return plan.kernel.emitOpError()
           << "expected a tile of 128 rows and 128 or 256 columns owned by 4x1 "
              "warps, got "
           << schedule;
  if (schedule.getTileK() < 128)
    return plan.kernel.emitOpError()
           << "expected a tile depth of 128 or 256, got "
           << schedule.getTileK();
  if (getSharedBytes() > plan.arch->sharedBytes)
    return plan.kernel.emitOpError()
           << "expected at most " << plan.arch->sharedBytes
           << " bytes of shared memory for " << plan.arch->name << ", got "
           << getSharedBytes();
  if (getColumns() > 512)
    return plan.kernel.emitOpError()
           << "expected at most 512 columns of tensor memory, got "
           << getColumns();
  return success();
}

/// The instruction descriptor; `scaleId` is the byte of a scale word where the
/// scales of the instruction begin.
int64_t TensorMatmul::getInstruction(int64_t scaleId) const {
  constexpr int64_t kE2M1 = 1;
  int64_t isUE8M0 = plan.scaleKind == ScaleKind::UE8M0;
  return scaleId << 4 | kE2M1 << 7 | kE2M1 << 10 |
         (plan.schedule.getTileN() >> 3) << 17 | isUE8M0 << 23 |
         (plan.schedule.getTileM() >> 7) << 27 | scaleId << 29;
}

//===----------------------------------------------------------------------===//
// The issuing thread
//===----------------------------------------------------------------------===//

/// Rows of 128 or 64 bytes, swizzled as TMA leaves them, in groups of eight.
Value TensorMatmul::elementDescriptor(const TilePlan &tile, Value stage) {
  int64_t rowBytes = tile.getRowBytes();
  int64_t swizzle = rowBytes == 128 ? 2 : 4;
  return b.sharedDescriptor(b.addressOf(skeleton.tileAddress(tile, stage)),
                            /*leading=*/1, /*stride=*/8 * rowBytes / 16,
                            swizzle);
}

void TensorMatmul::copyScales(const TilePlan &tile, Value stage,
                              Value columns) {
  Value descriptor =
      b.sharedDescriptor(b.addressOf(skeleton.tileAddress(tile, stage)),
                         /*leading=*/0, /*stride=*/128 / 16, /*swizzle=*/0);
  int64_t rowTiles = tile.getShape()[0], chunks = tile.getShape()[1];
  for (int64_t chunk = 0; chunk < chunks; ++chunk)
    for (int64_t row = 0; row < rowTiles; ++row) {
      Value from = b.createOrFold<arith::AddIOp>(
          descriptor, b.i64((row * chunks + chunk) * 512 / 16));
      b.tensorCopyScales(b.add(columns, (chunk * rowTiles + row) * 4), from);
    }
}

void TensorMatmul::emitStage(RingPosition position, Value step) {
  Value lhs = elementDescriptor(plan.lhs, position.stage);
  Value rhs = elementDescriptor(plan.rhs, position.stage);
  Value lhsScales = b.add(accumulator, plan.schedule.getTileN());
  Value rhsScales = b.add(lhsScales, getScaleColumns(plan.lhsScales));
  copyScales(plan.lhsScales, position.stage, lhsScales);
  copyScales(plan.rhsScales, position.stage, rhsScales);
  // An instruction takes 4 scales of 16 elements, a whole word, or 2 of 32.
  int64_t stepsPerChunk = plan.scaleKind == ScaleKind::UE4M3 ? 1 : 2;
  for (int64_t i = 0; i < plan.schedule.getTileK() / kDepth; ++i) {
    int64_t chunk = i / stepsPerChunk;
    Value advance = b.i64(i * kDepth / 2 / 16);
    Value isNotFirst = i == 0 ? b.notEqual(step, 0) : b.boolean(true);
    b.tensorMma(plan.scaleKind, accumulator,
                b.createOrFold<arith::AddIOp>(lhs, advance),
                b.createOrFold<arith::AddIOp>(rhs, advance),
                b.i32(getInstruction(2 * (i % stepsPerChunk))), isNotFirst,
                b.add(lhsScales, chunk * 4 * plan.lhsScales.getShape()[0]),
                b.add(rhsScales, chunk * 4 * plan.rhsScales.getShape()[0]));
  }
}

void TensorMatmul::emitIssuer() {
  // The accumulator is free at first: parity 1 of a fresh barrier is done.
  Values init = {b.i32(0), b.i32(0), b.i32(1)};
  skeleton.forTiles(init, [&](Value, Value, ValueRange carried) -> Values {
    Value accumulatorParity = carried[2];
    b.barrierWait(skeleton.extraShared(kEmpty), accumulatorParity);
    b.tensorFenceAfter();
    Values ring = skeleton.forSteps(
        carried.take_front(2), [&](Value step, ValueRange carried) -> Values {
          RingPosition position{carried[0], carried[1]};
          b.barrierWait(skeleton.fullBarrier(position.stage), position.parity);
          b.tensorFenceAfter();
          emitStage(position, step);
          b.tensorCommit(skeleton.emptyBarrier(position.stage));
          position = skeleton.advance(position);
          return {position.stage, position.parity};
        });
    b.tensorCommit(skeleton.extraShared(kFull));
    return {ring[0], ring[1], b.bitXor(accumulatorParity, b.i32(1))};
  });
}

//===----------------------------------------------------------------------===//
// The warps that own the result
//===----------------------------------------------------------------------===//

void TensorMatmul::emitTileEpilogue(Value row, Value firstColumn, Value warp) {
  constexpr int64_t kStore = 8, kLoad = 2 * kStore;
  // Lanes stand in the upper half of a tensor address.
  Value lanes = b.add(accumulator, b.shiftLeft(warp, 16 + 5));
  for (int64_t i = 0; i < plan.schedule.getTileN(); i += kLoad) {
    Values loaded = b.tensorLoad(b.add(lanes, i), kLoad);
    skeleton.ifWithin(0, row, [&] {
      Values halves[] = {Values(ArrayRef(loaded).take_front(kStore)),
                         Values(ArrayRef(loaded).drop_front(kStore))};
      auto store = [&](ArrayRef<Values> products, Value column) {
        skeleton.ifWithin(1, column, [&] {
          skeleton.storeElements(products, row, column,
                                 skeleton.loadColumns(column, kStore));
        });
      };
      // A gated product has its two halves side by side, eight columns each.
      if (plan.epilogue.getGated())
        return store(halves, b.add(firstColumn, i / 2));
      store(halves[0], b.add(firstColumn, i));
      store(halves[1], b.add(firstColumn, i + kStore));
    });
  }
}

void TensorMatmul::emitOwner(Value thread, Value warp) {
  Values init = {b.i32(0)};
  skeleton.forTiles(init, [&](Value m, Value n, ValueRange carried) -> Values {
    b.barrierWait(skeleton.extraShared(kFull), carried[0]);
    b.tensorFenceAfter();
    emitTileEpilogue(b.add(b.mul(m, plan.schedule.getTileM()), thread),
                     b.mul(n, plan.getResultColumns()), warp);
    b.tensorFenceBefore();
    b.syncWarp();
    b.ifThen(b.elect(), [&] { b.barrierArrive(skeleton.extraShared(kEmpty)); });
    return {b.bitXor(carried[0], b.i32(1))};
  });
}

void TensorMatmul::emit(Operation *device) {
  skeleton.beginFunction(device, kThreads, kExtra);
  Value thread = b.threadId();
  Value warp = b.warpId(thread);
  Value address = skeleton.extraShared(kAddress);
  b.ifThen(b.equal(thread, 0), [&] {
    skeleton.initRing(/*consumerArrivals=*/1);
    b.barrierInit(skeleton.extraShared(kFull), 1);
    b.barrierInit(skeleton.extraShared(kEmpty), kOwners);
    b.fenceBarrierInit();
  });
  Value isIssuer = b.equal(warp, kIssuer);
  b.ifThen(isIssuer, [&] { b.tensorAlloc(address, getColumns()); });
  b.tensorFenceBefore();
  b.barrier();
  b.tensorFenceAfter();
  accumulator = b.load(b.getI32Type(), address, 4);
  skeleton.emitScalars();
  auto elected = [&](llvm::function_ref<void()> body) {
    b.ifThen(b.elect(), body);
  };
  b.ifThen(b.equal(warp, kProducer),
           [&] { elected([&] { skeleton.emitProducer(); }); });
  b.ifThen(isIssuer, [&] { elected([&] { emitIssuer(); }); });
  b.ifThen(b.less(warp, b.i32(kOwners)), [&] { emitOwner(thread, warp); });
  // The warps of single threads meet first: the barrier wants whole warps.
  b.syncWarp();
  b.tensorFenceBefore();
  b.barrier();
  b.tensorFenceAfter();
  b.ifThen(isIssuer, [&] { b.tensorDealloc(accumulator, getColumns()); });
  skeleton.endFunction();
}

LogicalResult lowerToSM100(KernelPlan &plan, Operation *device) {
  return lowerAs<TensorMatmul>(plan, device);
}

} // namespace fp4::gpu
