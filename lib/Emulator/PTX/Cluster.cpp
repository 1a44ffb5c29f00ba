//===- Cluster.cpp - Scheduling CTAs, barriers and asynchrony -------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A cluster is the unit of scheduling: its warps take turns on one host thread.
// When none of them can go on, asynchronous operations take effect; when there
// are none either, the program is deadlocked.
//
//===----------------------------------------------------------------------===//

#include "Decode.h"
#include "HappensBefore.h"
#include "Machine.h"
#include "TensorMemory.h"
#include <algorithm>

namespace fp4::ptx {

/// Instructions of a warp before the next one runs.
static constexpr uint32_t kQuantum = 2000;
/// Rounds with a polling warp after which pending operations are let through
/// although others still run (they may spin on ordinary memory).
static constexpr unsigned kPatience = 64;
/// Attempts after which warps that only poll count as deadlocked, more than the
/// limits that programs put on their loops.
static constexpr unsigned kStuckRounds = 2000;

CTA::CTA(Cluster &cluster, Dim3 id, unsigned rank)
    : cluster(cluster), launch(cluster.launch), id(id), rank(rank),
      shared(launch.sharedBytes) {
  uint64_t threads = launch.config.block.count();
  for (unsigned index = 0; index * kWarpSize < threads; ++index) {
    uint64_t left = threads - index * kWarpSize;
    uint32_t lanes = uint32_t(lowBits(unsigned(std::min<uint64_t>(left, 32))));
    warps.push_back(std::make_unique<Warp>(*this, index, lanes));
  }
  for (NamedBarrier &barrier : barriers)
    barrier.lanes.assign(warps.size(), 0);
}

CTA::~CTA() = default;

bool CTA::done() const {
  return std::all_of(warps.begin(), warps.end(),
                     [](const auto &warp) { return warp->live == 0; });
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

/// Gives the fragment that waits at a bar.red its result.
static void deliverReduction(Warp &warp, Fragment &fragment,
                             const NamedBarrier &barrier) {
  const Instr &instr = fragment.frame->function->code[fragment.pc - 1];
  if (instr.numResults == 0)
    return;
  const Operand &result = instr.ops[0];
  if (!result.isReg())
    return;
  uint64_t value = instr.variant2 == 0   ? barrier.count
                   : instr.variant2 == 1 ? barrier.all
                                         : barrier.any;
  Lanes &lanes = fragment.frame->regs[result.slot];
  forEachLane(fragment.mask, [&](unsigned lane) { lanes[lane] = value; });
  fragment.frame->poison[result.slot] &= ~fragment.mask;
}

void CTA::updateBarrier(unsigned index) {
  NamedBarrier &barrier = barriers[index];
  if (!barrier.inUse)
    return;
  if (barrier.expected) {
    if (barrier.arrived < barrier.expected)
      return;
  } else {
    for (const auto &warp : warps)
      if (warp->live & ~barrier.lanes[warp->index])
        return;
  }
  HappensBefore *order = cluster.order.get();
  if (order)
    order->complete({this, index});
  for (const auto &warp : warps) {
    for (Fragment &fragment : warp->fragments) {
      if (fragment.wait != Wait::Barrier || fragment.barrier != index)
        continue;
      fragment.wait = Wait::Ready;
      if (order)
        order->leave({this, index}, *warp, fragment.mask);
      deliverReduction(*warp, fragment, barrier);
    }
  }
  size_t count = barrier.lanes.size();
  barrier = NamedBarrier();
  barrier.lanes.assign(count, 0);
}

void CTA::updateAllBarriers() {
  for (unsigned index = 0; index < barriers.size(); ++index)
    updateBarrier(index);
}

uint64_t Cluster::liveLanes() const {
  uint64_t count = 0;
  for (const auto &cta : ctas)
    for (const auto &warp : cta->warps)
      count += unsigned(__builtin_popcount(warp->live));
  return count;
}

void Cluster::updateClusterBarrier() {
  uint64_t arrived = 0;
  for (const auto &cta : ctas)
    for (const auto &warp : cta->warps)
      arrived +=
          unsigned(__builtin_popcount(warp->live & warp->clusterArrived));
  if (arrived == 0 || arrived < liveLanes())
    return;
  ++barrierPhase;
  if (order)
    order->complete(kClusterBarrier);
  for (const auto &cta : ctas)
    for (const auto &warp : cta->warps) {
      warp->clusterArrived = 0;
      for (Fragment &fragment : warp->fragments)
        if (fragment.wait == Wait::ClusterBarrier) {
          fragment.wait = Wait::Ready;
          if (order)
            order->leave(kClusterBarrier, *warp, fragment.mask);
        }
    }
}

//===----------------------------------------------------------------------===//
// Clusters
//===----------------------------------------------------------------------===//

Cluster::Cluster(LaunchState &launch, uint64_t linearIndex, Statistics &stats)
    : launch(launch), linearIndex(linearIndex), stats(stats),
      async(launch.options.async, launch.options.seed + linearIndex),
      opcodeCounts(numOpcodes),
      schedule(uint32_t(launch.options.seed + linearIndex + 1)) {
  const Dim3 &shape = launch.config.cluster;
  id.x = uint32_t(linearIndex % launch.clusters.x);
  id.y = uint32_t(linearIndex / launch.clusters.x % launch.clusters.y);
  id.z = uint32_t(linearIndex / launch.clusters.x / launch.clusters.y);
  for (unsigned rank = 0; rank < shape.count(); ++rank) {
    Dim3 cta;
    cta.x = id.x * shape.x + rank % shape.x;
    cta.y = id.y * shape.y + rank / shape.x % shape.y;
    cta.z = id.z * shape.z + rank / shape.x / shape.y;
    ctas.push_back(std::make_unique<CTA>(*this, cta, rank));
  }
  if (launch.options.strict)
    order = std::make_unique<HappensBefore>(*this);
}

Cluster::~Cluster() = default;

/// Names what every warp waits for and traps.
void Cluster::deadlock() {
  std::string message = "deadlock:";
  unsigned listed = 0;
  for (const auto &cta : ctas)
    for (const auto &warp : cta->warps)
      for (const Fragment &fragment : warp->fragments) {
        if (++listed > 8)
          continue;
        const std::vector<Instr> &code = fragment.frame->function->code;
        bool isBehind = fragment.wait == Wait::Barrier ||
                        fragment.wait == Wait::ClusterBarrier ||
                        fragment.wait == Wait::Ready;
        const Instr &instr =
            code[isBehind && fragment.pc ? fragment.pc - 1 : fragment.pc];
        message += (listed > 1 ? "," : "") + std::string(" warp ") +
                   std::to_string(warp->index);
        if (ctas.size() > 1)
          message += " of CTA rank " + std::to_string(cta->rank);
        message += " (lanes " + hex(fragment.mask) + ") waits at line " +
                   std::to_string(instr.line) + " (" +
                   std::string(opcodeTable[instr.opcode].mnemonic) + ")";
        if (fragment.wait == Wait::Converge)
          message += " for the other lanes of its warp";
        else if (fragment.wait == Wait::Barrier)
          message += " at barrier " + std::to_string(fragment.barrier);
        else if (!warp->polled.empty())
          message += " for the mbarrier at " + hex(warp->polled[0].offset);
      }
  message += "; cta (" + std::to_string(ctas[0]->id.x) + ", " +
             std::to_string(ctas[0]->id.y) + ", " +
             std::to_string(ctas[0]->id.z) + ")";
  throw TrapError{std::move(message)};
}

Cluster::Result Cluster::run(uint64_t budget) {
  uint64_t start = stats.warpInstructions;
  uint64_t counted = start;
  unsigned pollingRounds = 0;
  // Who runs first changes from round to round, so that a program cannot rely
  // on warp 0 being ahead. The seed makes it repeatable.
  std::vector<Warp *> order;
  for (const auto &cta : ctas)
    for (const auto &warp : cta->warps)
      order.push_back(warp.get());
  for (;;) {
    bool progress = false, alive = false;
    uint64_t before = stats.warpInstructions;
    size_t mostFragments = 1;
    std::vector<MbarrierRef> polled;
    bool backward = schedule() & 1;
    size_t first = schedule() % order.size();
    for (size_t i = 0; i < order.size(); ++i) {
      size_t at = backward ? order.size() - 1 - i : i;
      Warp *warp = order[(first + at) % order.size()];
      if (!warp->live)
        continue;
      alive = true;
      progress |= warp->run(kQuantum) != Warp::Result::Blocked;
      mostFragments = std::max(mostFragments, warp->fragments.size());
      polled.insert(polled.end(), warp->polled.begin(), warp->polled.end());
    }
    if (!alive) {
      async.finishAll();
      for (const auto &cta : ctas)
        finishTensorMemory(*cta);
      return Result::Done;
    }
    progress |= async.shuffle();
    idleRounds = progress ? 0 : idleRounds + 1;
    stuckRounds = progress ? 0 : stuckRounds;
    if (idleRounds > mostFragments) {
      // Warps that only poll may still give up by themselves, as a loop with a
      // limit does; warps that all wait may not.
      bool isPolling = stats.warpInstructions != before;
      if (async.relieve(polled))
        stuckRounds = 0;
      else if (!isPolling || ++stuckRounds > kStuckRounds)
        deadlock();
      idleRounds = 0;
    }
    pollingRounds = polled.empty() ? 0 : pollingRounds + 1;
    if (progress && pollingRounds > kPatience && !async.empty()) {
      async.relieve(polled);
      pollingRounds = 0;
    }
    launch.steps += stats.warpInstructions - counted;
    counted = stats.warpInstructions;
    if (launch.steps > launch.options.stepBudget)
      throw TrapError{
          "the step budget of " + std::to_string(launch.options.stepBudget) +
          " warp-instructions is used up; cta (" +
          std::to_string(ctas[0]->id.x) + ", " + std::to_string(ctas[0]->id.y) +
          ", " + std::to_string(ctas[0]->id.z) + ")"};
    if (counted - start > budget || launch.stop)
      return Result::Paused;
  }
}

} // namespace fp4::ptx
