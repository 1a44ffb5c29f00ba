//===- ExecMma.cpp - mma.sync ---------------------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, section "Matrix multiply-accumulate operation using mma
// instruction". All shapes share one fragment rule. With g = lane / 4, t = lane
// % 4, e bits per element and n = 32 / e elements per register, register
// h * (M / 8) + r of A holds row g + 8 r, columns h * 4 n + t n + i; register h
// of B holds column g and the same k; C and D hold row g + 8 r, columns 2 t and
// 2 t + 1.
//
//===----------------------------------------------------------------------===//

#include "FloatFormat.h"
#include "FloatOps.h"
#include "Mma.h"
#include "fp4/Numerics/ElementFormat.h"
#include "fp4/Numerics/ScaleFormat.h"
#include <cmath>

namespace fp4::ptx {

using numerics::ElementFormat;

//===----------------------------------------------------------------------===//
// Shared by all matrix instructions
//===----------------------------------------------------------------------===//

const int8_t kDoubledE2M1[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                 0, -1, -2, -3, -4, -6, -8, -12};

double mmaElement(Type type, uint32_t bits) {
  switch (type) {
  case Type::E4M3:
    return numerics::decodeElement(ElementFormat::E4M3, uint8_t(bits));
  case Type::E5M2:
    return numerics::decodeElement(ElementFormat::E5M2, uint8_t(bits));
  case Type::E2M3:
    return numerics::decodeElement(ElementFormat::E2M3, uint8_t(bits & 0x3F));
  case Type::E3M2:
    return numerics::decodeElement(ElementFormat::E3M2, uint8_t(bits & 0x3F));
  case Type::E2M1:
    return numerics::decodeElement(ElementFormat::E2M1,
                                   uint8_t(bits >> 2 & 0xF));
  case Type::TF32:
    // The tensor core ignores the low 13 bits.
    return asFloat(bits & 0xFFFFE000);
  default:
    return floatValue(type, bits);
  }
}

double blockScale(Type type, uint8_t code) {
  return numerics::decodeScale(type == Type::UE8M0
                                   ? numerics::ScaleFormat::E8M0
                                   : numerics::ScaleFormat::UE4M3,
                               code);
}

//===----------------------------------------------------------------------===//
// Fragments
//===----------------------------------------------------------------------===//

namespace {
/// extra[0..2]: M, K and the bits of an element's container.
struct Geometry {
  unsigned m, k, bits;
  unsigned perReg() const { return 32 / bits; }
  unsigned halves() const { return k / (4 * perReg()); }
};
} // namespace

static Geometry geometryOf(const Instr &instr) {
  return {instr.extra[0], instr.extra[1], instr.extra[2]};
}

/// Gathers A (rows x K) or B (8 x K) from its fragments as raw element bits.
static void gather(Warp &warp, const Operand &op, const Geometry &geometry,
                   unsigned rowBlocks, uint32_t *out) {
  unsigned n = geometry.perReg();
  for (unsigned half = 0; half < geometry.halves(); ++half)
    for (unsigned block = 0; block < rowBlocks; ++block) {
      Lanes scratch;
      const Lanes &reg = warp.read(op.elems[half * rowBlocks + block], scratch);
      for (unsigned lane = 0; lane < kWarpSize; ++lane) {
        unsigned row = lane / 4 + 8 * block;
        unsigned column = half * 4 * n + lane % 4 * n;
        for (unsigned i = 0; i < n; ++i)
          out[row * geometry.k + column + i] =
              uint32_t(reg[lane] >> (i * geometry.bits)) &
              uint32_t(lowBits(geometry.bits));
      }
    }
}

static uint32_t anyPoison(Warp &warp, const Instr &instr, unsigned first,
                          unsigned last) {
  uint32_t poison = 0;
  for (unsigned i = first; i < last; ++i)
    for (const Operand &elem : instr.ops[i].elems)
      if (elem.isReg())
        poison |= warp.poison(elem.slot);
  return poison;
}

/// Marks the results defined, or undefined if any lane's operand is.
static void settlePoison(Warp &warp, const Instr &instr, uint32_t poison) {
  for (const Operand &elem : instr.ops[0].elems)
    if (elem.isReg())
      warp.poison(elem.slot) = poison ? ~0u : 0;
}

static void countMma(Warp &warp, const Geometry &geometry) {
  ++warp.stats().mmaInstructions;
  warp.stats().mmaMultiplyAdds += uint64_t(geometry.m) * 8 * geometry.k;
}

//===----------------------------------------------------------------------===//
// Floating point
//===----------------------------------------------------------------------===//

/// C and D of f32 take a register per element, those of f16 a register per
/// pair.
static double accumulatorOf(const Instr &instr, const Lanes *const *c,
                            Type type, unsigned index, unsigned lane) {
  if (type == Type::F32)
    return asFloat((*c[index])[lane]);
  return floatValue(Type::F16,
                    (*c[index / 2])[lane] >> (16 * (index % 2)) & 0xFFFF);
}

static void mmaFloat(Warp &warp, const Instr &instr) {
  Geometry geometry = geometryOf(instr);
  unsigned m = geometry.m, k = geometry.k, rowBlocks = m / 8;
  uint32_t rawA[16 * 64], rawB[8 * 64];
  double a[16 * 64], b[8 * 64];
  gather(warp, instr.ops[1], geometry, rowBlocks, rawA);
  gather(warp, instr.ops[2], geometry, 1, rawB);
  for (unsigned i = 0; i < m * k; ++i)
    a[i] = mmaElement(instr.type2, rawA[i]);
  for (unsigned i = 0; i < 8 * k; ++i)
    b[i] = mmaElement(instr.type3, rawB[i]);

  DotProduct dot{warp.launch.options.accumulation, instr.type2, instr.type3,
                 instr.type};
  Lanes scratch[4];
  const Lanes *c[4];
  for (unsigned i = 0; i < instr.ops[3].elems.size(); ++i)
    c[i] = &warp.read(instr.ops[3].elems[i], scratch[i]);
  Lanes result[4];
  for (unsigned lane = 0; lane < kWarpSize; ++lane)
    for (unsigned i = 0; i < rowBlocks * 2; ++i) {
      unsigned row = lane / 4 + 8 * (i / 2), column = lane % 4 * 2 + i % 2;
      double addend = accumulatorOf(instr, c, instr.type4, i, lane);
      result[i][lane] = dot.element(&a[row * k], &b[column * k], k, addend);
    }
  uint32_t poison = anyPoison(warp, instr, 1, 4);
  for (unsigned i = 0; i < instr.ops[0].elems.size(); ++i) {
    Lanes &d = warp.write(instr.ops[0].elems[i]);
    for (unsigned lane = 0; lane < kWarpSize; ++lane)
      d[lane] = instr.type == Type::F32
                    ? result[i][lane]
                    : result[2 * i][lane] | result[2 * i + 1][lane] << 16;
  }
  settlePoison(warp, instr, poison);
  countMma(warp, geometry);
}

/// f64: one element per register, K in steps of 4.
static void mmaDouble(Warp &warp, const Instr &instr) {
  Geometry geometry = geometryOf(instr);
  unsigned m = geometry.m, k = geometry.k, rowBlocks = m / 8;
  double a[16 * 16], b[8 * 16];
  for (unsigned step = 0; step < k / 4; ++step) {
    Lanes scratch;
    for (unsigned block = 0; block < rowBlocks; ++block) {
      const Lanes &reg =
          warp.read(instr.ops[1].elems[step * rowBlocks + block], scratch);
      for (unsigned lane = 0; lane < kWarpSize; ++lane)
        a[(lane / 4 + 8 * block) * k + step * 4 + lane % 4] =
            asDouble(reg[lane]);
    }
    const Lanes &reg = warp.read(instr.ops[2].elems[step], scratch);
    for (unsigned lane = 0; lane < kWarpSize; ++lane)
      b[lane / 4 * k + step * 4 + lane % 4] = asDouble(reg[lane]);
  }
  Lanes scratch[4], result[4];
  for (unsigned i = 0; i < rowBlocks * 2; ++i) {
    const Lanes &c = warp.read(instr.ops[3].elems[i], scratch[i]);
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      unsigned row = lane / 4 + 8 * (i / 2), column = lane % 4 * 2 + i % 2;
      double sum = asDouble(c[lane]);
      for (unsigned kk = 0; kk < k; ++kk)
        sum = std::fma(a[row * k + kk], b[column * k + kk], sum);
      result[i][lane] = asBits(sum);
    }
  }
  uint32_t poison = anyPoison(warp, instr, 1, 4);
  for (unsigned i = 0; i < rowBlocks * 2; ++i)
    warp.write(instr.ops[0].elems[i]) = result[i];
  settlePoison(warp, instr, poison);
  countMma(warp, geometry);
}

//===----------------------------------------------------------------------===//
// Integers and bits
//===----------------------------------------------------------------------===//

static int64_t dotInteger(const Instr &instr, const uint32_t *a,
                          const uint32_t *b, unsigned k) {
  int64_t sum = 0;
  unsigned bits = instr.extra[2];
  for (unsigned kk = 0; kk < k; ++kk) {
    if (bits == 32) {
      uint32_t word = instr.variant == 1 ? a[kk] & b[kk] : a[kk] ^ b[kk];
      sum += __builtin_popcount(word);
      continue;
    }
    int64_t x = isSigned(instr.type2) ? signExtend(a[kk], bits) : a[kk];
    int64_t y = isSigned(instr.type3) ? signExtend(b[kk], bits) : b[kk];
    sum += x * y;
  }
  return sum;
}

static void mmaInteger(Warp &warp, const Instr &instr) {
  Geometry geometry = geometryOf(instr);
  unsigned m = geometry.m, k = geometry.k, rowBlocks = m / 8;
  uint32_t a[16 * 64], b[8 * 64];
  gather(warp, instr.ops[1], geometry, rowBlocks, a);
  gather(warp, instr.ops[2], geometry, 1, b);
  Lanes scratch[4], result[4];
  for (unsigned i = 0; i < rowBlocks * 2; ++i) {
    const Lanes &c = warp.read(instr.ops[3].elems[i], scratch[i]);
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      unsigned row = lane / 4 + 8 * (i / 2), column = lane % 4 * 2 + i % 2;
      int64_t sum = int64_t(int32_t(c[lane])) +
                    dotInteger(instr, &a[row * k], &b[column * k], k);
      if (instr.sat)
        sum = std::min<int64_t>(std::max<int64_t>(sum, INT32_MIN), INT32_MAX);
      result[i][lane] = uint32_t(sum);
    }
  }
  uint32_t poison = anyPoison(warp, instr, 1, 4);
  for (unsigned i = 0; i < rowBlocks * 2; ++i)
    warp.write(instr.ops[0].elems[i]) = result[i];
  settlePoison(warp, instr, poison);
  countMma(warp, geometry);
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

static bool isFP8(Type type) {
  return type == Type::E4M3 || type == Type::E5M2;
}

static bool isF8F6F4(Type type) {
  return isFP8(type) || type == Type::E2M3 || type == Type::E3M2 ||
         type == Type::E2M1;
}

/// Bits of an element's container; 32 stands for a word of .b1.
static unsigned containerBits(Type type, bool isF8F6F4Kind) {
  if (isF8F6F4Kind)
    return 8;
  if (type == Type::B1)
    return 32;
  return typeBits(type);
}

/// The number of registers of A, B, C and D.
static bool needFragments(Decoder &d, unsigned m, unsigned k, unsigned bits) {
  Instr &i = d.instr;
  unsigned rowBlocks = m / 8;
  unsigned halves = i.type == Type::F64 ? k / 4 : k * bits / 128;
  unsigned cd = rowBlocks * 2;
  unsigned dRegs = i.type == Type::F16 ? cd / 2 : cd;
  unsigned cRegs = i.type4 == Type::F16 ? cd / 2 : cd;
  return halves && d.needVector(1, halves * rowBlocks, halves * rowBlocks) &&
         d.needVector(2, halves, halves) && d.needVector(0, dRegs, dRegs) &&
         d.needVector(3, cRegs, cRegs);
}

/// Shapes by the bits of an element, as the ISA's table lists them.
static bool isLegalShape(Type type, unsigned bits, unsigned m, unsigned k) {
  if (type == Type::F64)
    return m == 8 ? k == 4 : k == 4 || k == 8 || k == 16;
  unsigned one = 128 / bits;
  if (type == Type::B1)
    one = 4;
  bool isInt = typeKind(type) == TypeKind::Signed ||
               typeKind(type) == TypeKind::Unsigned || type == Type::B1;
  if (m == 8)
    return isInt && k == one;
  if (bits == 8 && isFloat(type))
    return k == one || k == 2 * one;
  return k == one || k == 2 * one;
}

void decodeMma(Decoder &d) {
  Instr &i = d.instr;
  d.take("sync");
  d.take("aligned");
  std::optional<std::string_view> shape = d.takePrefixed("m");
  unsigned m = 0, k = 0, n = 0;
  if (!shape ||
      std::sscanf(std::string(*shape).c_str(), "%un%uk%u", &m, &n, &k) != 3)
    return d.fail("expected a shape such as .m16n8k16");
  if ((m != 8 && m != 16) || n != 8)
    return d.fail("this shape is not supported");
  if (!d.take("row") || !d.take("col"))
    d.fail("only .row.col is supported");
  i.sync = Sync::Warp;
  i.ownPoison = true;
  std::optional<std::string_view> kind = d.takePrefixed("kind::");
  if (kind && *kind != "f8f6f4") {
    if (m != 16)
      return d.fail("this shape is not supported");
    return decodeMmaBlockScale(d, k, *kind);
  }
  if (kind)
    d.needArchSpecific({120, 121});
  i.sat = d.take("satfinite");
  i.type = d.takeType();
  i.type2 = d.takeType();
  i.type3 = d.takeType();
  i.type4 = d.takeType();
  if (d.failed() || !d.needOperands(4))
    return;
  unsigned bits = containerBits(i.type2, kind.has_value());
  unsigned words = i.type2 == Type::B1 ? k / 32 : k;
  if (!isLegalShape(i.type2, bits, m, words))
    return d.fail("this shape does not fit the element type");
  i.extra = {m, words, bits, 0};
  if (!needFragments(d, m, words, bits))
    return d.fail("the fragments have a wrong number of registers");
  if (i.type2 == Type::F64)
    return d.setExec(mmaDouble);
  if (i.type == Type::S32) {
    if (i.type2 == Type::B1)
      i.variant = d.needOneOf({"xor", "and"}) == 1;
    d.take("popc");
    return d.setExec(mmaInteger);
  }
  bool sameHalf =
      i.type2 == i.type3 &&
      (i.type2 == Type::F16 || i.type2 == Type::BF16 || i.type2 == Type::TF32);
  bool narrow = kind ? isF8F6F4(i.type2) && isF8F6F4(i.type3)
                     : isFP8(i.type2) && isFP8(i.type3);
  if (!sameHalf && !narrow)
    return d.fail("this pair of element types is not supported");
  if (isFP8(i.type2))
    d.needTarget(89);
  d.setExec(mmaFloat);
}

} // namespace fp4::ptx
