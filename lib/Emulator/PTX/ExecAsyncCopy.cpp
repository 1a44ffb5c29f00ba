//===- ExecAsyncCopy.cpp - cp.async and its groups ------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, section "Non-bulk copy". These copies belong to the generic
// proxy.
//
//===----------------------------------------------------------------------===//

#include "Exec.h"
#include "Mbarrier.h"
#include <cstring>

namespace fp4::ptx {

namespace {
/// The copies of one warp-instruction.
struct Copies {
  std::array<Location, kWarpSize> from, to;
  std::array<uint32_t, kWarpSize> bytes{};
  unsigned size = 0;
};
} // namespace

/// Splits the active lanes by their value of `of(lane)`.
template <typename Of, typename Body>
static void forEachGroup(uint32_t lanes, Of of, Body body) {
  while (lanes) {
    uint32_t value = of(unsigned(__builtin_ctz(lanes)));
    uint32_t same = 0;
    forEachLane(lanes, [&](unsigned lane) {
      if (of(lane) == value)
        same |= 1u << lane;
    });
    lanes &= ~same;
    body(same, value);
  }
}

/// Operands: destination, source, size {, source size or ignore-source}.
static void copyAsync(Warp &warp, const Instr &instr) {
  auto copies = std::make_shared<Copies>();
  copies->size = unsigned(instr.ops[2].imm);
  Lanes scratch;
  const Lanes *last =
      instr.ops.size() > 3 ? &warp.read(instr.ops[3], scratch) : nullptr;
  bool isPredicate = last && instr.ops[3].type == Type::Pred;
  unsigned size = copies->size;
  forEachLane(warp.active, [&](unsigned lane) {
    uint32_t bytes = size;
    if (last)
      bytes = isPredicate ? ((*last)[lane] & 1 ? 0 : size)
                          : uint32_t((*last)[lane]);
    if (bytes > size)
      warp.trap("a source size of " + std::to_string(bytes) +
                    " bytes for a copy of " + std::to_string(size),
                int(lane));
    copies->bytes[lane] = bytes;
    copies->to[lane] =
        warp.locate(Space::SharedCTA, warp.address(instr.ops[0], lane), size,
                    size, lane, Access::Write);
    uint64_t source = warp.address(instr.ops[1], lane);
    if (bytes)
      copies->from[lane] =
          warp.locate(Space::Global, source, bytes, 1, lane, Access::Read);
    if (source % size)
      warp.trap("the source " + hex(source) + " is not aligned to " +
                    std::to_string(size),
                int(lane));
  });
  Warp *issuer = &warp;
  auto finish = [copies, issuer](uint32_t lanes) {
    forEachLane(lanes, [&](unsigned lane) {
      uint8_t bytes[16] = {};
      if (copies->bytes[lane])
        issuer->load(copies->from[lane], bytes, copies->bytes[lane]);
      issuer->store(copies->to[lane], bytes, copies->size);
    });
  };
  forEachGroup(
      warp.active, [&](unsigned lane) { return warp.copyGroup[lane]; },
      [&](uint32_t lanes, uint32_t group) {
        AsyncOp op;
        op.kind = AsyncOp::Kind::Copy;
        op.warp = issuer;
        op.lanes = lanes;
        op.group = group;
        op.finish = finish;
        forEachLane(lanes, [&](unsigned lane) {
          const Location &to = copies->to[lane];
          op.writes.push_back({to.cta, to.offset, size, 1u << lane});
        });
        warp.cta.cluster.async.issue(std::move(op));
      });
}

void decodeCpAsync(Decoder &d) {
  Instr &i = d.instr;
  int cache = d.needOneOf({"ca", "cg"});
  d.takeOneOf({"shared", "shared::cta"});
  d.take("global");
  bool hasPolicy = d.take("L2::cache_hint");
  d.ignorePrefix("L2::");
  if (hasPolicy && i.ops.size() > 3)
    i.ops.pop_back();
  if (!d.needOperands(3, 4) || !d.needAddress(0) || !d.needAddress(1))
    return;
  uint64_t size = i.ops[2].imm;
  bool isSize = i.ops[2].kind == Operand::Kind::Imm &&
                (size == 16 || (cache == 0 && (size == 4 || size == 8)));
  if (!isSize)
    return d.fail("the size must be 16, or with .ca also 4 or 8");
  d.setResults(0);
  d.setStores();
  d.setExec(copyAsync);
}

static void commitCopies(Warp &warp, const Instr &) {
  forEachLane(warp.active, [&](unsigned lane) { ++warp.copyGroup[lane]; });
}

void decodeCpAsyncCommit(Decoder &d) {
  d.needOperands(0);
  d.setResults(0);
  d.setExec(commitCopies);
}

static void waitCopies(Warp &warp, const Instr &instr) {
  bool all = instr.flag;
  uint32_t allowed = all ? 0 : uint32_t(instr.ops[0].imm);
  forEachGroup(
      warp.active, [&](unsigned lane) { return warp.copyGroup[lane]; },
      [&](uint32_t lanes, uint32_t group) {
        uint32_t bound = all ? group + 1 : group - allowed;
        if (!all && allowed > group)
          return;
        warp.cta.cluster.async.waitCopies(warp, lanes, bound);
      });
}

void decodeCpAsyncWait(Decoder &d) {
  Instr &i = d.instr;
  i.flag = d.mnemonic == "cp.async.wait_all";
  d.setResults(0);
  if (!d.needOperands(i.flag ? 0 : 1))
    return;
  if (!i.flag && i.ops[0].kind != Operand::Kind::Imm)
    return d.fail("the number of groups must be a constant");
  d.setExec(waitCopies);
}

/// cp.async.mbarrier.arrive: the arrival happens when the lane's copies so far
/// have.
static void arriveAfterCopies(Warp &warp, const Instr &instr) {
  Warp *issuer = &warp;
  forEachLane(warp.active, [&](unsigned lane) {
    MbarrierRef ref = warp.sharedRef(
        instr.space, warp.address(instr.ops[0], lane), 8, 8, lane);
    if (!instr.flag)
      mbarrierAddPending(warp, ref, 1);
    AsyncOp op;
    op.kind = AsyncOp::Kind::CopyArrive;
    op.warp = issuer;
    op.lanes = 1u << lane;
    op.barrier = ref;
    op.finish = [issuer, ref](uint32_t) { mbarrierArrive(*issuer, ref, 1); };
    warp.cta.cluster.async.issue(std::move(op));
  });
}

void decodeCpAsyncArrive(Decoder &d) {
  Instr &i = d.instr;
  i.flag = d.take("noinc");
  i.space = d.takeSpace();
  i.type = d.needType({Type::B64});
  d.setResults(0);
  if (d.needOperands(1) && d.needAddress(0))
    d.setExec(arriveAfterCopies);
}

} // namespace fp4::ptx
