//===- FourOverSix.cpp - The scale with the smaller error -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rule four_over_six (arXiv 2512.02010) compares two sums of squared errors
// in float64, which most GPUs are slow at. Here they are estimated in float32
// first; only where the estimates are too close to tell, and where a divisor is
// out of the safe range, the float64 sums are computed.
//
// With d the divisor and r the rounded magnitude, the estimate takes x - r * d
// in one FMA, where the definition rounds the product: the difference is at
// most 2^-23 amax. Over 16 elements that changes a sum E by less than 2^-18 E +
// 2^-24 amax^2, and the estimate's own roundings by less than 2^-19 E; the test
// below leaves a factor of four.
//
//===----------------------------------------------------------------------===//

#include "BlockQuantizer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

/// The value of the code nearest to |quotient|, which is below 7: with c the
/// code, max(c / 2, c - 2, 2c - 8).
Value BlockQuantizer::roundedMagnitude(Value quotient) {
  Value code = b.minus(b.real(roundedLine(quotient)), b.f32(kMagic));
  Value small = b.larger(b.times(code, 0.5f), b.plus(code, b.f32(-2.0f)));
  return b.larger(small, b.fma(code, b.f32(2.0f), b.f32(-8.0f)));
}

Value BlockQuantizer::estimateError(ArrayRef<Value> values, Value divisor) {
  Reciprocal inverse = reciprocal(divisor);
  Value minusDivisor = b.negate(divisor);
  Value sum = b.f32(0.0f);
  for (Value value : values) {
    Value magnitude = b.absolute(value);
    Value rounded = roundedMagnitude(divide(magnitude, inverse));
    Value error = b.fma(rounded, minusDivisor, magnitude);
    sum = b.fma(error, error, sum);
  }
  return sum;
}

/// As the rule is defined: in order, each operation rounded to float64.
Value BlockQuantizer::exactError(ArrayRef<Value> values, Value divisor) {
  Quotients safe = repair(values, divisor);
  Type f64 = b.getF64Type();
  Value sum = arith::ConstantOp::create(b, b.getF64FloatAttr(0.0));
  for (auto [value, scaled] : llvm::zip(values, safe.values)) {
    Value rounded = roundedMagnitude(divide(scaled, safe.reciprocal));
    Value decoded = b.times(rounded, divisor);
    Value error = arith::SubFOp::create(
        b, arith::ExtFOp::create(b, f64, b.absolute(value)),
        arith::ExtFOp::create(b, f64, decoded));
    sum = arith::AddFOp::create(b, sum, arith::MulFOp::create(b, error, error));
  }
  return sum;
}

Values BlockQuantizer::normalized(ArrayRef<Value> unscaled) {
  Values values(unscaled);
  if (norm != 1.0f)
    for (Value &value : values)
      value = b.times(value, norm);
  return values;
}

/// The repair divides by `norm` what it has not multiplied.
Value BlockQuantizer::exactErrorOf(ArrayRef<Value> normalized, Value divisor) {
  float saved = std::exchange(norm, 1.0f);
  Value error = exactError(normalized, divisor);
  norm = saved;
  return error;
}

Value BlockQuantizer::fourOrSixCode(ArrayRef<Value> unscaled, Value amaxBits) {
  Values values = normalized(unscaled);
  Value six = mantissaCode(amaxBits, 6.0f);
  Value four = mantissaCode(amaxBits, 4.0f);
  Value bySix = divisorOf(six), byFour = divisorOf(four);
  Value sixError = estimateError(values, bySix);
  Value fourError = estimateError(values, byFour);
  Value amax = b.real(amaxBits);
  Value slack = b.fma(b.plus(sixError, fourError), b.f32(0x1p-15f),
                      b.times(b.times(amax, amax), 0x1p-22f));
  Value difference = b.absolute(b.minus(sixError, fourError));
  Value isClear = b.isGreater(difference, slack);
  // A NaN is not clear either.
  Value isOpen = b.bitXor(isClear, b.boolean(true));
  isOpen = b.logicalOr(isOpen, isExtremeAmax(amax));
  isOpen = b.logicalOr(isOpen, isRareDivisor(bySix, amaxBits, true));
  isOpen = b.logicalOr(isOpen, isRareDivisor(byFour, amaxBits, true));
  Values takesFour = b.choose(
      isOpen, b.getI1Type(),
      [&]() -> Values {
        Value exactFour = exactErrorOf(values, byFour);
        Value exactSix = exactErrorOf(values, bySix);
        return {arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, exactFour,
                                      exactSix)};
      },
      [&]() -> Values { return {b.isGreater(sixError, fourError)}; });
  return b.select(takesFour[0], four, six);
}

} // namespace fp4::gpu
