//===- ExecArithmetic.cpp - add, sub, mul, mad, fma, div ------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The instructions that exist for integers, floats and packed types alike (PTX
// ISA 9.0, sections "Integer Arithmetic Instructions", "Floating Point
// Instructions", "Half Precision Floating Point Instructions").
//
//===----------------------------------------------------------------------===//

#include "ExecFloatTypes.h"
#include "FloatFormat.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace fp4::ptx {

//===----------------------------------------------------------------------===//
// add, sub
//===----------------------------------------------------------------------===//

namespace {
struct Add {
  template <typename T> static void exec(Warp &warp, const Instr &instr) {
    map2(warp, instr, [](uint64_t a, uint64_t b) { return bitsOf(T(a + b)); });
  }
};
struct Sub {
  template <typename T> static void exec(Warp &warp, const Instr &instr) {
    map2(warp, instr, [](uint64_t a, uint64_t b) { return bitsOf(T(a - b)); });
  }
};
} // namespace

static uint64_t saturate32(int64_t value) {
  return bitsOf(
      int32_t(std::clamp<int64_t>(value, std::numeric_limits<int32_t>::min(),
                                  std::numeric_limits<int32_t>::max())));
}

static void addSat(Warp &warp, const Instr &instr) {
  map2(warp, instr, [](uint64_t a, uint64_t b) {
    return saturate32(int64_t(int32_t(a)) + int32_t(b));
  });
}

static void subSat(Warp &warp, const Instr &instr) {
  map2(warp, instr, [](uint64_t a, uint64_t b) {
    return saturate32(int64_t(int32_t(a)) - int32_t(b));
  });
}

/// add.cc and sub.cc. CC.CF holds the carry of an addition and the borrow of a
/// subtraction; PTX leaves its encoding open.
template <typename T, bool IsSub>
static void addSubCarryOut(Warp &warp, const Instr &instr) {
  Lanes s1, s2;
  const Lanes &a = warp.read(instr.ops[1], s1);
  const Lanes &b = warp.read(instr.ops[2], s2);
  Lanes &d = warp.write(instr.ops[0]);
  forEachLane(warp.active, [&](unsigned lane) {
    T x = T(a[lane]), y = T(b[lane]);
    T result = IsSub ? T(x - y) : T(x + y);
    bool carry = IsSub ? x < y : result < x;
    d[lane] = result;
    warp.carry = (warp.carry & ~(1u << lane)) | uint32_t(carry) << lane;
  });
}

static void addPacked16(Warp &warp, const Instr &instr) {
  map2(warp, instr, [](uint64_t a, uint64_t b) {
    return uint64_t(((a + b) & 0xFFFF) |
                    ((a & 0xFFFF0000) + (b & 0xFFFF0000))) &
           0xFFFFFFFF;
  });
}

static void floatAddExec(Warp &warp, const Instr &instr) {
  FloatMode mode = modeOf(instr);
  map2(warp, instr, [&](uint64_t a, uint64_t b) {
    return perPart(
        instr.type,
        [&](Type t, uint64_t x, uint64_t y) { return floatAdd(t, x, y, mode); },
        a, b);
  });
}

static void floatSubExec(Warp &warp, const Instr &instr) {
  FloatMode mode = modeOf(instr);
  map2(warp, instr, [&](uint64_t a, uint64_t b) {
    return perPart(
        instr.type,
        [&](Type t, uint64_t x, uint64_t y) {
          // A NaN keeps its sign: it is not negated but propagated.
          return floatAdd(t, x, floatNeg(t, y, false), mode);
        },
        a, b);
  });
}

/// The common case, f32 to nearest without flags, at the host's speed.
template <int Op> static void fastFloat(Warp &warp, const Instr &instr) {
  map2(warp, instr, [](uint64_t a, uint64_t b) {
    float x = asFloat(a), y = asFloat(b);
    return uint64_t(resultBits(Op == 0 ? x + y : Op == 1 ? x - y : x * y));
  });
}

static bool isPlainF32(const Instr &instr) {
  return instr.type == Type::F32 && instr.rounding == Rounding::RN &&
         !instr.ftz && !instr.sat;
}

/// add.f32 with one f16 or bf16 operand (PTX 8.6, "Mixed Precision").
static void mixedAddSub(Warp &warp, const Instr &instr) {
  FloatMode mode = modeOf(instr);
  map2(warp, instr, [&](uint64_t a, uint64_t b) {
    double wide = floatValue(instr.type2, a & 0xFFFF);
    uint64_t x = asBits(float(wide));
    if (instr.flag)
      b ^= 0x80000000;
    return floatAdd(Type::F32, x, b, mode);
  });
}

void decodeAddSub(Decoder &d) {
  Instr &i = d.instr;
  bool isSub = d.mnemonic == "sub";
  d.needOperands(3);
  if (d.take("cc")) {
    Type type = d.needType(
        {Type::U32, Type::S32, Type::U64, Type::S64, Type::B32, Type::B64});
    bool wide = typeBits(type) == 64;
    d.setExec(isSub ? (wide ? addSubCarryOut<uint64_t, true>
                            : addSubCarryOut<uint32_t, true>)
                    : (wide ? addSubCarryOut<uint64_t, false>
                            : addSubCarryOut<uint32_t, false>));
    return;
  }
  takeFloatModifiers(d);
  i.type = d.takeType();
  if (isFloatLike(i.type)) {
    needFloatType(d, i.type);
    if (i.type == Type::F32 && (d.has("f16") || d.has("bf16"))) {
      d.needTarget(100);
      i.type2 = d.takeType();
      i.flag = isSub;
      return d.setExec(mixedAddSub);
    }
    if (isPlainF32(i))
      return d.setExec(isSub ? fastFloat<1> : fastFloat<0>);
    return d.setExec(isSub ? floatSubExec : floatAddExec);
  }
  if ((i.type == Type::U16x2 || i.type == Type::S16x2) && !isSub)
    return d.setExec(addPacked16);
  if (i.sat) {
    if (i.type != Type::S32)
      d.fail(".sat needs type .s32");
    return d.setExec(isSub ? subSat : addSat);
  }
  d.setExec(isSub ? forInteger<Sub>(d, i.type) : forInteger<Add>(d, i.type));
}

//===----------------------------------------------------------------------===//
// mul, mad, fma
//===----------------------------------------------------------------------===//

namespace {

template <typename T> struct Wider;
template <> struct Wider<int16_t> {
  using type = int32_t;
};
template <> struct Wider<uint16_t> {
  using type = uint32_t;
};
template <> struct Wider<int32_t> {
  using type = int64_t;
};
template <> struct Wider<uint32_t> {
  using type = uint64_t;
};
template <> struct Wider<int64_t> {
  using type = __int128;
};
template <> struct Wider<uint64_t> {
  using type = unsigned __int128;
};
template <typename T> using WiderT = typename Wider<T>::type;

template <typename T> T highProduct(uint64_t a, uint64_t b) {
  return T((WiderT<T>(T(a)) * WiderT<T>(T(b))) >> (sizeof(T) * 8));
}

struct MulLo {
  template <typename T> static void exec(Warp &warp, const Instr &instr) {
    map2(warp, instr, [](uint64_t a, uint64_t b) { return bitsOf(T(a * b)); });
  }
};
struct MulHi {
  template <typename T> static void exec(Warp &warp, const Instr &instr) {
    map2(warp, instr,
         [](uint64_t a, uint64_t b) { return bitsOf(highProduct<T>(a, b)); });
  }
};
struct MulWide {
  template <typename T> static void exec(Warp &warp, const Instr &instr) {
    map2(warp, instr, [](uint64_t a, uint64_t b) {
      return bitsOf(WiderT<T>(WiderT<T>(T(a)) * WiderT<T>(T(b))));
    });
  }
};
struct MadLo {
  template <typename T> static void exec(Warp &warp, const Instr &instr) {
    map3(warp, instr, [](uint64_t a, uint64_t b, uint64_t c) {
      return bitsOf(T(a * b + c));
    });
  }
};
struct MadHi {
  template <typename T> static void exec(Warp &warp, const Instr &instr) {
    map3(warp, instr, [](uint64_t a, uint64_t b, uint64_t c) {
      return bitsOf(T(bitsOf(highProduct<T>(a, b)) + c));
    });
  }
};
struct MadWide {
  template <typename T> static void exec(Warp &warp, const Instr &instr) {
    map3(warp, instr, [](uint64_t a, uint64_t b, uint64_t c) {
      using W = WiderT<T>;
      return bitsOf(W(bitsOf(W(W(T(a)) * W(T(b)))) + c));
    });
  }
};

} // namespace

/// .wide for 16- and 32-bit types.
template <typename Op> static ExecFn forWide(Decoder &d, Type type) {
  switch (type) {
  case Type::S16:
    return Op::template exec<int16_t>;
  case Type::U16:
    return Op::template exec<uint16_t>;
  case Type::S32:
    return Op::template exec<int32_t>;
  case Type::U32:
    return Op::template exec<uint32_t>;
  default:
    d.fail(".wide needs a 16- or 32-bit integer type");
    return nullptr;
  }
}

static void madHiSat(Warp &warp, const Instr &instr) {
  map3(warp, instr, [](uint64_t a, uint64_t b, uint64_t c) {
    return saturate32(int64_t(highProduct<int32_t>(a, b)) + int32_t(c));
  });
}

static void floatMulExec(Warp &warp, const Instr &instr) {
  FloatMode mode = modeOf(instr);
  map2(warp, instr, [&](uint64_t a, uint64_t b) {
    return perPart(
        instr.type,
        [&](Type t, uint64_t x, uint64_t y) { return floatMul(t, x, y, mode); },
        a, b);
  });
}

static void floatFmaExec(Warp &warp, const Instr &instr) {
  FloatMode mode = modeOf(instr);
  map3(warp, instr, [&](uint64_t a, uint64_t b, uint64_t c) {
    return perPart(
        instr.type,
        [&](Type t, uint64_t x, uint64_t y, uint64_t z) {
          return floatFma(t, x, y, z, mode);
        },
        a, b, c);
  });
}

/// fma.f32 with f16 or bf16 factors (PTX 8.6, "Mixed Precision").
static void mixedFma(Warp &warp, const Instr &instr) {
  FloatMode mode = modeOf(instr);
  map3(warp, instr, [&](uint64_t a, uint64_t b, uint64_t c) {
    uint64_t x = asBits(float(floatValue(instr.type2, a & 0xFFFF)));
    uint64_t y = asBits(float(floatValue(instr.type2, b & 0xFFFF)));
    return floatFma(Type::F32, x, y, c, mode);
  });
}

void decodeMul(Decoder &d) {
  Instr &i = d.instr;
  d.needOperands(3);
  int part = d.takeOneOf({"lo", "hi", "wide"});
  takeFloatModifiers(d);
  i.type = d.takeType();
  if (isFloatLike(i.type)) {
    needFloatType(d, i.type);
    return d.setExec(isPlainF32(i) ? fastFloat<2> : floatMulExec);
  }
  if (part == 2)
    return d.setExec(forWide<MulWide>(d, i.type));
  if (part < 0)
    d.fail("expected .lo, .hi or .wide");
  d.setExec(part == 1 ? forInteger<MulHi>(d, i.type)
                      : forInteger<MulLo>(d, i.type));
}

void decodeMad(Decoder &d) {
  Instr &i = d.instr;
  if (d.has("cc"))
    return decodeMadCarry(d);
  d.needOperands(4);
  int part = d.takeOneOf({"lo", "hi", "wide"});
  takeFloatModifiers(d);
  i.type = d.takeType();
  if (isFloatLike(i.type)) {
    needFloatType(d, i.type);
    if (part >= 0)
      d.fail(".lo, .hi and .wide need integers");
    return d.setExec(floatFmaExec);
  }
  if (part == 2)
    return d.setExec(forWide<MadWide>(d, i.type));
  if (part < 0)
    d.fail("expected .lo, .hi or .wide");
  if (i.sat) {
    if (part != 1 || i.type != Type::S32)
      d.fail(".sat needs mad.hi.s32");
    return d.setExec(madHiSat);
  }
  d.setExec(part == 1 ? forInteger<MadHi>(d, i.type)
                      : forInteger<MadLo>(d, i.type));
}

void decodeFma(Decoder &d) {
  Instr &i = d.instr;
  d.needOperands(4);
  takeFloatModifiers(d);
  i.type = d.takeType();
  needFloatType(d, i.type);
  if (i.type == Type::F32 && (d.has("f16") || d.has("bf16"))) {
    d.needTarget(100);
    i.type2 = d.takeType();
    return d.setExec(mixedFma);
  }
  d.setExec(floatFmaExec);
}

//===----------------------------------------------------------------------===//
// div
//===----------------------------------------------------------------------===//

namespace {
struct Div {
  template <typename T> static void exec(Warp &warp, const Instr &instr) {
    map2(warp, instr, [](uint64_t a, uint64_t b) {
      T x = T(a), y = T(b);
      // PTX leaves division by zero open; hardware gives all ones.
      if (y == 0)
        return bitsOf(T(-1));
      if (std::is_signed_v<T> && y == T(-1))
        return bitsOf(T(0 - a));
      return bitsOf(T(x / y));
    });
  }
};
} // namespace

static void floatDivExec(Warp &warp, const Instr &instr) {
  FloatMode mode = modeOf(instr);
  map2(warp, instr, [&](uint64_t a, uint64_t b) {
    return floatDiv(instr.type, a, b, mode);
  });
}

/// div.approx and div.full: rounded correctly here, but for the documented
/// range rule of .approx, a zero for divisors beyond 2^126.
static void floatDivApprox(Warp &warp, const Instr &instr) {
  FloatMode mode = modeOf(instr);
  map2(warp, instr, [&](uint64_t a, uint64_t b) {
    double y = std::fabs(double(asFloat(b)));
    if (instr.flag && y > 0x1p126 && std::isfinite(y)) {
      double x = asFloat(a);
      if (std::isinf(x))
        return uint64_t(kCanonicalNaN32);
      if (!std::isnan(x))
        return (a ^ b) & 0x80000000;
    }
    return floatDiv(Type::F32, a, b, mode);
  });
}

void decodeDiv(Decoder &d) {
  Instr &i = d.instr;
  d.needOperands(3);
  int form = d.takeOneOf({"approx", "full"});
  takeFloatModifiers(d);
  i.type = d.takeType();
  if (i.type == Type::F32 || i.type == Type::F64) {
    i.flag = form == 0;
    return d.setExec(form >= 0 ? floatDivApprox : floatDivExec);
  }
  d.setExec(forInteger<Div>(d, i.type));
}

} // namespace fp4::ptx
