//===- ExecTcgen05.cpp - Tensor memory: alloc, ld, st, commit -------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, section "TensorCore 5th Generation Family Instructions", all but
// tcgen05.mma, cp and shift (ExecTcgen05Mma.cpp, ExecTcgen05Copy.cpp). Fragment
// layouts of ld and st follow CuTe's copy traits: 16x64b puts lane
// (t % 2) * 8 + t / 4, column t / 2 % 2 into thread t; 16x128b lane t / 4 (+ 8
// for odd registers), column t % 4; 16x256b two columns per thread.
//
//===----------------------------------------------------------------------===//

#include "Exec.h"
#include "FloatOps.h"
#include "HappensBefore.h"
#include "Mbarrier.h"
#include "TensorMemory.h"
#include <cstring>

namespace fp4::ptx {

static void needBlackwell(Decoder &d) {
  d.needArchSpecific({100, 101, 103, 110});
}

/// `.cta_group::1` or `::2`, into `vec`.
static void takeGroup(Decoder &d) {
  d.instr.vec = uint8_t(d.needOneOf({"cta_group::1", "cta_group::2"}) + 1);
}

static void takeAligned(Decoder &d) {
  d.take("sync");
  d.take("aligned");
  d.instr.sync = Sync::Warp;
}

//===----------------------------------------------------------------------===//
// alloc, dealloc, relinquish_alloc_permit
//===----------------------------------------------------------------------===//

static void checkCount(const Warp &warp, uint64_t count) {
  if (count < 32 || count > 512 || (count & (count - 1)))
    warp.trap("a tensor memory allocation of " + std::to_string(count) +
              " columns; a power of two from 32 to 512 is possible");
}

static void allocate(Warp &warp, const Instr &instr) {
  unsigned count = unsigned(warp.uniform(instr.ops[1]));
  checkCount(warp, count);
  TensorMemory &memory = tensorMemoryOf(warp.cta);
  if (memory.permitRelinquished)
    warp.trap("tcgen05.alloc after relinquish_alloc_permit");
  for (unsigned base = 0; base + count <= kTensorColumns; base += count) {
    bool isFree = true;
    for (unsigned i = base; i < base + count; ++i)
      isFree &= memory.owner[i] == 0;
    if (!isFree)
      continue;
    markAllocated(warp, base, count);
    for (unsigned i = base; i < base + count; ++i) {
      memory.owner[i] = uint16_t(base + 1);
      for (unsigned lane = 0; lane < kTensorLanes; ++lane)
        memory.validity(lane, i) = 0;
    }
    unsigned lane = unsigned(__builtin_ctz(warp.active));
    Location to = warp.locate(instr.space, warp.address(instr.ops[0], lane), 4,
                              4, lane, Access::Write);
    uint32_t address = base;
    warp.store(to, &address, 4);
    Statistics &stats = warp.stats();
    stats.tensorMemoryColumns =
        std::max<uint32_t>(stats.tensorMemoryColumns, base + count);
    return;
  }
  warp.trap("no " + std::to_string(count) +
            " columns of tensor memory are free");
}

void decodeTcgen05Alloc(Decoder &d) {
  needBlackwell(d);
  takeGroup(d);
  takeAligned(d);
  d.instr.space = d.takeSpace();
  d.needType({Type::B32});
  d.setResults(0);
  d.setStores();
  if (d.needOperands(2) && d.needAddress(0))
    d.setExec(allocate);
}

static void deallocate(Warp &warp, const Instr &instr) {
  unsigned base = unsigned(warp.uniform(instr.ops[0])) & 0xFFFF;
  unsigned count = unsigned(warp.uniform(instr.ops[1]));
  checkCount(warp, count);
  TensorMemory &memory = tensorMemoryOf(warp.cta);
  checkEnded(warp, warp.cta, base, count);
  for (unsigned i = base; i < base + count; ++i) {
    if (i >= kTensorColumns || memory.owner[i] != base + 1)
      warp.trap("tcgen05.dealloc of " + std::to_string(count) +
                " columns from " + std::to_string(base) +
                ", which is not an allocation");
    memory.owner[i] = 0;
  }
}

void decodeTcgen05Dealloc(Decoder &d) {
  needBlackwell(d);
  takeGroup(d);
  takeAligned(d);
  d.needType({Type::B32});
  d.setResults(0);
  d.setStores();
  if (d.needOperands(2))
    d.setExec(deallocate);
}

static void relinquish(Warp &warp, const Instr &) {
  tensorMemoryOf(warp.cta).permitRelinquished = true;
}

void decodeTcgen05Relinquish(Decoder &d) {
  needBlackwell(d);
  takeGroup(d);
  takeAligned(d);
  d.setResults(0);
  if (d.needOperands(0))
    d.setExec(relinquish);
}

//===----------------------------------------------------------------------===//
// ld, st, wait
//===----------------------------------------------------------------------===//

namespace {

enum TmemShape : uint8_t { S32x32, S16x64, S16x128, S16x256, S16x32x2 };

/// Where register `reg` of a thread lies, relative to the address.
struct CellOffset {
  unsigned lane, column;
};

} // namespace

static CellOffset cellOf(const Instr &instr, unsigned thread, unsigned reg) {
  switch (instr.variant) {
  case S32x32:
    return {thread, reg};
  case S16x64:
    return {thread % 2 * 8 + thread / 4, thread / 2 % 2 + 2 * reg};
  case S16x128:
    return {thread / 4 + 8 * (reg % 2), thread % 4 + 4 * (reg / 2)};
  case S16x256:
    return {thread / 4 + 8 * (reg / 2 % 2),
            thread % 4 * 2 + reg % 2 + 8 * (reg / 4)};
  default:
    return {thread % 16, reg + (thread / 16) * instr.extra[0]};
  }
}

static unsigned columnsOf(const Instr &instr) {
  static constexpr unsigned perRepeat[] = {1, 2, 4, 8, 1};
  unsigned columns = perRepeat[instr.variant] * instr.extra[1];
  if (instr.variant == S16x32x2)
    columns += instr.extra[0];
  return columns * (instr.flag ? 2 : 1);
}

/// Checks the address and returns it; a warp reaches 32 lanes only.
static uint32_t accessAddress(Warp &warp, const Instr &instr,
                              const Operand &op) {
  unsigned lane = unsigned(__builtin_ctz(warp.active));
  uint32_t address = uint32_t(warp.address(op, lane));
  unsigned own = warp.index % 4 * 32;
  // CUTLASS 4.7 (example 93) gives all warps the lanes of the first one, and
  // every warp reaches its own.
  if (!warp.launch.options.strict && address >> 16 < 32)
    address += own << 16;
  unsigned first = address >> 16;
  bool isHalf = instr.variant != S32x32;
  if (first < own || first + (isHalf ? 16 : 32) > own + 32)
    warp.trap("tensor memory address " + hex(address) + ": warp " +
              std::to_string(warp.index) + " reaches lanes " +
              std::to_string(own) + " to " + std::to_string(own + 31));
  checkColumns(warp, warp.cta, address & 0xFFFF, columnsOf(instr));
  return address;
}

/// The cells behind a register: one, or the low halves of two with .pack::16b.
template <typename Body>
static void forEachCell(const Instr &instr, uint32_t address, unsigned thread,
                        unsigned reg, Body body) {
  CellOffset offset = cellOf(instr, thread, reg);
  unsigned lane = (address >> 16) + offset.lane;
  unsigned column = (address & 0xFFFF) + offset.column * (instr.flag ? 2 : 1);
  body(lane, column, 0u);
  if (instr.flag)
    body(lane, column + 1, 16u);
}

/// Traps, if asked to, when the warp reads what a tensor-core operation wrote
/// without a tcgen05.fence::after_thread_sync in between.
static void checkFence(Warp &warp, uint32_t address, unsigned columns) {
  if (!warp.launch.options.strict)
    return;
  TensorMemory &memory = tensorMemoryOf(warp.cta);
  for (unsigned i = 0; i < columns; ++i) {
    unsigned column = (address & 0xFFFF) + i;
    if (memory.writtenAt[column] > warp.tensorFence)
      warp.trap("reads tensor memory column " + std::to_string(column) +
                ", which a tensor-core operation wrote, without a "
                "tcgen05.fence::after_thread_sync behind its completion");
  }
}

/// Sets one lane of a register that a load writes.
static void setLoaded(Frame &frame, const Operand &reg, unsigned thread,
                      uint32_t value, bool isDefined) {
  if (!reg.isReg())
    return;
  frame.regs[reg.slot][thread] = value;
  uint32_t &poison = frame.poison[reg.slot];
  uint32_t bit = 1u << thread;
  poison = isDefined ? poison & ~bit : poison | bit;
}

/// The bits of a reduction of .ld.red.
static uint32_t reduced(const Instr &instr, uint32_t a, uint32_t b) {
  bool isMax = instr.variant2;
  if (instr.type == Type::F32)
    return uint32_t(
        floatMinMax(Type::F32, a, b, isMax, false, instr.flag2, false));
  bool isLess = instr.type == Type::S32 ? int32_t(a) < int32_t(b) : a < b;
  return isLess == isMax ? b : a;
}

static void loadTensorMemory(Warp &warp, const Instr &instr) {
  bool reduces = instr.type != Type::B32;
  uint32_t address = accessAddress(warp, instr, instr.ops[reduces ? 2 : 1]);
  const Instr *site = &instr;
  std::shared_ptr<Frame> frame = warp.currentFrame();
  for (int32_t slot : instr.resultSlots)
    warp.poison(slot) |= warp.active;
  checkFence(warp, address, columnsOf(instr));
  markAccessed(warp, address & 0xFFFF, columnsOf(instr));
  AsyncOp op;
  op.kind = AsyncOp::Kind::TensorLoad;
  op.warp = &warp;
  op.lanes = warp.active;
  ++warp.tensorLoads;
  op.finish = [=, issuer = &warp](uint32_t lanes) {
    --issuer->tensorLoads;
    TensorMemory &memory = tensorMemoryOf(issuer->cta);
    const std::vector<Operand> &regs = site->ops[0].elems;
    forEachLane(lanes, [&](unsigned thread) {
      uint32_t total = 0;
      bool allDefined = true;
      for (unsigned reg = 0; reg < regs.size(); ++reg) {
        uint32_t value = 0;
        bool defined = true;
        forEachCell(*site, address, thread, reg,
                    [&](unsigned lane, unsigned column, unsigned shift) {
                      uint32_t cell = memory.cell(lane, column);
                      value |= (site->flag ? cell & 0xFFFF : cell) << shift;
                      defined &= memory.validity(lane, column) != 0;
                    });
        setLoaded(*frame, regs[reg], thread, value, defined);
        value &= site->extra[2];
        total = reg ? reduced(*site, total, value) : value;
        allDefined &= defined;
      }
      if (reduces)
        setLoaded(*frame, site->ops[1], thread, total, allDefined);
    });
  };
  warp.cta.cluster.async.issue(std::move(op));
}

static void storeTensorMemory(Warp &warp, const Instr &instr) {
  uint32_t address = accessAddress(warp, instr, instr.ops[0]);
  markAccessed(warp, address & 0xFFFF, columnsOf(instr));
  const Instr *site = &instr;
  auto values = std::make_shared<std::vector<Lanes>>();
  auto defined = std::make_shared<std::vector<uint32_t>>();
  for (const Operand &reg : instr.ops[1].elems) {
    Lanes scratch;
    values->push_back(warp.read(reg, scratch));
    defined->push_back(reg.isReg() ? ~warp.poison(reg.slot) : ~0u);
  }
  AsyncOp op;
  op.kind = AsyncOp::Kind::TensorStore;
  op.warp = &warp;
  op.lanes = warp.active;
  op.finish = [=, issuer = &warp](uint32_t lanes) {
    TensorMemory &memory = tensorMemoryOf(issuer->cta);
    forEachLane(lanes, [&](unsigned thread) {
      for (unsigned reg = 0; reg < values->size(); ++reg)
        forEachCell(*site, address, thread, reg,
                    [&](unsigned lane, unsigned column, unsigned shift) {
                      uint32_t value = uint32_t((*values)[reg][thread]);
                      memory.cell(lane, column) =
                          site->flag ? value >> shift & 0xFFFF : value;
                      memory.validity(lane, column) =
                          (*defined)[reg] >> thread & 1;
                    });
    });
  };
  AsyncQueue &queue = warp.cta.cluster.async;
  if (warp.launch.options.strict)
    return queue.issue(std::move(op));
  // Loads and stores of a warp keep their order.
  queue.waitWarp(warp, AsyncOp::Kind::TensorLoad);
  op.finish(warp.active);
}

/// `.shape.xN` and the packing; false on a mismatch of registers.
static bool takeTmemShape(Decoder &d, std::string_view packing,
                          unsigned operand) {
  Instr &i = d.instr;
  i.variant = uint8_t(
      d.needOneOf({"32x32b", "16x64b", "16x128b", "16x256b", "16x32bx2"}));
  unsigned repeat =
      1u << d.needOneOf({"x1", "x2", "x4", "x8", "x16", "x32", "x64", "x128"});
  i.flag = d.take(packing);
  if (i.type == Type::None)
    i.type = d.needType({Type::B32});
  i.extra[1] = repeat;
  static constexpr unsigned regsPerRepeat[] = {1, 1, 2, 4, 1};
  unsigned regs = repeat * regsPerRepeat[i.variant];
  if (regs > 128) {
    d.fail("this many repetitions of the shape are not possible");
    return false;
  }
  return d.needVector(operand, regs, regs);
}

/// The immediate of 16x32bx2 behind operand `operand`.
static void takeSplit(Decoder &d, unsigned operand) {
  Instr &i = d.instr;
  if (i.variant != S16x32x2)
    return;
  if (operand >= i.ops.size() || i.ops[operand].kind != Operand::Kind::Imm)
    return d.fail("16x32bx2 needs a constant offset of its second half");
  i.extra[0] = uint32_t(i.ops[operand].imm);
}

/// `.red.op{.abs}{.NaN}.type`; false without.
static bool takeReduction(Decoder &d) {
  if (!d.take("red"))
    return false;
  Instr &i = d.instr;
  d.needArchSpecific({101, 103, 110});
  i.variant2 = uint8_t(d.needOneOf({"min", "max"}));
  bool isAbsolute = d.take("abs");
  i.extra[2] = isAbsolute ? 0x7FFFFFFF : ~0u;
  i.flag2 = d.take("NaN");
  i.type = d.needType({Type::F32, Type::U32, Type::S32});
  if (i.type != Type::F32 && (isAbsolute || i.flag2))
    d.fail(".abs and .NaN need .f32");
  if (!d.has("32x32b") && !d.has("16x32bx2"))
    d.fail("a reduction needs the shape .32x32b or .16x32bx2");
  if (d.has("x1") || d.has("pack::16b"))
    d.fail("a reduction needs at least .x2 and no packing");
  d.setResults(2);
  d.needReg(1);
  return true;
}

void decodeTcgen05Ld(Decoder &d) {
  needBlackwell(d);
  takeAligned(d);
  unsigned address = takeReduction(d) ? 2 : 1;
  if (!takeTmemShape(d, "pack::16b", 0) || !d.needAddress(address))
    return;
  takeSplit(d, address + 1);
  d.needOperands(address + 1, address + 2);
  d.instr.ownPoison = true;
  d.setExec(loadTensorMemory);
}

void decodeTcgen05St(Decoder &d) {
  needBlackwell(d);
  takeAligned(d);
  bool isSplit = d.has("16x32bx2");
  if (!takeTmemShape(d, "unpack::16b", isSplit ? 2 : 1) || !d.needAddress(0))
    return;
  takeSplit(d, 1);
  if (isSplit)
    d.instr.ops.erase(d.instr.ops.begin() + 1);
  d.needOperands(2);
  d.setResults(0);
  d.setExec(storeTensorMemory);
}

static void waitLoads(Warp &warp, const Instr &) {
  warp.cta.cluster.async.waitWarp(warp, AsyncOp::Kind::TensorLoad);
}

static void waitStores(Warp &warp, const Instr &) {
  warp.cta.cluster.async.waitWarp(warp, AsyncOp::Kind::TensorStore);
}

void decodeTcgen05Wait(Decoder &d) {
  needBlackwell(d);
  takeAligned(d);
  d.setResults(0);
  d.needOperands(0);
  d.setExec(d.mnemonic == "tcgen05.wait::ld" ? waitLoads : waitStores);
}

//===----------------------------------------------------------------------===//
// commit, fence
//===----------------------------------------------------------------------===//

/// Operands: mbarrier {, CTA mask}.
static void commit(Warp &warp, const Instr &instr) {
  Lanes scratch;
  const Lanes *masks = instr.flag ? &warp.read(instr.ops[1], scratch) : nullptr;
  forEachLane(warp.active, [&](unsigned lane) {
    MbarrierRef ref = warp.sharedRef(
        instr.space, warp.address(instr.ops[0], lane), 8, 8, lane);
    std::vector<MbarrierRef> targets = {ref};
    if (masks) {
      targets.clear();
      auto &ctas = warp.cta.cluster.ctas;
      for (unsigned rank = 0; rank < 16; ++rank) {
        if (!((*masks)[lane] >> rank & 1))
          continue;
        if (rank >= ctas.size())
          warp.trap("multicast to CTA rank " + std::to_string(rank) +
                        " of a cluster of " + std::to_string(ctas.size()),
                    int(lane));
        targets.push_back({ctas[rank].get(), ref.offset});
      }
    }
    for (const MbarrierRef &target : targets) {
      AsyncOp op;
      op.kind = AsyncOp::Kind::Tensor;
      op.warp = &warp;
      op.lanes = 1u << lane;
      op.barrier = target;
      op.finish = [=, issuer = &warp](uint32_t) {
        mbarrierArrive(*issuer, target, 1);
      };
      warp.cta.cluster.async.issue(std::move(op));
    }
  });
}

void decodeTcgen05Commit(Decoder &d) {
  needBlackwell(d);
  Instr &i = d.instr;
  takeGroup(d);
  if (!d.take("mbarrier::arrive::one"))
    d.fail("needs .mbarrier::arrive::one");
  i.space = d.takeSpace();
  i.flag = d.take("multicast::cluster");
  d.needType({Type::B64});
  d.setResults(0);
  d.setStores();
  if (d.needOperands(i.flag ? 2 : 1) && d.needAddress(0))
    d.setExec(commit);
}

static void fenceBefore(Warp &warp, const Instr &) { publishAccesses(warp); }

static void fenceAfter(Warp &warp, const Instr &) {
  observeAccesses(warp);
  if (HappensBefore *order = warp.cta.cluster.order.get())
    order->fenceTensor(warp);
}

void decodeTcgen05Fence(Decoder &d) {
  needBlackwell(d);
  d.setResults(0);
  d.needOperands(0);
  d.setExec(d.mnemonic == "tcgen05.fence::after_thread_sync" ? fenceAfter
                                                             : fenceBefore);
}

} // namespace fp4::ptx
