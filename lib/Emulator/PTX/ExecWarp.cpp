//===- ExecWarp.cpp - Operations across the lanes of a warp ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0: shfl, vote, match, redux, activemask, elect. The .sync forms
// wait until the lanes of their member mask are here, exited ones aside.
//
//===----------------------------------------------------------------------===//

#include "Exec.h"
#include "FloatFormat.h"
#include "FloatOps.h"
#include <algorithm>

namespace fp4::ptx {

static void needMask(Decoder &d, unsigned operand) {
  d.instr.sync = Sync::Mask;
  d.instr.maskOperand = uint8_t(operand);
}

static uint32_t poisonOf(Warp &warp, const Operand &op) {
  return op.isReg() ? warp.poison(op.slot) : 0u;
}

//===----------------------------------------------------------------------===//
// shfl
//===----------------------------------------------------------------------===//

namespace {
enum ShuffleMode : uint8_t { Up, Down, Bfly, Idx };
} // namespace

static void shuffle(Warp &warp, const Instr &instr) {
  bool isPair = instr.ops[0].kind == Operand::Kind::Pair;
  const Operand &result = isPair ? instr.ops[0].elems[0] : instr.ops[0];
  Lanes s1, s2, s3;
  Lanes a = warp.read(instr.ops[1], s1);
  const Lanes &bs = warp.read(instr.ops[2], s2);
  const Lanes &cs = warp.read(instr.ops[3], s3);
  uint32_t sourcePoison = poisonOf(warp, instr.ops[1]);
  uint32_t inRange = 0;
  forEachLane(warp.active, [&](unsigned lane) {
    int b = int(bs[lane] & 31), c = int(cs[lane] & 31);
    int segment = int(cs[lane] >> 8 & 31);
    int self = int(lane);
    int last = (self & segment) | (c & ~segment);
    int first = self & segment;
    int from = self;
    bool ok = true;
    switch (instr.variant) {
    case Up:
      from = self - b;
      ok = from >= last;
      break;
    case Down:
      from = self + b;
      ok = from <= last;
      break;
    case Bfly:
      from = self ^ b;
      ok = from <= last;
      break;
    default:
      from = first | (b & ~segment);
      ok = from <= last;
    }
    if (!ok)
      from = self;
    bool defined = (warp.active >> from & 1) && !(sourcePoison >> from & 1);
    warp.setLane(result, lane, uint32_t(a[unsigned(from)]), !defined);
    inRange |= uint32_t(ok) << lane;
  });
  if (!isPair)
    return;
  warp.setPredicate(instr.ops[0].elems[1], inRange);
  if (instr.ops[0].elems[1].isReg())
    warp.poison(instr.ops[0].elems[1].slot) &= ~warp.active;
}

void decodeShfl(Decoder &d) {
  Instr &i = d.instr;
  bool isSync = d.take("sync");
  i.variant = uint8_t(d.needOneOf({"up", "down", "bfly", "idx"}));
  i.type = d.needType({Type::B32});
  i.ownPoison = true;
  if (!d.needOperands(isSync ? 5 : 4))
    return;
  if (isSync)
    needMask(d, 4);
  d.setExec(shuffle);
}

//===----------------------------------------------------------------------===//
// vote, match
//===----------------------------------------------------------------------===//

namespace {
enum VoteMode : uint8_t { All, Any, Uni, Ballot };
} // namespace

static void vote(Warp &warp, const Instr &instr) {
  bool isSync = instr.sync == Sync::Mask;
  uint32_t values = warp.predicate(instr.ops[1]) & warp.active;
  Lanes scratch;
  Lanes everyone;
  everyone.value.fill(~0u);
  const Lanes &masks = isSync ? warp.read(instr.ops[2], scratch) : everyone;
  Lanes &d = warp.write(instr.ops[0]);
  forEachLane(warp.active, [&](unsigned lane) {
    uint32_t members = uint32_t(masks[lane]) & warp.active;
    uint32_t set = values & members;
    switch (instr.variant) {
    case All:
      d[lane] = set == members;
      break;
    case Any:
      d[lane] = set != 0;
      break;
    case Uni:
      d[lane] = set == members || set == 0;
      break;
    default:
      d[lane] = set;
    }
  });
}

void decodeVote(Decoder &d) {
  Instr &i = d.instr;
  bool isSync = d.take("sync");
  i.variant = uint8_t(d.needOneOf({"all", "any", "uni", "ballot"}));
  i.type = d.needType({Type::Pred, Type::B32});
  if (!d.needOperands(isSync ? 3 : 2))
    return;
  if (isSync)
    needMask(d, 2);
  d.setExec(vote);
}

static void match(Warp &warp, const Instr &instr) {
  bool isPair = instr.ops[0].kind == Operand::Kind::Pair;
  const Operand &result = isPair ? instr.ops[0].elems[0] : instr.ops[0];
  Lanes s1, s2;
  const Lanes &a = warp.read(instr.ops[1], s1);
  const Lanes &masks = warp.read(instr.ops[2], s2);
  uint64_t bits = lowBits(typeBits(instr.type));
  Lanes out;
  uint32_t allEqual = 0;
  forEachLane(warp.active, [&](unsigned lane) {
    uint32_t members = uint32_t(masks[lane]) & warp.active;
    uint32_t equal = 0;
    forEachLane(members, [&](unsigned other) {
      if ((a[other] & bits) == (a[lane] & bits))
        equal |= 1u << other;
    });
    bool all = equal == members;
    out[lane] = instr.flag ? (all ? members : 0) : equal;
    allEqual |= uint32_t(all) << lane;
  });
  Lanes &d = warp.write(result);
  forEachLane(warp.active, [&](unsigned lane) { d[lane] = out[lane]; });
  if (isPair)
    warp.setPredicate(instr.ops[0].elems[1], allEqual);
}

void decodeMatch(Decoder &d) {
  Instr &i = d.instr;
  i.flag = d.needOneOf({"any", "all"}) == 1;
  if (!d.take("sync"))
    d.fail("needs .sync");
  i.type = d.needType({Type::B32, Type::B64});
  if (!d.needOperands(3))
    return;
  needMask(d, 2);
  d.setExec(match);
}

//===----------------------------------------------------------------------===//
// redux
//===----------------------------------------------------------------------===//

namespace {
enum ReduxOp : uint8_t { RAdd, RMin, RMax, RAnd, ROr, RXor };
} // namespace

static uint64_t combine(const Instr &instr, uint64_t x, uint64_t y) {
  bool isS = instr.type == Type::S32;
  bool less = isS ? int32_t(x) < int32_t(y) : uint32_t(x) < uint32_t(y);
  switch (instr.variant) {
  case RAdd:
    return uint32_t(x + y);
  case RMin:
    return less ? x : y;
  case RMax:
    return less ? y : x;
  case RAnd:
    return x & y;
  case ROr:
    return x | y;
  default:
    return x ^ y;
  }
}

static void reduce(Warp &warp, const Instr &instr) {
  Lanes s1, s2;
  const Lanes &a = warp.read(instr.ops[1], s1);
  const Lanes &masks = warp.read(instr.ops[2], s2);
  Lanes out;
  forEachLane(warp.active, [&](unsigned lane) {
    uint32_t members = uint32_t(masks[lane]) & warp.active;
    bool isFirst = true;
    uint64_t total = 0;
    forEachLane(members, [&](unsigned other) {
      uint64_t value = a[other];
      if (instr.flag)
        value = floatAbs(Type::F32, value, false);
      if (isFirst)
        total = value;
      else if (instr.type == Type::F32)
        total = floatMinMax(Type::F32, total, value, instr.variant == RMax,
                            false, instr.flag2, false);
      else
        total = combine(instr, total, value);
      isFirst = false;
    });
    out[lane] = total;
  });
  Lanes &d = warp.write(instr.ops[0]);
  forEachLane(warp.active, [&](unsigned lane) { d[lane] = out[lane]; });
}

void decodeRedux(Decoder &d) {
  Instr &i = d.instr;
  if (!d.take("sync"))
    d.fail("needs .sync");
  i.variant = uint8_t(d.needOneOf({"add", "min", "max", "and", "or", "xor"}));
  i.flag = d.take("abs");
  i.flag2 = d.take("NaN");
  i.type = d.needType({Type::U32, Type::S32, Type::B32, Type::F32});
  if (i.type == Type::F32)
    d.needArchSpecific({100, 103});
  if (!d.needOperands(3))
    return;
  needMask(d, 2);
  d.setExec(reduce);
}

//===----------------------------------------------------------------------===//
// activemask, elect
//===----------------------------------------------------------------------===//

static void activeMask(Warp &warp, const Instr &instr) {
  Lanes &d = warp.write(instr.ops[0]);
  forEachLane(warp.active, [&](unsigned lane) { d[lane] = warp.active; });
}

void decodeActivemask(Decoder &d) {
  d.instr.type = d.needType({Type::B32});
  d.needOperands(1);
  d.setExec(activeMask);
}

/// The lowest lane of the mask leads, as on an H200.
static void elect(Warp &warp, const Instr &instr) {
  const Operand &target = instr.ops[0];
  Lanes scratch;
  const Lanes &masks = warp.read(instr.ops[1], scratch);
  uint32_t leaders = 0;
  Lanes &d = warp.write(target.elems[0]);
  forEachLane(warp.active, [&](unsigned lane) {
    uint32_t members = uint32_t(masks[lane]) & warp.active;
    unsigned leader = unsigned(__builtin_ctz(members | 1u << 31));
    d[lane] = leader;
    leaders |= uint32_t(leader == lane) << lane;
  });
  warp.setPredicate(target.elems[1], leaders);
}

void decodeElect(Decoder &d) {
  if (!d.take("sync"))
    d.fail("needs .sync");
  if (!d.needOperands(2))
    return;
  if (d.instr.ops[0].kind != Operand::Kind::Pair)
    return d.fail("expected d|p as the first operand");
  needMask(d, 1);
  d.setExec(elect);
}

} // namespace fp4::ptx
