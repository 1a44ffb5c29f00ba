//===- Async.cpp - Operations that take effect later
//------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Async.h"
#include "Machine.h"

namespace fp4::ptx {

/// Runs `body` with the issuing instruction as the one that traps name.
template <typename Body> static void asIssuer(AsyncOp &op, Body body) {
  Warp &warp = *op.warp;
  const Instr *current = warp.current;
  uint32_t active = warp.active;
  warp.current = op.instr;
  warp.active = op.lanes;
  body();
  warp.current = current;
  warp.active = active;
}

void AsyncQueue::issue(AsyncOp op) {
  op.instr = op.warp->current;
  ++op.warp->stats().asyncOperations;
  ops.push_back(std::move(op));
  if (mode == AsyncMode::Early)
    finishInOrder(std::prev(ops.end()));
}

void AsyncQueue::finishOp(Iterator it) {
  AsyncOp op = std::move(*it);
  ops.erase(it);
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

void AsyncQueue::waitCopies(Warp &warp, uint32_t lanes, uint32_t bound) {
  for (auto it = ops.begin(); it != ops.end();) {
    auto entry = it++;
    if (entry->kind != AsyncOp::Kind::Copy || entry->warp != &warp ||
        !(entry->lanes & lanes) || int32_t(entry->group - bound) >= 0)
      continue;
    asIssuer(*entry, [&] { entry->finish(entry->lanes & lanes); });
    entry->lanes &= ~lanes;
    if (!entry->lanes)
      ops.erase(entry);
  }
}

void AsyncQueue::waitBulk(Warp &warp, unsigned lane, uint32_t bound,
                          bool readOnly) {
  uint32_t bit = 1u << lane;
  for (auto it = ops.begin(); it != ops.end();) {
    auto entry = it++;
    if (entry->kind != AsyncOp::Kind::BulkGroup || entry->warp != &warp ||
        entry->lanes != bit || int32_t(entry->group - bound) >= 0)
      continue;
    if (!readOnly) {
      finishOp(entry);
    } else if (!entry->fetched) {
      asIssuer(*entry, [&] { entry->fetch(); });
      entry->fetched = true;
    }
  }
}

void AsyncQueue::waitWarp(Warp &warp, AsyncOp::Kind kind, uint32_t bound) {
  for (auto it = ops.begin(); it != ops.end();) {
    auto entry = it++;
    if (entry->kind == kind && entry->warp == &warp && entry->group < bound)
      finishOp(entry);
  }
}

bool AsyncQueue::relieve(const std::vector<MbarrierRef> &polled) {
  bool any = false;
  for (const MbarrierRef &barrier : polled) {
    // Everything that completes on this barrier; finishing one entry can
    // finish others of its pipe, so look again each time.
    for (bool again = true; again;) {
      again = false;
      for (auto it = ops.begin(); it != ops.end() && !again; ++it)
        if (it->barrier == barrier && barrier.cta) {
          finishInOrder(it);
          any = again = true;
        }
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
