//===- FormatArith.cpp - Scalar arithmetic of the narrow formats ----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decoding and rounding to nearest; stochastic rounding is in
// StochasticArith.cpp. The algorithms are those of Numerics, where they are
// explained; here they are written as operations.
//
//===----------------------------------------------------------------------===//

#include "FormatArith.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace fp4;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

static constexpr int64_t kSignBit = 0x80000000;
static constexpr int64_t kInfBits = 0x7F800000;
static constexpr int64_t kNaNBits = 0x7FC00000;

//===----------------------------------------------------------------------===//
// Formats
//===----------------------------------------------------------------------===//

/// Finds the codes without a finite value among the magnitude codes.
template <typename Decode>
static void findSpecialCodes(NarrowFormat &format, Decode decode) {
  format.firstNaN = format.infinity = 256;
  unsigned end = 1u << format.getMagnitudeBits();
  for (unsigned code = 0; code < end; ++code) {
    float value = decode(static_cast<uint8_t>(code));
    if (std::isinf(value))
      format.infinity = code;
    if (std::isnan(value) && format.firstNaN == 256)
      format.firstNaN = code;
  }
}

/// The smallest code is the quantum 2^(1 - bias - mantissaBits).
static int biasFromSmallest(float smallest, unsigned mantissaBits) {
  return 1 - static_cast<int>(mantissaBits) - std::ilogb(smallest);
}

NarrowFormat NarrowFormat::get(numerics::ElementFormat element) {
  NarrowFormat format;
  bool fixed = element == numerics::ElementFormat::MXINT8;
  format.kind = fixed ? Kind::FixedPoint : Kind::Float;
  format.bits = numerics::elementBits(element);
  format.hasSign = true;
  format.mantissaBits = numerics::elementMantissaBits(element);
  format.bias = biasFromSmallest(numerics::decodeElement(element, 1),
                                 format.mantissaBits);
  format.maxCode =
      numerics::encodeElement(element, std::numeric_limits<float>::infinity());
  format.nanCode =
      numerics::encodeElement(element, std::numeric_limits<float>::quiet_NaN());
  findSpecialCodes(format, [&](uint8_t code) {
    return numerics::decodeElement(element, code);
  });
  return format;
}

NarrowFormat NarrowFormat::get(numerics::ScaleFormat scale) {
  NarrowFormat format;
  bool powers = scale == numerics::ScaleFormat::E8M0;
  format.kind = powers ? Kind::PowerOfTwo : Kind::Float;
  format.nanCode = numerics::scaleNaN(scale);
  // UE4M3 has seven bits: its NaN is the code with all of them set.
  format.bits = format.nanCode == 0x7F ? 7 : 8;
  format.hasSign = false;
  // Codes between two powers of two count the mantissa.
  format.mantissaBits = static_cast<unsigned>(
      std::ilogb(static_cast<double>(numerics::encodeScale(scale, 2.0f) -
                                     numerics::encodeScale(scale, 1.0f))));
  format.bias = powers ? 127
                       : biasFromSmallest(numerics::decodeScale(scale, 1),
                                          format.mantissaBits);
  format.maxCode =
      numerics::encodeScale(scale, std::numeric_limits<float>::infinity());
  findSpecialCodes(
      format, [&](uint8_t code) { return numerics::decodeScale(scale, code); });
  return format;
}

//===----------------------------------------------------------------------===//
// Constants, comparisons and views of bits
//===----------------------------------------------------------------------===//

Value ScalarEmitter::i32(int64_t value) {
  return arith::ConstantIntOp::create(b, static_cast<int32_t>(value), 32);
}

Value ScalarEmitter::i64(int64_t value) {
  return arith::ConstantIntOp::create(b, value, 64);
}

Value ScalarEmitter::f32(float value) {
  return arith::ConstantFloatOp::create(b, b.getF32Type(), APFloat(value));
}

Value ScalarEmitter::bits(float value) {
  return i32(llvm::bit_cast<int32_t>(value));
}

Value ScalarEmitter::asBits(Value real) {
  return arith::BitcastOp::create(b, b.getI32Type(), real);
}

Value ScalarEmitter::asFloat(Value bits) {
  return arith::BitcastOp::create(b, b.getF32Type(), bits);
}

Value ScalarEmitter::magnitudeBits(Value real) {
  return arith::AndIOp::create(b, asBits(real), i32(~kSignBit));
}

Value ScalarEmitter::select(Value condition, Value yes, Value no) {
  return arith::SelectOp::create(b, condition, yes, no);
}

Value ScalarEmitter::compare(CmpIPredicate predicate, Value a, Value c) {
  return arith::CmpIOp::create(b, predicate, a, c);
}

Value ScalarEmitter::compare(CmpFPredicate predicate, Value a, Value c) {
  return arith::CmpFOp::create(b, predicate, a, c);
}

//===----------------------------------------------------------------------===//
// Widths
//===----------------------------------------------------------------------===//

Value ScalarEmitter::widenCode(Value code) {
  Type type = code.getType();
  if (auto floatType = dyn_cast<FloatType>(type))
    code = arith::BitcastOp::create(b, b.getIntegerType(floatType.getWidth()),
                                    code);
  return arith::ExtUIOp::create(b, b.getI32Type(), code);
}

Value ScalarEmitter::narrowCode(Value code) {
  return arith::TruncIOp::create(b, b.getI8Type(), code);
}

Value ScalarEmitter::widen(Value real) {
  Type type = real.getType();
  if (type.isF32())
    return real;
  if (type.isF16())
    return arith::ExtFOp::create(b, b.getF32Type(), real);
  if (isa<Float8E4M3FNType>(type))
    return decode(NarrowFormat::get(numerics::ElementFormat::E4M3),
                  widenCode(real));
  Value half = arith::BitcastOp::create(b, b.getI16Type(), real);
  Value wide = arith::ExtUIOp::create(b, b.getI32Type(), half);
  return asFloat(arith::ShLIOp::create(b, wide, i32(16)));
}

Value ScalarEmitter::narrow(Value real, Type type) {
  if (type.isF32())
    return real;
  if (type.isF16())
    return arith::TruncFOp::create(b, type, real);
  // Adding half of the last kept bit (less one where that bit is even) carries
  // into it exactly when the value rounds up.
  Value wide = asBits(real);
  Value odd = arith::AndIOp::create(b, arith::ShRUIOp::create(b, wide, i32(16)),
                                    i32(1));
  Value sum = arith::AddIOp::create(b, wide,
                                    arith::AddIOp::create(b, odd, i32(0x7FFF)));
  Value quiet = arith::OrIOp::create(b, wide, i32(0x400000));
  Value isNaN = compare(CmpFPredicate::UNO, real, real);
  Value high = arith::ShRUIOp::create(b, select(isNaN, quiet, sum), i32(16));
  return arith::BitcastOp::create(
      b, type, arith::TruncIOp::create(b, b.getI16Type(), high));
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

Value ScalarEmitter::decodeFloat(const NarrowFormat &format, Value code) {
  unsigned magnitudeBits = format.getMagnitudeBits();
  unsigned mantissaBits = format.mantissaBits;
  Value magnitude =
      arith::AndIOp::create(b, code, i32((1 << magnitudeBits) - 1));

  Value shifted = arith::ShLIOp::create(b, magnitude, i32(23 - mantissaBits));
  Value normal =
      arith::AddIOp::create(b, shifted, i32((127 - format.bias) << 23));
  float quantum =
      std::ldexp(1.0f, 1 - format.bias - static_cast<int>(mantissaBits));
  Value integer = arith::SIToFPOp::create(b, b.getF32Type(), magnitude);
  Value subnormal = asBits(arith::MulFOp::create(b, integer, f32(quantum)));
  Value isSubnormal =
      compare(CmpIPredicate::slt, magnitude, i32(1 << mantissaBits));
  Value value = select(isSubnormal, subnormal, normal);

  if (format.infinity < 256)
    value = select(compare(CmpIPredicate::eq, magnitude, i32(format.infinity)),
                   i32(kInfBits), value);
  if (format.hasNaN())
    value = select(compare(CmpIPredicate::sge, magnitude, i32(format.firstNaN)),
                   i32(kNaNBits), value);
  if (!format.hasSign)
    return asFloat(value);
  Value sign = arith::AndIOp::create(b, code, i32(1 << magnitudeBits));
  sign = arith::ShLIOp::create(b, sign, i32(31 - magnitudeBits));
  return asFloat(arith::OrIOp::create(b, value, sign));
}

Value ScalarEmitter::decodePowerOfTwo(Value code) {
  Value value = arith::ShLIOp::create(b, code, i32(23));
  // Code 0 is the subnormal 2^-127.
  value =
      select(compare(CmpIPredicate::eq, code, i32(0)), i32(0x400000), value);
  return asFloat(
      select(compare(CmpIPredicate::eq, code, i32(255)), i32(kNaNBits), value));
}

Value ScalarEmitter::decode(const NarrowFormat &format, Value code) {
  switch (format.kind) {
  case NarrowFormat::Kind::Float:
    return decodeFloat(format, code);
  case NarrowFormat::Kind::PowerOfTwo:
    return decodePowerOfTwo(code);
  case NarrowFormat::Kind::FixedPoint:
    break;
  }
  Value integer = arith::ExtSIOp::create(b, b.getI32Type(), narrowCode(code));
  Value real = arith::SIToFPOp::create(b, b.getF32Type(), integer);
  return arith::MulFOp::create(b, real, f32(1.0f / 64));
}

Value ScalarEmitter::isNaNCode(const NarrowFormat &format, Value code) {
  Value magnitude =
      arith::AndIOp::create(b, code, i32((1 << format.getMagnitudeBits()) - 1));
  return compare(CmpIPredicate::sge, magnitude, i32(format.firstNaN));
}

//===----------------------------------------------------------------------===//
// Rounding to nearest
//===----------------------------------------------------------------------===//

Value ScalarEmitter::roundNearest(const NarrowFormat &format, Value magnitude) {
  unsigned shift = 23 - format.mantissaBits;
  Value tie = arith::AndIOp::create(
      b, arith::ShRUIOp::create(b, magnitude, i32(shift)), i32(1));
  Value rounded = arith::AddIOp::create(
      b, magnitude, arith::AddIOp::create(b, tie, i32((1 << (shift - 1)) - 1)));
  Value normal =
      arith::SubIOp::create(b, arith::ShRUIOp::create(b, rounded, i32(shift)),
                            i32((127 - format.bias) << format.mantissaBits));

  // Adding 2^23 quanta leaves the multiple of the quantum in the low bits.
  int quantum = 1 - format.bias - static_cast<int>(format.mantissaBits);
  int64_t magic = static_cast<int64_t>(127 + 23 + quantum) << 23;
  Value sum = arith::AddFOp::create(b, asFloat(magnitude), asFloat(i32(magic)));
  Value subnormal = arith::SubIOp::create(b, asBits(sum), i32(magic));

  Value isSubnormal =
      compare(CmpIPredicate::slt, magnitude,
              i32(static_cast<int64_t>(128 - format.bias) << 23));
  return arith::MinSIOp::create(b, select(isSubnormal, subnormal, normal),
                                i32(format.maxCode));
}

Value ScalarEmitter::encodeFixedPoint(Value real) {
  Value scaled = arith::MulFOp::create(b, real, f32(64.0f));
  scaled = select(compare(CmpFPredicate::OLT, scaled, f32(-127.0f)),
                  f32(-127.0f), scaled);
  scaled = select(compare(CmpFPredicate::OGT, scaled, f32(127.0f)), f32(127.0f),
                  scaled);
  // 1.5 * 2^23: the sum's low bits are the integer in two's complement.
  Value magic = f32(12582912.0f);
  Value integer = arith::SubIOp::create(
      b, asBits(arith::AddFOp::create(b, scaled, magic)), bits(12582912.0f));
  integer = arith::AndIOp::create(b, integer, i32(255));
  return select(compare(CmpFPredicate::UNO, real, real), i32(0), integer);
}

Value ScalarEmitter::encode(const NarrowFormat &format, Value real) {
  if (format.kind == NarrowFormat::Kind::FixedPoint)
    return encodeFixedPoint(real);
  Value bits = asBits(real);
  Value magnitude = arith::AndIOp::create(b, bits, i32(~kSignBit));
  Value sign = arith::ShRUIOp::create(
      b, arith::AndIOp::create(b, bits, i32(kSignBit)), i32(32 - format.bits));
  Value code = arith::OrIOp::create(b, roundNearest(format, magnitude), sign);
  Value isNaN = compare(CmpIPredicate::sgt, magnitude, i32(kInfBits));
  return select(isNaN, i32(format.nanCode), code);
}

Value ScalarEmitter::encodeScale(const NarrowFormat &format, Value real) {
  Value code = roundNearest(format, magnitudeBits(real));
  Value isScale = compare(CmpFPredicate::OGE, real, f32(0.0f));
  return select(isScale, code, i32(format.nanCode));
}
