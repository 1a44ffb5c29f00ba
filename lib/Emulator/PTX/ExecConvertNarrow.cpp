//===- ExecConvertNarrow.cpp - cvt of FP8, FP6, FP4 and scales ------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, section "cvt": e4m3x2, e5m2x2, e2m3x2, e3m2x2, e2m1x2, ue8m0x2
// and the x4 forms with stochastic rounding. Rounding itself is Numerics'; this
// file decodes the packing. The first source lands in the upper part.
//
//===----------------------------------------------------------------------===//

#include "ExecConvert.h"
#include "FloatFormat.h"
#include "FloatOps.h"
#include "fp4/Numerics/ElementFormat.h"
#include "fp4/Numerics/ScaleFormat.h"
#include <cmath>

namespace fp4::ptx {

using numerics::ElementFormat;
using numerics::ScaleFormat;
using numerics::ScaleRounding;

namespace {
/// A packed narrow type: the format of its parts, their count and pitch.
struct NarrowType {
  ElementFormat format;
  unsigned count;
  unsigned pitch;
};
} // namespace

static std::optional<NarrowType> narrowType(Type type) {
  switch (type) {
  case Type::E4M3x2:
    return NarrowType{ElementFormat::E4M3, 2, 8};
  case Type::E5M2x2:
    return NarrowType{ElementFormat::E5M2, 2, 8};
  case Type::E2M3x2:
    return NarrowType{ElementFormat::E2M3, 2, 8};
  case Type::E3M2x2:
    return NarrowType{ElementFormat::E3M2, 2, 8};
  case Type::E2M1x2:
    return NarrowType{ElementFormat::E2M1, 2, 4};
  case Type::E4M3x4:
    return NarrowType{ElementFormat::E4M3, 4, 8};
  case Type::E5M2x4:
    return NarrowType{ElementFormat::E5M2, 4, 8};
  case Type::E2M3x4:
    return NarrowType{ElementFormat::E2M3, 4, 8};
  case Type::E3M2x4:
    return NarrowType{ElementFormat::E3M2, 4, 8};
  case Type::E2M1x4:
    return NarrowType{ElementFormat::E2M1, 4, 4};
  default:
    return std::nullopt;
  }
}

static float reluOf(float value) {
  // NaN passes: it becomes the format's NaN.
  return value < 0 || (value == 0 && std::signbit(value)) ? 0.0f : value;
}

/// cvt.rn.satfinite{.relu}.<narrow>x2.f32 d, a, b
static void floatsToNarrow(Warp &warp, const Instr &instr) {
  NarrowType to = *narrowType(instr.type);
  auto encode = [&](uint64_t bits) {
    float value = asFloat(bits);
    return uint64_t(
        numerics::encodeElement(to.format, instr.relu ? reluOf(value) : value));
  };
  map2(warp, instr, [&](uint64_t a, uint64_t b) {
    return encode(a) << to.pitch | encode(b);
  });
}

/// cvt.rn.satfinite{.relu}.<narrow>x2.{f16x2,bf16x2} d, a
static void halvesToNarrow(Warp &warp, const Instr &instr) {
  NarrowType to = *narrowType(instr.type);
  Type scalar = scalarType(instr.type2);
  auto encode = [&](uint64_t bits) {
    float value = float(floatValue(scalar, bits & 0xFFFF));
    return uint64_t(
        numerics::encodeElement(to.format, instr.relu ? reluOf(value) : value));
  };
  map1(warp, instr,
       [&](uint64_t a) { return encode(a >> 16) << to.pitch | encode(a); });
}

static uint32_t reversed16(uint32_t bits) {
  uint32_t result = 0;
  for (unsigned i = 0; i < 16; ++i)
    result |= (bits >> i & 1) << (15 - i);
  return result;
}

/// The 16 random bits of element `i`, 0 being the last source. The ISA gives
/// two sources 16 bits in common: the halves of rbits, for e2m1x4 the lower and
/// the upper bytes of both halves. B200s give them to the later source as they
/// are and to the other in reverse order (observed for e4m3x4, by FlashInfer;
/// taken here to hold for all).
static uint32_t randomBitsOf(const NarrowType &to, uint32_t random,
                             unsigned i) {
  unsigned pair = i / 2;
  uint32_t bits = random >> (16 * pair) & 0xFFFF;
  if (to.format == ElementFormat::E2M1)
    bits =
        (random >> (16 + 8 * pair) & 0xFF) << 8 | (random >> (8 * pair) & 0xFF);
  return i % 2 ? reversed16(bits) : bits;
}

/// cvt.rs.satfinite{.relu}.<narrow>x4.f32 d, {a, b, e, f}, rbits.
static void floatsToNarrowStochastic(Warp &warp, const Instr &instr) {
  NarrowType to = *narrowType(instr.type);
  Lanes scratch[5];
  const Lanes *sources[4];
  for (unsigned i = 0; i < 4; ++i)
    sources[i] = &warp.read(instr.ops[1].elems[i], scratch[i]);
  const Lanes &random = warp.read(instr.ops[2], scratch[4]);
  Lanes &d = warp.write(instr.ops[0]);
  forEachLane(warp.active, [&](unsigned lane) {
    uint64_t result = 0;
    for (unsigned i = 0; i < 4; ++i) {
      float value = asFloat((*sources[3 - i])[lane]);
      uint32_t bits = randomBitsOf(to, uint32_t(random[lane]), i);
      if (instr.relu)
        value = reluOf(value);
      result |= uint64_t(numerics::encodeElementStochastic(to.format, value,
                                                           bits << 16))
                << (i * to.pitch);
    }
    d[lane] = result;
  });
}

/// cvt.rn{.relu}.f16x2.<narrow>x2 d, a: exact.
static void narrowToHalves(Warp &warp, const Instr &instr) {
  NarrowType from = *narrowType(instr.type2);
  Type scalar = scalarType(instr.type);
  auto decode = [&](uint64_t code) {
    float value = numerics::decodeElement(from.format,
                                          uint8_t(code & lowBits(from.pitch)));
    if (instr.relu)
      value = reluOf(value);
    return floatBits(scalar, value, {});
  };
  map1(warp, instr,
       [&](uint64_t a) { return decode(a >> from.pitch) << 16 | decode(a); });
}

static uint64_t encodeUE8M0(const Instr &instr, float value) {
  // Negative values count by magnitude, as CUDA's host conversion does.
  ScaleRounding rounding = instr.rounding == Rounding::RP
                               ? ScaleRounding::TowardPositive
                               : ScaleRounding::TowardZero;
  float magnitude = std::fabs(value);
  if (std::isnan(value))
    return 0xFF;
  bool overflows =
      std::isinf(magnitude) ||
      (rounding == ScaleRounding::TowardPositive && magnitude > 0x1p127f);
  if (overflows && !instr.flag2)
    return 0xFF;
  return numerics::encodeScale(ScaleFormat::E8M0, magnitude, rounding);
}

static void floatsToScales(Warp &warp, const Instr &instr) {
  map2(warp, instr, [&](uint64_t a, uint64_t b) {
    return encodeUE8M0(instr, asFloat(a)) << 8 | encodeUE8M0(instr, asFloat(b));
  });
}

static void halvesToScales(Warp &warp, const Instr &instr) {
  auto encode = [&](uint64_t bits) {
    return encodeUE8M0(instr, float(floatValue(Type::BF16, bits & 0xFFFF)));
  };
  map1(warp, instr,
       [&](uint64_t a) { return encode(a >> 16) << 8 | encode(a); });
}

static void scalesToHalves(Warp &warp, const Instr &instr) {
  auto decode = [&](uint64_t code) {
    // 2^-127 is a subnormal of bf16; all codes are exact.
    return floatBits(Type::BF16,
                     numerics::decodeScale(ScaleFormat::E8M0, uint8_t(code)),
                     {});
  };
  map1(warp, instr,
       [&](uint64_t a) { return decode(a >> 8) << 16 | decode(a); });
}

static bool decodeScaleCvt(Decoder &d) {
  Instr &i = d.instr;
  if (i.type == Type::UE8M0x2) {
    d.needTarget(100);
    if (i.rounding != Rounding::RP && i.rounding != Rounding::RZ)
      d.fail("needs .rz or .rp");
    if (i.type2 == Type::F32) {
      d.needOperands(3);
      d.setExec(floatsToScales);
    } else if (i.type2 == Type::BF16x2) {
      d.needOperands(2);
      d.setExec(halvesToScales);
    } else {
      d.fail("the source must be .f32 or .bf16x2");
    }
    return true;
  }
  if (i.type2 == Type::UE8M0x2) {
    d.needTarget(100);
    if (i.type != Type::BF16x2 || i.rounding != Rounding::RN)
      d.fail("ue8m0x2 converts with .rn to .bf16x2 only");
    d.needOperands(2);
    d.setExec(scalesToHalves);
    return true;
  }
  return false;
}

bool decodeNarrowCvt(Decoder &d) {
  Instr &i = d.instr;
  if (decodeScaleCvt(d))
    return true;
  std::optional<NarrowType> to = narrowType(i.type), from = narrowType(i.type2);
  if (!to && !from)
    return false;
  const NarrowType &narrow = to ? *to : *from;
  bool isFP8 = narrow.format == ElementFormat::E4M3 ||
               narrow.format == ElementFormat::E5M2;
  d.needTarget(isFP8 ? 89 : 100);
  if (from) {
    if (to || i.type != Type::F16x2 || from->count != 2)
      d.fail("the destination must be .f16x2");
    d.needOperands(2);
    d.setExec(narrowToHalves);
    return true;
  }
  if (!i.flag2)
    d.fail("needs .satfinite");
  if (to->count == 4) {
    d.needArchSpecific({100, 103});
    if (i.rounding != Rounding::RS || i.type2 != Type::F32)
      d.fail("the x4 forms need .rs and .f32");
    if (d.needOperands(3) && d.needVector(1, 4, 4))
      d.setExec(floatsToNarrowStochastic);
    return true;
  }
  if (i.rounding != Rounding::RN)
    d.fail("needs .rn");
  if (i.type2 == Type::F32) {
    d.needOperands(3);
    d.setExec(floatsToNarrow);
  } else if (i.type2 == Type::F16x2 || i.type2 == Type::BF16x2) {
    d.needOperands(2);
    d.setExec(halvesToNarrow);
  } else {
    d.fail("the source must be .f32 or .f16x2");
  }
  return true;
}

} // namespace fp4::ptx
