//===- WarpFragments.cpp - Operands of a warp's products ------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which lane holds what is from the PTX ISA, "Matrix Fragments for
// mma.m16n8k64" and "Block Scaling for mma.sync".
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
//===----------------------------------------------------------------------===//

#include "WarpFragments.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

Values Fragments::flatten() const {
  Values all;
  for (const Values &list : llvm::concat<const Values>(a, b))
    llvm::append_range(all, list);
  llvm::append_range(all, scaleA);
  llvm::append_range(all, scaleB);
  return all;
}

Fragments Fragments::replace(ValueRange registers) const {
  Fragments result = *this;
  auto next = registers.begin();
  auto fill = [&](Values &list) {
    for (Value &value : list)
      value = *next++;
  };
  for (Values &list : llvm::concat<Values>(result.a, result.b))
    fill(list);
  fill(result.scaleA);
  fill(result.scaleB);
  return result;
}

void FragmentLoader::setLane(Value value) {
  lane = value;
  group = b.shiftRight(lane, 2);
  member = b.bitAnd(lane, 3);
}

/// The address of row `laneRow` of the warp's part and of 16-byte `chunk`. The
/// warp's part and blocks of rows in it begin at multiples of eight rows.
Value FragmentLoader::getAddress(const WarpSide &side, Value stage,
                                 Value laneRow, Value chunk) {
  int64_t rowBytes = side.elements.getRowBytes();
  Value chunkOffset = skeleton.swizzledChunk(side.elements, laneRow, chunk);
  Value offset = b.add(b.mul(b.add(side.row, laneRow), rowBytes), chunkOffset);
  return b.at(skeleton.tileAddress(side.elements, stage), offset);
}

/// Four matrices of 8 rows by 16 bytes.
Values FragmentLoader::loadMatrices(const WarpSide &side, Value source) {
  if (side.elements.isSpread())
    return b.loadSpreadMatrixX4(source, side.elements.getSourceBits());
  return b.loadMatrixX4(source);
}

/// Blocks of 16 rows: lane l gives the address of row l % 16 and chunk l / 16
/// of the two that make up the depth of an instruction.
SmallVector<Values> FragmentLoader::loadA(Value stage, int64_t step) {
  Value base = getAddress(sideA, stage, b.bitAnd(lane, 15),
                          b.add(b.shiftRight(lane, 4), 2 * step));
  SmallVector<Values> fragments;
  for (int64_t row = 0; row < sideA.extent; row += 16)
    fragments.push_back(
        loadMatrices(sideA, b.at(base, row * sideA.elements.getRowBytes())));
  return fragments;
}

/// Blocks of 8 columns: two of them by each load, or, if there is only one,
/// that of this and of the next step. The two registers of a block come from
/// neighbouring matrices of a load, for the instruction wants them in an
/// aligned pair: any other order costs two moves for each product.
SmallVector<Values> FragmentLoader::loadB(Value stage, int64_t step,
                                          ArrayRef<Values> previous) {
  bool isSingle = sideB.extent == 8;
  if (isSingle && step % 2 == 1)
    return {previous.back()};
  // Lanes 8i to 8i + 7 give the rows of matrix i.
  Value row = b.bitAnd(lane, 7), matrix = b.shiftRight(lane, 3);
  Value chunk = isSingle ? matrix : b.bitAnd(matrix, 1);
  if (!isSingle)
    row = b.add(row, b.mul(b.shiftRight(matrix, 1), 8));
  Value base = getAddress(sideB, stage, row, b.add(chunk, 2 * step));
  SmallVector<Values> blocks;
  for (int64_t column = 0; column < sideB.extent; column += 16) {
    Values four =
        loadMatrices(sideB, b.at(base, column * sideB.elements.getRowBytes()));
    blocks.push_back({four[0], four[1]});
    blocks.push_back({four[2], four[3]});
  }
  return blocks;
}

Values FragmentLoader::loadScales(const WarpSide &side, Value stage,
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

Fragments FragmentLoader::load(Value stage, int64_t step,
                               const Fragments &previous) {
  Fragments next;
  next.a = loadA(stage, step);
  next.b = loadB(stage, step, previous.b);
  // An instruction takes 4 scales of 16 elements, a whole word, or, of 32
  // elements, 2 with 4 bits and 1 with bytes: a word serves two or four steps.
  if (getByteId(step) == 0) {
    int64_t word = getScalesPerStep() * step / 4;
    next.scaleA = loadScales(sideA, stage, word);
    next.scaleB = loadScales(sideB, stage, word);
  } else {
    next.scaleA = previous.scaleA;
    next.scaleB = previous.scaleB;
  }
  return next;
}

} // namespace fp4::gpu
