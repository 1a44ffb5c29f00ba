//===- ExecTcgen05Mma.cpp - tcgen05.mma -----------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, sections "tcgen05.mma", "Instruction descriptor", "Data Path
// Layout Organization" and "Block Scaling for tcgen05.mma". With cta_group::2
// CTA p of the pair multiplies its half of A's rows with all of B, of which
// each CTA holds half of the columns.
//
// Scale factors of row m lie in lane m % 32, column m / 32 from their address
// on, the same in all four groups of 32 lanes; one byte per block of K, from
// the descriptor's id on.
//
//===----------------------------------------------------------------------===//

#include "FloatFormat.h"
#include "FloatOps.h"
#include "MatrixDescriptor.h"
#include "Mma.h"
#include "TensorMemory.h"
#include <cmath>
#include <cstring>

namespace fp4::ptx {

namespace {

enum Kind : uint8_t {
  F16Kind,
  TF32Kind,
  F8F6F4Kind,
  I8Kind,
  MXF8F6F4Kind,
  MXF4Kind,
  MXF4NVF4Kind
};

/// Everything that one tcgen05.mma does, decoded from its operands.
struct Mma {
  Kind kind;
  Type a, b, d, scale = Type::None;
  unsigned m, n, k;
  /// Bits of an element in memory; 4- and 6-bit elements of the f8f6f4 kinds
  /// count 8, their padding included.
  unsigned bits;
  bool negate, transA, transB, saturate = false;
  unsigned scaleBlocks = 0, idA = 0, idB = 0;
  uint32_t dAddress, sfaAddress = 0, sfbAddress = 0;
  bool aInTensorMemory;
  uint32_t aAddress = 0;
  MatrixDescriptor aDescriptor, bDescriptor;
  bool enableInput;
  unsigned scaleInput = 0;
  std::array<uint32_t, 8> disabledLanes{};
  unsigned ctaGroup;
  std::vector<CTA *> group;

  /// Rows of A and D that one CTA holds.
  unsigned rowsPerCTA() const { return m / ctaGroup; }
  bool isBlockScaled() const { return kind >= MXF8F6F4Kind; }
  bool isPacked() const { return kind >= MXF4Kind; }
};

} // namespace

//===----------------------------------------------------------------------===//
// Descriptors
//===----------------------------------------------------------------------===//

static Type f8f6f4Type(const Warp &warp, unsigned code) {
  switch (code) {
  case 0:
    return Type::E4M3;
  case 1:
    return Type::E5M2;
  case 3:
    return Type::E2M3;
  case 4:
    return Type::E3M2;
  case 5:
    return Type::E2M1;
  default:
    warp.trap("instruction descriptor: unknown element type " +
              std::to_string(code));
  }
}

static void decodeElementTypes(const Warp &warp, uint32_t idesc, Mma &mma) {
  unsigned a = idesc >> 7 & 7, b = idesc >> 10 & (mma.isPacked() ? 3 : 7);
  switch (mma.kind) {
  case F16Kind:
    if (a > 1 || b > 1)
      warp.trap("instruction descriptor " + hex(idesc) +
                ": kind::f16 takes f16 (0) and bf16 (1)");
    mma.a = a ? Type::BF16 : Type::F16;
    mma.b = b ? Type::BF16 : Type::F16;
    return;
  case TF32Kind:
    if (a != 2 || b != 2)
      warp.trap("instruction descriptor " + hex(idesc) +
                ": kind::tf32 takes tf32 (2)");
    mma.a = mma.b = Type::TF32;
    return;
  case I8Kind:
    mma.a = a ? Type::S8 : Type::U8;
    mma.b = b ? Type::S8 : Type::U8;
    return;
  case F8F6F4Kind:
  case MXF8F6F4Kind:
    mma.a = f8f6f4Type(warp, a);
    mma.b = f8f6f4Type(warp, b);
    return;
  default:
    if (a != 1 || b != 1)
      warp.trap("instruction descriptor " + hex(idesc) +
                ": kind::mxf4 takes e2m1 (1)");
    mma.a = mma.b = Type::E2M1;
  }
}

static void decodeInstruction(const Warp &warp, uint32_t idesc, Mma &mma) {
  auto bad = [&](const std::string &what) {
    warp.trap("instruction descriptor " + hex(idesc) + ": " + what);
  };
  decodeElementTypes(warp, idesc, mma);
  if (idesc >> 2 & 1)
    bad("sparsity is not supported");
  mma.negate = (idesc >> 13 & 1) != (idesc >> 14 & 1);
  mma.transA = idesc >> 15 & 1;
  mma.transB = idesc >> 16 & 1;
  mma.n = (idesc >> 17 & 0x3F) << 3;
  mma.bits = mma.kind == F16Kind    ? 16
             : mma.kind == TF32Kind ? 32
             : mma.isPacked()       ? 4
                                    : 8;
  mma.k = 256 / mma.bits;
  if (mma.isBlockScaled()) {
    mma.m = (idesc >> 27 & 3) << 7;
    mma.d = Type::F32;
    mma.scale = idesc >> 23 & 1 ? Type::UE8M0 : Type::UE4M3;
    mma.idB = idesc >> 4 & 3;
    mma.idA = idesc >> 29 & 3;
    if (idesc >> 31)
      bad("K = 96 is not supported");
  } else {
    mma.m = (idesc >> 24 & 0x1F) << 4;
    static constexpr Type results[] = {Type::F16, Type::F32, Type::S32,
                                       Type::None};
    mma.d = results[idesc >> 4 & 3];
    mma.saturate = idesc >> 3 & 1;
    if ((mma.d == Type::S32) != (mma.kind == I8Kind) || mma.d == Type::None)
      bad("the result type does not fit the kind");
  }
  if ((mma.transA || mma.transB) && mma.bits < 8)
    bad("4-bit operands cannot be transposed");
  auto hasWideAtoms = [](const MatrixDescriptor &descriptor) {
    return descriptor.swizzle == TensorMapSwizzle::B128Atom32B;
  };
  if ((mma.transA && hasWideAtoms(mma.aDescriptor)) ||
      (mma.transB && hasWideAtoms(mma.bDescriptor)))
    bad("an MN-major operand with 32-byte swizzle atoms is not supported");
}

/// Shapes that the ISA's table of kinds allows.
static void checkShape(const Warp &warp, const Mma &mma) {
  unsigned m = mma.m, n = mma.n;
  bool ok;
  if (mma.ctaGroup == 1) {
    ok = mma.isBlockScaled() ? m == 128 : m == 64 || m == 128;
    unsigned step = mma.isBlockScaled() || m == 64 ? 8 : 16;
    ok &= n >= 8 && n <= 256 && n % step == 0;
  } else {
    ok = m == 128 || m == 256;
    ok &= n >= 16 && n <= 256 && n % 16 == 0;
  }
  if (!ok)
    warp.trap(
        "tcgen05.mma of shape " + std::to_string(m) + "x" + std::to_string(n) +
        " is not possible with cta_group::" + std::to_string(mma.ctaGroup));
  if (mma.isBlockScaled() && mma.ctaGroup == 2 && m == 128)
    warp.trap("block-scaled tcgen05.mma with M = 128 on a pair of CTAs is not "
              "supported");
}

static void checkScales(const Warp &warp, Mma &mma, unsigned requested) {
  if (!mma.isBlockScaled())
    return;
  unsigned blocks = mma.kind == MXF8F6F4Kind ? 1
                    : mma.kind == MXF4Kind   ? 2
                                             : (requested ? requested : 2);
  if (requested && requested != blocks)
    warp.trap("the scale vector size does not fit the kind");
  if (mma.kind != MXF4NVF4Kind && mma.scale != Type::UE8M0)
    warp.trap("this kind needs scales of type ue8m0");
  if (mma.kind == MXF4NVF4Kind && blocks == 2 && mma.scale != Type::UE8M0)
    warp.trap("scales of type ue4m3 need blocks of 16");
  if (mma.idA % blocks || mma.idB % blocks)
    warp.trap("scale ids " + std::to_string(mma.idA) + " and " +
              std::to_string(mma.idB) + " do not fit " +
              std::to_string(blocks) + " scales per row");
  mma.scaleBlocks = blocks;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// A's rows of CTA `cta`.
static void fetchA(const Warp &warp, const Mma &mma, CTA &cta,
                   MatrixTile &tile) {
  unsigned rows = mma.rowsPerCTA();
  if (!mma.aInTensorMemory)
    return fetchTile(warp, cta, mma.aDescriptor, mma.transA, rows, mma.k,
                     mma.bits, tile);
  TensorMemory &memory = tensorMemoryOf(cta);
  tile.rows = rows;
  tile.rowBytes = mma.k * mma.bits / 8;
  tile.bytes.resize(rows * tile.rowBytes);
  tile.defined.assign(rows, 1);
  for (unsigned row = 0; row < rows; ++row) {
    unsigned lane = rows == 64 ? row % 16 + row / 16 * 32 : row;
    lane += mma.aAddress >> 16;
    for (unsigned i = 0; i < tile.rowBytes / 4; ++i) {
      unsigned column = (mma.aAddress & 0xFFFF) + i;
      std::memcpy(&tile.bytes[row * tile.rowBytes + 4 * i],
                  &memory.cell(lane % kTensorLanes, column), 4);
      tile.defined[row] &= memory.validity(lane % kTensorLanes, column);
    }
  }
}

/// All of B: with a pair, the first half of the columns comes from the even
/// CTA.
static void fetchB(const Warp &warp, const Mma &mma, MatrixTile &tile) {
  for (CTA *cta : mma.group)
    fetchTile(warp, *cta, mma.bDescriptor, mma.transB, mma.n / mma.ctaGroup,
              mma.k, mma.bits, tile);
}

/// Scales of `rows` rows; false in `defined` where one was never written.
static void fetchScales(const Warp &warp, const Mma &mma, CTA &cta,
                        uint32_t address, unsigned id, unsigned rows,
                        std::vector<double> &scales,
                        std::vector<uint8_t> &defined) {
  TensorMemory &memory = tensorMemoryOf(cta);
  unsigned blocks = mma.scaleBlocks;
  scales.resize(size_t(rows) * blocks);
  defined.assign(rows, 1);
  checkColumns(warp, cta, address & 0xFFFF, (rows + 31) / 32);
  for (unsigned row = 0; row < rows; ++row) {
    unsigned column = (address & 0xFFFF) + row / 32;
    uint32_t word = memory.cell(row % 32, column);
    for (unsigned part = 0; part < 4; ++part) {
      unsigned lane = row % 32 + 32 * part;
      defined[row] &= memory.validity(lane, column);
      if (memory.validity(lane, column) && memory.cell(lane, column) != word)
        warp.trap("scale factors in tensor memory column " +
                  std::to_string(column) +
                  " are not the same in all four groups of 32 lanes");
    }
    for (unsigned block = 0; block < blocks; ++block)
      scales[row * blocks + block] =
          blockScale(mma.scale, uint8_t(word >> (8 * (id + block))));
  }
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// sums[row * n + column] of rows x n dot products of decoded elements.
static void multiply(const Mma &mma, const MatrixTile &a, const MatrixTile &b,
                     const std::vector<double> &scaleA,
                     const std::vector<double> &scaleB,
                     std::vector<double> &sums) {
  unsigned k = mma.k, n = mma.n, blocks = std::max(mma.scaleBlocks, 1u);
  bool padded = mma.kind == F8F6F4Kind || mma.kind == MXF8F6F4Kind;
  std::vector<float> row(k);
  std::vector<double> columns(size_t(k) * n);
  for (unsigned j = 0; j < n; ++j) {
    decodeRow(mma.b, padded, b.row(j), k, row.data());
    for (unsigned kk = 0; kk < k; ++kk)
      columns[kk * n + j] = row[kk];
  }
  std::vector<double> partial(n);
  for (unsigned i = 0; i < a.rows; ++i) {
    decodeRow(mma.a, padded, a.row(i), k, row.data());
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
        out[j] += mma.scaleBlocks ? partial[j] * (scaleA[i * blocks + block] *
                                                  scaleB[j * blocks + block])
                                  : partial[j];
    }
  }
}

/// The same for packed e2m1, in integers.
template <unsigned Blocks>
static void multiplyFP4(const Mma &mma, const MatrixTile &a,
                        const MatrixTile &b, const std::vector<double> &scaleA,
                        const std::vector<double> &scaleB,
                        std::vector<double> &sums) {
  constexpr unsigned k = 64, size = k / Blocks;
  auto spread = [](const MatrixTile &tile, std::vector<int16_t> &out) {
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
      for (unsigned block = 0; block < Blocks; ++block) {
        int32_t dot = 0;
        for (unsigned kk = block * size; kk < (block + 1) * size; ++kk)
          dot += int32_t(x[i * k + kk]) * y[j * k + kk];
        sum += dot * (scaleA[i * Blocks + block] * scaleB[j * Blocks + block]);
      }
      sums[size_t(i) * mma.n + j] = sum * 0.25;
    }
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

/// Where D's element (row, column) of a CTA lies (layouts A, B, D and F).
static void placeOf(const Mma &mma, unsigned row, unsigned column,
                    unsigned &lane, unsigned &place) {
  lane = row;
  place = column;
  if (mma.rowsPerCTA() == 128)
    return;
  if (mma.ctaGroup == 1) {
    lane = row % 16 + row / 16 * 32;
    return;
  }
  unsigned half = mma.n / 2;
  lane = row + (column >= half ? 64 : 0);
  place = column % half;
}

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
  unsigned column0 = mma.dAddress & 0xFFFF, lane0 = mma.dAddress >> 16;
  unsigned rows = mma.rowsPerCTA();
  for (unsigned i = 0; i < rows; ++i)
    for (unsigned j = 0; j < mma.n; ++j) {
      unsigned lane, column;
      placeOf(mma, i, j, lane, column);
      lane = (lane + lane0) % kTensorLanes;
      column += column0;
      unsigned bit = lane + (cta.rank & 1 && mma.ctaGroup == 2 ? 128 : 0);
      if (mma.disabledLanes[bit / 32] >> (bit % 32) & 1)
        continue;
      uint32_t &cell = memory.cell(lane, column);
      uint8_t &valid = memory.validity(lane, column);
      bool inputDefined = !mma.enableInput || valid;
      cell = resultOf(warp, mma, sums[size_t(i) * mma.n + j], cell);
      valid = inputDefined && definedA[i] && definedB[j];
    }
  bool split = rows == 64 && mma.ctaGroup == 2;
  markWritten(cta, column0, split ? mma.n / 2 : mma.n);
}

/// The whole instruction, when it takes effect.
static void perform(Warp &warp, const Mma &mma) {
  MatrixTile b;
  fetchB(warp, mma, b);
  for (CTA *cta : mma.group) {
    MatrixTile a;
    fetchA(warp, mma, *cta, a);
    std::vector<double> scaleA, scaleB;
    std::vector<uint8_t> definedA = a.defined, definedB = b.defined;
    if (mma.scaleBlocks) {
      std::vector<uint8_t> okA, okB;
      fetchScales(warp, mma, *cta, mma.sfaAddress, mma.idA, a.rows, scaleA,
                  okA);
      fetchScales(warp, mma, *cta, mma.sfbAddress, mma.idB, mma.n, scaleB, okB);
      for (unsigned i = 0; i < a.rows; ++i)
        definedA[i] &= okA[i];
      for (unsigned j = 0; j < mma.n; ++j)
        definedB[j] &= okB[j];
    }
    std::vector<double> sums(size_t(a.rows) * mma.n);
    if (mma.isPacked() && mma.scaleBlocks == 4)
      multiplyFP4<4>(mma, a, b, scaleA, scaleB, sums);
    else if (mma.isPacked())
      multiplyFP4<2>(mma, a, b, scaleA, scaleB, sums);
    else
      multiply(mma, a, b, scaleA, scaleB, sums);
    writeResults(warp, mma, *cta, sums, definedA, definedB);
  }
  ++warp.stats().mmaInstructions;
  warp.stats().mmaMultiplyAdds += uint64_t(mma.m) * mma.n * mma.k;
}

//===----------------------------------------------------------------------===//
// Issue and decoding
//===----------------------------------------------------------------------===//

namespace {
/// Which operands an instruction has, in `extra[0]`.
enum Has : uint32_t { HasDisabled = 1, HasScaleInput = 2 };
} // namespace

/// Checks what can be checked at issue and lists the shared memory that is
/// read.
static std::vector<SharedRange> checkOperands(Warp &warp, const Mma &mma) {
  std::vector<SharedRange> reads;
  unsigned column = mma.dAddress & 0xFFFF;
  unsigned columns =
      mma.rowsPerCTA() == 64 && mma.ctaGroup == 2 ? mma.n / 2 : mma.n;
  for (CTA *cta : mma.group) {
    checkColumns(warp, *cta, column, columns);
    if (mma.aInTensorMemory)
      checkColumns(warp, *cta, mma.aAddress & 0xFFFF, mma.k * mma.bits / 32);
    else
      checkTile(warp, *cta, mma.aDescriptor, mma.transA, mma.rowsPerCTA(),
                mma.k, mma.bits, reads);
    checkTile(warp, *cta, mma.bDescriptor, mma.transB, mma.n / mma.ctaGroup,
              mma.k, mma.bits, reads);
  }
  return reads;
}

/// Operands: [d], a or [a], b, idesc, {[sfa], [sfb],} {disabled lanes,}
/// enable {, scale of the input}.
static void issueMma(Warp &warp, const Instr &instr) {
  forEachLane(warp.active, [&](unsigned lane) {
    Lanes scratch;
    auto value = [&](const Operand &op) {
      return warp.read(op, scratch)[lane];
    };
    Mma mma;
    mma.kind = Kind(instr.variant);
    mma.ctaGroup = instr.vec;
    mma.group = tensorGroup(warp, instr.vec);
    mma.dAddress = uint32_t(warp.address(instr.ops[0], lane));
    mma.aInTensorMemory = instr.ops[1].kind == Operand::Kind::Address;
    if (mma.aInTensorMemory)
      mma.aAddress = uint32_t(warp.address(instr.ops[1], lane));
    else
      mma.aDescriptor = MatrixDescriptor::ofTcgen05(warp, value(instr.ops[1]));
    mma.bDescriptor = MatrixDescriptor::ofTcgen05(warp, value(instr.ops[2]));
    decodeInstruction(warp, uint32_t(value(instr.ops[3])), mma);
    checkShape(warp, mma);
    checkScales(warp, mma, instr.variant2);
    size_t next = 4;
    if (mma.isBlockScaled()) {
      mma.sfaAddress = uint32_t(warp.address(instr.ops[next++], lane));
      mma.sfbAddress = uint32_t(warp.address(instr.ops[next++], lane));
    }
    if (instr.extra[0] & HasDisabled) {
      const std::vector<Operand> &masks = instr.ops[next++].elems;
      for (size_t i = 0; i < masks.size(); ++i)
        mma.disabledLanes[i] = uint32_t(value(masks[i]));
    }
    mma.enableInput = value(instr.ops[next++]) & 1;
    if (instr.extra[0] & HasScaleInput)
      mma.scaleInput = unsigned(value(instr.ops[next]));
    AsyncOp op;
    op.reads = checkOperands(warp, mma);
    op.kind = AsyncOp::Kind::Tensor;
    op.warp = &warp;
    op.lanes = 1u << lane;
    op.finish = [mma, issuer = &warp](uint32_t) { perform(*issuer, mma); };
    warp.cta.cluster.async.issue(std::move(op));
  });
}

void decodeTcgen05Mma(Decoder &d) {
  Instr &i = d.instr;
  d.needArchSpecific({100, 101, 103, 110});
  i.vec = uint8_t(d.needOneOf({"cta_group::1", "cta_group::2"}) + 1);
  i.variant = uint8_t(
      d.needOneOf({"kind::f16", "kind::tf32", "kind::f8f6f4", "kind::i8",
                   "kind::mxf8f6f4", "kind::mxf4", "kind::mxf4nvf4"}));
  bool scaled = i.variant >= MXF8F6F4Kind;
  if (d.take("block_scale") != scaled)
    d.fail(scaled ? "needs .block_scale" : ".block_scale does not fit");
  static constexpr uint8_t sizes[] = {1, 2, 4, 2, 4};
  int size = scaled ? d.takeOneOf({"scale_vec::1X", "scale_vec::2X",
                                   "scale_vec::4X", "block32", "block16"})
                    : -1;
  i.variant2 = size < 0 ? 0 : sizes[size];
  if (i.variant == MXF8F6F4Kind && size == 3)
    i.variant2 = 1;
  d.ignorePrefix("collector::");
  d.setResults(0);
  d.setStores();
  if (!d.needOperands(scaled ? 7 : 5, 7) || !d.needAddress(0))
    return;
  if (scaled) {
    if (d.needAddress(4) && d.needAddress(5))
      d.setExec(issueMma);
    return;
  }
  size_t next = 4;
  if (i.ops[next].kind == Operand::Kind::Vector) {
    i.extra[0] |= HasDisabled;
    d.needVector(next++, i.vec * 4u, i.vec * 4u);
  }
  if (i.ops.size() > next + 1)
    i.extra[0] |= HasScaleInput;
  if (i.ops.size() <= next || i.ops.size() > next + 2)
    return d.fail("wrong number of operands");
  d.setExec(issueMma);
}

} // namespace fp4::ptx
