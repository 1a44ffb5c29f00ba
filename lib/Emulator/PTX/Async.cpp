//===- Async.cpp - Operations that take effect later ----------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The queue of Async.h: when entries take effect, in what order, and which of
// them race. What an entry does is its `finish`, from the file of its family.
//
//===----------------------------------------------------------------------===//

#include "Async.h"
#include "HappensBefore.h"
#include "Machine.h"
#include <algorithm>

namespace fp4::ptx {

/// Runs `body` with the issuing instruction as the one that traps name.
template <typename Body> static void asIssuer(AsyncOp &op, Body body) {
  Warp &warp = *op.warp;
  const Instr *current = warp.current;
  uint32_t active = warp.active;
  warp.current = op.instr;
  warp.active = op.lanes;
  HappensBefore *order = warp.cta.cluster.order.get();
  if (order)
    order->begin(op);
  body();
  if (order)
    order->end();
  warp.current = current;
  warp.active = active;
}

void AsyncQueue::mark(const std::vector<SharedRange> &ranges, uint32_t lanes,
                      bool isWrite, int change) {
  for (const SharedRange &range : ranges) {
    if (!(range.lanes & lanes))
      continue;
    SharedMemory &shared = range.cta->shared;
    std::vector<uint16_t> &counts =
        isWrite ? shared.pendingWrites : shared.pendingReads;
    for (uint32_t word = range.offset / 4;
         word <= (range.offset + range.size - 1) / 4; ++word)
      counts[word] = uint16_t(counts[word] + change);
  }
}

/// Traps on a race between `op` and a pending operation.
static void checkRanges(const AsyncOp &op, bool isWrite) {
  for (const SharedRange &range : isWrite ? op.writes : op.reads)
    if (const char *what =
            range.cta->shared.conflict(range.offset, range.size, isWrite))
      op.warp->trap("asynchronous " +
                    std::string(isWrite ? "write to" : "read of") +
                    " shared memory at " + hex(range.offset) + ": " + what);
}

void AsyncQueue::issue(AsyncOp op) {
  op.instr = op.warp->current;
  checkRanges(op, false);
  checkRanges(op, true);
  if (HappensBefore *order = op.warp->cta.cluster.order.get())
    order->issue(op);
  mark(op.reads, ~0u, false, 1);
  mark(op.writes, ~0u, true, 1);
  ++op.warp->stats().asyncOperations;
  ops.push_back(std::move(op));
  if (mode == AsyncMode::Early)
    finishInOrder(std::prev(ops.end()));
}

void AsyncQueue::finishOp(Iterator it) {
  AsyncOp op = std::move(*it);
  ops.erase(it);
  if (!op.fetched)
    mark(op.reads, op.lanes, false, -1);
  mark(op.writes, op.lanes, true, -1);
  asIssuer(op, [&] {
    if (op.fetch && !op.fetched)
      op.fetch();
    op.finish(op.lanes);
  });
}

/// Entries of a pipe keep their order: tensor-core work of a CTA, and a lane's
/// copies before the arrival that stands for them.
void AsyncQueue::finishInOrder(Iterator it) {
  bool isPipe = it->kind == AsyncOp::Kind::Tensor;
  bool isArrive = it->kind == AsyncOp::Kind::CopyArrive;
  if (isPipe || isArrive) {
    for (auto other = ops.begin(); other != it;) {
      auto entry = other++;
      bool precedes = isPipe ? entry->kind == AsyncOp::Kind::Tensor &&
                                   &entry->warp->cta == &it->warp->cta
                             : (entry->kind == AsyncOp::Kind::Copy ||
                                entry->kind == AsyncOp::Kind::CopyArrive) &&
                                   entry->warp == it->warp &&
                                   (entry->lanes & it->lanes);
      if (precedes)
        finishOp(entry);
    }
  }
  finishOp(it);
}

/// Tells who checks the order of accesses that the program has waited.
static void noteWait(Warp &warp, uint32_t lanes, AsyncOp::Kind kind,
                     uint32_t bound) {
  if (HappensBefore *order = warp.cta.cluster.order.get())
    order->await(warp, lanes, kind, bound);
}

void AsyncQueue::waitCopies(Warp &warp, uint32_t lanes, uint32_t bound) {
  noteWait(warp, lanes, AsyncOp::Kind::Copy, bound);
  for (auto it = ops.begin(); it != ops.end();) {
    auto entry = it++;
    if (entry->kind != AsyncOp::Kind::Copy || entry->warp != &warp ||
        !(entry->lanes & lanes) || int32_t(entry->group - bound) >= 0)
      continue;
    mark(entry->writes, entry->lanes & lanes, true, -1);
    asIssuer(*entry, [&] { entry->finish(entry->lanes & lanes); });
    entry->lanes &= ~lanes;
    if (!entry->lanes)
      ops.erase(entry);
  }
}

void AsyncQueue::waitBulk(Warp &warp, unsigned lane, uint32_t bound,
                          bool readOnly) {
  uint32_t bit = 1u << lane;
  noteWait(warp, bit, AsyncOp::Kind::BulkGroup, bound);
  for (auto it = ops.begin(); it != ops.end();) {
    auto entry = it++;
    if (entry->kind != AsyncOp::Kind::BulkGroup || entry->warp != &warp ||
        entry->lanes != bit || int32_t(entry->group - bound) >= 0)
      continue;
    if (!readOnly) {
      finishOp(entry);
    } else if (!entry->fetched) {
      mark(entry->reads, entry->lanes, false, -1);
      asIssuer(*entry, [&] { entry->fetch(); });
      entry->fetched = true;
    }
  }
}

void AsyncQueue::waitWarp(Warp &warp, AsyncOp::Kind kind, uint32_t bound) {
  if (kind == AsyncOp::Kind::Wgmma)
    noteWait(warp, warp.active, kind, bound);
  for (auto it = ops.begin(); it != ops.end();) {
    auto entry = it++;
    if (entry->kind == kind && entry->warp == &warp && entry->group < bound)
      finishOp(entry);
  }
}

bool AsyncQueue::relieve(const std::vector<MbarrierRef> &polled) {
  for (const MbarrierRef &barrier : polled) {
    // Everything that completes on this barrier; finishing one entry can
    // finish others of its pipe, so look again each time.
    bool any = false;
    for (;;) {
      auto it = std::find_if(ops.begin(), ops.end(), [&](const AsyncOp &op) {
        return barrier.cta && op.barrier == barrier;
      });
      if (it == ops.end())
        break;
      finishInOrder(it);
      any = true;
    }
    if (any)
      return true;
  }
  if (ops.empty())
    return false;
  finishInOrder(ops.begin());
  return true;
}

bool AsyncQueue::shuffle() {
  if (mode != AsyncMode::Random)
    return false;
  bool any = false;
  while (!ops.empty() && (random() & 1)) {
    auto it = std::next(ops.begin(), long(random() % ops.size()));
    finishInOrder(it);
    any = true;
  }
  return any;
}

void AsyncQueue::finishAll() {
  while (!ops.empty())
    finishInOrder(ops.begin());
}

} // namespace fp4::ptx
