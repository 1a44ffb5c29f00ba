//===- ExecInteger.cpp - Integer-only arithmetic --------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, sections "Integer Arithmetic Instructions" and
// "Extended-Precision Integer Arithmetic Instructions".
//
//===----------------------------------------------------------------------===//

#include "Exec.h"

namespace fp4::ptx {

//===----------------------------------------------------------------------===//
// mul24, mad24, rem, sad
//===----------------------------------------------------------------------===//

/// 24-bit product: bits 0..31 (.lo) or 16..47 (.hi), plus c.
static void mul24(Warp &warp, const Instr &instr) {
  bool isMad = instr.ops.size() == 4;
  auto product = [&](uint64_t a, uint64_t b) {
    int64_t x =
        isSigned(instr.type) ? signExtend(a, 24) : int64_t(a & 0xFFFFFF);
    int64_t y =
        isSigned(instr.type) ? signExtend(b, 24) : int64_t(b & 0xFFFFFF);
    return uint32_t(uint64_t(x * y) >> (instr.flag ? 16 : 0));
  };
  if (!isMad)
    return map2(warp, instr, [&](uint64_t a, uint64_t b) {
      return uint64_t(product(a, b));
    });
  map3(warp, instr, [&](uint64_t a, uint64_t b, uint64_t c) {
    if (instr.sat) {
      int64_t sum = int64_t(int32_t(product(a, b))) + int32_t(c);
      if (sum > INT32_MAX)
        sum = INT32_MAX;
      if (sum < INT32_MIN)
        sum = INT32_MIN;
      return bitsOf(int32_t(sum));
    }
    return uint64_t(uint32_t(product(a, b) + uint32_t(c)));
  });
}

void decodeMul24(Decoder &d) {
  d.needOperands(d.mnemonic == "mad24" ? 4 : 3);
  d.instr.flag = d.needOneOf({"lo", "hi"}) == 1;
  d.instr.sat = d.take("sat");
  d.instr.type = d.needType({Type::U32, Type::S32});
  d.setExec(mul24);
}

namespace {
struct Rem {
  template <typename T> static void exec(Warp &warp, const Instr &instr) {
    map2(warp, instr, [](uint64_t a, uint64_t b) {
      T x = T(a), y = T(b);
      // PTX leaves it open; an H200 gives all ones.
      if (y == 0)
        return bitsOf(T(-1));
      if (std::is_signed_v<T> && y == T(-1))
        return uint64_t(0);
      return bitsOf(T(x % y));
    });
  }
};
struct Sad {
  template <typename T> static void exec(Warp &warp, const Instr &instr) {
    map3(warp, instr, [](uint64_t a, uint64_t b, uint64_t c) {
      uint64_t difference = T(a) < T(b) ? b - a : a - b;
      return bitsOf(T(c + difference));
    });
  }
};
} // namespace

void decodeRem(Decoder &d) {
  d.needOperands(3);
  d.instr.type = d.takeType();
  d.setExec(forInteger<Rem>(d, d.instr.type));
}

void decodeSad(Decoder &d) {
  d.needOperands(4);
  d.instr.type = d.takeType();
  d.setExec(forInteger<Sad>(d, d.instr.type));
}

//===----------------------------------------------------------------------===//
// addc, subc, madc
//===----------------------------------------------------------------------===//

/// CC.CF holds the carry of an addition and the borrow of a subtraction.
template <typename T, bool IsSub>
static void addSubCarryIn(Warp &warp, const Instr &instr) {
  Lanes s1, s2;
  const Lanes &a = warp.read(instr.ops[1], s1);
  const Lanes &b = warp.read(instr.ops[2], s2);
  Lanes &d = warp.write(instr.ops[0]);
  forEachLane(warp.active, [&](unsigned lane) {
    using Wide = unsigned __int128;
    uint32_t bit = 1u << lane;
    Wide carry = (warp.carry & bit) ? 1 : 0;
    Wide x = T(a[lane]), y = T(b[lane]);
    Wide result = IsSub ? x - y - carry : x + y + carry;
    d[lane] = T(result);
    bool out = (result >> (sizeof(T) * 8)) != 0;
    if (instr.flag)
      warp.carry = (warp.carry & ~bit) | (out ? bit : 0);
  });
}

void decodeCarry(Decoder &d) {
  d.needOperands(3);
  d.instr.flag = d.take("cc");
  Type type = d.needType(
      {Type::U32, Type::S32, Type::U64, Type::S64, Type::B32, Type::B64});
  bool wide = typeBits(type) == 64;
  if (d.mnemonic == "subc")
    return d.setExec(wide ? addSubCarryIn<uint64_t, true>
                          : addSubCarryIn<uint32_t, true>);
  d.setExec(wide ? addSubCarryIn<uint64_t, false>
                 : addSubCarryIn<uint32_t, false>);
}

/// mad.cc and madc: half of the product, plus c, plus the carry for madc.
template <typename T> static void madCarry(Warp &warp, const Instr &instr) {
  Lanes s1, s2, s3;
  const Lanes &a = warp.read(instr.ops[1], s1);
  const Lanes &b = warp.read(instr.ops[2], s2);
  const Lanes &c = warp.read(instr.ops[3], s3);
  Lanes &d = warp.write(instr.ops[0]);
  constexpr unsigned bits = sizeof(T) * 8;
  using Wide = __int128;
  using UWide = unsigned __int128;
  using U = std::make_unsigned_t<T>;
  forEachLane(warp.active, [&](unsigned lane) {
    uint32_t bit = 1u << lane;
    // A u64 product can exceed a signed 128-bit value, but not its bits.
    UWide x = UWide(Wide(T(a[lane]))), y = UWide(Wide(T(b[lane])));
    UWide product = x * y;
    U half = U(instr.flag2 ? product >> bits : product);
    UWide sum = UWide(half) + U(c[lane]);
    if (instr.variant && (warp.carry & bit))
      ++sum;
    d[lane] = U(sum);
    if (instr.flag)
      warp.carry = (warp.carry & ~bit) | ((sum >> bits) ? bit : 0);
  });
}

void decodeMadCarry(Decoder &d) {
  d.needOperands(4);
  d.instr.flag2 = d.needOneOf({"lo", "hi"}) == 1;
  d.instr.flag = d.take("cc");
  d.instr.variant = d.mnemonic == "madc";
  Type type = d.needType({Type::U32, Type::S32, Type::U64, Type::S64});
  switch (type) {
  case Type::U32:
    return d.setExec(madCarry<uint32_t>);
  case Type::S32:
    return d.setExec(madCarry<int32_t>);
  case Type::U64:
    return d.setExec(madCarry<uint64_t>);
  default:
    return d.setExec(madCarry<int64_t>);
  }
}

//===----------------------------------------------------------------------===//
// dp4a, dp2a
//===----------------------------------------------------------------------===//

static int64_t part(uint64_t value, unsigned index, unsigned bits, bool isS) {
  uint64_t field = (value >> (index * bits)) & lowBits(bits);
  return isS ? signExtend(field, bits) : int64_t(field);
}

static void dp4a(Warp &warp, const Instr &instr) {
  bool signedA = isSigned(instr.type), signedB = isSigned(instr.type2);
  map3(warp, instr, [&](uint64_t a, uint64_t b, uint64_t c) {
    int64_t sum = int64_t(c);
    for (unsigned i = 0; i < 4; ++i)
      sum += part(a, i, 8, signedA) * part(b, i, 8, signedB);
    return uint64_t(uint32_t(sum));
  });
}

/// Halves of a times two bytes of b: the lower pair or the upper one.
static void dp2a(Warp &warp, const Instr &instr) {
  bool signedA = isSigned(instr.type), signedB = isSigned(instr.type2);
  unsigned first = instr.flag ? 2 : 0;
  map3(warp, instr, [&](uint64_t a, uint64_t b, uint64_t c) {
    int64_t sum = int64_t(c);
    for (unsigned i = 0; i < 2; ++i)
      sum += part(a, i, 16, signedA) * part(b, first + i, 8, signedB);
    return uint64_t(uint32_t(sum));
  });
}

void decodeDp4a(Decoder &d) {
  d.needOperands(4);
  d.instr.type = d.needType({Type::U32, Type::S32});
  d.instr.type2 = d.needType({Type::U32, Type::S32});
  d.setExec(dp4a);
}

void decodeDp2a(Decoder &d) {
  d.needOperands(4);
  d.instr.flag = d.needOneOf({"lo", "hi"}) == 1;
  d.instr.type = d.needType({Type::U32, Type::S32});
  d.instr.type2 = d.needType({Type::U32, Type::S32});
  d.setExec(dp2a);
}

} // namespace fp4::ptx
