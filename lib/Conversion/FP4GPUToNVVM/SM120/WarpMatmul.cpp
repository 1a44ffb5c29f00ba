//===- WarpMatmul.cpp - Matmul kernels by mma.sync block_scale ------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One warp fills the ring, by TMA or else by cp.async; the others own a part of
// the output tile each, in registers. Which lane holds what is from the PTX
// ISA, "Matrix Fragments for mma.m16n8k64" and "Block Scaling for mma.sync".
//
// Scales are used as they lie in the 128x4 layout: its 16-byte entry for row
// r % 32 holds the four scales of rows r, r+32, r+64, r+96. With lane = 4g + t,
// a lane loads the entry of row 8t + g. As scale A with thread-id 0 that gives
// the rows g and g+8 of one 16-row block (t = 0, 1), with thread-id 1 those of
// the next (t = 2, 3); as scale B with thread-id t the columns of the t-th of
// four 8-column blocks. So one register serves 32 rows or columns, and one
// vector load gives the scales of a warp's whole edge. A warp that owns fewer
// than 32 begins anywhere in the 32; its lanes load from there on, so that the
// thread-ids, which are constants of the instruction, stay the same.
//
// With a swapped schedule the weight is operand A and the activation, of which
// there are few rows, operand B: the granularity of rows is then 8, and each
// byte of the weight is loaded once for all of them.
//
//===----------------------------------------------------------------------===//

#include "../Families.h"
#include "QuantizedEpilogue.h"
#include "SplitSums.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

namespace {
/// What a warp owns of one operand's rows: A has the rows of the accumulators,
/// B their columns.
struct WarpSide {
  const TilePlan &elements, &scales;
  /// Rows of the tile, those of a warp, and how many warps share them.
  int64_t tileRows, extent, warps;
  /// First row of the warp in the tile, and in the tile of scales.
  Value row, scaleRow;
};

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
        splitSums(plan, builder, skeleton, getConsumers(), getAccumulators()) {}

  LogicalResult check();
  void emit(Operation *device);

private:
  /// The depth of an instruction in bytes of a row: 64 elements of 4 bits or 32
  /// in bytes. Fragments are the same.
  static constexpr int64_t kStepBytes = 32;
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
  Values emitStage(Value stage, ValueRange accumulators);
  void emitEpilogue(Value m, Value n, ValueRange accumulators);
  void storeRowPairs(Value row, Value column, ValueRange accumulators);
  void storeTransposed(Value row, Value column, ValueRange accumulators);
  void storeQuantized(Value row, Value column, ValueRange accumulators);
  Value getFragmentAddress(const WarpSide &side, Value stage, Value laneRow,
                           Value chunk);
  Values loadMatrices(const WarpSide &side, Value source);
  SmallVector<Values> loadFragmentsA(Value stage, int64_t step);
  void loadFragmentsB(Value stage, int64_t step, SmallVector<Values> &blocks);
  Values loadScales(const WarpSide &side, Value stage, int64_t chunk);

  KernelPlan &plan;
  RealBuilder &b;
  KernelSkeleton skeleton;
  bool isSwapped;
  WarpSide sideA, sideB;
  SplitSums splitSums;
  /// lane = 4 * group + member.
  Value lane, group, member;
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
  if (getColumnBlocks() == 1 && plan.rhs.getRowBytes() < 2 * kStepBytes)
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
// Loads of one stage
//===----------------------------------------------------------------------===//

/// The address of row `laneRow` of the warp's part and of 16-byte `chunk`. The
/// warp's part and blocks of rows in it begin at multiples of eight rows.
Value WarpMatmul::getFragmentAddress(const WarpSide &side, Value stage,
                                     Value laneRow, Value chunk) {
  int64_t rowBytes = side.elements.getRowBytes();
  Value chunkOffset = skeleton.swizzledChunk(side.elements, laneRow, chunk);
  Value offset = b.add(b.mul(b.add(side.row, laneRow), rowBytes), chunkOffset);
  return b.at(skeleton.tileAddress(side.elements, stage), offset);
}

/// Four matrices of 8 rows by 16 bytes.
Values WarpMatmul::loadMatrices(const WarpSide &side, Value source) {
  if (side.elements.isSpread())
    return b.loadSpreadMatrixX4(source, side.elements.getSourceBits());
  return b.loadMatrixX4(source);
}

/// Blocks of 16 rows: lane l gives the address of row l % 16 and chunk l / 16
/// of the two that make up the depth of an instruction.
SmallVector<Values> WarpMatmul::loadFragmentsA(Value stage, int64_t step) {
  Value base = getFragmentAddress(sideA, stage, b.bitAnd(lane, 15),
                                  b.add(b.shiftRight(lane, 4), 2 * step));
  SmallVector<Values> fragments;
  for (int64_t i = 0; i < getRowBlocks(); ++i)
    fragments.push_back(
        loadMatrices(sideA, b.at(base, i * 16 * sideA.elements.getRowBytes())));
  return fragments;
}

/// Blocks of 8 columns in `blocks`: two of them by each load, or, if there is
/// only one, that of this and of the next step. The two registers of a block
/// come from neighbouring matrices of a load, for the instruction wants them in
/// an aligned pair: any other order costs two moves for each product.
void WarpMatmul::loadFragmentsB(Value stage, int64_t step,
                                SmallVector<Values> &blocks) {
  bool isSingle = getColumnBlocks() == 1;
  if (isSingle && step % 2 == 1) {
    blocks.erase(blocks.begin());
    return;
  }
  blocks.clear();
  // Lanes 8i to 8i + 7 give the rows of matrix i.
  Value row = b.bitAnd(lane, 7), matrix = b.shiftRight(lane, 3);
  Value chunk = isSingle ? matrix : b.bitAnd(matrix, 1);
  if (!isSingle)
    row = b.add(row, b.mul(b.shiftRight(matrix, 1), 8));
  Value base = getFragmentAddress(sideB, stage, row, b.add(chunk, 2 * step));
  for (int64_t j = 0; j < getColumnBlocks(); j += 2) {
    Values four =
        loadMatrices(sideB, b.at(base, j * 8 * sideB.elements.getRowBytes()));
    blocks.push_back({four[0], four[1]});
    blocks.push_back({four[2], four[3]});
  }
}

/// One word per 32 rows of the warp.
Values WarpMatmul::loadScales(const WarpSide &side, Value stage,
                              int64_t chunk) {
  int64_t words = llvm::divideCeil(side.extent, 32);
  Value entry = b.add(b.mul(member, 8), group);
  if (side.extent < 32)
    entry = b.bitAnd(b.add(entry, side.scaleRow), 31);
  Value rowTile = b.shiftRight(side.scaleRow, 7);
  Value word = b.bitAnd(b.shiftRight(side.scaleRow, 5), 3);
  int64_t chunks = side.scales.getShape()[1];
  Value offset = b.add(b.mul(rowTile, chunks * 512),
                       b.add(b.mul(entry, 16), b.mul(word, 4)));
  Value source =
      b.at(b.at(skeleton.tileAddress(side.scales, stage), offset), chunk * 512);
  if (words == 1)
    return {b.load(b.getI32Type(), source, 4)};
  return b.unpack(
      b.load(VectorType::get(words, b.getI32Type()), source, 4 * words));
}

Values WarpMatmul::emitStage(Value stage, ValueRange accumulators) {
  // An instruction takes 4 scales of 16 elements, a whole word, or, of 32
  // elements, 2 with 4 bits and 1 with bytes: a word serves two or four steps.
  int64_t scalesPerStep =
      kStepBytes * 8 / plan.lhs.getBits() / plan.mma.getBlockSize();
  int64_t stepsPerWord = 4 / scalesPerStep;
  Type elementA = plan.lhs.type.getElementType();
  Type elementB = plan.rhs.type.getElementType();
  Values sums(accumulators), scaleA, scaleB;
  SmallVector<Values> blocksB;
  for (int64_t step = 0; step < plan.lhs.getRowBytes() / kStepBytes; ++step) {
    SmallVector<Values> blocksA = loadFragmentsA(stage, step);
    loadFragmentsB(stage, step, blocksB);
    if (step % stepsPerWord == 0) {
      scaleA = loadScales(sideA, stage, step / stepsPerWord);
      scaleB = loadScales(sideB, stage, step / stepsPerWord);
    }
    int64_t byteId = scalesPerStep * (step % stepsPerWord);
    for (int64_t i = 0; i < getRowBlocks(); ++i)
      for (int64_t j = 0; j < getColumnBlocks(); ++j) {
        MutableArrayRef<Value> sum =
            MutableArrayRef(sums).slice(getBlock(i, j), 4);
        Values result = b.mmaBlockScaled(
            plan.scaleKind, elementA, elementB, blocksA[i], blocksB[j], sum,
            {scaleA[i / 2], byteId, i % 2}, {scaleB[j / 4], byteId, j % 4});
        llvm::copy(result, sum.begin());
      }
  }
  return sums;
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
  this->lane = lane;
  group = b.shiftRight(lane, 2);
  member = b.bitAnd(lane, 3);
  placeWarp(warp);
  Value zero = b.f32(0.0f);
  skeleton.forTiles(
      {b.i32(0), b.i32(0)}, [&](Value m, Value n, ValueRange ring) -> Values {
        placeInScaleTile(sideA, isSwapped ? n : m);
        placeInScaleTile(sideB, isSwapped ? m : n);
        Values init(ring);
        init.append(getAccumulators(), zero);
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
