//===- ExecConvert.cpp - cvt between ordinary types -----------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, sections "cvt" and "cvt.pack": integers, f16, bf16, f32, f64 and
// tf32. The formats of 8 bits and less are in ExecConvertNarrow.cpp.
//
//===----------------------------------------------------------------------===//

#include "ExecConvert.h"
#include "FloatFormat.h"
#include "FloatOps.h"
#include <algorithm>
#include <cmath>

namespace fp4::ptx {

/// `value` as an integer of the destination type, extended to its register.
static uint64_t extended(const Instr &instr, uint64_t value) {
  unsigned bits = typeBits(instr.type);
  uint64_t result = isSigned(instr.type) ? uint64_t(signExtend(value, bits))
                                         : value & lowBits(bits);
  // The register may be wider than the type; the sign fills it.
  return result & lowBits(instr.extra[0]);
}

static uint64_t clampInteger(const Instr &instr, __int128 value) {
  unsigned bits = typeBits(instr.type);
  __int128 most = isSigned(instr.type) ? (__int128(1) << (bits - 1)) - 1
                                       : (__int128(1) << bits) - 1;
  __int128 least = isSigned(instr.type) ? -(__int128(1) << (bits - 1)) : 0;
  return uint64_t(std::clamp(value, least, most));
}

static void integerToInteger(Warp &warp, const Instr &instr) {
  unsigned from = typeBits(instr.type2);
  bool fromSigned = isSigned(instr.type2);
  map1(warp, instr, [&](uint64_t a) {
    __int128 value = fromSigned ? __int128(signExtend(a, from))
                                : __int128(a & lowBits(from));
    uint64_t bits = instr.sat ? clampInteger(instr, value) : uint64_t(value);
    return extended(instr, bits);
  });
}

/// A 64-bit integer as a double that rounds like the integer itself.
static double integerToOdd(bool negative, uint64_t magnitude) {
  double high = double(magnitude >> 32) * 0x1p32;
  double low = double(magnitude & 0xFFFFFFFF);
  double sum = roundToOdd(high, low);
  return negative ? -sum : sum;
}

static void integerToFloat(Warp &warp, const Instr &instr) {
  unsigned from = typeBits(instr.type2);
  FloatMode mode{instr.rounding, false, instr.sat, false};
  map1(warp, instr, [&](uint64_t a) {
    int64_t value = isSigned(instr.type2) ? signExtend(a, from)
                                          : int64_t(a & lowBits(from));
    bool negative = isSigned(instr.type2) && value < 0;
    uint64_t magnitude = negative ? 0 - uint64_t(value) : uint64_t(value);
    if (instr.type == Type::F64)
      return floatAdd(
          Type::F64,
          asBits((negative ? -1.0 : 1.0) * (double(magnitude >> 32) * 0x1p32)),
          asBits((negative ? -1.0 : 1.0) * double(magnitude & 0xFFFFFFFF)),
          mode);
    return floatBits(instr.type, integerToOdd(negative, magnitude), mode);
  });
}

static double roundToInteger(double value, Rounding rounding) {
  switch (rounding) {
  case Rounding::RZ:
    return std::trunc(value);
  case Rounding::RM:
    return std::floor(value);
  case Rounding::RP:
    return std::ceil(value);
  default:
    return std::nearbyint(value);
  }
}

static void floatToInteger(Warp &warp, const Instr &instr) {
  unsigned bits = typeBits(instr.type);
  map1(warp, instr, [&](uint64_t a) {
    double value = floatValue(instr.type2, a, instr.ftz);
    if (std::isnan(value)) {
      bool zero = instr.type2 != Type::F64 && bits != 64;
      return zero ? 0 : extended(instr, uint64_t(1) << (bits - 1));
    }
    value = roundToInteger(value, instr.rounding);
    if (std::fabs(value) >= 0x1p65)
      return extended(instr,
                      clampInteger(instr, value > 0 ? __int128(1) << 66
                                                    : -(__int128(1) << 66)));
    return extended(instr, clampInteger(instr, __int128(value)));
  });
}

/// A NaN between two float formats, as on an H200: from and to f64 the sign and
/// the upper part of the payload stay, and it becomes quiet; bf16 to f32 is a
/// shift; everything else gives the canonical NaN.
static uint64_t convertNaN(const Instr &instr, uint64_t a) {
  Type to = instr.type, from = instr.type2;
  if (to == Type::F32 && from == Type::BF16)
    return a << 16;
  if (to != Type::F64 && from != Type::F64)
    return canonicalNaN(to);
  auto mantissaBits = [](Type type) {
    return type == Type::F64   ? 52u
           : type == Type::F32 ? 23u
           : type == Type::F16 ? 10u
                               : 7u;
  };
  if (instr.ftz && from == Type::F32)
    a = canonicalNaN(Type::F32);
  unsigned fromMantissa = mantissaBits(from), toMantissa = mantissaBits(to);
  uint64_t payload = a & lowBits(fromMantissa);
  payload = toMantissa >= fromMantissa ? payload << (toMantissa - fromMantissa)
                                       : payload >> (fromMantissa - toMantissa);
  unsigned toBits = typeBits(to);
  uint64_t sign = a >> (typeBits(from) - 1) & 1;
  return sign << (toBits - 1) |
         (lowBits(toBits - 1 - toMantissa) << toMantissa) |
         uint64_t(1) << (toMantissa - 1) | payload;
}

static void floatToFloat(Warp &warp, const Instr &instr) {
  // To f16, .ftz changes nothing on an H200.
  bool ftz = instr.ftz && instr.type != Type::F16;
  FloatMode mode{instr.rounding, ftz, instr.sat, instr.relu};
  map1(warp, instr, [&](uint64_t a) {
    double value = floatValue(instr.type2, a, ftz && instr.type2 == Type::F32);
    if (std::isnan(value) && !instr.sat)
      return convertNaN(instr, a);
    if (instr.relu && std::signbit(value))
      return uint64_t(0);
    if (instr.flag)
      value = roundToInteger(value, instr.rounding);
    if (instr.flag2 && std::isfinite(value)) {
      uint64_t bits = floatBits(instr.type, value, mode);
      bool isInf = std::isinf(floatValue(instr.type, bits));
      return isInf ? bits - 1 : bits;
    }
    if (instr.flag2 && std::isinf(value))
      return floatBits(instr.type, value, mode) - 1;
    return floatBits(instr.type, value, mode);
  });
}

/// cvt.{f16x2,bf16x2}.f32 d, a, b: a lands in the upper half.
static void floatPairToPacked(Warp &warp, const Instr &instr) {
  FloatMode mode{instr.rounding, false, false, instr.relu};
  Type scalar = scalarType(instr.type);
  auto convert = [&](uint64_t bits) {
    uint64_t result = floatBits(scalar, asFloat(bits), mode);
    bool isInf = (result & 0x7FFF) == (scalar == Type::F16 ? 0x7C00 : 0x7F80);
    return instr.flag2 && isInf ? result - 1 : result;
  };
  map2(warp, instr,
       [&](uint64_t a, uint64_t b) { return convert(a) << 16 | convert(b); });
}

/// `value` rounded to `type` by `random`, a number of `count` bits: it is added
/// to the highest `count` of the bits that the type has no room for, and a
/// carry rounds away from zero.
static uint64_t roundStochastically(Type type, float value, uint64_t random,
                                    unsigned count) {
  FloatMode toZero{Rounding::RZ, false, false, false};
  uint64_t bits = floatBits(type, value, toZero);
  if (!std::isfinite(value))
    return bits;
  unsigned mantissa = type == Type::F16 ? 10 : 7;
  int least = type == Type::F16 ? -14 : -126;
  double magnitude = std::fabs(double(value));
  int exponent = magnitude ? std::max(std::ilogb(magnitude), least) : least;
  double unit = std::ldexp(1.0, exponent - int(mantissa));
  double rest = std::fmod(magnitude, unit) / unit;
  // Behind the largest finite code comes infinity, for whatever is too large.
  double largest = std::ldexp(1.0, type == Type::F16 ? 16 : 128);
  bool carries = rest + std::ldexp(double(random), -int(count)) >= 1;
  return bits + (carries || magnitude >= largest);
}

/// cvt.rs.{f16x2,bf16x2}.f32 d, a, b, rbits: 13 or 16 bits of the upper half
/// for a, of the lower half for b.
static void floatPairStochastic(Warp &warp, const Instr &instr) {
  Type scalar = scalarType(instr.type);
  unsigned count = scalar == Type::F16 ? 13 : 16;
  auto convert = [&](uint64_t source, uint64_t random) {
    float value = asFloat(source);
    if (std::isnan(value))
      return canonicalNaN(scalar);
    if (instr.relu && std::signbit(value))
      return uint64_t(0);
    uint64_t result =
        roundStochastically(scalar, value, random & lowBits(count), count);
    uint64_t infinity = scalar == Type::F16 ? 0x7C00 : 0x7F80;
    return instr.flag2 && (result & 0x7FFF) == infinity ? result - 1 : result;
  };
  map3(warp, instr, [&](uint64_t a, uint64_t b, uint64_t random) {
    return convert(a, random >> 16) << 16 | convert(b, random);
  });
}

/// cvt.*.tf32.f32. On an H200 .rna rounds the bits of a NaN as if it were a
/// number, so one with a small payload becomes infinity, and .satfinite takes
/// one unit from whatever is not finite; .rn and .rz give one NaN.
static void floatToTF32(Warp &warp, const Instr &instr) {
  constexpr FloatLayout layout = {8, 10};
  map1(warp, instr, [&](uint64_t a) {
    float value = asFloat(a);
    if (std::isnan(value))
      return instr.rounding != Rounding::RNA
                 ? uint64_t(kCanonicalNaN32 & 0xFFFFE000)
                 : uint64_t(uint32_t(a) & 0xFFFFE000) -
                       (instr.flag2 ? 0x2000 : 0);
    if (instr.relu && std::signbit(value))
      return uint64_t(0);
    return uint64_t(encodeFloat(value, layout, instr.rounding, instr.flag2))
           << 13;
  });
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

static bool isInteger(Type type) {
  TypeKind kind = typeKind(type);
  return kind == TypeKind::Signed || kind == TypeKind::Unsigned;
}

static bool isOrdinaryFloat(Type type) {
  return type == Type::F16 || type == Type::BF16 || type == Type::F32 ||
         type == Type::F64;
}

static ExecFn ordinaryConversion(Decoder &d, bool hasIntegerRounding) {
  Instr &i = d.instr;
  bool toInt = isInteger(i.type), fromInt = isInteger(i.type2);
  bool toFloat = isOrdinaryFloat(i.type), fromFloat = isOrdinaryFloat(i.type2);
  if (toInt && fromInt)
    return integerToInteger;
  if (toInt && fromFloat) {
    if (!hasIntegerRounding)
      d.fail("needs an integer rounding mode: .rni, .rzi, .rmi or .rpi");
    return floatToInteger;
  }
  if (toFloat && fromInt) {
    if (i.rounding == Rounding::None || hasIntegerRounding)
      d.fail("needs a rounding mode: .rn, .rz, .rm or .rp");
    return integerToFloat;
  }
  if (toFloat && fromFloat) {
    bool narrows = typeBits(i.type) < typeBits(i.type2) ||
                   (i.type == Type::F16) != (i.type2 == Type::F16);
    if (i.rounding == Rounding::None)
      i.rounding = Rounding::RN;
    else
      i.flag = hasIntegerRounding;
    if (narrows && hasIntegerRounding)
      d.fail("an integer rounding mode does not fit a narrowing conversion");
    return floatToFloat;
  }
  return nullptr;
}

void decodeCvt(Decoder &d) {
  Instr &i = d.instr;
  static constexpr Rounding integerModes[] = {Rounding::RN, Rounding::RZ,
                                              Rounding::RM, Rounding::RP};
  int integerRounding = d.takeOneOf({"rni", "rzi", "rmi", "rpi"});
  i.rounding =
      integerRounding >= 0 ? integerModes[integerRounding] : d.takeRounding();
  i.ftz = d.take("ftz");
  i.sat = d.take("sat");
  i.flag2 = d.take("satfinite");
  i.relu = d.take("relu");
  i.type = d.takeType();
  i.type2 = d.takeType();
  if (decodeNarrowCvt(d))
    return;
  if ((i.type == Type::F16x2 || i.type == Type::BF16x2) &&
      i.type2 == Type::F32) {
    if (i.rounding == Rounding::RS) {
      d.needArchSpecific({100, 103});
      if (d.needOperands(4))
        d.setExec(floatPairStochastic);
      return;
    }
    d.needOperands(3);
    d.needTarget(80);
    return d.setExec(floatPairToPacked);
  }
  if (!d.needOperands(2))
    return;
  if (i.type == Type::TF32 && i.type2 == Type::F32) {
    d.needTarget(80);
    return d.setExec(floatToTF32);
  }
  i.extra[0] = i.ops[0].isReg() ? typeBits(i.ops[0].type) : 64;
  ExecFn fn = ordinaryConversion(d, integerRounding >= 0);
  if (!fn)
    return d.fail("conversion from ." + std::string(typeName(i.type2)) +
                  " to ." + std::string(typeName(i.type)) +
                  " is not supported");
  d.setExec(fn);
}

/// cvt.pack.sat: two integers, saturated, beside the lower part of c.
static void packIntegers(Warp &warp, const Instr &instr) {
  Lanes s1, s2, s3;
  const Lanes &a = warp.read(instr.ops[1], s1);
  const Lanes &b = warp.read(instr.ops[2], s2);
  Lanes zero;
  zero.value.fill(0);
  const Lanes &c = instr.ops.size() == 4 ? warp.read(instr.ops[3], s3) : zero;
  Lanes &d = warp.write(instr.ops[0]);
  unsigned bits = typeBits(instr.type);
  auto narrow = [&](uint64_t value) {
    __int128 wide = isSigned(instr.type2) ? __int128(int32_t(value))
                                          : __int128(uint32_t(value));
    return clampInteger(instr, wide) & lowBits(bits);
  };
  forEachLane(warp.active, [&](unsigned lane) {
    uint64_t pair = narrow(a[lane]) << bits | narrow(b[lane]);
    d[lane] = uint32_t(bits == 16 ? pair : c[lane] << (2 * bits) | pair);
  });
}

void decodeCvtPack(Decoder &d) {
  Instr &i = d.instr;
  i.sat = d.take("sat");
  i.type = d.needType({Type::U16, Type::S16, Type::U8, Type::S8, Type::U4,
                       Type::S4, Type::U2, Type::S2});
  i.type2 = d.needType({Type::S32, Type::U32});
  if (d.take("b32"))
    d.needOperands(4);
  else
    d.needOperands(3);
  d.setExec(packIntegers);
}

} // namespace fp4::ptx
