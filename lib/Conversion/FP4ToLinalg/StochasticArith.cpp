//===- StochasticArith.cpp - Stochastic rounding with a random operand ----===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// numerics::encodeElementStochastic as operations: a magnitude is a significand
// times a power of two, and the rounding decides on an integer sum of the
// significand's fraction and the random word (ElementFormat.cpp of Numerics
// derives it).
//
//===----------------------------------------------------------------------===//

#include "FormatArith.h"

using namespace mlir;
using namespace fp4;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

static constexpr int64_t kInfBits = 0x7F800000;

namespace {
/// A positive float32 as significand (i64) * 2^(exponent - 23) (i32).
struct Significand {
  Value value;
  Value exponent;
};
} // namespace

static Significand splitMagnitude(ScalarEmitter &e, Value magnitude) {
  ImplicitLocOpBuilder &b = e.b;
  Value field = arith::ShRUIOp::create(b, magnitude, e.i32(23));
  Value fraction = arith::AndIOp::create(b, magnitude, e.i32(0x7FFFFF));
  Value isSubnormal = e.compare(CmpIPredicate::eq, field, e.i32(0));
  Value full = arith::OrIOp::create(b, fraction, e.i32(0x800000));
  Value significand = e.select(isSubnormal, fraction, full);
  Value exponent = e.select(isSubnormal, e.i32(-126),
                            arith::SubIOp::create(b, field, e.i32(127)));
  return {arith::ExtUIOp::create(b, b.getI64Type(), significand), exponent};
}

/// `shift` (i32) is positive; above 56 nothing is left to round up.
Value ScalarEmitter::roundStochastic(Value significand, Value shift,
                                     Value random) {
  // A shift beyond the width would be poison, which select does not stop.
  Value safe = arith::MinSIOp::create(b, shift, i32(57));
  Value wide = arith::ExtUIOp::create(b, b.getI64Type(), safe);
  Value half =
      arith::ShLIOp::create(b, i64(1), arith::SubIOp::create(b, wide, i64(1)));
  Value fixed = arith::ShLIOp::create(b, significand, i64(32));
  fixed =
      arith::ShRUIOp::create(b, arith::AddIOp::create(b, fixed, half), wide);
  Value word = arith::ExtUIOp::create(b, b.getI64Type(), random);
  Value rounded =
      arith::ShRUIOp::create(b, arith::AddIOp::create(b, fixed, word), i64(32));
  Value tooSmall = compare(CmpIPredicate::sgt, shift, i32(56));
  rounded = select(tooSmall, i64(0), rounded);
  return arith::TruncIOp::create(b, b.getI32Type(), rounded);
}

Value ScalarEmitter::roundFloatStochastic(const NarrowFormat &format,
                                          Value magnitude, Value random) {
  auto [significand, exponent] = splitMagnitude(*this, magnitude);
  Value smallest = i32(1 - format.bias);
  Value above = arith::SubIOp::create(b, exponent, smallest);
  Value binade = arith::MaxSIOp::create(b, above, i32(0));
  Value below = arith::MaxSIOp::create(
      b, arith::SubIOp::create(b, smallest, exponent), i32(0));
  Value shift = arith::AddIOp::create(b, below, i32(23 - format.mantissaBits));
  Value base = arith::ShLIOp::create(b, binade, i32(format.mantissaBits));
  return arith::AddIOp::create(b, base,
                               roundStochastic(significand, shift, random));
}

Value ScalarEmitter::roundFixedStochastic(Value magnitude, Value random) {
  auto [significand, exponent] = splitMagnitude(*this, magnitude);
  // Beyond the last code nothing is left to round, and the shift would turn
  // negative; the clamp keeps it defined there.
  Value shift = arith::MaxSIOp::create(
      b, arith::SubIOp::create(b, i32(23 - 6), exponent), i32(1));
  Value rounded = roundStochastic(significand, shift, random);
  Value saturates =
      compare(CmpFPredicate::OGE, asFloat(magnitude), f32(127.0f / 64.0f));
  return select(saturates, i32(127), rounded);
}

Value ScalarEmitter::encodeStochastic(const NarrowFormat &format, Value real,
                                      Value random) {
  Value all = asBits(real);
  Value magnitude = magnitudeBits(real);
  Value isNegative = compare(CmpIPredicate::slt, all, i32(0));
  Value isNaN = compare(CmpIPredicate::sgt, magnitude, i32(kInfBits));
  Value code;
  if (format.kind == NarrowFormat::Kind::FixedPoint) {
    Value rounded = roundFixedStochastic(magnitude, random);
    Value negated = arith::SubIOp::create(b, i32(0), rounded);
    code = arith::AndIOp::create(b, select(isNegative, negated, rounded),
                                 i32(255));
  } else {
    Value rounded = roundFloatStochastic(format, magnitude, random);
    rounded = arith::MinSIOp::create(b, rounded, i32(format.maxCode));
    Value negated =
        arith::OrIOp::create(b, rounded, i32(1 << (format.bits - 1)));
    code = select(isNegative, negated, rounded);
  }
  return select(isNaN, i32(format.nanCode), code);
}
