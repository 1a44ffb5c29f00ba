//===- ExecBits.cpp - Logic, shifts and bit fields ------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, sections "Logic and Shift Instructions" and the bit-wise part of
// "Integer Arithmetic Instructions".
//
//===----------------------------------------------------------------------===//

#include "Exec.h"
#include <algorithm>

namespace fp4::ptx {

//===----------------------------------------------------------------------===//
// and, or, xor, not, cnot, lop3
//===----------------------------------------------------------------------===//

/// Lanes in which the operand `op` is defined and equal to `value`.
static uint32_t definedLanes(Warp &warp, const Operand &op, uint64_t value,
                             uint64_t mask) {
  Lanes scratch;
  const Lanes &lanes = warp.read(op, scratch);
  uint32_t equal = 0;
  for (unsigned lane = 0; lane < kWarpSize; ++lane)
    equal |= uint32_t((lanes[lane] & mask) == value) << lane;
  return op.isReg() ? equal & ~warp.poison(op.slot) : equal;
}

/// The definedness of `and` and `or`: a defined zero (or, for `or`, all ones)
/// settles the result whatever the other operand is. CUB's merges rely on it
/// behind the ends of their ranges.
template <int Op> static void settleLogic(Warp &warp, const Instr &instr) {
  const Operand &a = instr.ops[1], &b = instr.ops[2], &d = instr.ops[0];
  uint32_t poison = 0;
  for (const Operand *op : {&a, &b})
    poison |= op->isReg() ? warp.poison(op->slot) : 0;
  if (!d.isReg() || !((poison | warp.poison(d.slot)) & warp.active))
    return;
  if (poison && Op != 2) {
    uint64_t mask = lowBits(typeBits(instr.type));
    uint64_t absorbing = Op == 0 ? 0 : mask;
    poison &= ~definedLanes(warp, a, absorbing, mask) &
              ~definedLanes(warp, b, absorbing, mask);
  }
  uint32_t &state = warp.poison(d.slot);
  state = (state & ~warp.active) | (poison & warp.active);
}

/// Values are zero-extended, so one function serves every width but for
/// immediates, which `mask` cuts.
template <int Op> static void logic(Warp &warp, const Instr &instr) {
  uint64_t mask = lowBits(typeBits(instr.type));
  settleLogic<Op>(warp, instr);
  map2(warp, instr, [mask](uint64_t a, uint64_t b) {
    return (Op == 0 ? a & b : Op == 1 ? a | b : a ^ b) & mask;
  });
}

void decodeLogic(Decoder &d) {
  d.needOperands(3);
  d.instr.type = d.needType({Type::Pred, Type::B16, Type::B32, Type::B64});
  d.setExec(d.mnemonic == "and"  ? logic<0>
            : d.mnemonic == "or" ? logic<1>
                                 : logic<2>);
  d.instr.ownPoison = true;
}

static void bitNot(Warp &warp, const Instr &instr) {
  uint64_t mask = lowBits(typeBits(instr.type));
  map1(warp, instr, [mask](uint64_t a) { return ~a & mask; });
}

static void logicalNot(Warp &warp, const Instr &instr) {
  uint64_t mask = lowBits(typeBits(instr.type));
  map1(warp, instr, [mask](uint64_t a) { return uint64_t((a & mask) == 0); });
}

void decodeNot(Decoder &d) {
  d.needOperands(2);
  d.instr.type = d.needType({Type::Pred, Type::B16, Type::B32, Type::B64});
  d.setExec(d.mnemonic == "not" ? bitNot : logicalNot);
}

/// Bit i of the result is bit (a_i b_i c_i) of the table.
static uint32_t lop3Of(uint32_t a, uint32_t b, uint32_t c, uint8_t table) {
  uint32_t result = 0;
  for (unsigned row = 0; row < 8; ++row)
    if (table >> row & 1)
      result |= (row & 4 ? a : ~a) & (row & 2 ? b : ~b) & (row & 1 ? c : ~c);
  return result;
}

static void lop3(Warp &warp, const Instr &instr) {
  uint8_t table = instr.variant;
  map3(warp, instr, [table](uint64_t a, uint64_t b, uint64_t c) {
    return uint64_t(lop3Of(uint32_t(a), uint32_t(b), uint32_t(c), table));
  });
}

/// lop3.BoolOp d|p, a, b, c, table, q: p = (d != 0) op q.
static void lop3Pred(Warp &warp, const Instr &instr) {
  Lanes s1, s2, s3;
  const Lanes &a = warp.read(instr.ops[1], s1);
  const Lanes &b = warp.read(instr.ops[2], s2);
  const Lanes &c = warp.read(instr.ops[3], s3);
  uint32_t q = warp.predicate(instr.ops[5]);
  Lanes &d = warp.write(instr.ops[0].elems[0]);
  uint32_t p = 0;
  forEachLane(warp.active, [&](unsigned lane) {
    uint32_t value = lop3Of(uint32_t(a[lane]), uint32_t(b[lane]),
                            uint32_t(c[lane]), instr.variant);
    bool other = q >> lane & 1;
    bool result =
        instr.boolOp == BoolOp::And ? (value && other) : (value || other);
    d[lane] = value;
    p |= uint32_t(result) << lane;
  });
  warp.setPredicate(instr.ops[0].elems[1], p);
}

void decodeLop3(Decoder &d) {
  Instr &i = d.instr;
  int op = d.takeOneOf({"and", "or"});
  i.type = d.needType({Type::B32});
  if (!d.needOperands(op >= 0 ? 6 : 5, op >= 0 ? 6 : 5))
    return;
  if (i.ops[4].kind != Operand::Kind::Imm || i.ops[4].imm > 255)
    return d.fail("the table must be a constant from 0 to 255");
  i.variant = uint8_t(i.ops[4].imm);
  if (op < 0)
    return d.setExec(lop3);
  if (i.ops[0].kind != Operand::Kind::Pair)
    return d.fail("expected d|p as the first operand");
  i.boolOp = op == 0 ? BoolOp::And : BoolOp::Or;
  d.setExec(lop3Pred);
}

//===----------------------------------------------------------------------===//
// shl, shr, shf, prmt
//===----------------------------------------------------------------------===//

namespace {
struct Shl {
  template <typename T> static void exec(Warp &warp, const Instr &instr) {
    map2(warp, instr, [](uint64_t a, uint64_t b) {
      uint32_t amount = uint32_t(b);
      return amount >= sizeof(T) * 8 ? 0 : bitsOf(T(a << amount));
    });
  }
};
struct Shr {
  template <typename T> static void exec(Warp &warp, const Instr &instr) {
    map2(warp, instr, [](uint64_t a, uint64_t b) {
      // Amounts beyond the width clamp: zero, or copies of the sign.
      uint32_t amount = std::min<uint32_t>(uint32_t(b), sizeof(T) * 8 - 1);
      bool all = uint32_t(b) >= sizeof(T) * 8;
      if (all && !std::is_signed_v<T>)
        return uint64_t(0);
      return bitsOf(T(T(a) >> amount));
    });
  }
};
} // namespace

void decodeShift(Decoder &d) {
  d.needOperands(3);
  d.instr.type = d.takeType();
  d.setExec(d.mnemonic == "shl" ? forInteger<Shl>(d, d.instr.type)
                                : forInteger<Shr>(d, d.instr.type));
}

static void funnelShift(Warp &warp, const Instr &instr) {
  map3(warp, instr, [&](uint64_t lo, uint64_t hi, uint64_t amount) {
    uint64_t both = hi << 32 | uint32_t(lo);
    unsigned n = instr.flag2 ? std::min<uint32_t>(uint32_t(amount), 32)
                             : unsigned(amount & 31);
    uint64_t result =
        instr.flag ? both >> n : (n ? both << n >> 32 : both >> 32);
    return uint64_t(uint32_t(result));
  });
}

void decodeFunnelShift(Decoder &d) {
  d.needOperands(4);
  d.instr.flag = d.needOneOf({"l", "r"}) == 1;
  d.instr.flag2 = d.needOneOf({"wrap", "clamp"}) == 1;
  d.instr.type = d.needType({Type::B32});
  d.setExec(funnelShift);
}

static void permute(Warp &warp, const Instr &instr) {
  map3(warp, instr, [&](uint64_t a, uint64_t b, uint64_t c) {
    uint64_t bytes = b << 32 | uint32_t(a);
    unsigned control = unsigned(c & 3);
    uint32_t result = 0;
    for (unsigned i = 0; i < 4; ++i) {
      unsigned from = 0;
      bool sign = false;
      switch (instr.variant) {
      case 0: // generic
        from = (c >> (4 * i)) & 7;
        sign = (c >> (4 * i)) & 8;
        break;
      case 1: // f4e
        from = control + i;
        break;
      case 2: // b4e
        from = (control + 8 - i) & 7;
        break;
      case 3: // rc8
        from = control;
        break;
      case 4: // ecl
        from = std::max(control, i);
        break;
      case 5: // ecr
        from = std::min(control, i);
        break;
      default: // rc16
        from = (control & 1) * 2 + (i & 1);
      }
      uint32_t byte = uint32_t(bytes >> (8 * from)) & 0xFF;
      if (sign)
        byte = byte & 0x80 ? 0xFF : 0;
      result |= byte << (8 * i);
    }
    return uint64_t(result);
  });
}

void decodePrmt(Decoder &d) {
  d.needOperands(4);
  d.instr.type = d.needType({Type::B32});
  d.instr.variant =
      uint8_t(d.takeOneOf({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"}) + 1);
  d.setExec(permute);
}

//===----------------------------------------------------------------------===//
// popc, clz, brev, bfind, fns
//===----------------------------------------------------------------------===//

template <int Op> static void countBits(Warp &warp, const Instr &instr) {
  unsigned bits = typeBits(instr.type);
  map1(warp, instr, [bits](uint64_t a) {
    a &= lowBits(bits);
    if (Op == 0)
      return uint64_t(__builtin_popcountll(a));
    if (Op == 1)
      return uint64_t(a ? unsigned(__builtin_clzll(a)) - (64 - bits) : bits);
    return __builtin_bitreverse64(a) >> (64 - bits);
  });
}

void decodeCount(Decoder &d) {
  d.needOperands(2);
  d.instr.type = d.needType({Type::B32, Type::B64});
  d.setExec(d.mnemonic == "popc"  ? countBits<0>
            : d.mnemonic == "clz" ? countBits<1>
                                  : countBits<2>);
}

/// Position of the most significant bit that differs from the sign.
static void bfind(Warp &warp, const Instr &instr) {
  unsigned bits = typeBits(instr.type);
  map1(warp, instr, [&](uint64_t a) {
    a &= lowBits(bits);
    if (isSigned(instr.type) && (a >> (bits - 1)))
      a = ~a & lowBits(bits);
    if (!a)
      return uint64_t(0xFFFFFFFF);
    unsigned position = 63 - unsigned(__builtin_clzll(a));
    return uint64_t(instr.flag ? bits - 1 - position : position);
  });
}

void decodeBfind(Decoder &d) {
  d.needOperands(2);
  d.instr.flag = d.take("shiftamt");
  d.instr.type = d.needType({Type::U32, Type::S32, Type::U64, Type::S64});
  d.setExec(bfind);
}

/// The n-th set bit from a base, counting upward for n > 0, downward for n < 0.
static void findNthSet(Warp &warp, const Instr &instr) {
  map3(warp, instr, [](uint64_t mask, uint64_t base, uint64_t offset) {
    int32_t n = int32_t(offset);
    // PTX leaves both open; so does an H200 answer.
    if (n == INT32_MIN)
      return uint64_t(0);
    if (base > 31)
      return uint64_t(0xFFFFFFFF);
    int position = int(base);
    if (n == 0)
      return uint64_t((mask >> position & 1) ? uint32_t(position) : ~0u);
    int step = n > 0 ? 1 : -1;
    for (int left = n > 0 ? n : -n; position >= 0 && position < 32;
         position += step)
      if ((mask >> position & 1) && --left == 0)
        return uint64_t(uint32_t(position));
    return uint64_t(0xFFFFFFFF);
  });
}

void decodeFns(Decoder &d) {
  d.needOperands(4);
  d.instr.type = d.needType({Type::B32});
  d.setExec(findNthSet);
}

//===----------------------------------------------------------------------===//
// bfe, bfi, bmsk, szext
//===----------------------------------------------------------------------===//

static void extractField(Warp &warp, const Instr &instr) {
  unsigned bits = typeBits(instr.type);
  map3(warp, instr, [&](uint64_t a, uint64_t position, uint64_t length) {
    unsigned pos = position & 0xFF, len = length & 0xFF;
    a &= lowBits(bits);
    uint64_t field = pos < bits ? a >> pos : 0;
    bool sign = false;
    if (isSigned(instr.type) && len)
      sign = a >> std::min(pos + len - 1, bits - 1) & 1;
    if (len >= bits - std::min(pos, bits)) {
      // The field ends at or beyond the top: the sign fills the rest.
      unsigned have = pos < bits ? bits - pos : 0;
      field &= lowBits(have);
      len = have;
      if (sign)
        field |= ~lowBits(len);
    } else {
      field &= lowBits(len);
      if (sign)
        field |= ~lowBits(len);
    }
    return field & lowBits(bits);
  });
}

static void insertField(Warp &warp, const Instr &instr) {
  unsigned bits = typeBits(instr.type);
  Lanes s4;
  const Lanes &lengths = warp.read(instr.ops[4], s4);
  Lanes s1, s2, s3;
  const Lanes &a = warp.read(instr.ops[1], s1);
  const Lanes &b = warp.read(instr.ops[2], s2);
  const Lanes &c = warp.read(instr.ops[3], s3);
  Lanes &d = warp.write(instr.ops[0]);
  forEachLane(warp.active, [&](unsigned lane) {
    unsigned pos = c[lane] & 0xFF, len = lengths[lane] & 0xFF;
    uint64_t mask = pos < bits ? lowBits(len) << pos : 0;
    uint64_t value = pos < bits ? a[lane] << pos : 0;
    d[lane] = ((b[lane] & ~mask) | (value & mask)) & lowBits(bits);
  });
}

void decodeBitField(Decoder &d) {
  bool isExtract = d.mnemonic == "bfe";
  d.needOperands(isExtract ? 4 : 5);
  d.instr.type = isExtract
                     ? d.needType({Type::U32, Type::S32, Type::U64, Type::S64})
                     : d.needType({Type::B32, Type::B64});
  d.setExec(isExtract ? extractField : insertField);
}

static void bitMask(Warp &warp, const Instr &instr) {
  bool clamp = instr.flag;
  map2(warp, instr, [clamp](uint64_t a, uint64_t b) {
    uint32_t from = uint32_t(a), width = uint32_t(b);
    if (!clamp) {
      from &= 31;
      width &= 31;
    }
    if (from > 31)
      return uint64_t(0);
    return uint64_t(uint32_t(lowBits(std::min(width, 32u)) << from));
  });
}

void decodeBmsk(Decoder &d) {
  d.needOperands(3);
  d.instr.flag = d.needOneOf({"wrap", "clamp"}) == 1;
  d.instr.type = d.needType({Type::B32});
  d.setExec(bitMask);
}

static void signOrZeroExtend(Warp &warp, const Instr &instr) {
  map2(warp, instr, [&](uint64_t a, uint64_t b) {
    unsigned width =
        instr.flag ? std::min<uint32_t>(uint32_t(b), 32) : unsigned(b & 31);
    if (width == 0)
      return uint64_t(0);
    a &= lowBits(width);
    return uint64_t(isSigned(instr.type) ? uint32_t(signExtend(a, width))
                                         : uint32_t(a));
  });
}

void decodeSzext(Decoder &d) {
  d.needOperands(3);
  d.instr.flag = d.needOneOf({"wrap", "clamp"}) == 1;
  d.instr.type = d.needType({Type::U32, Type::S32});
  d.setExec(signOrZeroExtend);
}

} // namespace fp4::ptx
