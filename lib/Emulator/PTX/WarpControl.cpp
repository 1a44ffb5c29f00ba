//===- WarpControl.cpp - Branches, calls and waits of a warp --------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, sections "Control Flow Instructions" and "Parameter Passing" of
// the function ABI: arguments are copied between the frames of caller and
// callee, lane by lane.
//
//===----------------------------------------------------------------------===//

#include "Decode.h"
#include "Machine.h"
#include <algorithm>
#include <cstring>

namespace fp4::ptx {

static constexpr unsigned kMaxCallDepth = 4096;

void Warp::branch(uint32_t taken, uint32_t pc) {
  Fragment &fragment = fragments[currentFragment];
  uint32_t rest = fragment.mask & ~taken;
  if (!taken)
    return;
  if (!rest) {
    fragment.pc = pc;
    return;
  }
  Fragment other = fragment;
  other.mask = taken;
  other.pc = pc;
  fragment.mask = rest;
  fragments.push_back(std::move(other));
}

void Warp::branchIndirect(const std::array<uint32_t, kWarpSize> &targets) {
  uint32_t left = active;
  while (left) {
    uint32_t target = targets[unsigned(__builtin_ctz(left))];
    uint32_t taken = 0;
    forEachLane(left, [&](unsigned lane) {
      if (targets[lane] == target)
        taken |= 1u << lane;
    });
    left &= ~taken;
    branch(taken, target);
  }
}

void Warp::splitBack(uint32_t lanes) {
  Fragment back = fragments[currentFragment];
  fragments[currentFragment].mask &= ~lanes;
  back.mask = lanes;
  --back.pc;
  fragments.push_back(std::move(back));
}

void Warp::block(Wait wait, uint8_t barrier) {
  Fragment &fragment = fragments[currentFragment];
  uint32_t rest = fragment.mask & ~active;
  if (rest) {
    Fragment other = fragment;
    other.mask = rest;
    fragment.mask = active;
    fragment.wait = wait;
    fragment.barrier = barrier;
    fragments.push_back(std::move(other));
  } else {
    fragment.wait = wait;
    fragment.barrier = barrier;
  }
  // Arriving somewhere is progress, whatever was polled before.
  sincePoll = kPollLoop + 1;
  yieldRequested = true;
}

/// Copies an actual argument or result between a caller's operand and a
/// callee's formal. `toCallee` gives the direction.
static void transfer(Warp &warp, Frame &caller, Frame &callee,
                     const Operand &actual, const Param &formal,
                     bool toCallee) {
  bool isMemory = actual.kind == Operand::Kind::Symbol;
  uint32_t offset = 0;
  if (isMemory) {
    const Symbol &symbol = warp.launch.module->symbols[actual.symbol];
    isMemory = symbol.kind == Symbol::Kind::FrameParam;
    offset = symbol.index;
    if (isMemory && formal.slot < 0 && symbol.size < formal.size)
      warp.trap(symbol.name + " of " + std::to_string(symbol.size) +
                " bytes is passed for " + formal.name + " of " +
                std::to_string(formal.size));
  }
  Lanes scratch;
  forEachLane(warp.active, [&](unsigned lane) {
    uint8_t bytes[16] = {};
    uint8_t *formalBytes =
        formal.slot < 0 ? callee.param(lane, formal.offset) : nullptr;
    if (isMemory && formalBytes) {
      uint8_t *actualBytes = caller.param(lane, offset);
      std::memcpy(toCallee ? formalBytes : actualBytes,
                  toCallee ? actualBytes : formalBytes, formal.size);
      return;
    }
    unsigned size = std::min<unsigned>(formal.size, 8);
    if (toCallee) {
      warp.frame = &caller;
      uint64_t value = warp.read(actual, scratch)[lane];
      std::memcpy(bytes, &value, 8);
      if (formalBytes) {
        std::memcpy(formalBytes, bytes, size);
      } else {
        callee.regs[formal.slot][lane] = value;
        callee.poison[formal.slot] &= ~(1u << lane);
      }
      return;
    }
    uint64_t value = 0;
    if (formalBytes)
      std::memcpy(&value, formalBytes, size);
    else
      value = callee.regs[formal.slot][lane];
    warp.frame = &caller;
    warp.setLane(actual, lane, value);
  });
}

void Warp::call(const Function &callee, const Instr &site) {
  Fragment fragment = fragments[currentFragment];
  const Operand &arguments = site.ops[2];
  if (arguments.elems.size() != callee.params.size() ||
      site.ops[0].elems.size() != callee.results.size())
    trap("call of " + callee.name + " with " +
         std::to_string(arguments.elems.size()) + " arguments, it has " +
         std::to_string(callee.params.size()));
  if (depthOf(frame) > kMaxCallDepth)
    trap("calls are nested more than " + std::to_string(kMaxCallDepth) +
         " deep");
  uint32_t localBase =
      (frame->localBase + frame->function->localBytes + 15) & ~15u;
  auto next =
      std::make_shared<Frame>(callee, fragment.frame, fragment.pc, localBase);
  next->callSite = &site;
  Frame *caller = frame;
  for (size_t i = 0; i < callee.params.size(); ++i)
    transfer(*this, *caller, *next, arguments.elems[i], callee.params[i],
             /*toCallee=*/true);
  frame = caller;
  uint32_t rest = fragment.mask & ~active;
  if (rest) {
    fragments[currentFragment].mask = rest;
    fragment.mask = active;
    fragment.pc = 0;
    fragment.frame = std::move(next);
    fragments.push_back(std::move(fragment));
    return;
  }
  fragments[currentFragment].pc = 0;
  fragments[currentFragment].frame = std::move(next);
}

void Warp::ret() {
  std::shared_ptr<Frame> callee = fragments[currentFragment].frame;
  if (!callee->parent)
    return exitLanes(active);
  Frame *caller = callee->parent.get();
  const Function &function = *callee->function;
  for (size_t i = 0; i < function.results.size(); ++i)
    transfer(*this, *caller, *callee, callee->callSite->ops[0].elems[i],
             function.results[i], /*toCallee=*/false);
  uint32_t rest = fragments[currentFragment].mask & ~active;
  if (rest) {
    Fragment other = fragments[currentFragment];
    other.mask = rest;
    fragments.push_back(std::move(other));
  }
  Fragment &fragment = fragments[currentFragment];
  fragment.mask = active;
  fragment.pc = callee->returnPc;
  fragment.frame = callee->parent;
}

void Warp::exitLanes(uint32_t lanes) {
  live &= ~lanes;
  for (Fragment &fragment : fragments) {
    fragment.mask &= ~lanes;
    // Fewer lanes may be enough for what others wait for.
    if (fragment.wait == Wait::Converge)
      fragment.wait = Wait::Ready;
  }
  fragments.erase(std::remove_if(fragments.begin(), fragments.end(),
                                 [](const Fragment &f) { return !f.mask; }),
                  fragments.end());
  sincePoll = kPollLoop + 1;
  yieldRequested = true;
  cta.updateAllBarriers();
  cta.cluster.updateClusterBarrier();
}

} // namespace fp4::ptx
