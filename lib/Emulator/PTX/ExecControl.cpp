//===- ExecControl.cpp - Branches, calls and the like ---------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, section "Control Flow Instructions" and miscellaneous ones.
//
//===----------------------------------------------------------------------===//

#include "Exec.h"
#include "HappensBefore.h"
#include "Syscalls.h"

namespace fp4::ptx {

static void branch(Warp &warp, const Instr &instr) {
  warp.branch(warp.active, instr.targets[0]);
}

void decodeBra(Decoder &d) {
  d.take("uni");
  d.setResults(0);
  d.instr.isControl = true;
  d.setExec(branch);
}

static void branchIndexed(Warp &warp, const Instr &instr) {
  Lanes scratch;
  const Lanes &index = warp.read(instr.ops[0], scratch);
  std::array<uint32_t, kWarpSize> targets{};
  forEachLane(warp.active, [&](unsigned lane) {
    uint32_t i = uint32_t(index[lane]);
    if (i >= instr.targets.size())
      warp.trap("branch index " + std::to_string(i) + " of a list of " +
                    std::to_string(instr.targets.size()),
                int(lane));
    targets[lane] = instr.targets[i];
  });
  warp.branchIndirect(targets);
}

void decodeBrx(Decoder &d) {
  d.take("uni");
  d.needOperands(1);
  d.setResults(0);
  d.setStores();
  d.instr.isControl = true;
  d.setExec(branchIndexed);
}

static void callFunction(Warp &warp, const Instr &instr) {
  const ModuleData &module = *warp.launch.module;
  const Operand &callee = instr.ops[1];
  uint32_t all = warp.active;
  uint32_t index = ~0u;
  if (callee.kind == Operand::Kind::Symbol) {
    index = module.symbols[callee.symbol].index;
  } else {
    // Lanes that call another function than the first one wait for their turn:
    // they stay at this instruction.
    const Lanes &pointers = warp.reg(callee.slot);
    uint64_t first = pointers[unsigned(__builtin_ctz(all))];
    uint32_t same = 0;
    forEachLane(all, [&](unsigned lane) {
      if (pointers[lane] == first)
        same |= 1u << lane;
    });
    if ((first & kWindowMask) != kFunctionWindow ||
        (first & 0xFFFFFFFF) >= module.functions.size())
      warp.trap("call of " + hex(first) + ", which is not a function");
    index = uint32_t(first);
    if (same != all)
      warp.splitBack(all & ~same);
    warp.active = same;
  }
  const Function &function = *module.functions[index];
  if (function.isDefined)
    return warp.call(function, instr);
  if (SyscallFn syscall = findSyscall(function.name))
    return syscall(warp, instr);
  warp.trap("function '" + function.name + "' is not defined");
}

void decodeCall(Decoder &d) {
  Instr &i = d.instr;
  d.take("uni");
  bool isDirect =
      i.ops[1].kind == Operand::Kind::Symbol &&
      d.module.symbols[i.ops[1].symbol].kind == Symbol::Kind::Function;
  if (!isDirect && !i.ops[1].isReg())
    d.fail("the callee must be a function or a register");
  i.isControl = true;
  i.ownPoison = true;
  d.setExec(callFunction);
}

static void returnFromCall(Warp &warp, const Instr &) { warp.ret(); }

void decodeRet(Decoder &d) {
  d.take("uni");
  d.setResults(0);
  d.instr.isControl = true;
  d.setExec(returnFromCall);
}

static void exitThread(Warp &warp, const Instr &) {
  warp.exitLanes(warp.active);
}

void decodeExit(Decoder &d) {
  d.setResults(0);
  d.instr.isControl = true;
  d.setExec(exitThread);
}

static void trapNow(Warp &warp, const Instr &) {
  warp.trap("the program trapped");
}

void decodeTrap(Decoder &d) {
  d.setResults(0);
  d.setExec(trapNow);
}

/// Other warps run first: a thread that sleeps waits for something.
static void sleep(Warp &warp, const Instr &) { warp.yield(); }

void decodeNanosleep(Decoder &d) {
  d.needType({Type::U32});
  d.needOperands(1);
  d.setResults(0);
  d.setExec(sleep);
}

static void nothing(Warp &, const Instr &) {}

/// A grid starts when the one before it has ended, so there is nothing to wait
/// for; who checks the order of accesses wants to know.
static void awaitGrids(Warp &warp, const Instr &) {
  if (HappensBefore *order = warp.cta.cluster.order.get())
    order->awaitGrids(warp);
}

void decodeGridControl(Decoder &d) {
  bool isWait = d.needOneOf({"launch_dependents", "wait"}) == 1;
  d.setResults(0);
  d.needOperands(0);
  d.setExec(isWait ? awaitGrids : nothing);
}

/// pmevent and setmaxnreg.
void decodeNoEffect(Decoder &d) {
  bool isRegisters = d.mnemonic == "setmaxnreg";
  if (d.mnemonic == "pmevent")
    d.take("mask");
  if (isRegisters) {
    d.needOneOf({"inc", "dec"});
    d.take("sync");
    d.take("aligned");
    d.needType({Type::U32});
    if (d.needOperands(1)) {
      uint64_t count = d.instr.ops[0].imm;
      if (d.instr.ops[0].kind != Operand::Kind::Imm || count < 24 ||
          count > 256 || count % 8)
        d.fail("the count must be a constant from 24 to 256, a multiple of 8");
    }
    d.instr.sync = Sync::Warp;
  }
  d.setResults(0);
  d.setExec(nothing);
}

} // namespace fp4::ptx
