//===- HappensBefore.cpp - Races in shared memory -------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Components are numbered: first the threads of the cluster, by CTA rank and
// warp, in time of their warp's clock; then, as they turn up, the streams of
// asynchronous operations, in operations, and mbarriers, in phases: what a bulk
// copy writes belongs to the phase of the mbarrier that it completes.
//
//===----------------------------------------------------------------------===//

#include "HappensBefore.h"
#include "Machine.h"

namespace fp4::ptx {

/// The component that stands for the grids in front of this one; 1 when they
/// were waited for.
static constexpr uint32_t kGridsComponent = 0;
static constexpr uint32_t kFirstThread = kWarpSize;

static MeetingKey keyOf(MbarrierRef barrier) {
  return {barrier.cta, barrier.offset};
}

HappensBefore::HappensBefore(Cluster &cluster) : cluster(cluster) {
  uint32_t warps = uint32_t(cluster.ctas[0]->warps.size());
  threadsPerCta = warps * kWarpSize;
  numThreads = kFirstThread + threadsPerCta * uint32_t(cluster.ctas.size());
  numComponents = numThreads;
  for (auto *all : {&clocks, &fenced, &observed, &tensorFenced})
    all->resize(numThreads);
  for (const auto &cta : cluster.ctas)
    histories.emplace(cta.get(),
                      AccessHistory(cta->shared.bytes.size(), numThreads));
}

uint32_t HappensBefore::threadOf(const Warp &warp, unsigned lane) const {
  return kFirstThread + warp.cta.rank * threadsPerCta + warp.index * kWarpSize +
         lane;
}

Clock &HappensBefore::now(const Warp &warp, unsigned lane) {
  uint32_t thread = threadOf(warp, lane);
  clocks[thread].raise({thread, uint32_t(warp.clock)});
  return clocks[thread];
}

//===----------------------------------------------------------------------===//
// Reports
//===----------------------------------------------------------------------===//

std::string HappensBefore::describe(uint32_t component) const {
  if (component < numThreads) {
    uint32_t thread = component - kFirstThread;
    std::string text = "warp " +
                       std::to_string(thread % threadsPerCta / kWarpSize) +
                       ", lane " + std::to_string(thread % kWarpSize);
    if (cluster.ctas.size() > 1)
      text += " of CTA rank " + std::to_string(thread / threadsPerCta);
    return text;
  }
  for (const auto &[key, barrier] : barriers)
    if (barrier.component == component)
      return "a copy that completes on the mbarrier at " + hex(key.offset);
  return "an asynchronous operation";
}

void HappensBefore::race(const Warp &warp, unsigned lane, uint32_t offset,
                         bool isWrite, const Conflict &conflict) const {
  warp.trap(std::string(isWrite ? "write to" : "read of") +
                " shared memory at " + hex(offset) + " races with the " +
                (conflict.isWrite ? "write" : "read") + " of " +
                hex(conflict.offset) + " by " +
                describe(conflict.other.component) +
                ": no synchronisation orders the two",
            int(lane));
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

void HappensBefore::access(Warp &warp, const Location &where, unsigned size,
                           bool isWrite) {
  if (running)
    return;
  if (warp.current->isStrong)
    return atomic(warp, where);
  const Clock &known = now(warp, where.lane);
  Epoch self{threadOf(warp, where.lane), uint32_t(warp.clock)};
  AccessHistory &history = histories.at(where.cta);
  std::optional<Conflict> conflict =
      isWrite ? history.write(where.offset, size, self, known)
              : history.read(where.offset, size, self, known);
  if (conflict)
    race(warp, where.lane, where.offset, isWrite, *conflict);
}

void HappensBefore::atomic(Warp &warp, const Location &where) {
  MeetingKey key{where.cta, where.offset};
  uint32_t lane = 1u << where.lane;
  leave(key, warp, lane);
  arrive(key, warp, lane);
  complete(key);
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

void HappensBefore::meet(Warp &warp, uint32_t lanes) {
  Clock all;
  forEachLane(lanes, [&](unsigned lane) { all.join(now(warp, lane)); });
  forEachLane(lanes,
              [&](unsigned lane) { clocks[threadOf(warp, lane)] = all; });
}

void HappensBefore::arrive(MeetingKey key, Warp &warp, uint32_t lanes,
                           bool relaxed) {
  Meeting &meeting = meetings[key];
  forEachLane(lanes, [&](unsigned lane) {
    meeting.arrived.join(relaxed ? fenced[threadOf(warp, lane)]
                                 : now(warp, lane));
  });
}

void HappensBefore::complete(MeetingKey key) {
  Meeting &meeting = meetings[key];
  meeting.done.join(meeting.arrived);
  meeting.arrived = Clock();
}

void HappensBefore::leave(MeetingKey key, Warp &warp, uint32_t lanes,
                          bool relaxed) {
  const Clock &done = meetings[key].done;
  forEachLane(lanes, [&](unsigned lane) {
    uint32_t thread = threadOf(warp, lane);
    (relaxed ? observed : clocks)[thread].join(done);
  });
}

void HappensBefore::fence(Warp &warp, bool isWide) {
  forEachLane(warp.active, [&](unsigned lane) {
    uint32_t thread = threadOf(warp, lane);
    Clock &clock = now(warp, lane);
    clock.join(observed[thread]);
    fenced[thread] = clock;
  });
  if (isWide)
    publishBarriers(warp);
}

//===----------------------------------------------------------------------===//
// mbarriers
//===----------------------------------------------------------------------===//

HappensBefore::Barrier &HappensBefore::barrierAt(MbarrierRef ref) {
  Barrier &barrier = barriers[keyOf(ref)];
  if (!barrier.component)
    barrier.component = numComponents++;
  return barrier;
}

void HappensBefore::initialise(Warp &warp, unsigned lane, MbarrierRef ref) {
  Location where;
  where.cta = ref.cta;
  where.offset = ref.offset;
  where.lane = uint8_t(lane);
  access(warp, where, 8, true);
  Barrier &barrier = barrierAt(ref);
  barrier.initialiser = &warp;
  barrier.isPublished = false;
}

void HappensBefore::publishBarriers(const Warp &warp) {
  for (auto &[key, barrier] : barriers)
    if (barrier.initialiser == &warp)
      barrier.isPublished = true;
}

void HappensBefore::useBarrier(Warp &warp, unsigned lane, MbarrierRef ref) {
  Epoch self{threadOf(warp, lane), uint32_t(warp.clock)};
  if (std::optional<Conflict> conflict =
          histories.at(ref.cta).look(ref.offset, 8, self, now(warp, lane)))
    warp.trap("uses the mbarrier at " + hex(ref.offset) +
                  ", and no synchronisation orders that behind its "
                  "initialisation by " +
                  describe(conflict->other.component),
              int(lane));
  if (ref.cta != &warp.cta && !barrierAt(ref).isPublished)
    warp.trap("uses the mbarrier at " + hex(ref.offset) + " of CTA rank " +
                  std::to_string(ref.cta->rank) +
                  ", which was initialised without a fence.mbarrier_init",
              int(lane));
}

void HappensBefore::arriveAsync(MbarrierRef ref) {
  if (running && running->time)
    meetings[keyOf(ref)].arrived.raise({running->component, running->time});
}

void HappensBefore::completePhase(MbarrierRef ref) {
  Barrier &barrier = barrierAt(ref);
  meetings[keyOf(ref)].arrived.raise({barrier.component, ++barrier.phases});
  complete(keyOf(ref));
}

//===----------------------------------------------------------------------===//
// Asynchronous operations
//===----------------------------------------------------------------------===//

HappensBefore::Stream &HappensBefore::streamOf(const Warp &warp, unsigned lane,
                                               AsyncOp::Kind kind) {
  bool isWgmma = kind == AsyncOp::Kind::Wgmma;
  if (kind == AsyncOp::Kind::CopyArrive)
    kind = AsyncOp::Kind::Copy;
  Stream &stream = streams[{threadOf(warp, isWgmma ? 0 : lane), kind}];
  if (stream.component)
    return stream;
  // A wgmma belongs to four warps: one that waited for it knows that it is
  // complete. All of them count alike, in the component of the first.
  const Warp &first = *warp.cta.warps[warp.index / 4 * 4];
  stream.component = isWgmma && &first != &warp
                         ? streamOf(first, 0, kind).component
                         : numComponents++;
  return stream;
}

Epoch HappensBefore::epochOf(AsyncOp &op, unsigned lane) {
  if (op.kind == AsyncOp::Kind::Bulk) {
    const Barrier &barrier = barrierAt(op.barrier);
    return {barrier.component, barrier.phases + 1};
  }
  Stream &stream = streamOf(*op.warp, lane, op.kind);
  bool isArrival = op.barrier.cta != nullptr;
  if (!isArrival) {
    ++stream.issued;
    Stream::Group &group = stream.groups[op.group];
    group.last = stream.issued;
    // All threads of a warp issue a wgmma together, with operands that they
    // loaded: it can't be complete before they were there.
    if (op.kind == AsyncOp::Kind::Wgmma)
      forEachLane(op.lanes, [&](unsigned each) {
        group.issued.join(now(*op.warp, each));
      });
  }
  return {stream.component, stream.issued};
}

void HappensBefore::noteRanges(AsyncOp &op, unsigned lane, Epoch self) {
  // The asynchronous operations of the tensor core come behind what the thread
  // knew at its last tcgen05.fence::after_thread_sync.
  bool isTensor = op.kind == AsyncOp::Kind::Tensor;
  uint32_t thread = threadOf(*op.warp, lane);
  Clock known = now(*op.warp, lane);
  if (isTensor) {
    known = tensorFenced[thread];
    known.raise({thread, uint32_t(op.warp->clock)});
  }
  auto check = [&](const SharedRange &range, bool isWrite) {
    if (!(range.lanes >> lane & 1))
      return;
    AccessHistory &history = histories.at(range.cta);
    std::optional<Conflict> conflict =
        isWrite ? history.write(range.offset, range.size, self, known)
                : history.read(range.offset, range.size, self, known);
    if (!conflict)
      return;
    if (isTensor && now(*op.warp, lane).covers(conflict->other))
      op.warp->trap("reads shared memory at " + hex(conflict->offset) +
                        " without a tcgen05.fence::after_thread_sync behind "
                        "the synchronisation with its writer",
                    int(lane));
    race(*op.warp, lane, range.offset, isWrite, *conflict);
  };
  for (const SharedRange &range : op.reads)
    check(range, false);
  for (const SharedRange &range : op.writes)
    check(range, true);
}

void HappensBefore::issue(AsyncOp &op) {
  if (op.kind == AsyncOp::Kind::TensorLoad ||
      op.kind == AsyncOp::Kind::TensorStore)
    return;
  unsigned first = unsigned(__builtin_ctz(op.lanes));
  op.gridsAwaited = gridsAwaited(*op.warp, first);
  bool isProxy =
      op.kind == AsyncOp::Kind::Bulk || op.kind == AsyncOp::Kind::Tensor;
  if (op.barrier.cta && isProxy && !barrierAt(op.barrier).isPublished)
    op.warp->trap("an asynchronous operation completes on the mbarrier at " +
                  hex(op.barrier.offset) +
                  ", which was initialised without a fence.mbarrier_init");
  // Every lane of a cp.async copies for itself; others act as one.
  uint32_t lanes = op.kind == AsyncOp::Kind::Copy ? op.lanes : 1u << first;
  forEachLane(lanes, [&](unsigned lane) {
    Epoch self = epochOf(op, lane);
    op.component = self.component;
    op.time = op.kind == AsyncOp::Kind::Bulk ? 0 : self.time;
    noteRanges(op, lane, self);
  });
}

void HappensBefore::await(Warp &warp, uint32_t lanes, AsyncOp::Kind kind,
                          uint32_t bound) {
  forEachLane(lanes, [&](unsigned lane) {
    const Stream &stream = streamOf(warp, lane, kind);
    auto next = stream.groups.lower_bound(bound);
    if (next == stream.groups.begin())
      return;
    const Stream::Group &group = std::prev(next)->second;
    Clock &clock = clocks[threadOf(warp, lane)];
    clock.raise({stream.component, group.last});
    clock.join(group.issued);
  });
  // What was waited for need not be known any more, but for its last group.
  forEachLane(lanes, [&](unsigned lane) {
    std::map<uint32_t, Stream::Group> &groups =
        streamOf(warp, lane, kind).groups;
    auto next = groups.lower_bound(bound);
    if (next != groups.begin())
      groups.erase(groups.begin(), std::prev(next));
  });
}

void HappensBefore::fenceTensor(Warp &warp) {
  forEachLane(warp.active, [&](unsigned lane) {
    tensorFenced[threadOf(warp, lane)] = now(warp, lane);
  });
}

bool HappensBefore::isFenced(const Warp &warp, const Warp &other,
                             uint32_t time) const {
  const Clock &known =
      tensorFenced[threadOf(warp, unsigned(__builtin_ctz(warp.active)))];
  for (unsigned lane = 0; lane < kWarpSize; ++lane)
    if (!known.covers({threadOf(other, lane), time}))
      return false;
  return true;
}

//===----------------------------------------------------------------------===//
// Grids
//===----------------------------------------------------------------------===//

void HappensBefore::awaitGrids(Warp &warp) {
  forEachLane(warp.active, [&](unsigned lane) {
    clocks[threadOf(warp, lane)].raise({kGridsComponent, 1});
  });
}

bool HappensBefore::gridsAwaited(const Warp &warp, unsigned lane) {
  if (running)
    return running->gridsAwaited;
  return clocks[threadOf(warp, lane)].at(kGridsComponent) != 0;
}

} // namespace fp4::ptx
