//===- LaneCopies.cpp - Elements that TMA does not copy -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The lanes of the producer bring tiles of elements into the order in which TMA
// would have left them, swizzled and, where they are spread, with a gap behind
// each 16 of them. They count on the same barriers (PTX ISA, "cp.async",
// "cp.async.mbarrier.arrive").
//
//===----------------------------------------------------------------------===//

#include "KernelSkeleton.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <numeric>

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

/// Neighbouring lanes take neighbouring elements of a row. Nothing is read
/// behind the end of the matrix or of a row of it: zeros are written.
void KernelSkeleton::emitLaneCopies(const TilePlan &tile, Value index,
                                    Value step, RingPosition position,
                                    Value lane) {
  constexpr int64_t kLanes = 32, kChunkBytes = 16;
  int64_t rows = tile.getShape()[0], depth = tile.getShape()[1];
  int64_t perRow = depth / kLaneCopyElements;
  int64_t pieceBytes = kLaneCopyElements * tile.getSourceBits() / 8;
  int64_t sharedBytes = tile.isSpread() ? kChunkBytes : pieceBytes;
  int64_t pitch = tile.getSourcePitch();
  int64_t unit = std::gcd(std::gcd(pitch, pieceBytes), kChunkBytes);
  Value matrixRows = size(tile.followsRows ? 0 : 1);
  Value matrixDepth = b.i32(tile.getSourceType().getDimSize(1));
  Value source = mapping.lookup(tile.source);
  Value shared = tileAddress(tile, position.stage);
  auto copyPiece = [&](Value number, ValueRange) -> Values {
    Value row = b.shiftRight(number, llvm::Log2_64(perRow));
    Value piece = b.bitAnd(number, perRow - 1);
    Value matrixRow = b.add(b.mul(index, rows), row);
    Value element = b.add(b.mul(step, depth), b.mul(piece, kLaneCopyElements));
    Value isPresent = arith::AndIOp::create(b, b.less(matrixRow, matrixRows),
                                            b.less(element, matrixDepth));
    Value rowStart = b.createOrFold<arith::MulIOp>(
        b.extend(b.select(isPresent, matrixRow, b.i32(0))), b.i64(pitch));
    Value inRow = b.add(b.mul(step, depth * tile.getSourceBits() / 8),
                        b.mul(piece, pieceBytes));
    Value offset = b.createOrFold<arith::AddIOp>(
        rowStart, b.extend(b.select(isPresent, inRow, b.i32(0))));
    Value present = b.select(isPresent, b.i32(unit), b.i32(0));
    Value target = b.mul(piece, sharedBytes);
    Value chunk = swizzledChunk(tile, row, b.shiftRight(target, 4));
    target = b.add(b.add(b.mul(row, tile.getRowBytes()), chunk),
                   b.bitAnd(target, kChunkBytes - 1));
    for (int64_t i = 0; i < pieceBytes; i += unit)
      b.copyAsync(b.at(b.at(shared, target), i), b.at(b.at(source, offset), i),
                  unit, present);
    return {};
  };
  b.forLoop(lane, b.i32(rows * perRow), b.i32(kLanes), {}, copyPiece);
}

} // namespace fp4::gpu
