//===- ExecMbarrier.cpp - mbarrier.* --------------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, section "Parallel Synchronization and Communication
// Instructions: mbarrier". Misuse that PTX leaves undefined traps.
//
//===----------------------------------------------------------------------===//

#include "Exec.h"
#include "HappensBefore.h"
#include "Mbarrier.h"
#include <algorithm>
#include <cstring>

namespace fp4::ptx {

//===----------------------------------------------------------------------===//
// The object
//===----------------------------------------------------------------------===//

static uint64_t encode(const MbarrierState &state) {
  return uint64_t(state.pending) | uint64_t(state.expected) << 20 |
         (uint64_t(uint32_t(state.tx)) & 0x3FFFFF) << 40 |
         uint64_t(state.phase) << 62 | uint64_t(1) << 63;
}

uint64_t mbarrierWord(MbarrierRef ref) {
  uint64_t word;
  std::memcpy(&word, &ref.cta->shared.bytes[ref.offset], sizeof word);
  return word;
}

static MbarrierState decodeState(uint64_t word) {
  MbarrierState state;
  state.pending = word & kMaxMbarrierCount;
  state.expected = word >> 20 & kMaxMbarrierCount;
  state.tx = int32_t(signExtend(word >> 40 & 0x3FFFFF, 22));
  state.phase = word >> 62 & 1;
  return state;
}

MbarrierState readMbarrier(const Warp &warp, MbarrierRef ref) {
  uint64_t word = mbarrierWord(ref);
  if (!ref.cta->mbarriers.count(ref.offset))
    warp.trap("there is no initialised mbarrier at " + hex(ref.offset));
  if (!(word >> 63))
    warp.trap("the mbarrier at " + hex(ref.offset) +
              " was overwritten by ordinary stores");
  return decodeState(word);
}

/// Writes the state back, moving to the next phase if this one is complete.
static void update(MbarrierRef ref, MbarrierState state) {
  if (state.pending == 0 && state.tx == 0) {
    state.phase = !state.phase;
    state.pending = state.expected;
    if (HappensBefore *order = ref.cta->cluster.order.get())
      order->completePhase(ref);
  }
  uint64_t word = encode(state);
  std::memcpy(&ref.cta->shared.bytes[ref.offset], &word, sizeof word);
}

void mbarrierArrive(const Warp &warp, MbarrierRef ref, uint32_t count,
                    uint32_t expectTx, bool drop) {
  MbarrierState state = readMbarrier(warp, ref);
  if (count > state.pending)
    warp.trap(std::to_string(count) + " arrivals on the mbarrier at " +
              hex(ref.offset) + ", which expects " +
              std::to_string(state.pending) + " more in this phase");
  int64_t tx = int64_t(state.tx) + expectTx;
  if (tx > int64_t(kMaxMbarrierCount))
    warp.trap("the transaction count of the mbarrier at " + hex(ref.offset) +
              " overflows");
  state.tx = int32_t(tx);
  state.pending -= count;
  if (HappensBefore *order = warp.cta.cluster.order.get())
    order->arriveAsync(ref);
  if (drop)
    state.expected -= count;
  update(ref, state);
}

void mbarrierTx(const Warp &warp, MbarrierRef ref, int64_t bytes) {
  MbarrierState state = readMbarrier(warp, ref);
  int64_t tx = state.tx + bytes;
  if (tx > int64_t(kMaxMbarrierCount) || tx < -int64_t(kMaxMbarrierCount))
    warp.trap("the transaction count of the mbarrier at " + hex(ref.offset) +
              " overflows: " + std::to_string(tx));
  state.tx = int32_t(tx);
  update(ref, state);
}

void mbarrierAddPending(const Warp &warp, MbarrierRef ref, uint32_t count) {
  MbarrierState state = readMbarrier(warp, ref);
  state.pending += count;
  update(ref, state);
}

//===----------------------------------------------------------------------===//
// init, inval
//===----------------------------------------------------------------------===//

static MbarrierRef barrierAt(Warp &warp, const Instr &instr, const Operand &op,
                             unsigned lane) {
  return warp.sharedRef(instr.space, warp.address(op, lane), 8, 8, lane);
}

/// Lanes of one instruction may name the same barrier if they agree on the
/// count: ThunderKittens initialises with a whole warp.
static void init(Warp &warp, const Instr &instr) {
  Lanes scratch;
  const Lanes &counts = warp.read(instr.ops[1], scratch);
  std::vector<std::pair<MbarrierRef, uint64_t>> done;
  forEachLane(warp.active, [&](unsigned lane) {
    MbarrierRef ref = barrierAt(warp, instr, instr.ops[0], lane);
    uint64_t count = counts[lane];
    if (count == 0 || count > kMaxMbarrierCount)
      warp.trap("mbarrier count " + std::to_string(count) +
                    " is not in 1..1048575",
                int(lane));
    std::pair<MbarrierRef, uint64_t> entry(ref, count);
    if (std::find(done.begin(), done.end(), entry) != done.end())
      return;
    done.push_back(entry);
    if (!ref.cta->mbarriers.insert(ref.offset).second)
      warp.trap("there is an mbarrier at " + hex(ref.offset) +
                    " already; mbarrier.inval it first",
                int(lane));
    if (HappensBefore *order = warp.cta.cluster.order.get())
      order->initialise(warp, lane, ref);
    MbarrierState state;
    state.pending = state.expected = uint32_t(count);
    uint64_t word = encode(state);
    std::memcpy(&ref.cta->shared.bytes[ref.offset], &word, sizeof word);
    std::memset(&ref.cta->shared.valid[ref.offset], 1, sizeof word);
  });
}

/// `.shared{::cta,::cluster}` and `.b64`, with the modifiers of which only
/// .relaxed has an effect, where the order of accesses is checked.
static void takeSpaceAndType(Decoder &d) {
  d.instr.space = d.takeSpace();
  d.instr.variant = d.has("relaxed");
  while (d.takeOneOf({"release", "acquire", "relaxed", "cta", "cluster"}) >= 0)
    ;
  d.instr.type = d.needType({Type::B64});
}

void decodeMbarrierInit(Decoder &d) {
  takeSpaceAndType(d);
  d.setResults(0);
  d.setStores();
  if (d.needOperands(2) && d.needAddress(0))
    d.setExec(init);
}

static void invalidate(Warp &warp, const Instr &instr) {
  forEachLane(warp.active, [&](unsigned lane) {
    MbarrierRef ref = barrierAt(warp, instr, instr.ops[0], lane);
    if (!ref.cta->mbarriers.erase(ref.offset))
      warp.trap("there is no initialised mbarrier at " + hex(ref.offset),
                int(lane));
    std::memset(&ref.cta->shared.valid[ref.offset], 0, 8);
  });
}

void decodeMbarrierInval(Decoder &d) {
  takeSpaceAndType(d);
  d.setResults(0);
  if (d.needOperands(1) && d.needAddress(0))
    d.setExec(invalidate);
}

//===----------------------------------------------------------------------===//
// expect_tx, complete_tx, arrive
//===----------------------------------------------------------------------===//

static void changeTx(Warp &warp, const Instr &instr) {
  Lanes scratch;
  const Lanes &bytes = warp.read(instr.ops[1], scratch);
  forEachLane(warp.active, [&](unsigned lane) {
    int64_t count = uint32_t(bytes[lane]);
    mbarrierTx(warp, barrierAt(warp, instr, instr.ops[0], lane),
               instr.flag ? -count : count);
  });
}

void decodeMbarrierTx(Decoder &d) {
  d.instr.flag = d.mnemonic == "mbarrier.complete_tx";
  takeSpaceAndType(d);
  d.setResults(0);
  d.setStores();
  if (d.needOperands(2) && d.needAddress(0))
    d.setExec(changeTx);
}

/// Operands: {state,} address {, count or transaction bytes}.
static void arrive(Warp &warp, const Instr &instr) {
  unsigned first = instr.numResults;
  bool hasOperand = instr.ops.size() > first + 1;
  HappensBefore *order = warp.cta.cluster.order.get();
  Lanes scratch;
  const Lanes *operand =
      hasOperand ? &warp.read(instr.ops[first + 1], scratch) : nullptr;
  forEachLane(warp.active, [&](unsigned lane) {
    MbarrierRef ref = barrierAt(warp, instr, instr.ops[first], lane);
    uint32_t count = 1, tx = 0;
    if (operand)
      (instr.flag ? tx : count) = uint32_t((*operand)[lane]);
    if (count == 0 || count > kMaxMbarrierCount)
      warp.trap("an arrive count of " + std::to_string(count), int(lane));
    uint64_t token = mbarrierWord(ref);
    if (order) {
      order->useBarrier(warp, lane, ref);
      order->arrive({ref.cta, ref.offset}, warp, 1u << lane, instr.variant);
    }
    mbarrierArrive(warp, ref, count, tx, instr.flag2);
    if (first)
      warp.setLane(instr.ops[0], lane, token);
  });
}

void decodeMbarrierArrive(Decoder &d) {
  Instr &i = d.instr;
  i.flag = d.take("expect_tx");
  d.take("noComplete");
  i.flag2 = d.mnemonic == "mbarrier.arrive_drop";
  takeSpaceAndType(d);
  bool hasResult = !i.ops.empty() && i.ops[0].kind != Operand::Kind::Address;
  d.setResults(hasResult ? 1 : 0);
  d.setStores();
  unsigned least = hasResult ? 2 : 1;
  if (d.needOperands(i.flag ? least + 1 : least, least + 1) &&
      d.needAddress(hasResult ? 1 : 0))
    d.setExec(arrive);
}

//===----------------------------------------------------------------------===//
// test_wait, try_wait, pending_count
//===----------------------------------------------------------------------===//

/// Whether the phase that `token` (a state, or a parity) names is complete.
static void testWait(Warp &warp, const Instr &instr) {
  Lanes scratch;
  const Lanes &tokens = warp.read(instr.ops[2], scratch);
  uint32_t complete = 0;
  MbarrierRef waited;
  HappensBefore *order = warp.cta.cluster.order.get();
  forEachLane(warp.active, [&](unsigned lane) {
    MbarrierRef ref = barrierAt(warp, instr, instr.ops[1], lane);
    bool phase = readMbarrier(warp, ref).phase;
    bool asked = instr.flag ? tokens[lane] & 1 : tokens[lane] >> 62 & 1;
    if (order)
      order->useBarrier(warp, lane, ref);
    if (phase == asked) {
      waited = ref;
      return;
    }
    complete |= 1u << lane;
    if (order)
      order->leave({ref.cta, ref.offset}, warp, 1u << lane, instr.variant);
  });
  const Operand &result = instr.ops[0];
  warp.setPredicate(
      result.kind == Operand::Kind::Pair ? result.elems[0] : result, complete);
  if (waited.cta)
    warp.poll(waited);
}

void decodeMbarrierWait(Decoder &d) {
  Instr &i = d.instr;
  i.flag = d.take("parity");
  takeSpaceAndType(d);
  bool isTry = d.mnemonic == "mbarrier.try_wait";
  if (d.needOperands(3, isTry ? 4 : 3) && d.needAddress(1))
    d.setExec(testWait);
}

static void pendingCount(Warp &warp, const Instr &instr) {
  map1(warp, instr,
       [](uint64_t a) { return uint64_t(decodeState(a).pending); });
}

void decodeMbarrierPending(Decoder &d) {
  d.instr.type = d.needType({Type::B64});
  d.needOperands(2);
  d.setExec(pendingCount);
}

} // namespace fp4::ptx
