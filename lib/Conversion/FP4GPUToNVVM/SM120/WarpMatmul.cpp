//===- WarpMatmul.cpp - Matmul kernels by mma.sync block_scale ------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One warp fills the ring, by TMA or else by cp.async; the others own a part of
// the output tile each, in registers. What a step of the depth takes is loaded
// while the products of the step before it are under way, across stages too:
// behind the last loads of a stage a warp gives it back, waits for the next
// one, which has come long ago if the producer keeps up, and loads its first
// step.
//
// With a swapped schedule the weight is operand A and the activation, of which
// there are few rows, operand B: the granularity of rows is then 8, and each
// byte of the weight is loaded once for all of them.
//
//===----------------------------------------------------------------------===//

#include "../Families.h"
#include "QuantizedEpilogue.h"
#include "SplitSums.h"
#include "WarpFragments.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

namespace {
class WarpMatmul {
public:
  WarpMatmul(KernelPlan &plan, RealBuilder &builder)
      : plan(plan), b(builder), skeleton(plan, builder),
        isSwapped(plan.schedule.getSwapped()),
        sideA(makeSide(plan.lhs, plan.lhsScales, plan.getAccRows(),
                       isSwapped ? plan.schedule.getWarpsN()
                                 : plan.schedule.getWarpsM())),
        sideB(makeSide(plan.rhs, plan.rhsScales, plan.getAccColumns(),
                       isSwapped ? plan.schedule.getWarpsM()
                                 : plan.schedule.getWarpsN())),
        loader(plan, builder, skeleton, sideA, sideB),
        splitSums(plan, builder, skeleton, getConsumers(), getAccumulators()) {}

  LogicalResult check();
  void emit(Operation *device);

private:
  /// 8 warps of the one and 4 of the other have 64 K registers together.
  static constexpr int64_t kConsumerRegisters = 232, kProducerRegisters = 40;
  static WarpSide makeSide(const TilePlan &elements, const TilePlan &scales,
                           int64_t rows, int64_t warps) {
    return {elements, scales, rows, rows / warps, warps, {}, {}};
  }
  int64_t getConsumers() const { return sideA.warps * sideB.warps; }
  /// A quarter of the SM has the registers of every fourth warp. With eight
  /// large consumers one more warp would leave each thread 168 registers; a
  /// whole warpgroup of producers, three of them idle, gives most of its own
  /// to the consumers.
  bool hasProducerGroup() const {
    return getConsumers() == 8 && getAccumulators() == 128;
  }
  int64_t getThreads() const {
    return 32 * (getConsumers() + (hasProducerGroup() ? 4 : 1));
  }
  int64_t getRowBlocks() const { return sideA.extent / 16; }
  int64_t getColumnBlocks() const { return sideB.extent / 8; }
  int64_t getAccumulators() const { return sideA.extent * sideB.extent / 32; }
  /// The four registers of a 16x8 block.
  int64_t getBlock(int64_t i, int64_t j) const {
    return (i * getColumnBlocks() + j) * 4;
  }

  void placeWarp(Value warp);
  void placeInScaleTile(WarpSide &side, Value tileIndex);
  void emitConsumer(Value lane, Value warp);
  void multiply(const Fragments &fragments, int64_t step, int64_t rowBlock,
                Values &sums);
  Fragments loadFirst(RingPosition position);
  Fragments beginSteps(RingPosition position);
  Values emitStage(Value step, ValueRange carried, const Fragments &layout);
  Values emitSteps(ValueRange ring);
  void emitEpilogue(Value m, Value n, ValueRange accumulators);
  void storeRowPairs(Value row, Value column, ValueRange accumulators);
  void storeTransposed(Value row, Value column, ValueRange accumulators);
  void storeQuantized(Value row, Value column, ValueRange accumulators);

  KernelPlan &plan;
  RealBuilder &b;
  KernelSkeleton skeleton;
  bool isSwapped;
  WarpSide sideA, sideB;
  FragmentLoader loader;
  SplitSums splitSums;
  /// lane = 4 * group + member.
  Value group, member;
};
} // namespace

LogicalResult WarpMatmul::check() {
  if (plan.schedule.getPromotion() && failed(checkPlainTiles(plan)))
    return failure();
  auto fail = [&]() { return plan.kernel.emitOpError() << "expected "; };
  auto isServed = [&](const WarpSide &side, int64_t least) {
    return side.tileRows % side.warps == 0 && side.extent >= least &&
           side.extent <= 128 && llvm::isPowerOf2_64(side.extent);
  };
  if (!isServed(sideA, 16) || !isServed(sideB, 8) || getAccumulators() > 128)
    return fail() << "warps that own 16, 32, 64 or 128 rows, 8 to 128 columns "
                     "(the reverse if swapped) and at most 4096 elements, got "
                  << (isSwapped ? sideB : sideA).extent << "x"
                  << (isSwapped ? sideA : sideB).extent;
  if (getColumnBlocks() == 1 && loader.getSteps() < 2)
    return fail() << "a depth of at least 128 for warps with 8 columns (rows "
                     "if swapped), got "
                  << plan.schedule.getTileK();
  if (plan.epilogue.getGated() && !isSwapped && getColumnBlocks() == 1)
    return fail() << "warps that own at least 16 columns of a gated product, "
                     "got 8";
  if (plan.schedule.getSplit() > 1 &&
      ShapedType::isDynamic(plan.forTiles.getStaticSizes()[1]))
    return fail() << "no split of a product with a dynamic number of columns, "
                     "got "
                  << plan.schedule;
  if (plan.schedule.getBalanced() && plan.schedule.getSplit() > 1)
    return fail() << "either 'balanced' or a split, got " << plan.schedule;
  if (std::optional<FormatAttr> format = plan.epilogue.getFormat()) {
    int64_t columns = plan.getResultColumns() / plan.schedule.getWarpsN();
    if (columns % format->getBlockCols() != 0)
      return fail() << "warps that own whole blocks of "
                    << format->getBlockCols() << " scaled results, got "
                    << columns << " columns";
  }
  int64_t bytes = plan.getRingBytes() + 16 * plan.schedule.getStages();
  if (bytes > plan.arch->sharedBytes)
    return fail() << "at most " << plan.arch->sharedBytes
                  << " bytes of shared memory for " << plan.arch->name
                  << ", got " << bytes;
  if (getThreads() > 1024)
    return fail() << "at most 1024 threads, got " << getThreads();
  return success();
}

//===----------------------------------------------------------------------===//
// Main loop
//===----------------------------------------------------------------------===//

/// The products of 16 rows with all columns of a warp.
void WarpMatmul::multiply(const Fragments &fragments, int64_t step,
                          int64_t rowBlock, Values &sums) {
  Type elementA = plan.lhs.type.getElementType();
  Type elementB = plan.rhs.type.getElementType();
  int64_t byteId = loader.getByteId(step);
  for (int64_t j = 0; j < getColumnBlocks(); ++j) {
    MutableArrayRef<Value> sum =
        MutableArrayRef(sums).slice(getBlock(rowBlock, j), 4);
    Values result =
        b.mmaBlockScaled(plan.scaleKind, elementA, elementB,
                         fragments.a[rowBlock], fragments.b[j], sum,
                         {fragments.scaleA[rowBlock / 2], byteId, rowBlock % 2},
                         {fragments.scaleB[j / 4], byteId, j % 4});
    llvm::copy(result, sum.begin());
  }
}

/// The first step of the stage at `position`, once that is full.
Fragments WarpMatmul::loadFirst(RingPosition position) {
  b.barrierWait(skeleton.fullBarrier(position.stage), position.parity);
  return loader.load(position.stage, /*step=*/0, Fragments());
}

/// What the loop over stages begins with. A part of the depth may have none.
Fragments WarpMatmul::beginSteps(RingPosition position) {
  if (plan.schedule.getSplit() == 1)
    return loadFirst(position);
  Fragments layout;
  auto [first, end] = skeleton.getSteps();
  Values registers = b.choose(
      b.less(first, end),
      [&] {
        layout = loadFirst(position);
        return layout.flatten();
      },
      [&] { return Values(layout.flatten().size(), b.i32(0)); });
  return layout.replace(registers);
}

/// Multiplies a stage, of whose first step the registers are carried, and
/// leaves those of the next stage. The stage is given back between products of
/// its last step: by then all loads have arrived.
Values WarpMatmul::emitStage(Value step, ValueRange carried,
                             const Fragments &layout) {
  RingPosition position{carried[0], carried[1]};
  Values sums(carried.slice(2, getAccumulators()));
  Fragments fragments =
      layout.replace(carried.drop_front(2 + getAccumulators()));
  int64_t last = loader.getSteps() - 1;
  for (int64_t i = 0; i < last; ++i) {
    Fragments next = loader.load(position.stage, i + 1, fragments);
    for (int64_t block = 0; block < getRowBlocks(); ++block)
      multiply(fragments, i, block, sums);
    fragments = next;
  }
  multiply(fragments, last, /*rowBlock=*/0, sums);
  // All lanes have read the stage when their warp has met here.
  b.syncWarp();
  b.ifThen(b.elect(),
           [&] { b.barrierArrive(skeleton.emptyBarrier(position.stage)); });
  position = skeleton.advance(position);
  Values registers = b.choose(
      b.less(b.add(step, 1), skeleton.getSteps().second),
      [&] { return loadFirst(position).flatten(); },
      [&] { return Values(carried.drop_front(2 + getAccumulators())); });
  for (int64_t block = 1; block < getRowBlocks(); ++block)
    multiply(fragments, last, block, sums);
  Values next = {position.stage, position.parity};
  next.append(sums);
  next.append(registers);
  return next;
}

/// The position behind a tile's stages, and the sums.
Values WarpMatmul::emitSteps(ValueRange ring) {
  Fragments first = beginSteps({ring[0], ring[1]});
  Values init(ring);
  init.append(getAccumulators(), b.f32(0.0f));
  init.append(first.flatten());
  Values carried =
      skeleton.forSteps(init, [&](Value step, ValueRange carried) -> Values {
        return emitStage(step, carried, first);
      });
  carried.truncate(2 + getAccumulators());
  return carried;
}

//===----------------------------------------------------------------------===//
// Epilogue
//===----------------------------------------------------------------------===//

/// Registers 0, 1 of a block are columns 2t, 2t + 1 of row g, registers 2, 3
/// those of row g + 8. Blocks alternate between the products of a gated pair.
void WarpMatmul::storeRowPairs(Value row, Value column,
                               ValueRange accumulators) {
  int64_t products = plan.epilogue.getGated() ? 2 : 1;
  for (int64_t j = 0; j < getColumnBlocks(); j += products) {
    Value pairColumn = b.add(column, 8 * j / products);
    skeleton.ifWithin(1, pairColumn, [&] {
      SmallVector<Values> vectors = skeleton.loadColumns(pairColumn, 2);
      for (int64_t i = 0; i < 2 * getRowBlocks(); ++i) {
        SmallVector<Values> pairs;
        for (int64_t k = 0; k < products; ++k)
          pairs.push_back(Values(
              accumulators.slice(getBlock(i / 2, j + k) + 2 * (i % 2), 2)));
        Value pairRow = b.add(row, 8 * i);
        skeleton.ifWithin(0, pairRow, [&] {
          skeleton.storeElements(pairs, pairRow, pairColumn, vectors);
        });
      }
    });
  }
}

/// The same with rows and columns exchanged: the lanes of a group hold
/// consecutive columns of one row, and the halves of a block alternate.
void WarpMatmul::storeTransposed(Value row, Value column,
                                 ValueRange accumulators) {
  int64_t products = plan.epilogue.getGated() ? 2 : 1;
  for (int64_t i = 0; i < 2 * getRowBlocks(); i += products) {
    Value elementColumn = b.add(column, 8 * i / products);
    skeleton.ifWithin(1, elementColumn, [&] {
      SmallVector<Values> vectors = skeleton.loadColumns(elementColumn, 1);
      for (int64_t j = 0; j < 2 * getColumnBlocks(); ++j) {
        SmallVector<Values> elements;
        for (int64_t half = i; half < i + products; ++half)
          elements.push_back({accumulators[getBlock(half / 2, j / 2) +
                                           2 * (half % 2) + j % 2]});
        Value elementRow = b.add(row, 8 * (j / 2) + j % 2);
        skeleton.ifWithin(0, elementRow, [&] {
          skeleton.storeElements(elements, elementRow, elementColumn, vectors);
        });
      }
    });
  }
}

/// `row` is that of the lane's first element, `column` the first of the warp.
void WarpMatmul::storeQuantized(Value row, Value column,
                                ValueRange accumulators) {
  int64_t products = plan.epilogue.getGated() ? 2 : 1;
  auto getRow = [&](Value index) -> Value {
    if (!isSwapped)
      return b.add(row, b.mul(index, 8));
    return b.add(row,
                 b.add(b.mul(b.shiftRight(index, 1), 8), b.bitAnd(index, 1)));
  };
  auto getAccumulators = [&](int64_t index, int64_t eight) {
    SmallVector<Values> lists;
    for (int64_t i = eight * products; i < (eight + 1) * products; ++i) {
      int64_t block = isSwapped ? getBlock(i / 2, index / 2) + 2 * (i % 2)
                                : getBlock(index / 2, i);
      lists.push_back(
          isSwapped ? Values{accumulators[block + index % 2]}
                    : Values(accumulators.slice(block + 2 * (index % 2), 2)));
    }
    return lists;
  };
  const WarpSide &rows = isSwapped ? sideB : sideA;
  const WarpSide &columns = isSwapped ? sideA : sideB;
  WarpResults results{};
  results.lanes = isSwapped ? 8 : 4;
  results.stride = isSwapped ? 4 : 1;
  results.rows = rows.extent / 8 * (isSwapped ? 2 : 1);
  results.blocks =
      columns.extent / products / plan.epilogue.getFormat()->getBlockCols();
  results.lane = isSwapped ? group : member;
  results.column = column;
  results.getRow = getRow;
  results.getAccumulators = getAccumulators;
  QuantizedEpilogue(plan, b, skeleton).store(results);
}

void WarpMatmul::emitEpilogue(Value m, Value n, ValueRange accumulators) {
  const WarpSide &rows = isSwapped ? sideB : sideA;
  const WarpSide &columns = isSwapped ? sideA : sideB;
  Value row = b.add(b.mul(m, plan.schedule.getTileM()), rows.row);
  Value warpColumn = b.shiftRight(columns.row, plan.epilogue.getGated());
  Value column = b.add(b.mul(n, plan.getResultColumns()), warpColumn);
  Value pair = b.mul(member, 2);
  if (plan.epilogue.getScales())
    storeQuantized(b.add(row, isSwapped ? pair : group), column, accumulators);
  else if (isSwapped)
    storeTransposed(b.add(row, pair), b.add(column, group), accumulators);
  else
    storeRowPairs(b.add(row, group), b.add(column, pair), accumulators);
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

void WarpMatmul::placeWarp(Value warp) {
  Value warpsB = b.i32(sideB.warps);
  sideA.row = b.mul(b.div(warp, warpsB), sideA.extent);
  sideB.row = b.mul(b.rem(warp, warpsB), sideB.extent);
}

/// Tiles of fewer rows than a tile of scales begin within one.
void WarpMatmul::placeInScaleTile(WarpSide &side, Value tileIndex) {
  side.scaleRow = side.row;
  if (side.tileRows >= kScaleTileRows)
    return;
  Value part = b.bitAnd(tileIndex, kScaleTileRows / side.tileRows - 1);
  side.scaleRow = b.add(b.mul(part, side.tileRows), side.row);
}

void WarpMatmul::emitConsumer(Value lane, Value warp) {
  loader.setLane(lane);
  group = b.shiftRight(lane, 2);
  member = b.bitAnd(lane, 3);
  placeWarp(warp);
  skeleton.forTiles({b.i32(0), b.i32(0)},
                    [&](Value m, Value n, ValueRange ring) -> Values {
                      placeInScaleTile(sideA, isSwapped ? n : m);
                      placeInScaleTile(sideB, isSwapped ? m : n);
                      Values carried = emitSteps(ring);
                      auto finish = [&](ValueRange sums) {
                        emitEpilogue(m, n, sums);
                        if (plan.epilogue.getScales())
                          QuantizedEpilogue(plan, b, skeleton)
                              .zeroPadding(m, n, b.add(b.mul(warp, 32), lane),
                                           32 * getConsumers());
                      };
                      ValueRange sums = ValueRange(carried).drop_front(2);
                      if (splitSums.isNeeded())
                        splitSums.finish(warp, lane, sums, finish);
                      else
                        finish(sums);
                      return {carried[0], carried[1]};
                    });
}

void WarpMatmul::emit(Operation *device) {
  splitSums.planWorkspace();
  skeleton.beginFunction(device, getThreads(), /*extraSharedBytes=*/0);
  Value thread = b.threadId();
  Value warp = b.warpId(thread);
  b.ifThen(b.equal(thread, 0), [&] {
    skeleton.initRing(getConsumers());
    b.fenceBarrierInit();
  });
  b.barrier();
  skeleton.emitScalars();
  Value isProducer = b.equal(warp, getConsumers());
  b.ifThenElse(
      hasProducerGroup() ? b.less(b.i32(getConsumers() - 1), warp) : isProducer,
      [&] {
        if (hasProducerGroup())
          b.setMaxRegisters(kProducerRegisters, /*isMore=*/false);
        b.ifThen(isProducer, [&] {
          if (plan.hasLaneCopies())
            skeleton.emitProducer(b.bitAnd(thread, 31));
          else
            b.ifThen(b.elect(), [&] { skeleton.emitProducer(); });
        });
      },
      [&] {
        if (hasProducerGroup())
          b.setMaxRegisters(kConsumerRegisters, /*isMore=*/true);
        emitConsumer(b.bitAnd(thread, 31), warp);
      });
  skeleton.endFunction();
}

LogicalResult lowerToSM120(KernelPlan &plan, Operation *device) {
  return lowerAs<WarpMatmul, RealBuilder>(plan, device);
}

} // namespace fp4::gpu
