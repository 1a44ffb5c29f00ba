//===- Warp.cpp - Running the lanes of a warp -----------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Divergence: every branch on which lanes disagree makes a fragment. The
// runnable fragment with the lowest program counter (in the deepest call) runs,
// one instruction at a time while there are several, so that compiler-made
// code meets again at the join. A `.sync` instruction waits for its lanes.
//
//===----------------------------------------------------------------------===//

#include "Decode.h"
#include "Machine.h"
#include <algorithm>
#include <cstring>

namespace fp4::ptx {

/// Instructions that a fragment runs before others get a turn.
static constexpr uint32_t kSlice = 20000;

Frame::Frame(const Function &function, std::shared_ptr<Frame> parent,
             uint32_t returnPc, uint32_t localBase)
    : function(&function), parent(std::move(parent)), returnPc(returnPc),
      localBase(localBase), regs(function.numSlots),
      poison(function.numSlots, ~0u), definedBytes(function.numSlots),
      accessedAt(function.hasWgmma ? function.numSlots : 0),
      params(size_t(function.paramBytes) * kWarpSize) {}

Warp::Warp(CTA &cta, unsigned index, uint32_t lanes)
    : cta(cta), launch(cta.launch), index(index), live(lanes) {
  Fragment first;
  first.mask = lanes;
  first.frame = std::make_shared<Frame>(*launch.kernel, nullptr, 0, 0);
  fragments.push_back(std::move(first));
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

uint64_t Warp::symbolAddress(int32_t symbol) {
  const Symbol &info = launch.module->symbols[symbol];
  switch (info.kind) {
  case Symbol::Kind::Function:
    return kFunctionWindow + info.index;
  case Symbol::Kind::FrameLocal:
    return frame->localBase + info.index;
  case Symbol::Kind::FrameParam:
    return frame->function->isEntry && info.index < frame->function->formalBytes
               ? launch.paramAddress + info.index
               : kParamWindow + info.index;
  case Symbol::Kind::Variable:
    break;
  }
  uint64_t base = launch.variableAddress[info.index];
  if (launch.module->variables[info.index].space == Space::SharedCTA)
    base += uint64_t(cta.rank) << kSharedRankShift;
  return base;
}

const Lanes &Warp::read(const Operand &op, Lanes &scratch) {
  switch (op.kind) {
  case Operand::Kind::Reg:
    if (op.negated) {
      const Lanes &value = frame->regs[op.slot];
      for (unsigned lane = 0; lane < kWarpSize; ++lane)
        scratch[lane] = value[lane] ^ 1;
      return scratch;
    }
    return frame->regs[op.slot];
  case Operand::Kind::Imm:
    return *op.lanes;
  case Operand::Kind::Special:
    readSpecial(op.special, scratch);
    return scratch;
  case Operand::Kind::Symbol:
    scratch.value.fill(symbolAddress(op.symbol) + op.imm);
    return scratch;
  default:
    trap("operand has no value");
  }
}

Lanes &Warp::write(const Operand &op) {
  return op.isReg() ? frame->regs[op.slot] : sink;
}

uint64_t Warp::address(const Operand &op, unsigned lane) {
  const Operand &base = op.elems[0];
  if (base.isReg()) {
    uint64_t addr = frame->regs[base.slot][lane] + op.imm;
    return typeBits(base.type) == 32 ? uint32_t(addr) : addr;
  }
  if (base.kind == Operand::Kind::Symbol)
    return symbolAddress(base.symbol) + op.imm;
  return op.imm;
}

uint64_t Warp::uniform(const Operand &op) {
  Lanes scratch;
  return read(op, scratch)[unsigned(__builtin_ctz(active))];
}

uint32_t Warp::predicate(const Operand &op) {
  Lanes scratch;
  const Lanes &value = read(op, scratch);
  uint32_t mask = 0;
  for (unsigned lane = 0; lane < kWarpSize; ++lane)
    mask |= uint32_t(value[lane] & 1) << lane;
  return mask;
}

void Warp::setPredicate(const Operand &op, uint32_t values) {
  if (!op.isReg())
    return;
  Lanes &target = frame->regs[op.slot];
  forEachLane(active,
              [&](unsigned lane) { target[lane] = (values >> lane) & 1; });
}

void Warp::setLane(const Operand &op, unsigned lane, uint64_t value,
                   bool poisoned) {
  if (!op.isReg())
    return;
  frame->regs[op.slot][lane] = value & lowBits(typeBits(op.type));
  uint32_t bit = 1u << lane;
  uint32_t &mask = frame->poison[op.slot];
  mask = poisoned ? mask | bit : mask & ~bit;
}

//===----------------------------------------------------------------------===//
// Traps
//===----------------------------------------------------------------------===//

void Warp::trap(const std::string &what, int lane) const {
  if (lane < 0 && active)
    lane = __builtin_ctz(active);
  std::string message = "trap";
  if (current)
    message += " at line " + std::to_string(current->line) + " (" +
               std::string(opcodeTable[current->opcode].mnemonic) + ")";
  message += ": " + what + "; cta (" + std::to_string(cta.id.x) + ", " +
             std::to_string(cta.id.y) + ", " + std::to_string(cta.id.z) +
             "), warp " + std::to_string(index) + ", lane " +
             std::to_string(lane);
  throw TrapError{std::move(message)};
}

//===----------------------------------------------------------------------===//
// Fragments
//===----------------------------------------------------------------------===//

unsigned depthOf(const Frame *frame) {
  unsigned depth = 0;
  for (; frame; frame = frame->parent.get())
    ++depth;
  return depth;
}

/// Chooses the fragment to run; false if none can.
bool Warp::pick() {
  if (fragments.size() == 1) {
    currentFragment = 0;
    return fragments[0].wait == Wait::Ready;
  }
  bool found = false;
  unsigned bestDepth = 0;
  for (unsigned i = 0; i < fragments.size(); ++i) {
    const Fragment &fragment = fragments[i];
    if (fragment.wait != Wait::Ready)
      continue;
    unsigned depth = depthOf(fragment.frame.get());
    const Fragment &best = fragments[currentFragment];
    bool better =
        !found || fragment.turn < best.turn ||
        (fragment.turn == best.turn &&
         (depth > bestDepth || (depth == bestDepth && fragment.pc < best.pc)));
    if (!better)
      continue;
    found = true;
    bestDepth = depth;
    currentFragment = i;
  }
  return found;
}

/// Joins fragments that stand at the same place.
void Warp::mergeFragments() {
  for (unsigned i = 0; i < fragments.size(); ++i) {
    for (unsigned j = i + 1; j < fragments.size();) {
      Fragment &a = fragments[i];
      Fragment &b = fragments[j];
      auto canMerge = [](const Fragment &f) {
        return f.wait == Wait::Ready || f.wait == Wait::Converge;
      };
      if (a.pc != b.pc || a.frame != b.frame || !canMerge(a) || !canMerge(b)) {
        ++j;
        continue;
      }
      a.mask |= b.mask;
      a.wait = Wait::Ready;
      a.turn = std::max(a.turn, b.turn);
      fragments.erase(fragments.begin() + j);
    }
  }
}

/// Whether all lanes that `instr` needs are here; splits off lanes that its
/// guard excludes. Otherwise the fragment waits.
bool Warp::converge(const Instr &instr) {
  uint32_t required = live;
  if (instr.sync == Sync::Mask) {
    Lanes scratch;
    const Lanes &masks = read(instr.ops[instr.maskOperand], scratch);
    required = 0;
    forEachLane(active,
                [&](unsigned lane) { required |= uint32_t(masks[lane]); });
    required &= live;
  }
  if (active != fragments[currentFragment].mask) {
    Fragment rest = fragments[currentFragment];
    rest.mask &= ~active;
    ++rest.pc;
    fragments[currentFragment].mask = active;
    fragments.push_back(std::move(rest));
  }
  if ((active & required) == required)
    return true;
  fragments[currentFragment].wait = Wait::Converge;
  return false;
}

//===----------------------------------------------------------------------===//
// The interpreter loop
//===----------------------------------------------------------------------===//

/// As on hardware, an instruction waits for registers that a tcgen05.ld has
/// yet to write: they are undefined until then.
void Warp::awaitTensorLoads(const Instr &instr) {
  uint32_t undefined = 0;
  for (const auto *slots :
       {&instr.trapSlots, &instr.sourceSlots, &instr.resultSlots})
    for (int32_t slot : *slots)
      undefined |= frame->poison[slot];
  if (undefined & active)
    cta.cluster.async.waitWarp(*this, AsyncOp::Kind::TensorLoad);
}

void Warp::execute(const Instr &instr) {
  Frame &here = *frame;
  if (tensorLoads && !launch.options.strict)
    awaitTensorLoads(instr);
  if (launch.options.trapUninitialized)
    for (int32_t slot : instr.trapSlots)
      if (here.poison[slot] & active)
        trap("register " + here.function->slotNames[slot] +
                 " holds a value that was never written",
             __builtin_ctz(here.poison[slot] & active));
  uint32_t lanes = active;
  uint32_t poison = 0;
  for (int32_t slot : instr.sourceSlots)
    poison |= here.poison[slot];
  poison &= lanes;
  for (int32_t slot : instr.resultSlots) {
    if (!instr.ownPoison)
      here.poison[slot] = (here.poison[slot] & ~lanes) | poison;
    if (poison || instr.ownPoison)
      here.definedBytes[slot] = 0;
  }
  if (!here.accessedAt.empty() && !instr.isWgmma)
    for (const std::vector<int32_t> *slots :
         {&instr.trapSlots, &instr.sourceSlots, &instr.resultSlots})
      for (int32_t slot : *slots)
        here.accessedAt[slot] = clock;
  instr.exec(*this, instr);
}

void Warp::runFragment(uint32_t &quantum) {
  bool alone = fragments.size() == 1;
  frame = fragments[currentFragment].frame.get();
  const Instr *code = frame->function->code.data();
  std::vector<uint64_t> &counts = cta.cluster.opcodeCounts;
  Statistics &statistics = stats();
  while (quantum) {
    Fragment &fragment = fragments[currentFragment];
    const Instr &instr = code[fragment.pc];
    current = &instr;
    active = fragment.mask;
    if (instr.guard >= 0) {
      const Lanes &guard = frame->regs[instr.guard];
      uint32_t mask = 0;
      for (unsigned lane = 0; lane < kWarpSize; ++lane)
        mask |= uint32_t(guard[lane] & 1) << lane;
      active &= instr.guardNegated ? ~mask : mask;
    }
    --quantum;
    ++sincePoll;
    if (instr.sync != Sync::None && active && !converge(instr))
      return;
    ++fragments[currentFragment].pc;
    ++clock;
    ++statistics.warpInstructions;
    statistics.threadInstructions += unsigned(__builtin_popcount(active));
    ++counts[instr.opcode];
    if (active)
      execute(instr);
    else if (launch.options.trapUninitialized && instr.isControl &&
             (frame->poison[instr.guard] & fragments[currentFragment].mask)) {
      active = fragments[currentFragment].mask;
      trap("the branch depends on a value that was never written");
    }
    if (instr.isControl || yieldRequested || !alone)
      return;
  }
}

Warp::Result Warp::run(uint32_t quantum) {
  if (!live)
    return Result::Done;
  bool didWork = false;
  yieldRequested = false;
  uint32_t sliceLeft = kSlice;
  while (quantum && live) {
    if (fragments.size() > 1)
      mergeFragments();
    if (!pick())
      return didWork ? Result::Progress : Result::Blocked;
    uint32_t before = quantum;
    pollFailed = false;
    runFragment(quantum);
    bool isPoll = pollFailed;
    uint32_t used = before - quantum;
    sliceLeft -= std::min(sliceLeft, used);
    if (!isPoll && sincePoll > kPollLoop) {
      didWork = true;
      polled.clear();
    }
    if ((yieldRequested || !sliceLeft) && fragments.size() > 1 &&
        currentFragment < fragments.size()) {
      fragments[currentFragment].turn = ++turnCounter;
      sliceLeft = kSlice;
    }
    if (yieldRequested)
      return didWork ? Result::Progress : Result::Blocked;
  }
  return live ? Result::Progress : Result::Done;
}

void Warp::poll(MbarrierRef barrier) {
  pollFailed = true;
  uint32_t pc = fragments[currentFragment].pc;
  if (pc != pollPc)
    polled.clear();
  if (std::find(polled.begin(), polled.end(), barrier) == polled.end())
    polled.push_back(barrier);
  pollPc = pc;
  sincePoll = 0;
  yieldRequested = true;
}

} // namespace fp4::ptx
