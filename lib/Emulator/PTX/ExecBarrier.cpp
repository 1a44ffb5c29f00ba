//===- ExecBarrier.cpp - Barriers of warps, CTAs and clusters -------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0: bar, barrier, bar.warp.sync, barrier.cluster, fence and membar.
// Memory is sequentially consistent here, so of the fences only the one between
// the generic and the asynchronous proxy does something.
//
//===----------------------------------------------------------------------===//

#include "Exec.h"
#include "HappensBefore.h"

namespace fp4::ptx {

//===----------------------------------------------------------------------===//
// bar, barrier
//===----------------------------------------------------------------------===//

namespace {
enum BarKind : uint8_t { BarSync, BarArrive, BarRed };
} // namespace

/// Operands: {result,} barrier {, count} {, predicate}.
static void barrier(Warp &warp, const Instr &instr) {
  unsigned first = instr.numResults;
  bool isRed = instr.variant == BarRed;
  bool hasCount = instr.ops.size() > first + 1 + (isRed ? 1 : 0);
  uint64_t index = warp.uniform(instr.ops[first]);
  if (index >= warp.cta.barriers.size())
    warp.trap("barrier " + std::to_string(index) + "; there are 16");
  NamedBarrier &barrier = warp.cta.barriers[index];
  uint32_t expected = 0;
  if (hasCount) {
    expected = uint32_t(warp.uniform(instr.ops[first + 1]));
    if (expected == 0 || expected % kWarpSize)
      warp.trap("barrier " + std::to_string(index) + " with a count of " +
                std::to_string(expected) +
                ", which is not a multiple of the warp size");
  }
  if (barrier.inUse && barrier.expected != expected)
    warp.trap("barrier " + std::to_string(index) + " with a count of " +
              std::to_string(expected) + " while others wait there with " +
              std::to_string(barrier.expected));
  if (barrier.inUse && (barrier.lanes[warp.index] & warp.active))
    warp.trap("barrier " + std::to_string(index) +
              ": the warp arrives a second time before it completes");
  barrier.inUse = true;
  barrier.expected = expected;
  barrier.lanes[warp.index] |= warp.active;
  // An aligned arrival counts for the whole warp, exited lanes included.
  barrier.arrived += instr.sync == Sync::Warp
                         ? kWarpSize
                         : unsigned(__builtin_popcount(warp.active));
  if (isRed) {
    uint32_t values = warp.predicate(instr.ops.back()) & warp.active;
    barrier.count += unsigned(__builtin_popcount(values));
    barrier.all &= values == warp.active;
    barrier.any |= values != 0;
  }
  if (HappensBefore *order = warp.cta.cluster.order.get())
    order->arrive({&warp.cta, uint32_t(index)}, warp, warp.active);
  if (instr.variant != BarArrive)
    warp.block(Wait::Barrier, uint8_t(index));
  warp.cta.updateBarrier(unsigned(index));
}

void decodeBar(Decoder &d) {
  Instr &i = d.instr;
  d.take("cta");
  i.variant = uint8_t(d.needOneOf({"sync", "arrive", "red"}));
  bool aligned = d.take("aligned") || d.mnemonic == "bar";
  i.sync = aligned ? Sync::Warp : Sync::None;
  d.setResults(0);
  if (i.variant == BarRed) {
    i.variant2 = uint8_t(d.needOneOf({"popc", "and", "or"}));
    i.type = d.needType({Type::U32, Type::Pred});
    d.setResults(1);
    d.needOperands(3, 4);
  } else {
    d.needOperands(i.variant == BarArrive ? 2 : 1, 2);
  }
  d.setExec(barrier);
}

static void nothing(Warp &, const Instr &) {}

/// bar.warp.sync: all lanes are here; it also orders what they did.
static void meet(Warp &warp, const Instr &) {
  if (HappensBefore *order = warp.cta.cluster.order.get())
    order->meet(warp, warp.active);
}

void decodeBarWarp(Decoder &d) {
  if (!d.take("sync"))
    d.fail("expected .sync");
  if (!d.needOperands(1))
    return;
  d.instr.sync = Sync::Mask;
  d.instr.maskOperand = 0;
  d.setResults(0);
  d.setExec(meet);
}

//===----------------------------------------------------------------------===//
// barrier.cluster
//===----------------------------------------------------------------------===//

static void clusterArrive(Warp &warp, const Instr &instr) {
  Cluster &cluster = warp.cta.cluster;
  if (warp.clusterArrived & warp.active)
    warp.trap("barrier.cluster.arrive a second time in one phase");
  warp.clusterArrived |= warp.active;
  if (cluster.order)
    cluster.order->arrive(kClusterBarrier, warp, warp.active, instr.flag);
  forEachLane(warp.active, [&](unsigned lane) {
    warp.clusterArrival[lane] = cluster.barrierPhase + 1;
  });
  cluster.updateClusterBarrier();
}

static void clusterWait(Warp &warp, const Instr &) {
  uint32_t waiting = 0;
  forEachLane(warp.active, [&](unsigned lane) {
    if (warp.clusterArrival[lane] == 0)
      warp.trap("barrier.cluster.wait without arrive", int(lane));
    if (warp.clusterArrival[lane] > warp.cta.cluster.barrierPhase)
      waiting |= 1u << lane;
    warp.clusterArrival[lane] = 0;
  });
  if (HappensBefore *order = warp.cta.cluster.order.get())
    order->leave(kClusterBarrier, warp, warp.active & ~waiting);
  if (!waiting)
    return;
  warp.active = waiting;
  warp.block(Wait::ClusterBarrier);
}

void decodeBarrierCluster(Decoder &d) {
  int form = d.needOneOf({"arrive", "wait"});
  d.instr.flag = d.takeOneOf({"relaxed", "release", "acquire"}) == 0;
  if (d.take("aligned"))
    d.instr.sync = Sync::Warp;
  d.needOperands(0);
  d.setResults(0);
  d.setExec(form == 0 ? clusterArrive : clusterWait);
}

//===----------------------------------------------------------------------===//
// fence, membar
//===----------------------------------------------------------------------===//

/// Makes what ordinary instructions wrote to shared memory visible to the
/// asynchronous proxy.
static void fenceProxyAsync(Warp &warp, const Instr &instr) {
  if (!instr.flag)
    return;
  if (HappensBefore *order = warp.cta.cluster.order.get())
    order->publishBarriers(warp);
  for (const auto &cta : warp.cta.cluster.ctas)
    ++cta->shared.epoch;
}

/// Memory is sequentially consistent; only who checks the order of accesses
/// wants to know.
static void fence(Warp &warp, const Instr &instr) {
  HappensBefore *order = warp.cta.cluster.order.get();
  if (!order)
    return;
  if (instr.variant)
    order->publishBarriers(warp);
  else
    order->fence(warp, instr.flag);
}

void decodeFence(Decoder &d) {
  Instr &i = d.instr;
  d.setResults(0);
  if (d.take("proxy")) {
    if (int form = d.needOneOf(
            {"async", "alias", "tensormap::generic", "async::generic"});
        form == 1) {
      d.setExec(nothing);
      return;
    }
    bool isGlobalOnly = d.take("global");
    i.flag = !isGlobalOnly;
    d.takeOneOf({"shared::cta", "shared::cluster", "shared"});
    d.takeOneOf({"acquire", "release"});
    d.ignorePrefix("sync_restrict::");
    d.takeOneOf({"cta", "cluster", "gpu", "sys"});
    return d.setExec(fenceProxyAsync);
  }
  i.variant = d.take("mbarrier_init");
  d.takeOneOf({"sc", "acq_rel", "acquire", "release"});
  d.ignorePrefix("sync_restrict::");
  i.flag = d.takeOneOf({"cta", "cluster", "gpu", "sys", "gl"}) > 0;
  d.needOperands(0);
  d.setExec(fence);
}

} // namespace fp4::ptx
