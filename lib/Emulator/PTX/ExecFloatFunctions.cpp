//===- ExecFloatFunctions.cpp - rcp, sqrt, ex2 and other functions --------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, section "Floating Point Instructions". The .approx functions are
// computed in double and rounded to nearest, which is within every documented
// error bound; hardware gives other bits inside that bound.
//
//===----------------------------------------------------------------------===//

#include "Exec.h"
#include "FloatFormat.h"
#include "FloatOps.h"
#include <cmath>

namespace fp4::ptx {

namespace {
enum Function : uint8_t { Rcp, Sqrt, Rsqrt, Sin, Cos, Lg2, Ex2, Tanh };
} // namespace

static double evaluate(uint8_t function, double x) {
  switch (function) {
  case Rcp:
    return 1 / x;
  case Sqrt:
    return std::sqrt(x);
  case Rsqrt:
    // -0 gives -inf, as 1 / sqrt(-0) does.
    return 1 / std::sqrt(x);
  case Sin:
    return std::sin(x);
  case Cos:
    return std::cos(x);
  case Lg2:
    return std::log2(x);
  case Ex2:
    return std::exp2(x);
  default:
    return std::tanh(x);
  }
}

static void approximate(Warp &warp, const Instr &instr) {
  Type scalar = scalarType(instr.type);
  unsigned count = packedCount(instr.type), width = typeBits(scalar);
  FloatMode mode;
  mode.ftz = instr.ftz;
  map1(warp, instr, [&](uint64_t a) {
    uint64_t result = 0;
    for (unsigned i = 0; i < count; ++i) {
      uint64_t bits = (a >> (i * width)) & lowBits(width);
      double value =
          evaluate(instr.variant, floatValue(scalar, bits, instr.ftz));
      result |= floatBits(scalar, value, mode) << (i * width);
    }
    return result;
  });
}

/// rcp.approx.ftz.f64 and rsqrt.approx.ftz.f64 look at the upper word only.
static void approximateF64(Warp &warp, const Instr &instr) {
  map1(warp, instr, [&](uint64_t a) {
    a &= 0xFFFFFFFF00000000;
    if (!(a & 0x7FF0000000000000))
      a &= 0x8000000000000000;
    uint64_t bits = asBits(evaluate(instr.variant, asDouble(a)));
    if (std::isnan(asDouble(bits)))
      return uint64_t(0x7FFFFFFF00000000);
    if (!(bits & 0x7FF0000000000000))
      bits &= 0x8000000000000000;
    return bits & 0xFFFFFFFF00000000;
  });
}

static void rounded(Warp &warp, const Instr &instr) {
  FloatMode mode{instr.rounding, instr.ftz, false, false};
  map1(warp, instr, [&](uint64_t a) {
    return instr.variant == Rcp ? floatRcp(instr.type, a, mode)
                                : floatSqrt(instr.type, a, mode);
  });
}

void decodeFloatFunction(Decoder &d) {
  Instr &i = d.instr;
  d.needOperands(2);
  static constexpr std::string_view names[] = {"rcp", "sqrt", "rsqrt", "sin",
                                               "cos", "lg2",  "ex2",   "tanh"};
  for (unsigned f = 0; f < std::size(names); ++f)
    if (d.mnemonic == names[f])
      i.variant = uint8_t(f);
  bool approx = d.take("approx");
  i.rounding = d.takeRounding();
  i.ftz = d.take("ftz");
  i.type = d.takeType();
  bool half = i.type == Type::F16 || i.type == Type::F16x2 ||
              i.type == Type::BF16 || i.type == Type::BF16x2;
  if (half && i.variant != Ex2 && i.variant != Tanh)
    d.fail("needs type .f32 or .f64");
  if (!half && i.type != Type::F32 && i.type != Type::F64)
    d.fail("needs a float type");
  if (!approx && i.rounding == Rounding::None)
    return d.fail("expected .approx or a rounding mode");
  if (!approx && i.variant > Sqrt)
    return d.fail("needs .approx");
  if (!approx)
    return d.setExec(rounded);
  d.setExec(i.type == Type::F64 ? approximateF64 : approximate);
}

//===----------------------------------------------------------------------===//
// copysign, testp
//===----------------------------------------------------------------------===//

/// The magnitude of b with the sign of a.
static void copySign(Warp &warp, const Instr &instr) {
  uint64_t sign = uint64_t(1) << (typeBits(instr.type) - 1);
  map2(warp, instr, [sign](uint64_t a, uint64_t b) {
    return (a & sign) | (b & (sign - 1));
  });
}

void decodeCopysign(Decoder &d) {
  d.needOperands(3);
  d.instr.type = d.needType({Type::F32, Type::F64});
  d.setExec(copySign);
}

static bool hasProperty(Type type, uint8_t property, uint64_t bits) {
  double value = floatValue(type, bits);
  uint64_t exponentMask = type == Type::F64 ? 0x7FF0000000000000 : 0x7F800000;
  bool exponentZero = !(bits & exponentMask);
  switch (property) {
  case 0:
    return std::isfinite(value);
  case 1:
    return std::isinf(value);
  case 2:
    return !std::isnan(value);
  case 3:
    return std::isnan(value);
  case 4:
    // Zeros count as normal.
    return std::isfinite(value) && (!exponentZero || value == 0);
  default:
    return exponentZero && value != 0;
  }
}

static void testProperty(Warp &warp, const Instr &instr) {
  map1(warp, instr, [&](uint64_t a) {
    return uint64_t(hasProperty(instr.type, instr.variant, a));
  });
}

void decodeTestp(Decoder &d) {
  d.needOperands(2);
  d.instr.variant = uint8_t(d.needOneOf(
      {"finite", "infinite", "number", "notanumber", "normal", "subnormal"}));
  d.instr.type = d.needType({Type::F32, Type::F64});
  d.setExec(testProperty);
}

} // namespace fp4::ptx
