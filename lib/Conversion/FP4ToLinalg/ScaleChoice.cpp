//===- ScaleChoice.cpp - Choosing the scale of a block --------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rules are those of Numerics/BlockFormat.h, in the same order of
// operations.
//
//===----------------------------------------------------------------------===//

#include "ScaleChoice.h"

using namespace mlir;
using namespace fp4;
using arith::CmpFPredicate;
using arith::CmpIPredicate;
using numerics::ScaleRule;

static constexpr int64_t kInfBits = 0x7F800000;

// How far Search looks, in codes from floor's or absmax's.
static constexpr int kPowerSearchFirst = -1, kPowerSearchLast = 1;
static constexpr int kMantissaSearchFirst = -2, kMantissaSearchLast = 6;

ScaleChooser::ScaleChooser(const numerics::BlockFormat &format, ScaleRule rule)
    : blockFormat(format), element(NarrowFormat::get(format.element)),
      scale(NarrowFormat::get(format.scale)), rule(rule) {}

unsigned ScaleChooser::numCandidates() const {
  if (rule == ScaleRule::FourOverSix)
    return 2;
  if (rule != ScaleRule::Search)
    return 1;
  return isPowerOfTwo() ? kPowerSearchLast - kPowerSearchFirst + 1
                        : kMantissaSearchLast - kMantissaSearchFirst + 1;
}

static Value clamp(ScalarEmitter &e, Value code, int64_t low, int64_t high) {
  code = arith::MaxSIOp::create(e.b, code, e.i32(low));
  return arith::MinSIOp::create(e.b, code, e.i32(high));
}

Value ScaleChooser::floorCode(ScalarEmitter &e, Value amax) const {
  Value exponent = arith::ShRUIOp::create(e.b, amax, e.i32(23));
  Value code = arith::SubIOp::create(
      e.b, exponent, e.i32(numerics::elementMaxExponent(blockFormat.element)));
  return clamp(e, code, 0, 254);
}

Value ScaleChooser::ceilCode(ScalarEmitter &e, Value amax) const {
  Value code = floorCode(e, amax);
  // In double both sides are exact.
  Type f64 = e.b.getF64Type();
  Value power = arith::ExtFOp::create(e.b, f64, e.decode(scale, code));
  Value largest = arith::ConstantFloatOp::create(
      e.b, e.b.getF64Type(),
      APFloat(double(numerics::elementMaxFinite(blockFormat.element))));
  Value limit = arith::MulFOp::create(e.b, largest, power);
  Value wideAmax = arith::ExtFOp::create(e.b, f64, e.asFloat(amax));
  Value clips = e.compare(CmpFPredicate::OGT, wideAmax, limit);
  Value up = arith::ExtUIOp::create(e.b, e.b.getI32Type(), clips);
  return clamp(e, arith::AddIOp::create(e.b, code, up), 0, 254);
}

Value ScaleChooser::mantissaCode(ScalarEmitter &e, Value amax, Value target,
                                 Value tensorScale) const {
  Value quotient = arith::DivFOp::create(e.b, e.asFloat(amax), target);
  if (tensorScale)
    quotient = arith::DivFOp::create(e.b, quotient, tensorScale);
  Value code = e.encodeScale(scale, quotient);
  // A zero scale would lose a block that is not zero.
  return e.select(e.compare(CmpIPredicate::eq, code, e.i32(0)), e.i32(1), code);
}

Candidate ScaleChooser::searchCode(ScalarEmitter &e, Value amax,
                                   Value tensorScale, Value index) const {
  Value middle, low, high;
  int first, last;
  if (isPowerOfTwo()) {
    middle = floorCode(e, amax);
    first = kPowerSearchFirst, last = kPowerSearchLast;
    low = e.i32(0), high = e.i32(254);
  } else {
    Value target = e.f32(numerics::elementMaxFinite(blockFormat.element));
    middle = mantissaCode(e, amax, target, tensorScale);
    first = kMantissaSearchFirst, last = kMantissaSearchLast;
    low = e.i32(1), high = e.i32(scale.maxCode);
  }
  Value start = arith::MaxSIOp::create(
      e.b, arith::AddIOp::create(e.b, middle, e.i32(first)), low);
  Value end = arith::MinSIOp::create(
      e.b, arith::AddIOp::create(e.b, middle, e.i32(last)), high);
  Value code = arith::AddIOp::create(e.b, start, index);
  return {code, e.compare(CmpIPredicate::sle, code, end)};
}

Candidate ScaleChooser::propose(ScalarEmitter &e, Value amax, Value tensorScale,
                                Value index) const {
  switch (rule) {
  case ScaleRule::Floor:
    return {floorCode(e, amax), Value()};
  case ScaleRule::RCeil:
    return {ceilCode(e, amax), Value()};
  case ScaleRule::Even: {
    unsigned mantissa = numerics::elementMantissaBits(blockFormat.element);
    Value half = e.i32(int64_t(1) << (22 - mantissa));
    return {floorCode(e, arith::AddIOp::create(e.b, amax, half)), Value()};
  }
  case ScaleRule::AbsMax: {
    Value target = e.f32(numerics::elementMaxFinite(blockFormat.element));
    return {mantissaCode(e, amax, target, tensorScale), Value()};
  }
  case ScaleRule::FourOverSix: {
    // Six comes first, so that four must be strictly better.
    Value isSix = e.compare(CmpIPredicate::eq, index, e.i32(0));
    Value target = e.select(isSix, e.f32(6.0f), e.f32(4.0f));
    return {mantissaCode(e, amax, target, tensorScale), Value()};
  }
  case ScaleRule::Search:
    return searchCode(e, amax, tensorScale, index);
  }
  llvm_unreachable("unknown scale rule");
}

Value ScaleChooser::finish(ScalarEmitter &e, Value amax, Value code) const {
  int64_t zeroCode =
      isPowerOfTwo() ? 0 : numerics::encodeScale(blockFormat.scale, 1.0f);
  Value isZero = e.compare(CmpIPredicate::eq, amax, e.i32(0));
  code = e.select(isZero, e.i32(zeroCode), code);
  Value isFinite = e.compare(CmpIPredicate::slt, amax, e.i32(kInfBits));
  return e.select(isFinite, code, e.i32(scale.nanCode));
}

Value ScaleChooser::divisor(ScalarEmitter &e, Value code,
                            Value tensorScale) const {
  Value value = e.decode(scale, code);
  if (tensorScale)
    value = arith::MulFOp::create(e.b, value, tensorScale);
  return e.select(e.isNaNCode(scale, code), e.f32(1.0f), value);
}
