//===- QuantizedEpilogue.cpp - Results as FP4 blocks ----------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See the header. Every lane takes part in every exchange; only stores are
// predicated, and operands of the epilogue are read at clamped places.
//
//===----------------------------------------------------------------------===//

#include "QuantizedEpilogue.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

/// What this lane has of block `index`, blocks counting rows fastest.
Values QuantizedEpilogue::computeBlock(const WarpResults &results,
                                       int64_t index) {
  int64_t run = 8 / results.lanes, row = index % results.rows;
  Value place = skeleton.clamp(0, results.getRow(b.i32(row)));
  int64_t first = index / results.rows * getBlock() / 8;
  Values values;
  for (int64_t i = first; i < first + getBlock() / 8; ++i) {
    Value column =
        b.add(b.add(results.column, 8 * i), b.mul(results.lane, run));
    column = skeleton.clamp(1, column, run);
    SmallVector<Values> operands = results.getAccumulators(row, i);
    llvm::append_range(operands, skeleton.loadColumns(column, run));
    llvm::append_range(operands, skeleton.loadMatrices(place, column, run));
    for (int64_t j = 0; j < run; ++j)
      values.push_back(skeleton.emitElement(llvm::map_to_vector(
          operands, [&](const Values &list) { return list[j]; })));
  }
  return values;
}

/// From one block in each list, of which all lanes have a part, to the parts of
/// this lane's block: a transposition, bit by bit of the lane's number.
void QuantizedEpilogue::exchange(const WarpResults &results,
                                 SmallVector<Values> &blocks) {
  for (int64_t bit = 1; bit < results.lanes; bit *= 2) {
    Value isUpper = b.notEqual(b.bitAnd(results.lane, bit), 0);
    for (int64_t i = 0; i < results.lanes; ++i) {
      if (i & bit)
        continue;
      for (auto [low, high] : llvm::zip_equal(blocks[i], blocks[i + bit])) {
        Value given = b.select(isUpper, low, high);
        Value taken = b.shuffleXor(given, bit * results.stride);
        low = b.select(isUpper, taken, low);
        high = b.select(isUpper, high, taken);
      }
    }
  }
}

void QuantizedEpilogue::store(const WarpResults &results) {
  numerics::BlockFormat format = plan.epilogue.getFormat()->getBlockFormat();
  BlockQuantizer quantizer(
      b, format, static_cast<numerics::ScaleRule>(*plan.epilogue.getRule()),
      /*norm=*/1.0f, /*hasConversion=*/true);
  if (Value scale = plan.epilogue.getTensorScale())
    quantizer.setTensorScale(skeleton.lookup(scale));
  int64_t count = results.rows * results.blocks, run = 8 / results.lanes;
  for (int64_t first = 0; first < count; first += results.lanes) {
    SmallVector<Values> parts;
    for (int64_t i = 0; i < results.lanes; ++i)
      parts.push_back(computeBlock(results, std::min(first + i, count - 1)));
    exchange(results, parts);
    Values values;
    for (int64_t i = 0; i < getBlock(); ++i)
      values.push_back(parts[i % 8 / run][i / 8 * run + i % run]);
    QuantizedBlock block = quantizer.quantize(values);
    Value index = b.add(results.lane, first);
    Value row = results.getRow(b.bitAnd(index, results.rows - 1));
    Value inWarp = b.shiftRight(index, llvm::Log2_64(results.rows));
    Value column = b.add(results.column, b.mul(inWarp, getBlock()));
    auto storeOwn = [&] {
      skeleton.ifWithin(1, column, [&] {
        skeleton.ifWithin(0, row, [&] { storeBlock(block, row, column); });
      });
    };
    if (first + results.lanes <= count)
      storeOwn();
    else
      b.ifThen(b.less(index, b.i32(count)), storeOwn);
  }
}

void QuantizedEpilogue::storeBlock(const QuantizedBlock &block, Value row,
                                   Value column) {
  Value elements = plan.epilogue.getDest();
  int64_t rowBytes = cast<MemRefType>(elements.getType()).getDimSize(1) / 2;
  Value start = b.createOrFold<arith::MulIOp>(b.extend(row), b.i64(rowBytes));
  Value offset =
      b.createOrFold<arith::AddIOp>(start, b.extend(b.shiftRight(column, 1)));
  b.store(b.pack(block.words),
          b.at(skeleton.lookup(elements), offset, b.getI8Type()),
          4 * block.words.size());
  storeScale(block.scaleCode, row,
             b.shiftRight(column, llvm::Log2_64(getBlock())));
}

void QuantizedEpilogue::storeScale(Value code, Value row, Value block) {
  Value offset = getScaleOffset(b, row, block, getChunks());
  b.store(
      b.truncate(code, 8),
      b.at(skeleton.lookup(plan.epilogue.getScales()), offset, b.getI8Type()),
      1);
}

/// `rows` by `blocks` of them.
void QuantizedEpilogue::zeroScales(Value firstRow, Value rows, Value firstBlock,
                                   Value blocks, Value thread,
                                   int64_t threads) {
  Value count = b.createOrFold<arith::MulIOp>(rows, blocks);
  b.forLoop(thread, count, b.i32(threads), {},
            [&](Value index, ValueRange) -> Values {
              storeScale(b.i32(0), b.add(firstRow, b.div(index, blocks)),
                         b.add(firstBlock, b.rem(index, blocks)));
              return {};
            });
}

void QuantizedEpilogue::zeroPadding(Value m, Value n, Value thread,
                                    int64_t threads) {
  int64_t tileRows = plan.schedule.getTileM();
  int64_t tileBlocks = plan.getResultColumns() / getBlock();
  int64_t padded = 4 * getChunks(), blocks = getBlocks();
  Value isLastColumn = b.equal(n, llvm::divideCeil(blocks, tileBlocks) - 1);
  Value firstRow = b.mul(m, tileRows), firstBlock = b.mul(n, tileBlocks);
  Value rows = skeleton.size(0);
  Value endRow = b.add(firstRow, tileRows);
  endRow = b.select(b.less(endRow, rows), endRow, rows);
  if (blocks < padded)
    b.ifThen(isLastColumn, [&] {
      zeroScales(firstRow, b.sub(endRow, firstRow), b.i32(blocks),
                 b.i32(padded - blocks), thread, threads);
    });
  int64_t staticRows = plan.forTiles.getStaticSizes()[0];
  if (!ShapedType::isDynamic(staticRows) && staticRows % kScaleTileRows == 0)
    return;
  b.ifThen(b.equal(endRow, rows), [&] {
    Value end =
        b.select(isLastColumn, b.i32(padded), b.add(firstBlock, tileBlocks));
    Value paddedRows = b.mul(b.ceilDiv(rows, kScaleTileRows), kScaleTileRows);
    zeroScales(rows, b.sub(paddedRows, rows), firstBlock,
               b.sub(end, firstBlock), thread, threads);
  });
}

} // namespace fp4::gpu
