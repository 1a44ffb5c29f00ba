//===- Async.h - Operations that take effect later --------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every asynchronous operation of a cluster (cp.async, bulk and tensor copies,
// tcgen05, wgmma) is an entry of one queue. In the late mode an entry takes
// effect when the program waits for it: at a wait_group, or, for completion
// through an mbarrier, when no warp of the cluster can go on without it. The
// entry then reads its source as it is at that moment, so a program that
// reuses a buffer too early computes something else.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_ASYNC_H
#define FP4_LIB_EMULATOR_PTX_ASYNC_H

#include "fp4/Emulator/PTX/Emulator.h"
#include <functional>
#include <list>
#include <random>

namespace fp4::ptx {

class Warp;
struct CTA;
struct Instr;

/// An mbarrier object: shared-memory offset in a CTA.
struct MbarrierRef {
  CTA *cta = nullptr;
  uint32_t offset = 0;
  bool operator==(const MbarrierRef &other) const {
    return cta == other.cta && offset == other.offset;
  }
};

/// Shared memory that an operation reads or writes until it has taken effect.
struct SharedRange {
  CTA *cta;
  uint32_t offset, size;
  /// Lanes of a Copy that it belongs to.
  uint32_t lanes = ~0u;
};

struct AsyncOp {
  enum class Kind : uint8_t {
    /// cp.async; waits by group, per lane.
    Copy,
    /// cp.async.mbarrier.arrive: an arrival after the lane's earlier copies.
    CopyArrive,
    /// A bulk copy that completes on an mbarrier.
    Bulk,
    /// A bulk copy that completes through bulk groups.
    BulkGroup,
    /// tcgen05.mma, cp, shift and commit: one pipe per CTA, in order.
    Tensor,
    TensorLoad,
    TensorStore,
    Wgmma,
  };
  Kind kind = Kind::Copy;
  /// The issuer; `lanes` shrinks as parts of a Copy take effect.
  Warp *warp = nullptr;
  const Instr *instr = nullptr;
  uint32_t lanes = 0;
  uint32_t group = 0;
  /// Set where completion is an mbarrier operation.
  MbarrierRef barrier;
  std::vector<SharedRange> reads, writes;
  /// For HappensBefore: the moment that the operation's completion stands for
  /// (time 0: what it writes belongs to `barrier`), and whether its thread had
  /// waited for the grids in front of this one.
  uint32_t component = 0, time = 0;
  bool gridsAwaited = false;
  /// For BulkGroup: reads the source; `finish` then writes.
  std::function<void()> fetch;
  bool fetched = false;
  /// Takes effect for the given lanes.
  std::function<void(uint32_t lanes)> finish;
};

class AsyncQueue {
public:
  AsyncQueue(AsyncMode mode, uint64_t seed) : mode(mode), random(seed) {}

  /// Adds `op`; in the early mode it takes effect at once. Traps when the op
  /// and a pending one use the same shared memory, and one of them writes.
  void issue(AsyncOp op);

  /// cp.async.wait_group and wait_all: finishes the Copy operations of `lanes`
  /// whose group is below `bound`.
  void waitCopies(Warp &warp, uint32_t lanes, uint32_t bound);
  /// Bulk groups of `lane` below `bound`; only the reads when `readOnly`.
  void waitBulk(Warp &warp, unsigned lane, uint32_t bound, bool readOnly);
  /// Everything of `kind` that `warp` issued, for wgmma with group < bound.
  void waitWarp(Warp &warp, AsyncOp::Kind kind, uint32_t bound = ~0u);

  /// Called when no warp of the cluster can go on. `polled` are the barriers
  /// that warps look at. Finishes what these wait for, else the oldest entry;
  /// false if there was nothing.
  bool relieve(const std::vector<MbarrierRef> &polled);
  /// In the random mode: finishes some entries, or none; true if it did.
  bool shuffle();
  /// The cluster has ended.
  void finishAll();
  bool empty() const { return ops.empty(); }

private:
  using Iterator = std::list<AsyncOp>::iterator;
  void finishOp(Iterator op);
  /// Counts the ranges of `lanes` as in use, or no longer.
  static void mark(const std::vector<SharedRange> &ranges, uint32_t lanes,
                   bool isWrite, int change);
  /// Finishes `op` after what must precede it in its pipe.
  void finishInOrder(Iterator op);

  AsyncMode mode;
  std::mt19937_64 random;
  std::list<AsyncOp> ops;
};

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_ASYNC_H
