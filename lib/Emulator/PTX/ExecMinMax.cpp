//===- ExecMinMax.cpp - abs, neg, min, max --------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operations on signs and order, for integers, floats and packed types alike
// (PTX ISA 9.0, sections "Integer Arithmetic Instructions", "Floating Point
// Instructions", "Half Precision Floating Point Instructions").
//
//===----------------------------------------------------------------------===//

#include "ExecFloatTypes.h"
#include <algorithm>

namespace fp4::ptx {

//===----------------------------------------------------------------------===//
// abs, neg
//===----------------------------------------------------------------------===//

namespace {
struct Abs {
  template <typename T> static void exec(Warp &warp, const Instr &instr) {
    map1(warp, instr, [](uint64_t a) {
      return bitsOf(T(std::is_signed_v<T> && T(a) < T(0) ? 0 - a : a));
    });
  }
};
struct Neg {
  template <typename T> static void exec(Warp &warp, const Instr &instr) {
    map1(warp, instr, [](uint64_t a) { return bitsOf(T(0 - a)); });
  }
};
} // namespace

template <uint64_t (*Fn)(Type, uint64_t, bool)>
static void floatSign(Warp &warp, const Instr &instr) {
  map1(warp, instr, [&](uint64_t a) {
    return perPart(
        instr.type, [&](Type t, uint64_t x) { return Fn(t, x, instr.ftz); }, a);
  });
}

void decodeAbsNeg(Decoder &d) {
  Instr &i = d.instr;
  d.needOperands(2);
  i.ftz = d.take("ftz");
  i.type = d.takeType();
  bool isAbs = d.mnemonic == "abs";
  if (isFloatLike(i.type)) {
    needFloatType(d, i.type);
    return d.setExec(isAbs ? floatSign<floatAbs> : floatSign<floatNeg>);
  }
  d.setExec(isAbs ? forInteger<Abs>(d, i.type) : forInteger<Neg>(d, i.type));
}

//===----------------------------------------------------------------------===//
// min, max
//===----------------------------------------------------------------------===//

namespace {
template <bool IsMax> struct MinMax {
  template <typename T> static void exec(Warp &warp, const Instr &instr) {
    bool relu = instr.relu;
    map2(warp, instr, [relu](uint64_t a, uint64_t b) {
      T x = T(a), y = T(b);
      T result = IsMax ? std::max(x, y) : std::min(x, y);
      if (relu && result < T(0))
        result = T(0);
      return bitsOf(result);
    });
  }
};
} // namespace

template <bool IsMax>
static void minMaxPacked16(Warp &warp, const Instr &instr) {
  bool isSignedPart = instr.type == Type::S16x2;
  map2(warp, instr, [&](uint64_t a, uint64_t b) {
    return perPart(
        instr.type,
        [&](Type, uint64_t x, uint64_t y) {
          int64_t p = isSignedPart ? int16_t(x) : int64_t(x);
          int64_t q = isSignedPart ? int16_t(y) : int64_t(y);
          int64_t result = IsMax ? std::max(p, q) : std::min(p, q);
          if (instr.relu)
            result = std::max<int64_t>(result, 0);
          return uint64_t(result) & 0xFFFF;
        },
        a, b);
  });
}

template <bool IsMax>
static uint64_t floatMinMaxOf(const Instr &instr, uint64_t a, uint64_t b) {
  return perPart(
      instr.type,
      [&](Type t, uint64_t x, uint64_t y) {
        return floatMinMax(t, x, y, IsMax, instr.ftz, instr.flag, instr.flag2);
      },
      a, b);
}

template <bool IsMax>
static void floatMinMaxExec(Warp &warp, const Instr &instr) {
  if (instr.ops.size() == 4)
    return map3(warp, instr, [&](uint64_t a, uint64_t b, uint64_t c) {
      return floatMinMaxOf<IsMax>(instr, floatMinMaxOf<IsMax>(instr, a, b), c);
    });
  map2(warp, instr, [&](uint64_t a, uint64_t b) {
    return floatMinMaxOf<IsMax>(instr, a, b);
  });
}

void decodeMinMax(Decoder &d) {
  Instr &i = d.instr;
  bool isMax = d.mnemonic == "max";
  i.relu = d.take("relu");
  i.ftz = d.take("ftz");
  i.flag = d.take("NaN");
  bool xorSign = d.take("xorsign");
  if (d.take("abs") != xorSign && xorSign)
    d.fail(".xorsign needs .abs");
  i.flag2 = xorSign;
  i.type = d.takeType();
  if (isFloatLike(i.type)) {
    needFloatType(d, i.type);
    if (d.numOperands() == 4)
      d.needTarget(100);
    d.needOperands(3, i.type == Type::F32 ? 4 : 3);
    return d.setExec(isMax ? floatMinMaxExec<true> : floatMinMaxExec<false>);
  }
  d.needOperands(3);
  if (i.type == Type::U16x2 || i.type == Type::S16x2)
    return d.setExec(isMax ? minMaxPacked16<true> : minMaxPacked16<false>);
  d.setExec(isMax ? forInteger<MinMax<true>>(d, i.type)
                  : forInteger<MinMax<false>>(d, i.type));
}

} // namespace fp4::ptx
