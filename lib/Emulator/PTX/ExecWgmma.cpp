//===- ExecWgmma.cpp - wgmma.* --------------------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, section "Asynchronous Warpgroup Level Matrix Instructions". Warp
// w of a warpgroup holds rows 16 (w % 4) to 16 (w % 4) + 15 of A and D, in the
// fragments of mma.sync; so every warp can do its part alone.
//
// Registers are read and written when the operation takes effect, which in the
// late mode is at wgmma.wait_group; in between the results are undefined.
//
//===----------------------------------------------------------------------===//

#include "FloatFormat.h"
#include "FloatOps.h"
#include "MatrixDescriptor.h"
#include "Mma.h"
#include <cstring>

namespace fp4::ptx {

namespace {
constexpr unsigned kRows = 16;

/// One warp's part of a wgmma.mma_async.
struct Wgmma {
  const Instr *instr;
  std::shared_ptr<Frame> frame;
  unsigned n, k, bits;
  bool aInRegisters, transA, transB, negate, accumulateD, undefinedInput;
  MatrixDescriptor a, b;
};
} // namespace

//===----------------------------------------------------------------------===//
// Taking effect
//===----------------------------------------------------------------------===//

/// This warp's 16 rows of A.
static void fetchA(Warp &warp, const Wgmma &op, MatrixTile &tile) {
  if (!op.aInRegisters) {
    MatrixTile all;
    fetchTile(warp, warp.cta, op.a, op.transA, 64, op.k, op.bits, all);
    unsigned first = warp.index % 4 * kRows;
    tile.rows = kRows;
    tile.rowBytes = all.rowBytes;
    tile.bytes.assign(all.row(first), all.row(first) + kRows * all.rowBytes);
    tile.defined.assign(all.defined.begin() + first,
                        all.defined.begin() + first + kRows);
    return;
  }
  tile.rows = kRows;
  tile.rowBytes = 32;
  tile.bytes.resize(kRows * 32);
  tile.defined.assign(kRows, 1);
  const std::vector<Operand> &regs = op.instr->ops[1].elems;
  for (unsigned i = 0; i < 4; ++i)
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      unsigned row = lane / 4 + 8 * (i % 2);
      uint32_t word = uint32_t(op.frame->regs[regs[i].slot][lane]);
      std::memcpy(&tile.bytes[row * 32 + i / 2 * 16 + lane % 4 * 4], &word, 4);
      if (op.frame->poison[regs[i].slot] >> lane & 1)
        tile.defined[row] = 0;
    }
}

/// Where D's element of a thread lies: the register, and the half of it.
struct Place {
  unsigned reg, half;
};

static Place placeOf(const Instr &instr, unsigned j, unsigned i) {
  if (instr.type == Type::F16)
    return {2 * j + i / 2, i % 2};
  return {4 * j + i, 0};
}

static uint64_t integerResult(const Wgmma &op, const float *a, const float *b,
                              uint64_t old) {
  int64_t total = op.accumulateD ? int32_t(old) : 0;
  for (unsigned kk = 0; kk < op.k; ++kk)
    total += int64_t(a[kk]) * int64_t(b[kk]);
  if (op.instr->sat)
    total = std::min<int64_t>(std::max<int64_t>(total, INT32_MIN), INT32_MAX);
  return uint32_t(total);
}

static uint64_t resultOf(const DotProduct &dot, const Wgmma &op, const float *a,
                         const float *b, uint64_t old) {
  if (dot.result == Type::S32)
    return integerResult(op, a, b, old);
  double addend = op.accumulateD ? floatValue(dot.result, old) : 0.0;
  return dot.element(a, b, op.k, addend);
}

static void perform(Warp &warp, const Wgmma &op) {
  const Instr &instr = *op.instr;
  MatrixTile a, b;
  fetchA(warp, op, a);
  fetchTile(warp, warp.cta, op.b, op.transB, op.n, op.k, op.bits, b);
  std::vector<float> x(kRows * op.k), y(size_t(op.n) * op.k);
  for (unsigned i = 0; i < kRows; ++i)
    decodeRow(instr.type2, false, a.row(i), op.k, &x[i * op.k]);
  for (unsigned j = 0; j < op.n; ++j)
    decodeRow(instr.type3, false, b.row(j), op.k, &y[size_t(j) * op.k]);
  if (op.negate)
    for (float &value : x)
      value = -value;
  DotProduct dot{warp.launch.options.accumulation, instr.type2, instr.type3,
                 instr.type, true};
  const std::vector<Operand> &results = instr.ops[0].elems;
  for (const Operand &reg : results)
    op.frame->poison[reg.slot] = op.undefinedInput ? ~0u : 0;
  for (unsigned lane = 0; lane < kWarpSize; ++lane)
    for (unsigned j = 0; j < op.n / 8; ++j)
      for (unsigned i = 0; i < 4; ++i) {
        unsigned row = lane / 4 + 8 * (i / 2);
        unsigned column = 8 * j + lane % 4 * 2 + i % 2;
        Place place = placeOf(instr, j, i);
        int32_t slot = results[place.reg].slot;
        uint64_t &reg = op.frame->regs[slot][lane];
        unsigned width = typeBits(instr.type);
        uint64_t mask = lowBits(width) << (16 * place.half);
        uint64_t old = (reg & mask) >> (16 * place.half);
        uint64_t value =
            resultOf(dot, op, &x[row * op.k], &y[size_t(column) * op.k], old);
        reg = (reg & ~mask) | (value << (16 * place.half) & mask);
        if (!a.defined[row] || !b.defined[column])
          op.frame->poison[slot] |= 1u << lane;
      }
  ++warp.stats().mmaInstructions;
  warp.stats().mmaMultiplyAdds += uint64_t(kRows) * op.n * op.k;
}

//===----------------------------------------------------------------------===//
// Issue
//===----------------------------------------------------------------------===//

/// Traps on a register of D or A that an ordinary instruction touched behind
/// the last wgmma.fence.
static void checkFence(Warp &warp, const Instr &instr) {
  if (!warp.wgmmaFenced)
    warp.trap("wgmma.mma_async without a wgmma.fence before the first one");
  for (const Operand &operand : {instr.ops[0], instr.ops[1]})
    for (const Operand &reg : operand.elems)
      if (reg.isReg() && warp.frame->accessedAt[reg.slot] > warp.wgmmaFence)
        warp.trap("register " + warp.frame->function->slotNames[reg.slot] +
                  " was read or written without a wgmma.fence between that and "
                  "the wgmma.mma_async");
}

/// Operands: {d}, a or {a}, b, scale-d, scale-a, scale-b {, trans-a}, trans-b.
static void issueWgmma(Warp &warp, const Instr &instr) {
  checkFence(warp, instr);
  AsyncOp entry;
  Wgmma op;
  op.instr = &instr;
  op.frame = warp.currentFrame();
  op.n = instr.extra[0];
  op.k = instr.extra[1];
  op.bits = typeBits(instr.type2);
  op.aInRegisters = instr.ops[1].kind == Operand::Kind::Vector;
  op.transA = instr.flag;
  op.transB = instr.flag2;
  op.negate = instr.variant != 0;
  op.accumulateD = warp.uniform(instr.ops[3]) & 1;
  if (!op.aInRegisters) {
    op.a = MatrixDescriptor::ofWgmma(warp.uniform(instr.ops[1]));
    checkTile(warp, warp.cta, op.a, op.transA, 64, op.k, op.bits, entry.reads);
  }
  op.b = MatrixDescriptor::ofWgmma(warp.uniform(instr.ops[2]));
  checkTile(warp, warp.cta, op.b, op.transB, op.n, op.k, op.bits, entry.reads);
  // Results of a chain are undefined on purpose until the wait.
  op.undefinedInput = false;
  for (const Operand &reg : instr.ops[0].elems) {
    if (op.accumulateD && !warp.wgmmaPending && warp.poison(reg.slot))
      op.undefinedInput = true;
    warp.poison(reg.slot) = ~0u;
  }
  ++warp.wgmmaPending;
  entry.kind = AsyncOp::Kind::Wgmma;
  entry.warp = &warp;
  entry.lanes = warp.active;
  entry.group = warp.wgmmaGroup;
  entry.finish = [op, issuer = &warp](uint32_t) {
    --issuer->wgmmaPending;
    perform(*issuer, op);
  };
  warp.cta.cluster.async.issue(std::move(entry));
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

static bool takeAligned(Decoder &d) {
  d.needArchSpecific({90});
  d.take("sync");
  d.take("aligned");
  d.instr.sync = Sync::Warp;
  return true;
}

/// A constant operand: 1 or -1 for scales, 0 or 1 for transposition.
static int64_t constant(Decoder &d, size_t index, bool isScale) {
  if (index >= d.instr.ops.size() ||
      d.instr.ops[index].kind != Operand::Kind::Imm) {
    d.fail("operand " + std::to_string(index + 1) + " must be a constant");
    return 0;
  }
  int64_t value = int64_t(d.instr.ops[index].imm);
  bool ok = isScale ? value == 1 || value == -1 : value == 0 || value == 1;
  if (!ok)
    d.fail("operand " + std::to_string(index + 1) + " is out of range");
  return value;
}

static bool isLegal(const Instr &i) {
  switch (i.type2) {
  case Type::F16:
    return i.type3 == Type::F16 && (i.type == Type::F16 || i.type == Type::F32);
  case Type::BF16:
  case Type::TF32:
    return i.type3 == i.type2 && i.type == Type::F32;
  case Type::E4M3:
  case Type::E5M2:
    return (i.type3 == Type::E4M3 || i.type3 == Type::E5M2) &&
           (i.type == Type::F16 || i.type == Type::F32);
  case Type::S8:
  case Type::U8:
    return (i.type3 == Type::S8 || i.type3 == Type::U8) && i.type == Type::S32;
  default:
    return false;
  }
}

void decodeWgmma(Decoder &d) {
  Instr &i = d.instr;
  takeAligned(d);
  std::optional<std::string_view> shape = d.takePrefixed("m64n");
  unsigned n = 0, k = 0;
  if (!shape ||
      std::sscanf(std::string(*shape).c_str(), "%uk%u", &n, &k) != 2 || n < 8 ||
      n > 256 || n % 8)
    return d.fail("expected a shape such as .m64n128k16");
  i.sat = d.take("satfinite");
  i.type = d.takeType();
  i.type2 = d.takeType();
  i.type3 = d.takeType();
  if (d.failed() || !isLegal(i) || k * typeBits(i.type2) != 256)
    return d.fail("the shape and the types do not fit together");
  i.extra[0] = n;
  i.extra[1] = k;
  unsigned regs = i.type == Type::F16 ? n / 4 : n / 2;
  if (!d.needOperands(4, 8) || !d.needVector(0, regs, regs) ||
      !d.needRegisters(0))
    return;
  bool fromRegs = i.ops[1].kind == Operand::Kind::Vector;
  if (fromRegs && (!d.needVector(1, 4, 4) || !d.needRegisters(1)))
    return;
  if (i.type != Type::S32)
    i.variant = constant(d, 4, true) != constant(d, 5, true);
  bool canTranspose = i.type2 == Type::F16 || i.type2 == Type::BF16;
  if (canTranspose && fromRegs && i.ops.size() == 7)
    i.flag2 = constant(d, 6, false);
  if (canTranspose && !fromRegs && i.ops.size() == 8) {
    i.flag = constant(d, 6, false);
    i.flag2 = constant(d, 7, false);
  }
  i.ownPoison = i.isWgmma = true;
  d.setExec(issueWgmma);
}

static void fence(Warp &warp, const Instr &) {
  warp.wgmmaFenced = true;
  warp.wgmmaFence = warp.clock;
}

static void commitGroup(Warp &warp, const Instr &) { ++warp.wgmmaGroup; }

static void waitGroup(Warp &warp, const Instr &instr) {
  uint32_t allowed = uint32_t(instr.ops[0].imm);
  if (allowed <= warp.wgmmaGroup)
    warp.cta.cluster.async.waitWarp(warp, AsyncOp::Kind::Wgmma,
                                    warp.wgmmaGroup - allowed);
}

void decodeWgmmaFence(Decoder &d) {
  takeAligned(d);
  d.setResults(0);
  d.needOperands(0);
  d.setExec(fence);
}

void decodeWgmmaCommit(Decoder &d) {
  takeAligned(d);
  d.setResults(0);
  d.needOperands(0);
  d.setExec(commitGroup);
}

void decodeWgmmaWait(Decoder &d) {
  takeAligned(d);
  d.setResults(0);
  if (!d.needOperands(1))
    return;
  if (d.instr.ops[0].kind != Operand::Kind::Imm)
    return d.fail("the number of groups must be a constant");
  d.setExec(waitGroup);
}

} // namespace fp4::ptx
