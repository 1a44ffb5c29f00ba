//===- ExecTcgen05Copy.cpp - tcgen05.cp and tcgen05.shift -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, sections "tcgen05.cp", "Optional Decompression" and
// "tcgen05.shift". Where the rows of 4x256b go (one lane in each group of 32)
// is CuTe's SM100_UTCCP_4dp256bit. Decompressed elements lie in their bytes as
// tcgen05.mma wants them: 6 bits at the right, e2m1 in bits 2 to 5.
//
//===----------------------------------------------------------------------===//

#include "Exec.h"
#include "MatrixDescriptor.h"
#include "TensorMemory.h"
#include <cstring>

namespace fp4::ptx {

/// The targets, and `.cta_group::1` or `::2` into `vec`.
static void takeTargetAndGroup(Decoder &d) {
  d.needArchSpecific({100, 101, 103, 110});
  d.instr.vec = uint8_t(d.needOneOf({"cta_group::1", "cta_group::2"}) + 1);
}

//===----------------------------------------------------------------------===//
// cp
//===----------------------------------------------------------------------===//

namespace {
/// Rows of a tcgen05.cp shape, bytes of a row, and the lanes that row 0 of each
/// part goes to.
struct CopyShape {
  unsigned rows, rowBytes;
  /// Rows [0, half) go to these lanes, the others to the second list.
  unsigned half;
  std::vector<unsigned> first, second;
  /// From the lane of a row to that of the next.
  unsigned step = 1;
};
} // namespace

static const CopyShape &copyShape(uint8_t variant) {
  static const CopyShape shapes[] = {
      {128, 32, 128, {0}, {}},           // 128x256b
      {128, 16, 128, {0}, {}},           // 128x128b
      {64, 16, 32, {0, 64}, {32, 96}},   // 64x128b.warpx2::02_13
      {64, 16, 32, {0, 32}, {64, 96}},   // 64x128b.warpx2::01_23
      {32, 16, 32, {0, 32, 64, 96}, {}}, // 32x128b.warpx4
      {4, 32, 4, {0}, {}, 32},           // 4x256b
  };
  return shapes[variant];
}

/// Elements of `bits` bits, 16 of them at the beginning of every 16 bytes, to a
/// byte each.
static void decompress(MatrixTile &tile, unsigned bits) {
  for (size_t at = 0; at < tile.bytes.size(); at += 16) {
    uint8_t *bytes = &tile.bytes[at];
    std::array<uint8_t, 16> wide;
    for (unsigned i = 0; i < 16; ++i) {
      unsigned position = i * bits;
      unsigned pair = bytes[position / 8] | bytes[position / 8 + 1] << 8;
      unsigned code = pair >> (position % 8) & ((1u << bits) - 1);
      wide[i] = uint8_t(bits == 4 ? code << 2 : code);
    }
    std::copy(wide.begin(), wide.end(), bytes);
  }
}

static void copyTile(Warp &warp, CTA &cta, const CopyShape &shape,
                     const MatrixDescriptor &descriptor, uint32_t address,
                     unsigned elementBits) {
  MatrixTile tile;
  fetchTile(warp, cta, descriptor, false, shape.rows, shape.rowBytes, 8, tile);
  if (elementBits)
    decompress(tile, elementBits);
  TensorMemory &memory = tensorMemoryOf(cta);
  unsigned column = address & 0xFFFF, base = address >> 16;
  for (unsigned row = 0; row < shape.rows; ++row) {
    bool isSecond = row >= shape.half;
    for (unsigned lane : isSecond ? shape.second : shape.first) {
      unsigned to =
          (base + lane + row % shape.half * shape.step) % kTensorLanes;
      for (unsigned i = 0; i < shape.rowBytes / 4; ++i) {
        std::memcpy(&memory.cell(to, column + i), tile.row(row) + 4 * i, 4);
        memory.validity(to, column + i) = tile.defined[row];
      }
    }
  }
  markWritten(cta, column, shape.rowBytes / 4);
}

static void copyToTensorMemory(Warp &warp, const Instr &instr) {
  const CopyShape &shape = copyShape(instr.variant);
  Lanes scratch;
  const Lanes &descriptors = warp.read(instr.ops[1], scratch);
  std::vector<CTA *> group = tensorGroup(warp, instr.vec);
  forEachLane(warp.active, [&](unsigned lane) {
    uint32_t address = uint32_t(warp.address(instr.ops[0], lane));
    MatrixDescriptor descriptor =
        MatrixDescriptor::ofTcgen05(warp, descriptors[lane]);
    AsyncOp op;
    for (CTA *cta : group) {
      checkColumns(warp, *cta, address & 0xFFFF, shape.rowBytes / 4);
      checkPublished(warp, *cta, address & 0xFFFF, shape.rowBytes / 4);
      checkTile(warp, *cta, descriptor, false, shape.rows, shape.rowBytes, 8,
                op.reads);
    }
    op.kind = AsyncOp::Kind::Tensor;
    op.warp = &warp;
    op.lanes = 1u << lane;
    op.finish = [=, &shape, bits = instr.extra[0], issuer = &warp](uint32_t) {
      for (CTA *cta : group)
        copyTile(*issuer, *cta, shape, descriptor, address, bits);
    };
    warp.cta.cluster.async.issue(std::move(op));
  });
}

void decodeTcgen05Cp(Decoder &d) {
  takeTargetAndGroup(d);
  Instr &i = d.instr;
  if (d.take("b8x16"))
    i.extra[0] = d.needOneOf({"b4x16_p64", "b6x16_p32"}) ? 6 : 4;
  int shape =
      d.needOneOf({"128x256b", "128x128b", "64x128b", "32x128b", "4x256b"});
  if (shape == 2)
    i.variant = uint8_t(2 + d.needOneOf({"warpx2::02_13", "warpx2::01_23"}));
  else if (shape == 3) {
    if (!d.take("warpx4"))
      d.fail("32x128b needs .warpx4");
    i.variant = 4;
  } else {
    i.variant = uint8_t(shape == 4 ? 5 : shape);
  }
  d.setResults(0);
  d.setStores();
  if (d.needOperands(2) && d.needAddress(0))
    d.setExec(copyToTensorMemory);
}

//===----------------------------------------------------------------------===//
// shift
//===----------------------------------------------------------------------===//

/// tcgen05.shift.down: lanes move one down within groups of 32, 8 columns.
static void shiftDown(Warp &warp, const Instr &instr) {
  std::vector<CTA *> group = tensorGroup(warp, instr.vec);
  forEachLane(warp.active, [&](unsigned lane) {
    uint32_t address = uint32_t(warp.address(instr.ops[0], lane));
    if ((address >> 16) % 32)
      warp.trap("tcgen05.shift at " + hex(address) +
                    ": the lane must be a multiple of 32",
                int(lane));
    for (CTA *cta : group) {
      checkColumns(warp, *cta, address & 0xFFFF, 8);
      checkPublished(warp, *cta, address & 0xFFFF, 8);
    }
    AsyncOp op;
    op.kind = AsyncOp::Kind::Tensor;
    op.warp = &warp;
    op.lanes = 1u << lane;
    op.finish = [=](uint32_t) {
      for (CTA *cta : group) {
        TensorMemory &memory = tensorMemoryOf(*cta);
        for (unsigned from = (address >> 16) + 1; from < kTensorLanes; ++from)
          for (unsigned c = address & 0xFFFF; c < (address & 0xFFFF) + 8; ++c) {
            memory.cell(from - 1, c) = memory.cell(from, c);
            memory.validity(from - 1, c) = memory.validity(from, c);
          }
        markWritten(*cta, address & 0xFFFF, 8);
      }
    };
    warp.cta.cluster.async.issue(std::move(op));
  });
}

void decodeTcgen05Shift(Decoder &d) {
  takeTargetAndGroup(d);
  if (!d.take("down"))
    d.fail("needs .down");
  d.setResults(0);
  if (d.needOperands(1) && d.needAddress(0))
    d.setExec(shiftDown);
}

} // namespace fp4::ptx
