//===- KernelSkeleton.cpp - What the kernels of all families share --------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Emission of the shared parts. The argument list and its description for the
// manifest are in KernelABI.cpp.
//
//===----------------------------------------------------------------------===//

#include "KernelSkeleton.h"
#include "KernelFunction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

static constexpr int64_t kBarrierBytes = 8;
/// 128 rows x 4 scales.
static constexpr int64_t kScaleTileBytes = 512;

void KernelSkeleton::emitScalars() {
  gpu::emitScalars(b, plan.kernel, mapping);
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

Value KernelSkeleton::extraShared(int64_t offset) {
  int64_t barriers = 2 * kBarrierBytes * plan.schedule.getStages();
  return b.at(shared, plan.getRingBytes() + barriers + offset);
}

Value KernelSkeleton::fullBarrier(Value stage) {
  return b.at(b.at(shared, plan.getRingBytes()), stage, b.getI64Type());
}

Value KernelSkeleton::emptyBarrier(Value stage) {
  int64_t base =
      plan.getRingBytes() + kBarrierBytes * plan.schedule.getStages();
  return b.at(b.at(shared, base), stage, b.getI64Type());
}

Value KernelSkeleton::tileAddress(const TilePlan &tile, Value stage) {
  return b.at(b.at(shared, b.mul(stage, plan.stageBytes)), tile.offset);
}

Value KernelSkeleton::swizzledChunk(const TilePlan &tile, Value row,
                                    Value chunk) {
  int64_t rowBytes = tile.getRowBytes();
  Value exchange =
      b.bitAnd(b.shiftRight(b.mul(row, rowBytes), 7), rowBytes / 16 - 1);
  return b.mul(b.bitXor(chunk, exchange), 16);
}

void KernelSkeleton::initRing(int64_t consumerArrivals) {
  // The thread that announces bytes, and each lane that copies by itself.
  int64_t producers = plan.hasLaneCopies() ? 33 : 1;
  for (int64_t stage = 0; stage < plan.schedule.getStages(); ++stage) {
    b.barrierInit(fullBarrier(b.i32(stage)), producers);
    b.barrierInit(emptyBarrier(b.i32(stage)), consumerArrivals);
  }
}

RingPosition KernelSkeleton::advance(RingPosition position) {
  Value next = b.add(position.stage, 1);
  Value wraps = b.equal(next, plan.schedule.getStages());
  Value flipped = b.bitXor(position.parity, b.i32(1));
  return {b.select(wraps, b.i32(0), next),
          b.select(wraps, flipped, position.parity)};
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

Value KernelSkeleton::size(unsigned dim) {
  return emitSize(b, plan.forTiles, dim, mapping);
}

/// Blocks that run at the same time should read as few different tiles as they
/// can, so that L2 serves the others: rows go first, but no more than a group
/// of them before the next column, which makes a hundred tiles about a square.
std::pair<Value, Value> KernelSkeleton::placeTile(Value tile, Value rowTiles,
                                                  Value columnTiles) {
  constexpr int64_t kGroup = 16;
  int64_t rows = plan.forTiles.getStaticSizes()[0];
  if (!ShapedType::isDynamic(rows) && rows <= kGroup * plan.schedule.getTileM())
    return {b.rem(tile, rowTiles), b.div(tile, rowTiles)};
  Value perGroup = b.mul(columnTiles, kGroup);
  Value firstRow = b.mul(b.div(tile, perGroup), kGroup);
  Value inGroup = b.rem(tile, perGroup);
  // The last group may have fewer rows.
  Value left = b.createOrFold<arith::SubIOp>(rowTiles, firstRow);
  Value groupRows = b.atMost(left, b.i32(kGroup));
  return {b.add(firstRow, b.rem(inGroup, groupRows)),
          b.div(inGroup, groupRows)};
}

void KernelSkeleton::forTiles(
    ValueRange init, function_ref<Values(Value, Value, ValueRange)> body) {
  Value rowTiles = b.ceilDiv(size(0), plan.schedule.getTileM());
  Value columnTiles = b.ceilDiv(size(1), plan.schedule.getTileN());
  Value count = b.createOrFold<arith::MulIOp>(rowTiles, columnTiles);
  if (plan.schedule.getBalanced())
    return forShares(count, init, [&](Value index, ValueRange carried) {
      auto [m, n] = placeTile(index, rowTiles, columnTiles);
      return body(m, n, carried);
    });
  int64_t split = plan.schedule.getSplit();
  b.forLoop(b.blockId(), b.mul(count, split), b.gridSize(), init,
            [&](Value index, ValueRange carried) {
              // The parts of a tile are neighbours, under way together.
              part = split > 1 ? b.rem(index, b.i32(split)) : Value();
              if (split > 1)
                index = b.div(index, b.i32(split));
              auto [m, n] = placeTile(index, rowTiles, columnTiles);
              if (split > 1)
                tile = b.add(b.createOrFold<arith::MulIOp>(m, columnTiles), n);
              return body(m, n, carried);
            });
}

void KernelSkeleton::forShares(Value tiles, ValueRange init,
                               function_ref<Values(Value, ValueRange)> body) {
  int64_t steps = plan.getSteps();
  shares.emplace(b, b.mul(tiles, steps), plan.gridBlocks);
  Value begin = shares->begin(b.blockId());
  Value end = shares->begin(b.add(b.blockId(), 1));
  b.forLoop(b.div(begin, b.i32(steps)), b.ceilDiv(end, steps), b.i32(1), init,
            [&](Value index, ValueRange carried) {
              Value first = b.mul(index, steps);
              auto fromFirst = [&](Value step) {
                return b.createOrFold<arith::SubIOp>(step, first);
              };
              tile = index;
              firstStep =
                  b.select(b.less(first, begin), fromFirst(begin), b.i32(0));
              endStep = b.atMost(fromFirst(end), b.i32(steps));
              return body(index, carried);
            });
}

std::pair<Value, Value> KernelSkeleton::getSteps() {
  if (plan.schedule.getBalanced())
    return {firstStep, endStep};
  int64_t split = plan.schedule.getSplit();
  if (split == 1)
    return {b.i32(0), b.i32(plan.getSteps())};
  auto first = [&](Value part) {
    return b.div(b.mul(part, plan.getSteps()), b.i32(split));
  };
  return {first(part), first(b.add(part, 1))};
}

Values KernelSkeleton::forSteps(ValueRange init,
                                function_ref<Values(Value, ValueRange)> body) {
  auto [first, end] = getSteps();
  return b.forLoop(first, end, b.i32(1), init, body);
}

/// Elements go by TMA, which gives zeros for what is outside the matrix. Tiles
/// of scales are consecutive in memory along the depth: one copy for each 128
/// rows, or one for each of them where the depth ends within a step.
///
/// Scales that do not exist are replaced by the last ones of the same
/// dimension. Behind the last row stand results that are not stored. Behind the
/// last column stand zero elements, and the scales in their place are those of
/// the same row: if one of them is NaN, so is the row's result anyway.
void KernelSkeleton::emitCopy(const TilePlan &tile, Value index, Value step,
                              RingPosition position) {
  Value barrier = fullBarrier(position.stage);
  Value shared = tileAddress(tile, position.stage);
  Value source = mapping.lookup(tile.source);
  ArrayRef<int64_t> shape = tile.getShape();
  if (tile.isElements) {
    b.copyTile(shared, source, b.mul(step, tile.getRowBytes()),
               b.mul(index, shape[0]), barrier);
    return;
  }
  index = b.shiftRight(index, llvm::Log2_64(tile.sharedBy));
  int64_t chunks = tile.getSourceType().getDimSize(1);
  bool isRaggedDepth = chunks % shape[1] != 0;
  int64_t perCopy = isRaggedDepth ? 1 : shape[1];
  unsigned dim = tile.followsRows ? 0 : 1;
  for (int64_t row = 0; row < shape[0]; ++row) {
    Value rowIndex = b.add(b.mul(index, shape[0]), row);
    if (row > 0 && isRagged(dim))
      rowIndex =
          b.atMost(rowIndex, b.add(b.ceilDiv(size(dim), kScaleTileRows), -1));
    for (int64_t chunk = 0; chunk < shape[1]; chunk += perCopy) {
      Value chunkIndex = b.add(b.mul(step, shape[1]), chunk);
      if (isRaggedDepth && chunk > 0)
        chunkIndex = b.atMost(chunkIndex, b.i32(chunks - 1));
      Value tileIndex = b.add(b.mul(rowIndex, chunks), chunkIndex);
      b.copyBytes(b.at(shared, (row * shape[1] + chunk) * kScaleTileBytes),
                  b.at(source, b.mul(tileIndex, kScaleTileBytes)),
                  perCopy * kScaleTileBytes, barrier);
    }
  }
}

void KernelSkeleton::emitProducer(Value lane) {
  auto lead = [&](function_ref<void()> body) {
    if (!lane)
      return body();
    b.ifThen(b.equal(lane, 0), body);
  };
  auto isByTMA = [](TilePlan *tile) { return !tile->isCopiedByLanes; };
  lead([&] {
    for (TilePlan *tile : plan.getTiles())
      if (tile->isElements && isByTMA(tile))
        b.prefetchTensorMap(mapping.lookup(tile->source));
  });
  // A fresh barrier counts as having completed the phase of parity 1, so the
  // first round over the stages does not wait.
  Values init = {b.i32(0), b.i32(1)};
  forTiles(init, [&](Value m, Value n, ValueRange carried) {
    return forSteps(carried, [&](Value step, ValueRange carried) -> Values {
      RingPosition position{carried[0], carried[1]};
      auto index = [&](TilePlan *tile) { return tile->followsRows ? m : n; };
      b.barrierWait(emptyBarrier(position.stage), position.parity);
      lead([&] {
        b.barrierArriveExpecting(fullBarrier(position.stage), plan.copiedBytes);
        for (TilePlan *tile : llvm::make_filter_range(plan.getTiles(), isByTMA))
          emitCopy(*tile, index(tile), step, position);
      });
      for (TilePlan *tile : plan.getTiles())
        if (!isByTMA(tile))
          emitLaneCopies(*tile, index(tile), step, position, lane);
      if (lane)
        b.barrierArriveAfterCopies(fullBarrier(position.stage));
      position = advance(position);
      return {position.stage, position.parity};
    });
  });
  if (lane)
    b.waitForCopies();
}

//===----------------------------------------------------------------------===//
// Epilogue
//===----------------------------------------------------------------------===//

bool KernelSkeleton::isRagged(unsigned dim) {
  int64_t size = plan.forTiles.getStaticSizes()[dim];
  int64_t tile = dim == 0 ? plan.schedule.getTileM() : plan.schedule.getTileN();
  return ShapedType::isDynamic(size) || size % tile != 0;
}

Value KernelSkeleton::resultSize(unsigned dim) {
  if (dim == 0 || !plan.epilogue.getGated())
    return size(dim);
  return b.i32(plan.epilogue.getDest().getType().getDimSize(1));
}

void KernelSkeleton::ifWithin(unsigned dim, Value index,
                              function_ref<void()> body) {
  if (!isRagged(dim))
    return body();
  b.ifThen(b.less(index, resultSize(dim)), body);
}

Value KernelSkeleton::clamp(unsigned dim, Value index, int64_t count) {
  if (!isRagged(dim))
    return index;
  return b.atMost(index, b.add(resultSize(dim), -count));
}

/// `count` elements of the array `base` from `index` on.
Value KernelSkeleton::loadVector(Value base, Value index, int64_t count) {
  Type element = cast<MemRefType>(base.getType()).getElementType();
  unsigned bytes = element.getIntOrFloatBitWidth() / 8;
  Value pointer = b.at(mapping.lookup(base), index, element);
  return b.load(VectorType::get(count, element), pointer,
                std::min<int64_t>(16, count * bytes));
}

SmallVector<Values> KernelSkeleton::loadColumns(Value column, int64_t count) {
  SmallVector<Values> columns;
  for (Value vector : plan.epilogue.getColumns())
    columns.push_back(b.unpack(loadVector(vector, column, count)));
  return columns;
}

Value KernelSkeleton::emitElement(ValueRange operands) {
  Block &body = plan.epilogue.getBody().front();
  IRMapping local = mapping;
  local.map(body.getArguments(), operands);
  for (Operation &op : body.without_terminator())
    b.clone(op, local);
  return local.lookup(cast<YieldOp>(body.back()).getValues()[0]);
}

Value KernelSkeleton::resultIndex(Value row, Value column) {
  // 64-bit: a result can have more than 2^31 elements.
  Value rowStart =
      b.createOrFold<arith::MulIOp>(b.extend(row), b.extend(resultSize(1)));
  return b.createOrFold<arith::AddIOp>(rowStart, b.extend(column));
}

Value KernelSkeleton::resultPointer(Value row, Value column) {
  Value dest = plan.epilogue.getDest();
  return b.at(mapping.lookup(dest), resultIndex(row, column),
              cast<MemRefType>(dest.getType()).getElementType());
}

void KernelSkeleton::waitForMatrices() {
  if (plan.waitsForPredecessor && !plan.epilogue.getMatrices().empty())
    b.waitForPreviousGrid();
}

SmallVector<Values> KernelSkeleton::loadMatrices(Value row, Value column,
                                                 int64_t count) {
  SmallVector<Values> matrices;
  if (plan.epilogue.getMatrices().empty())
    return matrices;
  Value index = resultIndex(row, column);
  for (Value matrix : plan.epilogue.getMatrices())
    matrices.push_back(b.unpack(loadVector(matrix, index, count)));
  return matrices;
}

void KernelSkeleton::storeElements(ArrayRef<Values> products, Value row,
                                   Value column, ArrayRef<Values> columns) {
  int64_t count = products.front().size();
  Value index = resultIndex(row, column);
  SmallVector<Values> operands(products);
  llvm::append_range(operands, columns);
  llvm::append_range(operands, loadMatrices(row, column, count));
  Values results;
  for (int64_t i = 0; i < count; ++i)
    results.push_back(emitElement(llvm::map_to_vector(
        operands, [&](const Values &list) { return list[i]; })));
  Type element = results.front().getType();
  unsigned bytes = element.getIntOrFloatBitWidth() / 8;
  Value pointer = b.at(mapping.lookup(plan.epilogue.getDest()), index, element);
  unsigned perStore = std::min<size_t>(results.size(), 16 / bytes);
  for (size_t i = 0; i < results.size(); i += perStore)
    b.store(b.pack(ArrayRef(results).slice(i, perStore)),
            b.at(pointer, static_cast<int64_t>(i * bytes)), perStore * bytes);
}

} // namespace fp4::gpu
