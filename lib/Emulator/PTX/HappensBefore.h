//===- HappensBefore.h - Races in shared memory -----------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The emulator runs one warp after another, so a program that forgets to
// synchronise may still compute what it should. LaunchOptions::strict asks the
// question that does not depend on the order of running: does the program's own
// synchronisation order every two accesses to the same byte of shared memory of
// which one writes (PTX ISA, "Memory Consistency Model")? It is answered with
// vector clocks: every thread, stream of asynchronous operations and mbarrier
// is a component that counts its own time, and knows up to which time of the
// others it comes later.
//
// Threads learn from bar, barrier.cluster, bar.warp.sync and mbarriers; atomics
// and volatile or otherwise strong accesses count as synchronisation at their
// word. Instructions that only exchange registers (shfl, elect) order nothing.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_HAPPENSBEFORE_H
#define FP4_LIB_EMULATOR_PTX_HAPPENSBEFORE_H

#include "AccessHistory.h"
#include "Async.h"
#include <map>

namespace fp4::ptx {

struct Cluster;
struct Location;

/// Where threads meet: an mbarrier by its CTA and offset, a barrier of a CTA by
/// its number, or the barrier of the cluster (no CTA).
struct MeetingKey {
  const CTA *cta = nullptr;
  uint32_t offset = 0;
  bool operator<(const MeetingKey &other) const {
    return cta != other.cta ? cta < other.cta : offset < other.offset;
  }
};

constexpr MeetingKey kClusterBarrier{};

class HappensBefore {
public:
  explicit HappensBefore(Cluster &cluster);

  /// A load or store of shared memory by the thread that `where` names; traps
  /// on a race. Ignored while an asynchronous operation takes effect.
  void access(Warp &warp, const Location &where, unsigned size, bool isWrite);
  /// An atomic operation.
  void atomic(Warp &warp, const Location &where);

  /// bar.warp.sync.
  void meet(Warp &warp, uint32_t lanes);
  /// What `lanes` did so far comes before whoever leaves once the phase is
  /// complete; if `relaxed`, what they did before their last fence.
  void arrive(MeetingKey key, Warp &warp, uint32_t lanes, bool relaxed = false);
  void complete(MeetingKey key);
  /// `lanes` come after all complete phases; if `relaxed`, at their next fence.
  void leave(MeetingKey key, Warp &warp, uint32_t lanes, bool relaxed = false);
  /// fence, of cluster scope or wider if `isWide`.
  void fence(Warp &warp, bool isWide);

  /// mbarrier.init.
  void initialise(Warp &warp, unsigned lane, MbarrierRef barrier);
  /// fence.mbarrier_init and fence.proxy.async: other CTAs and the asynchronous
  /// proxy may signal the mbarriers that `warp` has initialised.
  void publishBarriers(const Warp &warp);
  /// A thread arrives at, or looks at, `barrier`.
  void useBarrier(Warp &warp, unsigned lane, MbarrierRef barrier);
  /// The arrival of the asynchronous operation that takes effect.
  void arriveAsync(MbarrierRef barrier);
  void completePhase(MbarrierRef barrier);

  /// Traps if `op` races; notes what it reads and writes.
  void issue(AsyncOp &op);
  /// `op` takes effect between the two.
  void begin(const AsyncOp &op) { running = &op; }
  void end() { running = nullptr; }
  /// `lanes` waited for their operations of `kind` in groups below `bound`.
  void await(Warp &warp, uint32_t lanes, AsyncOp::Kind kind, uint32_t bound);
  /// tcgen05.fence::after_thread_sync.
  void fenceTensor(Warp &warp);
  /// Whether the last such fence of the first active lane of `warp` came after
  /// all lanes of `other` at `time` of its clock.
  bool isFenced(const Warp &warp, const Warp &other, uint32_t time) const;

  /// griddepcontrol.wait.
  void awaitGrids(Warp &warp);
  /// Whether the thread, or the asynchronous operation that takes effect, came
  /// after a griddepcontrol.wait.
  bool gridsAwaited(const Warp &warp, unsigned lane);

private:
  /// Asynchronous operations of one thread (wgmma: of one warp).
  struct Stream {
    uint32_t component = 0;
    uint32_t issued = 0;
    /// The last operation of each group that may still be waited for, and for
    /// wgmma what the warp's threads had done when they issued it.
    struct Group {
      uint32_t last = 0;
      Clock issued;
    };
    std::map<uint32_t, Group> groups;
  };
  struct Meeting {
    Clock arrived, done;
  };
  struct Barrier {
    uint32_t component = 0;
    uint32_t phases = 0;
    const Warp *initialiser = nullptr;
    bool isPublished = false;
  };

  uint32_t threadOf(const Warp &warp, unsigned lane) const;
  /// The present of a thread; its own component is brought up to date.
  Clock &now(const Warp &warp, unsigned lane);
  Stream &streamOf(const Warp &warp, unsigned lane, AsyncOp::Kind kind);
  Barrier &barrierAt(MbarrierRef barrier);
  /// The operation's place in its component, and whose time that is.
  Epoch epochOf(AsyncOp &op, unsigned lane);
  void noteRanges(AsyncOp &op, unsigned lane, Epoch self);
  [[noreturn]] void race(const Warp &warp, unsigned lane, uint32_t offset,
                         bool isWrite, const Conflict &conflict) const;
  std::string describe(uint32_t component) const;

  Cluster &cluster;
  uint32_t threadsPerCta, numThreads, numComponents;
  std::vector<Clock> clocks, fenced, observed, tensorFenced;
  std::map<const CTA *, AccessHistory> histories;
  std::map<MeetingKey, Meeting> meetings;
  std::map<MeetingKey, Barrier> barriers;
  std::map<std::pair<uint32_t, AsyncOp::Kind>, Stream> streams;
  const AsyncOp *running = nullptr;
};

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_HAPPENSBEFORE_H
