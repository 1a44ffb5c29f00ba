//===- ExecCompare.cpp - setp, set, selp, slct ----------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, sections "Comparison and Selection Instructions" and "Half
// Precision Comparison Instructions".
//
//===----------------------------------------------------------------------===//

#include "Exec.h"
#include "FloatFormat.h"
#include "FloatOps.h"
#include <cmath>

namespace fp4::ptx {

static bool isFloatCompare(Type type) {
  return isFloat(type) || type == Type::F16x2 || type == Type::BF16x2;
}

static bool compareFloats(Compare op, double a, double b) {
  bool unordered = std::isnan(a) || std::isnan(b);
  switch (op) {
  case Compare::EQ:
    return a == b;
  case Compare::NE:
    return !unordered && a != b;
  case Compare::LT:
    return a < b;
  case Compare::LE:
    return a <= b;
  case Compare::GT:
    return a > b;
  case Compare::GE:
    return a >= b;
  case Compare::EQU:
    return unordered || a == b;
  case Compare::NEU:
    return unordered || a != b;
  case Compare::LTU:
    return unordered || a < b;
  case Compare::LEU:
    return unordered || a <= b;
  case Compare::GTU:
    return unordered || a > b;
  case Compare::GEU:
    return unordered || a >= b;
  case Compare::NUM:
    return !unordered;
  default:
    return unordered;
  }
}

template <typename T> static bool compareIntegers(Compare op, T a, T b) {
  switch (op) {
  case Compare::EQ:
    return a == b;
  case Compare::NE:
    return a != b;
  case Compare::LT:
  case Compare::LO:
    return a < b;
  case Compare::LE:
  case Compare::LS:
    return a <= b;
  case Compare::GT:
  case Compare::HI:
    return a > b;
  default:
    return a >= b;
  }
}

static bool compareBits(const Instr &instr, uint64_t a, uint64_t b) {
  Type type = instr.type;
  unsigned bits = typeBits(type);
  if (isFloatCompare(type))
    return compareFloats(instr.compare, floatValue(type, a, instr.ftz),
                         floatValue(type, b, instr.ftz));
  if (isSigned(type))
    return compareIntegers(instr.compare, signExtend(a, bits),
                           signExtend(b, bits));
  return compareIntegers(instr.compare, a & lowBits(bits), b & lowBits(bits));
}

static bool combine(BoolOp op, bool a, bool b) {
  switch (op) {
  case BoolOp::And:
    return a && b;
  case BoolOp::Or:
    return a || b;
  case BoolOp::Xor:
    return a != b;
  default:
    return a;
  }
}

/// Reads `.CmpOp{.BoolOp}{.ftz}` and the operand type.
static void takeComparison(Decoder &d) {
  static constexpr Compare order[] = {
      Compare::EQ,  Compare::NE,  Compare::LT,  Compare::LE,  Compare::GT,
      Compare::GE,  Compare::LO,  Compare::LS,  Compare::HI,  Compare::HS,
      Compare::EQU, Compare::NEU, Compare::LTU, Compare::LEU, Compare::GTU,
      Compare::GEU, Compare::NUM, Compare::NaN};
  Instr &i = d.instr;
  i.compare = order[d.needOneOf({"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls",
                                 "hi", "hs", "equ", "neu", "ltu", "leu", "gtu",
                                 "geu", "num", "nan"})];
  int op = d.takeOneOf({"and", "or", "xor"});
  i.boolOp = BoolOp(op + 1);
  i.ftz = d.take("ftz");
}

static void checkComparison(Decoder &d) {
  const Instr &i = d.instr;
  bool isFloatOp = i.compare >= Compare::EQU;
  bool isUnsignedOp = i.compare >= Compare::LO && i.compare <= Compare::HS;
  bool isBits = typeKind(i.type) == TypeKind::Bits;
  if (isFloatOp && !isFloatCompare(i.type))
    d.fail("an unordered comparison needs a float type");
  if (isUnsignedOp && typeKind(i.type) != TypeKind::Unsigned)
    d.fail("lo, ls, hi and hs need an unsigned type");
  if (isBits && i.compare != Compare::EQ && i.compare != Compare::NE)
    d.fail("bit types compare with .eq and .ne only");
}

//===----------------------------------------------------------------------===//
// setp
//===----------------------------------------------------------------------===//

static void setPredicates(Warp &warp, const Instr &instr) {
  Lanes s1, s2;
  const Lanes &a = warp.read(instr.ops[1], s1);
  const Lanes &b = warp.read(instr.ops[2], s2);
  uint32_t other =
      instr.boolOp == BoolOp::None ? ~0u : warp.predicate(instr.ops[3]);
  const Operand &target = instr.ops[0];
  bool isPair = target.kind == Operand::Kind::Pair;
  unsigned width = 16;
  bool isPacked = packedCount(instr.type) == 2;
  uint32_t p = 0, q = 0;
  forEachLane(warp.active, [&](unsigned lane) {
    bool c = other >> lane & 1;
    bool first, second;
    if (isPacked) {
      Instr scalar;
      scalar.type = scalarType(instr.type);
      scalar.compare = instr.compare;
      scalar.ftz = instr.ftz;
      uint64_t mask = lowBits(width);
      first = compareBits(scalar, a[lane] & mask, b[lane] & mask);
      second =
          compareBits(scalar, a[lane] >> width & mask, b[lane] >> width & mask);
    } else {
      first = compareBits(instr, a[lane], b[lane]);
      second = !first;
    }
    p |= uint32_t(combine(instr.boolOp, first, c)) << lane;
    q |= uint32_t(combine(instr.boolOp, second, c)) << lane;
  });
  warp.setPredicate(isPair ? target.elems[0] : target, p);
  if (isPair)
    warp.setPredicate(target.elems[1], q);
}

/// Integer setp without a second predicate: most of them.
template <typename T, Compare Op>
static void setPredicateFast(Warp &warp, const Instr &instr) {
  map2(warp, instr, [](uint64_t a, uint64_t b) {
    return uint64_t(compareIntegers(Op, T(a), T(b)));
  });
}

template <typename T> static ExecFn fastSetp(Compare op) {
  switch (op) {
  case Compare::EQ:
    return setPredicateFast<T, Compare::EQ>;
  case Compare::NE:
    return setPredicateFast<T, Compare::NE>;
  case Compare::LT:
    return setPredicateFast<T, Compare::LT>;
  case Compare::LE:
    return setPredicateFast<T, Compare::LE>;
  case Compare::GT:
    return setPredicateFast<T, Compare::GT>;
  case Compare::GE:
    return setPredicateFast<T, Compare::GE>;
  default:
    return setPredicates;
  }
}

void decodeSetp(Decoder &d) {
  Instr &i = d.instr;
  takeComparison(d);
  i.type = d.takeType();
  checkComparison(d);
  d.needOperands(i.boolOp == BoolOp::None ? 3 : 4);
  bool isPair = !i.ops.empty() && i.ops[0].kind == Operand::Kind::Pair;
  d.setExec(setPredicates);
  if (isPair || i.boolOp != BoolOp::None)
    return;
  if (i.type == Type::S32)
    d.setExec(fastSetp<int32_t>(i.compare));
  else if (i.type == Type::U32 || i.type == Type::B32)
    d.setExec(fastSetp<uint32_t>(i.compare));
  else if (i.type == Type::S64)
    d.setExec(fastSetp<int64_t>(i.compare));
}

//===----------------------------------------------------------------------===//
// set
//===----------------------------------------------------------------------===//

/// What .dtype writes for "true".
static uint64_t trueValue(Type type) {
  switch (type) {
  case Type::F32:
    return 0x3F800000;
  case Type::F16:
    return 0x3C00;
  case Type::BF16:
    return 0x3F80;
  default:
    return lowBits(typeBits(type));
  }
}

static void setValue(Warp &warp, const Instr &instr) {
  Lanes s1, s2;
  const Lanes &a = warp.read(instr.ops[1], s1);
  const Lanes &b = warp.read(instr.ops[2], s2);
  uint32_t other =
      instr.boolOp == BoolOp::None ? ~0u : warp.predicate(instr.ops[3]);
  Lanes &d = warp.write(instr.ops[0]);
  unsigned count = packedCount(instr.type);
  Instr scalar;
  scalar.type = scalarType(instr.type);
  scalar.compare = instr.compare;
  scalar.ftz = instr.ftz;
  uint64_t yes = trueValue(count == 2 ? scalarType(instr.type2) : instr.type2);
  if (count == 2 && packedCount(instr.type2) == 1)
    yes = 0xFFFF;
  forEachLane(warp.active, [&](unsigned lane) {
    uint64_t result = 0;
    for (unsigned part = 0; part < count; ++part) {
      unsigned shift = part * 16;
      uint64_t mask = count == 2 ? 0xFFFF : ~uint64_t(0);
      bool value = combine(
          instr.boolOp,
          compareBits(scalar, a[lane] >> shift & mask, b[lane] >> shift & mask),
          other >> lane & 1);
      result |= (value ? yes : 0) << shift;
    }
    d[lane] = result;
  });
}

void decodeSet(Decoder &d) {
  Instr &i = d.instr;
  takeComparison(d);
  i.type2 = d.takeType();
  i.type = d.takeType();
  checkComparison(d);
  d.needOperands(i.boolOp == BoolOp::None ? 3 : 4);
  d.setExec(setValue);
}

//===----------------------------------------------------------------------===//
// selp, slct
//===----------------------------------------------------------------------===//

/// Only the chosen operand matters for definedness.
static void select(Warp &warp, const Instr &instr) {
  Lanes s1, s2;
  const Lanes &a = warp.read(instr.ops[1], s1);
  const Lanes &b = warp.read(instr.ops[2], s2);
  uint32_t p = warp.predicate(instr.ops[3]);
  Lanes &d = warp.write(instr.ops[0]);
  uint64_t mask = lowBits(typeBits(instr.type));
  uint32_t poison = 0;
  auto poisonOf = [&](const Operand &op) {
    return op.isReg() ? warp.poison(op.slot) : 0u;
  };
  poison = (poisonOf(instr.ops[1]) & p) | (poisonOf(instr.ops[2]) & ~p) |
           poisonOf(instr.ops[3]);
  forEachLane(warp.active, [&](unsigned lane) {
    d[lane] = (p >> lane & 1 ? a[lane] : b[lane]) & mask;
  });
  if (instr.ops[0].isReg()) {
    uint32_t &state = warp.poison(instr.ops[0].slot);
    state = (state & ~warp.active) | (poison & warp.active);
  }
}

void decodeSelp(Decoder &d) {
  d.needOperands(4);
  d.instr.type = d.takeType();
  d.instr.ownPoison = true;
  d.setExec(select);
}

static void selectBySign(Warp &warp, const Instr &instr) {
  uint64_t mask = lowBits(typeBits(instr.type));
  map3(warp, instr, [&](uint64_t a, uint64_t b, uint64_t c) {
    bool first = instr.type2 == Type::F32
                     ? floatValue(Type::F32, c, instr.ftz) >= 0
                     : int32_t(c) >= 0;
    return (first ? a : b) & mask;
  });
}

void decodeSlct(Decoder &d) {
  d.needOperands(4);
  d.instr.ftz = d.take("ftz");
  d.instr.type = d.takeType();
  d.instr.type2 = d.needType({Type::S32, Type::F32});
  d.setExec(selectBySign);
}

} // namespace fp4::ptx
