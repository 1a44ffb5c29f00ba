//===- Tcgen05Product.cpp - What a tcgen05.mma computes -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, sections "Data Path Layout Organization", "Block Scaling" and
// "Zero-Column Mask Descriptor". With cta_group::2 CTA p of the pair multiplies
// its half of A's rows with all of B, of which each CTA holds half of the
// columns.
//
// Scale factors of row r lie in lane r % 32, column r / 32 from their address
// on, the same in all four groups of 32 lanes, one byte per block of K from the
// descriptor's id on. Where 128 rows are spread over a pair, the lower two
// groups hold the scales of the left half of N, the upper two those of the
// right half. The ISA shows this in figures only; this reading is that of
// CuTe's tmem_sf_frg. Scales beyond the word (K = 96) continue in the next word
// of the row, 4 columns on (8 for more than 128 rows), as one tcgen05.cp of 128
// rows leaves them.
//
//===----------------------------------------------------------------------===//

#include "FloatFormat.h"
#include "FloatOps.h"
#include "Mma.h"
#include "Tcgen05Mma.h"
#include "TensorMemory.h"
#include <cmath>
#include <cstring>

namespace fp4::ptx::tcgen05 {

Datapath Mma::datapath() const {
  switch (rowsPerCTA()) {
  case 32:
    return Datapath::OneByFour;
  case 64:
    return ctaGroup == 2 || isWeightStationary ? Datapath::TwoByTwo
                                               : Datapath::Half;
  default:
    return Datapath::Full;
  }
}

unsigned Mma::copies() const {
  Datapath path = datapath();
  return path == Datapath::TwoByTwo ? 2 : path == Datapath::OneByFour ? 4 : 1;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

std::vector<SharedRange> checkOperands(Warp &warp, const Mma &mma) {
  std::vector<SharedRange> reads;
  unsigned column = mma.dAddress & 0xFFFF;
  for (CTA *cta : mma.group) {
    checkColumns(warp, *cta, column, mma.columnsOfD());
    checkPublished(warp, *cta, column, mma.columnsOfD());
    if (mma.aInTensorMemory) {
      unsigned first = mma.aAddress & 0xFFFF, count = mma.k * mma.bits / 32;
      checkColumns(warp, *cta, first, count);
      checkPublished(warp, *cta, first, count);
    } else {
      checkTile(warp, *cta, mma.aDescriptor, mma.transA, mma.rowsPerCTA(),
                mma.k, mma.bits, reads);
    }
    checkTile(warp, *cta, mma.bDescriptor, mma.transB,
              mma.n / mma.ctaGroup + mma.columnShift(), mma.k, mma.bits, reads);
  }
  return reads;
}

/// The lane of a row of A or D, of the copy `copy` of the rows.
static unsigned laneOf(const Mma &mma, unsigned row, unsigned copy,
                       uint32_t address) {
  unsigned lane = mma.datapath() == Datapath::Half
                      ? row % 16 + row / 16 * 32
                      : row + copy * mma.rowsPerCTA();
  return (lane + (address >> 16)) % kTensorLanes;
}

/// A's rows of CTA `cta` in tensor memory, which holds them as often as D's
/// lanes hold D's.
static void fetchAFromTensorMemory(const Warp &warp, const Mma &mma, CTA &cta,
                                   MatrixTile &tile) {
  unsigned rows = mma.rowsPerCTA();
  TensorMemory &memory = tensorMemoryOf(cta);
  tile.rows = rows;
  tile.rowBytes = mma.k * mma.bits / 8;
  tile.bytes.resize(rows * tile.rowBytes);
  tile.defined.assign(rows, 1);
  for (unsigned row = 0; row < rows; ++row)
    for (unsigned i = 0; i < tile.rowBytes / 4; ++i) {
      unsigned column = (mma.aAddress & 0xFFFF) + i;
      uint32_t word = memory.cell(laneOf(mma, row, 0, mma.aAddress), column);
      std::memcpy(&tile.bytes[row * tile.rowBytes + 4 * i], &word, 4);
      for (unsigned copy = 0; copy < mma.copies(); ++copy) {
        unsigned lane = laneOf(mma, row, copy, mma.aAddress);
        tile.defined[row] &= memory.validity(lane, column);
        if (memory.validity(lane, column) && memory.cell(lane, column) != word)
          warp.trap("row " + std::to_string(row) +
                    " of A in tensor memory column " + std::to_string(column) +
                    " is not the same in all groups of " +
                    std::to_string(rows) + " lanes");
      }
    }
}

static void fetchA(const Warp &warp, const Mma &mma, CTA &cta,
                   MatrixTile &tile) {
  if (mma.aInTensorMemory)
    return fetchAFromTensorMemory(warp, mma, cta, tile);
  fetchTile(warp, cta, mma.aDescriptor, mma.transA, mma.rowsPerCTA(), mma.k,
            mma.bits, tile);
}

/// Clears the columns of B that the zero-column mask names: by turns "use span"
/// columns that stay and "skip span" ones that are cleared (so the ISA's
/// examples; its table says the opposite), in one sub-mask per copy of the
/// rows, each with its own beginning.
static void maskColumns(const Mma &mma, MatrixTile &b) {
  uint64_t bits = mma.columnMask;
  if (!(bits >> 39 & 1))
    return;
  unsigned used = unsigned(bits >> 48 & 255) + 1;
  unsigned cleared = unsigned(bits >> 40 & 255) + 1;
  unsigned size = mma.n / (128 / mma.m);
  for (unsigned j = 0; j < mma.n; ++j) {
    unsigned part = j / size;
    bool startsCleared = bits >> (32 + part) & 1;
    unsigned at = j % size + unsigned(bits >> (8 * part) & 255);
    at %= used + cleared;
    if (startsCleared ? at < cleared : at >= used)
      std::memset(&b.bytes[j * b.rowBytes], 0, b.rowBytes);
  }
}

/// All of B: with a pair, the first half of the columns comes from the even
/// CTA.
static void fetchB(const Warp &warp, const Mma &mma, MatrixTile &tile) {
  unsigned shift = mma.columnShift();
  for (CTA *cta : mma.group)
    fetchTile(warp, *cta, mma.bDescriptor, mma.transB,
              mma.n / mma.ctaGroup + shift, mma.k, mma.bits, tile);
  tile.rows -= shift;
  tile.bytes.erase(tile.bytes.begin(),
                   tile.bytes.begin() + long(shift * tile.rowBytes));
  tile.defined.erase(tile.defined.begin(), tile.defined.begin() + shift);
  maskColumns(mma, tile);
}

namespace {
/// The scales of A's or B's rows, and whether all of a row's were written.
struct Scales {
  std::vector<double> values;
  std::vector<uint8_t> defined;
};
} // namespace

/// `halves`: 2 where the groups of lanes hold different rows.
static Scales fetchScales(const Warp &warp, const Mma &mma, CTA &cta,
                          uint32_t address, unsigned id, unsigned rows,
                          unsigned halves) {
  TensorMemory &memory = tensorMemoryOf(cta);
  unsigned blocks = mma.scaleBlocks, perHalf = rows / halves;
  unsigned base = address & 0xFFFF;
  unsigned wordStride = perHalf > 128 ? 8 : 4;
  unsigned lastWord = (id + blocks - 1) / 4;
  Scales scales{std::vector<double>(size_t(rows) * blocks),
                std::vector<uint8_t>(rows, 1)};
  checkColumns(warp, cta, base, (perHalf + 31) / 32 + lastWord * wordStride);
  for (unsigned row = 0; row < rows; ++row) {
    unsigned group = row / perHalf * 2, index = row % perHalf;
    for (unsigned block = 0; block < blocks; ++block) {
      unsigned byte = id + block;
      unsigned column = base + index / 32 + byte / 4 * wordStride;
      uint32_t word = memory.cell(index % 32 + 32 * group, column);
      for (unsigned part = 0; part < 4 / halves; ++part) {
        unsigned lane = index % 32 + 32 * (group + part);
        scales.defined[row] &= memory.validity(lane, column);
        if (memory.validity(lane, column) && memory.cell(lane, column) != word)
          warp.trap("scale factors in tensor memory column " +
                    std::to_string(column) + " are not the same in all " +
                    std::to_string(4 / halves) + " groups of 32 lanes");
      }
      scales.values[row * blocks + block] =
          blockScale(mma.scale, uint8_t(word >> (8 * (byte % 4))));
    }
  }
  return scales;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Decodes a row of A. In tensor memory every element of 4 or 6 bits has a byte
/// of its own; in shared memory sixteen share the beginning of 16 bytes.
static void decodeRowOfA(const Mma &mma, const uint8_t *row, float *out) {
  bool hasBytes = mma.aInTensorMemory && mma.bits == 8 &&
                  (mma.kind == F8F6F4Kind || mma.kind == MXF8F6F4Kind);
  if (!hasBytes)
    return decodeRow(mma.a, mma.bits == 8, row, mma.k, out);
  for (unsigned i = 0; i < mma.k; ++i)
    out[i] = float(mmaElement(mma.a, row[i]));
}

/// sums[row * n + column] of rows x n dot products of decoded elements.
static void multiply(const Mma &mma, const MatrixTile &a, const MatrixTile &b,
                     const Scales &scaleA, const Scales &scaleB,
                     std::vector<double> &sums) {
  unsigned k = mma.k, n = mma.n, blocks = std::max(mma.scaleBlocks, 1u);
  std::vector<float> row(k);
  std::vector<double> columns(size_t(k) * n);
  for (unsigned j = 0; j < n; ++j) {
    decodeRow(mma.b, mma.bits == 8, b.row(j), k, row.data());
    for (unsigned kk = 0; kk < k; ++kk)
      columns[kk * n + j] = row[kk];
  }
  std::vector<double> partial(n);
  for (unsigned i = 0; i < a.rows; ++i) {
    decodeRowOfA(mma, a.row(i), row.data());
    double *out = &sums[size_t(i) * n];
    for (unsigned block = 0; block < blocks; ++block) {
      std::fill(partial.begin(), partial.end(), 0.0);
      for (unsigned kk = block * k / blocks; kk < (block + 1) * k / blocks;
           ++kk) {
        double x = row[kk];
        const double *y = &columns[kk * n];
        for (unsigned j = 0; j < n; ++j)
          partial[j] += x * y[j];
      }
      for (unsigned j = 0; j < n; ++j)
        out[j] += mma.scaleBlocks
                      ? partial[j] * (scaleA.values[i * blocks + block] *
                                      scaleB.values[j * blocks + block])
                      : partial[j];
    }
  }
}

/// The same for packed e2m1, in integers; `Size` elements share a scale.
template <unsigned Size>
static void multiplyFP4(const Mma &mma, const MatrixTile &a,
                        const MatrixTile &b, const Scales &scaleA,
                        const Scales &scaleB, std::vector<double> &sums) {
  unsigned k = mma.k, blocks = mma.scaleBlocks;
  auto spread = [k](const MatrixTile &tile, std::vector<int16_t> &out) {
    out.resize(size_t(tile.rows) * k);
    for (unsigned row = 0; row < tile.rows; ++row)
      for (unsigned i = 0; i < k; ++i)
        out[row * k + i] =
            kDoubledE2M1[tile.row(row)[i / 2] >> (4 * (i % 2)) & 15];
  };
  std::vector<int16_t> x, y;
  spread(a, x);
  spread(b, y);
  for (unsigned i = 0; i < a.rows; ++i)
    for (unsigned j = 0; j < mma.n; ++j) {
      double sum = 0;
      for (unsigned block = 0; block < blocks; ++block) {
        int32_t dot = 0;
        const int16_t *left = &x[i * k + block * Size];
        const int16_t *right = &y[j * k + block * Size];
        for (unsigned kk = 0; kk < Size; ++kk)
          dot += int32_t(left[kk]) * right[kk];
        sum += dot * (scaleA.values[i * blocks + block] *
                      scaleB.values[j * blocks + block]);
      }
      sums[size_t(i) * mma.n + j] = sum * 0.25;
    }
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

static uint32_t resultOf(const Warp &warp, const Mma &mma, double sum,
                         uint32_t old) {
  if (mma.negate)
    sum = -sum;
  if (mma.d == Type::S32) {
    int64_t total = int64_t(sum) + (mma.enableInput ? int32_t(old) : 0);
    if (mma.saturate)
      total = std::min<int64_t>(std::max<int64_t>(total, INT32_MIN), INT32_MAX);
    return uint32_t(total);
  }
  double addend =
      mma.enableInput ? floatValue(mma.d, old & lowBits(typeBits(mma.d))) : 0.0;
  if (mma.scaleInput)
    addend = std::ldexp(addend, -int(mma.scaleInput));
  if (mma.d == Type::F16)
    return uint32_t(floatBits(Type::F16, roundToOdd(sum, addend), {}));
  return resultBits(
      accumulate(warp.launch.options.accumulation, sum, float(addend)));
}

static void writeResults(const Warp &warp, const Mma &mma, CTA &cta,
                         const std::vector<double> &sums,
                         const std::vector<uint8_t> &definedA,
                         const std::vector<uint8_t> &definedB) {
  TensorMemory &memory = tensorMemoryOf(cta);
  unsigned column0 = mma.dAddress & 0xFFFF, columns = mma.columnsOfD();
  for (unsigned i = 0; i < mma.rowsPerCTA(); ++i)
    for (unsigned j = 0; j < mma.n; ++j) {
      unsigned lane = laneOf(mma, i, j / columns, mma.dAddress);
      unsigned column = column0 + j % columns;
      unsigned bit = lane + (cta.rank & 1 && mma.ctaGroup == 2 ? 128 : 0);
      if (mma.disabledLanes[bit / 32] >> (bit % 32) & 1)
        continue;
      uint32_t &cell = memory.cell(lane, column);
      uint8_t &valid = memory.validity(lane, column);
      bool inputDefined = !mma.enableInput || valid;
      cell = resultOf(warp, mma, sums[size_t(i) * mma.n + j], cell);
      valid = inputDefined && definedA[i] && definedB[j];
    }
  markWritten(cta, column0, columns);
}

void perform(Warp &warp, const Mma &mma) {
  MatrixTile b;
  fetchB(warp, mma, b);
  for (CTA *cta : mma.group) {
    MatrixTile a;
    fetchA(warp, mma, *cta, a);
    Scales scaleA, scaleB;
    std::vector<uint8_t> definedA = a.defined, definedB = b.defined;
    if (mma.scaleBlocks) {
      scaleA = fetchScales(warp, mma, *cta, mma.sfaAddress, mma.idA, a.rows, 1);
      scaleB = fetchScales(warp, mma, *cta, mma.sfbAddress, mma.idB, mma.n,
                           mma.datapath() == Datapath::TwoByTwo ? 2 : 1);
      for (unsigned i = 0; i < a.rows; ++i)
        definedA[i] &= scaleA.defined[i];
      for (unsigned j = 0; j < mma.n; ++j)
        definedB[j] &= scaleB.defined[j];
    }
    std::vector<double> sums(size_t(a.rows) * mma.n);
    if (!mma.isPacked())
      multiply(mma, a, b, scaleA, scaleB, sums);
    else if (mma.k / mma.scaleBlocks == 16)
      multiplyFP4<16>(mma, a, b, scaleA, scaleB, sums);
    else
      multiplyFP4<32>(mma, a, b, scaleA, scaleB, sums);
    writeResults(warp, mma, *cta, sums, definedA, definedB);
  }
  ++warp.stats().mmaInstructions;
  warp.stats().mmaMultiplyAdds += uint64_t(mma.m) * mma.n * mma.k;
}

} // namespace fp4::ptx::tcgen05
