//===- ExecMatrix.cpp - ldmatrix, stmatrix, movmatrix ---------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, sections "ldmatrix", "stmatrix" and "movmatrix". A matrix is a
// set of rows of 16 bytes; lane 8 i + r (16 i + r for 16 rows) gives the
// address of row r of matrix i.
//
//===----------------------------------------------------------------------===//

#include "Exec.h"
#include <cstring>

namespace fp4::ptx {

namespace {

/// `.m8n8.b16`, `.m16n16.b8` (transposed, two registers) and `.m8n16`, whose
/// elements of 4 or 6 bits become bytes.
enum Shape : uint8_t { M8N8B16, M16N16B8, M8N16 };

/// How a row's 16 elements lie in its 16 bytes.
enum Unpack : uint8_t { Bytes, Six, Four };

struct MatrixRow {
  uint8_t bytes[16];
  bool defined;
};

} // namespace

static void expand(MatrixRow &row, uint8_t unpack) {
  if (unpack == Bytes)
    return;
  unsigned bits = unpack == Six ? 6 : 4;
  uint8_t packed[16];
  std::memcpy(packed, row.bytes, 16);
  for (unsigned i = 0; i < 16; ++i) {
    unsigned position = i * bits;
    unsigned word = packed[position / 8] | packed[position / 8 + 1] << 8;
    row.bytes[i] = uint8_t(word >> (position % 8) & ((1u << bits) - 1));
  }
}

/// Reads the rows of `count` matrices of `rows` rows.
static std::array<MatrixRow, kWarpSize> readRows(Warp &warp, const Instr &instr,
                                                 unsigned total) {
  std::array<MatrixRow, kWarpSize> result;
  std::array<Location, kWarpSize> where;
  for (unsigned lane = 0; lane < total; ++lane) {
    where[lane] = warp.locate(instr.space, warp.address(instr.ops[1], lane), 16,
                              16, lane, Access::Read);
    if (!where[lane].cta)
      warp.trap("ldmatrix from an address that is not in shared memory",
                int(lane));
    // The gap of a padded row need not be defined.
    unsigned used = instr.variant2 == Six    ? 12
                    : instr.variant2 == Four ? 8
                                             : 16;
    warp.load(where[lane], result[lane].bytes, 16);
    result[lane].defined = !std::memchr(where[lane].valid, 0, used);
    expand(result[lane], instr.variant2);
  }
  if (warp.launch.options.countBankConflicts)
    warp.countConflicts(where, 16);
  return result;
}

static void loadMatrix(Warp &warp, const Instr &instr) {
  bool tall = instr.variant == M16N16B8;
  unsigned rows = tall ? 16 : 8;
  auto row = readRows(warp, instr, rows * instr.vec);
  const std::vector<Operand> &results = instr.ops[0].elems;
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    unsigned g = lane / 4, t = lane % 4;
    for (unsigned reg = 0; reg < results.size(); ++reg) {
      unsigned matrix = tall ? reg / 2 : reg;
      const MatrixRow *base = &row[matrix * rows];
      uint32_t value = 0;
      bool defined = true;
      for (unsigned byte = 0; byte < 4; ++byte) {
        unsigned r = g, at = 4 * t + byte;
        if (tall) {
          // Transposed: row g (or g + 8) of the result is a column of memory.
          r = 4 * t + byte;
          at = g + 8 * (reg % 2);
        } else if (instr.flag) {
          r = 2 * t + byte / 2;
          at = 2 * g + byte % 2;
        }
        value |= uint32_t(base[r].bytes[at]) << (8 * byte);
        defined &= base[r].defined;
      }
      warp.setLane(results[reg], lane, value, !defined);
    }
  }
}

/// Reads `.xN`.
static unsigned takeCount(Decoder &d) {
  return 1u << d.needOneOf({"x1", "x2", "x4"});
}

void decodeLdmatrix(Decoder &d) {
  Instr &i = d.instr;
  d.take("sync");
  d.take("aligned");
  i.variant = uint8_t(d.needOneOf({"m8n8", "m16n16", "m8n16"}));
  i.vec = uint8_t(takeCount(d));
  i.flag = d.take("trans");
  i.space = d.takeSpace();
  bool isB16 = d.take("b16");
  bool isB8 = !isB16 && (d.take("b8") || d.take("b8x16"));
  i.variant2 = uint8_t(d.takeOneOf({"b6x16_p32", "b4x16_p64"}) + 1);
  if ((i.variant == M8N8B16) != isB16 || (!isB16 && !isB8))
    d.fail("this shape and type do not fit together");
  if (i.variant == M16N16B8 && (!i.flag || i.vec > 2))
    d.fail(".m16n16 needs .trans and .x1 or .x2");
  if (i.variant == M8N16 && (i.flag || i.variant2 == Bytes))
    d.fail(".m8n16 needs .b8x16 with .b6x16_p32 or .b4x16_p64, and no .trans");
  if (i.variant != M8N8B16)
    d.needArchSpecific({100, 103, 110, 120, 121});
  i.sync = Sync::Warp;
  i.ownPoison = true;
  unsigned regs = i.variant == M16N16B8 ? i.vec * 2u : i.vec;
  if (d.needOperands(2) && d.needVector(0, regs, regs) && d.needAddress(1))
    d.setExec(loadMatrix);
}

//===----------------------------------------------------------------------===//
// stmatrix
//===----------------------------------------------------------------------===//

static void storeMatrix(Warp &warp, const Instr &instr) {
  bool bytes = instr.variant == 1;
  unsigned rows = bytes ? 16 : 8;
  std::vector<std::array<uint8_t, 16>> row(rows * instr.vec);
  for (unsigned reg = 0; reg < instr.vec; ++reg) {
    Lanes scratch;
    const Lanes &value = warp.read(instr.ops[1].elems[reg], scratch);
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      unsigned g = lane / 4, t = lane % 4;
      for (unsigned byte = 0; byte < 4; ++byte) {
        unsigned r = g, at = 4 * t + byte;
        if (bytes) {
          // m16n8.trans: the fragment's row g is column g of memory.
          r = 4 * t + byte;
          at = g;
        } else if (instr.flag) {
          r = 2 * t + byte / 2;
          at = 2 * g + byte % 2;
        }
        row[reg * rows + r][at] = uint8_t(value[lane] >> (8 * byte));
      }
    }
  }
  unsigned rowBytes = bytes ? 8 : 16;
  std::array<Location, kWarpSize> where;
  for (unsigned lane = 0; lane < rows * instr.vec && lane < kWarpSize; ++lane) {
    where[lane] = warp.locate(instr.space, warp.address(instr.ops[0], lane),
                              rowBytes, rowBytes, lane, Access::Write);
    if (!where[lane].cta)
      warp.trap("stmatrix to an address that is not in shared memory",
                int(lane));
    warp.store(where[lane], row[lane].data(), rowBytes);
  }
  if (warp.launch.options.countBankConflicts)
    warp.countConflicts(where, rowBytes);
}

void decodeStmatrix(Decoder &d) {
  Instr &i = d.instr;
  d.take("sync");
  d.take("aligned");
  i.variant = uint8_t(d.needOneOf({"m8n8", "m16n8"}));
  i.vec = uint8_t(takeCount(d));
  i.flag = d.take("trans");
  i.space = d.takeSpace();
  bool isB8 = d.needOneOf({"b16", "b8"}) == 1;
  if (isB8 != (i.variant == 1))
    d.fail("this shape and type do not fit together");
  if (isB8 && (!i.flag || i.vec > 2))
    d.fail(".m16n8 needs .trans and .x1 or .x2");
  if (isB8)
    d.needArchSpecific({100, 103, 110, 120, 121});
  i.sync = Sync::Warp;
  d.setResults(0);
  d.setStores();
  if (d.needOperands(2) && d.needAddress(0) && d.needVector(1, i.vec, i.vec))
    d.setExec(storeMatrix);
}

//===----------------------------------------------------------------------===//
// movmatrix
//===----------------------------------------------------------------------===//

static void moveMatrix(Warp &warp, const Instr &instr) {
  Lanes scratch;
  Lanes source = warp.read(instr.ops[1], scratch);
  auto element = [&](unsigned r, unsigned c) {
    return uint32_t(source[r * 4 + c / 2] >> (16 * (c % 2))) & 0xFFFF;
  };
  Lanes &d = warp.write(instr.ops[0]);
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    unsigned g = lane / 4, t = lane % 4;
    d[lane] = element(2 * t, g) | element(2 * t + 1, g) << 16;
  }
}

void decodeMovmatrix(Decoder &d) {
  d.take("sync");
  d.take("aligned");
  d.needOneOf({"m8n8"});
  if (!d.take("trans"))
    d.fail("needs .trans");
  d.instr.type = d.needType({Type::B16});
  d.instr.sync = Sync::Warp;
  d.needOperands(2);
  d.setExec(moveMatrix);
}

} // namespace fp4::ptx
