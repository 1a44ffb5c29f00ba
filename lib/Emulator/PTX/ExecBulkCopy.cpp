//===- ExecBulkCopy.cpp - cp.async.bulk, st.async, red.async --------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, sections "Bulk copy", "st.async" and "red.async". Every active
// lane starts a copy of its own.
//
//===----------------------------------------------------------------------===//

#include "AsyncProxy.h"
#include "AtomicOps.h"
#include "Exec.h"
#include "FloatOps.h"
#include "Mbarrier.h"
#include <cstring>

namespace fp4::ptx {

/// Combines `size` bytes of `from` into memory, element by element.
static void reduceInto(uint8_t *to, const uint8_t *from, uint32_t size,
                       AtomicOp op, Type type) {
  unsigned step = typeBytes(type);
  for (uint32_t i = 0; i + step <= size; i += step) {
    uint64_t value = 0;
    std::memcpy(&value, from + i, step);
    atomicUpdate(to + i, op, type, value, 0, false);
  }
}

static void checkSize(Warp &warp, uint64_t size, unsigned lane) {
  if (size % 16)
    warp.trap("a bulk copy of " + std::to_string(size) +
                  " bytes, which is not a multiple of 16",
              int(lane));
}

/// How the modifiers of a bulk copy read; `variant` 1 stands for a reduction
/// with `variant2` as its operation.
static AtomicOp reduction(const Instr &instr) {
  return AtomicOp(instr.variant2);
}

//===----------------------------------------------------------------------===//
// To shared memory, completing on an mbarrier
//===----------------------------------------------------------------------===//

/// Operands: destination, source, size, mbarrier {, CTA mask}.
static void copyToShared(Warp &warp, const Instr &instr) {
  Lanes s1, s2;
  const Lanes &sizes = warp.read(instr.ops[2], s1);
  const Lanes *masks = instr.flag ? &warp.read(instr.ops[4], s2) : nullptr;
  forEachLane(warp.active, [&](unsigned lane) {
    uint32_t size = uint32_t(sizes[lane]);
    checkSize(warp, size, lane);
    uint32_t mask = masks ? uint32_t((*masks)[lane]) & 0xFFFF : 0;
    std::vector<CopyTarget> targets =
        copyTargets(warp, instr.space, warp.address(instr.ops[0], lane),
                    warp.address(instr.ops[3], lane), mask, false, 16, lane);
    if (size == 0)
      return;
    uint64_t source = warp.address(instr.ops[1], lane);
    Location from =
        warp.locate(instr.space2, source, size, 16, lane, Access::Read);
    if (from.cta)
      checkAsyncRead(warp, *from.cta, from.offset, size);
    for (const CopyTarget &target : targets) {
      checkSharedRange(warp, *target.cta, target.offset, size);
      AsyncOp op;
      op.kind = AsyncOp::Kind::Bulk;
      op.warp = &warp;
      op.lanes = 1u << lane;
      op.barrier = target.barrier;
      bool isReduction = instr.variant == 1;
      AtomicOp atomicOp = reduction(instr);
      Type type = instr.type;
      if (from.cta)
        op.reads.push_back({from.cta, from.offset, size});
      // Reductions into one place may overlap.
      if (!isReduction)
        op.writes.push_back({target.cta, target.offset, size});
      op.finish = [=, issuer = &warp](uint32_t) {
        std::vector<uint8_t> bytes(size);
        if (from.cta)
          asyncRead(*issuer, *from.cta, from.offset, bytes.data(), size);
        else
          issuer->load(from, bytes.data(), size);
        if (isReduction) {
          reduceInto(&target.cta->shared.bytes[target.offset], bytes.data(),
                     size, atomicOp, type);
        } else {
          asyncWrite(*issuer, *target.cta, target.offset, bytes.data(), size);
        }
        mbarrierTx(*issuer, target.barrier, -int64_t(size));
      };
      warp.cta.cluster.async.issue(std::move(op));
    }
  });
}

//===----------------------------------------------------------------------===//
// To global memory, completing through a bulk group
//===----------------------------------------------------------------------===//

/// Operands: destination, source, size {, byte mask}.
static void copyToGlobal(Warp &warp, const Instr &instr) {
  Lanes s1, s2;
  const Lanes &sizes = warp.read(instr.ops[2], s1);
  const Lanes *masks = instr.flag2 ? &warp.read(instr.ops[3], s2) : nullptr;
  forEachLane(warp.active, [&](unsigned lane) {
    uint32_t size = uint32_t(sizes[lane]);
    checkSize(warp, size, lane);
    if (size == 0)
      return;
    uint32_t byteMask = masks ? uint32_t((*masks)[lane]) & 0xFFFF : 0xFFFF;
    Location to = warp.locate(Space::Global, warp.address(instr.ops[0], lane),
                              size, 16, lane, Access::Write);
    MbarrierRef from = warp.sharedRef(
        instr.space2, warp.address(instr.ops[1], lane), size, 16, lane);
    checkAsyncRead(warp, *from.cta, from.offset, size);
    auto bytes = std::make_shared<std::vector<uint8_t>>(size);
    AsyncOp op;
    op.kind = AsyncOp::Kind::BulkGroup;
    op.warp = &warp;
    op.lanes = 1u << lane;
    op.group = warp.bulkGroup[lane];
    op.reads.push_back({from.cta, from.offset, size});
    op.fetch = [=, issuer = &warp] {
      asyncRead(*issuer, *from.cta, from.offset, bytes->data(), size);
    };
    bool isReduction = instr.variant == 1;
    AtomicOp atomicOp = reduction(instr);
    Type type = instr.type;
    op.finish = [=, issuer = &warp](uint32_t) {
      if (isReduction) {
        reduceInto(to.bytes, bytes->data(), size, atomicOp, type);
      } else if (byteMask == 0xFFFF) {
        issuer->store(to, bytes->data(), size);
      } else {
        for (uint32_t i = 0; i < size; ++i)
          if (byteMask >> (i % 16) & 1)
            to.bytes[i] = (*bytes)[i];
      }
    };
    warp.cta.cluster.async.issue(std::move(op));
  });
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

static void decodeBulk(Decoder &d, bool isReduction) {
  Instr &i = d.instr;
  i.space = d.takeSpace();
  i.space2 = d.takeSpace();
  bool hasPolicy = d.take("L2::cache_hint");
  bool byGroup = d.take("bulk_group");
  bool byBarrier = d.take("mbarrier::complete_tx::bytes");
  i.flag = d.take("multicast::cluster");
  i.flag2 = d.take("cp_mask");
  if (isReduction) {
    i.variant = 1;
    i.variant2 = uint8_t(d.needOneOf(
        {"add", "and", "or", "xor", "exch", "inc", "dec", "min", "max"}));
    d.take("noftz");
    i.type = d.takeType();
  }
  if (hasPolicy && !i.ops.empty())
    i.ops.pop_back();
  d.setResults(0);
  d.setStores();
  bool toShared =
      i.space == Space::SharedCluster || i.space == Space::SharedCTA;
  if (toShared && byBarrier) {
    if (i.space2 != Space::Global && i.space2 != Space::SharedCTA)
      return d.fail("the source must be .global or .shared::cta");
    if (d.needOperands(i.flag ? 5 : 4) && d.needAddress(0) &&
        d.needAddress(1) && d.needAddress(3))
      d.setExec(copyToShared);
    return;
  }
  if (i.space == Space::Global && i.space2 == Space::SharedCTA && byGroup) {
    if (d.needOperands(i.flag2 ? 4 : 3) && d.needAddress(0) && d.needAddress(1))
      d.setExec(copyToGlobal);
    return;
  }
  d.fail("this combination of state spaces and completion is not supported");
}

void decodeBulkCopy(Decoder &d) { decodeBulk(d, false); }

void decodeBulkReduce(Decoder &d) { decodeBulk(d, true); }

static void nothing(Warp &, const Instr &) {}

void decodeBulkPrefetch(Decoder &d) {
  d.ignoreHints();
  d.take("L2");
  d.takeSpace();
  d.setResults(0);
  d.setExec(nothing);
}

static void commitBulk(Warp &warp, const Instr &) {
  forEachLane(warp.active, [&](unsigned lane) { ++warp.bulkGroup[lane]; });
}

void decodeBulkCommit(Decoder &d) {
  d.needOperands(0);
  d.setResults(0);
  d.setExec(commitBulk);
}

static void waitBulk(Warp &warp, const Instr &instr) {
  uint32_t allowed = uint32_t(instr.ops[0].imm);
  forEachLane(warp.active, [&](unsigned lane) {
    uint32_t group = warp.bulkGroup[lane];
    if (allowed <= group)
      warp.cta.cluster.async.waitBulk(warp, lane, group - allowed, instr.flag);
  });
}

void decodeBulkWait(Decoder &d) {
  d.instr.flag = d.take("read");
  d.setResults(0);
  if (!d.needOperands(1))
    return;
  if (d.instr.ops[0].kind != Operand::Kind::Imm)
    return d.fail("the number of groups must be a constant");
  d.setExec(waitBulk);
}

//===----------------------------------------------------------------------===//
// st.async, red.async
//===----------------------------------------------------------------------===//

/// Operands: address, value or vector, mbarrier.
static void storeAsync(Warp &warp, const Instr &instr) {
  const std::vector<Operand> &values = instr.ops[1].elems;
  unsigned size = typeBytes(instr.type);
  Lanes scratch[4];
  const Lanes *sources[4];
  for (unsigned i = 0; i < instr.vec; ++i)
    sources[i] = &warp.read(values[i], scratch[i]);
  forEachLane(warp.active, [&](unsigned lane) {
    unsigned total = size * instr.vec;
    MbarrierRef to = warp.sharedRef(
        instr.space, warp.address(instr.ops[0], lane), total, total, lane);
    MbarrierRef barrier = warp.sharedRef(
        instr.space, warp.address(instr.ops[2], lane), 8, 8, lane);
    std::array<uint8_t, 32> bytes{};
    for (unsigned i = 0; i < instr.vec; ++i) {
      uint64_t value = (*sources[i])[lane];
      std::memcpy(bytes.data() + i * size, &value, size);
    }
    AsyncOp op;
    op.kind = AsyncOp::Kind::Bulk;
    op.warp = &warp;
    op.lanes = 1u << lane;
    op.barrier = barrier;
    bool isReduction = instr.variant == 1;
    AtomicOp atomicOp = reduction(instr);
    Type type = instr.type;
    op.finish = [=, issuer = &warp](uint32_t) {
      if (isReduction)
        reduceInto(&to.cta->shared.bytes[to.offset], bytes.data(), total,
                   atomicOp, type);
      else
        asyncWrite(*issuer, *to.cta, to.offset, bytes.data(), total);
      mbarrierTx(*issuer, barrier, -int64_t(total));
    };
    warp.cta.cluster.async.issue(std::move(op));
  });
}

static void decodeAsyncStore(Decoder &d) {
  Instr &i = d.instr;
  i.space = d.takeSpace();
  d.ignoreHints();
  if (!d.take("mbarrier::complete_tx::bytes"))
    return d.fail("only completion on an mbarrier is supported");
  unsigned vec = d.takeVector();
  i.type = d.takeType();
  i.vec = uint8_t(vec);
  d.setResults(0);
  d.setStores();
  if (d.needOperands(3) && d.needAddress(0) && d.needAddress(2) &&
      d.needVector(1, vec, vec))
    d.setExec(storeAsync);
}

void decodeStoreAsync(Decoder &d) {
  d.needTarget(90);
  decodeAsyncStore(d);
}

void decodeRedAsync(Decoder &d) {
  d.needTarget(90);
  d.instr.variant = 1;
  d.instr.variant2 = uint8_t(d.needOneOf(
      {"add", "and", "or", "xor", "exch", "inc", "dec", "min", "max"}));
  decodeAsyncStore(d);
}

} // namespace fp4::ptx
