//===- BlockQuantizer.cpp - Scale and codes of one block ------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Division. fp4.quantize compares round(x / d) with the few values at which an
// e2m1 or e4m3 code changes. fma(x, high, x * low), with high + low = 1 / d to
// 47 bits, compares the same way with each of them for every pair of floats in
// a safe range of exponents, except that d with a mantissa of ones needs the
// low part rounded up (checked for every mantissa of d: DivisionTest.cpp).
// Blocks with such a divisor, or one out of range, take the path `repair`.
//
// E2M1 without a conversion. The magnitude code of q is the nearest integer to
// min(2q, q + 2, q/2 + 4, 7), ties to even. Adding 1.5 * 2^23 in the same FMA
// rounds each line once and leaves the integer in the low bits; rounding is
// monotone, so the smallest rounded line is the code. Elements of 6 bits have
// lines too: three of e2m3, min(8q, 4q + 8, 2q + 16, 31), seven of e3m2.
//
//===----------------------------------------------------------------------===//

#include "BlockQuantizer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>

using namespace mlir;

namespace fp4::gpu {

using numerics::ScaleRule;
using Values = KernelBuilder::Values;

static constexpr int64_t kInfBits = 0x7F800000;
static constexpr int64_t kMagnitudeMask = 0x7FFFFFFF;
static constexpr int64_t kMantissaMask = 0x007FFFFF;
static constexpr int64_t kMagicBits = 0x4B400000;
/// Quotients from 5 on get the largest code; below 7 no line exceeds it.
static constexpr float kSafeQuotient = 6.5f;

Value getScaleOffset(KernelBuilder &b, Value row, Value block, int64_t chunks) {
  Value inTile = b.add(b.mul(b.bitAnd(row, 31), 16),
                       b.mul(b.bitAnd(b.shiftRight(row, 5), 3), 4));
  inTile = b.add(inTile, b.bitAnd(block, 3));
  Value start = b.createOrFold<arith::MulIOp>(b.extend(b.shiftRight(row, 7)),
                                              b.i64(chunks * 512));
  return b.createOrFold<arith::AddIOp>(
      start, b.extend(b.add(b.mul(b.shiftRight(block, 2), 512), inTile)));
}

//===----------------------------------------------------------------------===//
// Division
//===----------------------------------------------------------------------===//

BlockQuantizer::Reciprocal BlockQuantizer::reciprocal(Value x) {
  Value one = b.f32(1.0f), minusX = b.negate(x);
  Value start = b.approximateReciprocal(x);
  Value high = b.fma(start, b.fma(minusX, start, one), start);
  return {high, b.times(high, b.fma(minusX, high, one))};
}

Value BlockQuantizer::divide(Value x, const Reciprocal &reciprocal) {
  return b.fma(x, reciprocal.high, b.times(x, reciprocal.low));
}

/// Whether the exponent field of a positive `x` is outside the range.
Value BlockQuantizer::isExtreme(Value x, int64_t firstExponent,
                                int64_t lastExponent) {
  Value offset = b.sub(b.bits(x), b.i32(firstExponent << 23));
  int64_t span = (lastExponent - firstExponent + 1) << 23;
  return b.bitXor(b.below(offset, span), b.boolean(true));
}

/// Within 2^-60 .. 2^60 nothing overflows or loses bits.
Value BlockQuantizer::isExtremeAmax(Value amax) {
  return isExtreme(amax, 127 - 60, 127 + 59);
}

void BlockQuantizer::setTensorScale(Value value) {
  tensorScale = value;
  tensorReciprocal = reciprocal(value);
  isTensorScaleExtreme = isExtremeAmax(value);
}

/// Values and divisor multiplied by a power of two that makes the division
/// safe, the values limited so that no code overflows.
BlockQuantizer::Quotients BlockQuantizer::repair(ArrayRef<Value> values,
                                                 Value divisor) {
  Value divisorBits = b.bits(divisor);
  Value isSmall = b.less(divisorBits, b.i32(int64_t(64) << 23));
  Value isLarge = b.less(b.i32(int64_t(190) << 23), divisorBits);
  Value factor = b.select(isSmall, b.f32(0x1p64f),
                          b.select(isLarge, b.f32(0x1p-64f), b.f32(1.0f)));
  Value scaled = b.times(divisor, factor);
  Reciprocal inverse = reciprocal(scaled);
  Value mantissa = b.bitAnd(b.bits(scaled), kMantissaMask);
  Value isOnes = b.equal(mantissa, kMantissaMask);
  // For d = 2^k * (2 - 2^-23): 1 / d = 2^-k * (2^-1 + 2^-25 + 2^-48 + ...).
  Value power = b.real(
      b.sub(b.i32(int64_t(253) << 23), b.bitAnd(b.bits(scaled), kInfBits)));
  inverse.high = b.select(isOnes, power, inverse.high);
  inverse.low =
      b.select(isOnes, b.times(power, 0x1p-24f * (1 + 0x1p-23f)), inverse.low);
  // An infinite divisor makes zeros of all finite values.
  Value isFinite = b.less(divisorBits, b.i32(kInfBits));
  inverse.high = b.select(isFinite, inverse.high, b.f32(0.0f));
  inverse.low = b.select(isFinite, inverse.low, b.f32(0.0f));
  Value limit = b.times(scaled, kSafeQuotient / norm);
  Value minusLimit = b.negate(limit);
  Quotients result;
  result.reciprocal = inverse;
  for (Value value : values)
    result.values.push_back(
        b.larger(b.smaller(b.times(value, factor), limit), minusLimit));
  return result;
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

/// The bits of the largest magnitude; NaN is above infinity.
Value BlockQuantizer::largestBits(ArrayRef<Value> values) {
  Value largest;
  for (Value value : values) {
    Value magnitude = b.bitAnd(b.bits(value), kMagnitudeMask);
    largest = largest ? b.maxInt(largest, magnitude) : magnitude;
  }
  return norm == 1.0f ? largest : b.bits(b.times(b.real(largest), norm));
}

Value BlockQuantizer::exponentCode(Value bits) {
  int64_t maxExponent = numerics::elementMaxExponent(format.element);
  return b.maxInt(b.add(b.shiftRight(bits, 23), -maxExponent), b.i32(0));
}

/// Codes of finite blocks stay below 254, since elements reach 2^2 and more.
Value BlockQuantizer::powerCode(Value amaxBits) {
  int64_t mantissaBits = numerics::elementMantissaBits(format.element);
  Value code =
      exponentCode(rule == ScaleRule::Even
                       ? b.add(amaxBits, int64_t(1) << (22 - mantissaBits))
                       : amaxBits);
  if (rule != ScaleRule::RCeil)
    return code;
  float largest = numerics::elementMaxFinite(format.element);
  Value power = b.real(b.shiftLeft(b.sub(b.i32(254), code), 23));
  Value clips = b.isGreater(b.times(b.real(amaxBits), power), b.f32(largest));
  return b.select(clips, b.add(code, 1), code);
}

QuantizedBlock BlockQuantizer::quantizePowerOfTwo(ArrayRef<Value> values) {
  Value amaxBits = largestBits(values);
  Value code = rule == ScaleRule::Search ? searchPowerCode(values, amaxBits)
                                         : powerCode(amaxBits);
  Value isFinite = b.less(amaxBits, b.i32(kInfBits));
  // Its reciprocal is a float too: dividing is multiplying.
  Value inverse = b.real(b.shiftLeft(b.sub(b.i32(254), code), 23));
  inverse = norm == 1.0f ? inverse : b.times(inverse, norm);
  Values quotients;
  for (Value value : values)
    quotients.push_back(b.times(value, inverse));
  // Only these leave quotients of 7 and more.
  bool canExceed = rule == ScaleRule::Floor || rule == ScaleRule::Search;
  return {encode(quotients, quotients, canExceed),
          b.select(isFinite, code, b.i32(0xFF))};
}

/// The e4m3 code of (amax / target) / tensor scale, at least 1.
Value BlockQuantizer::mantissaCode(Value amaxBits, float target) {
  Value amax = b.real(amaxBits);
  Value isHard =
      b.logicalOr(isExtreme(amax, 127 - 60, 127 + 59), isTensorScaleExtreme);
  float high = 1.0f / target;
  float low = high * std::fma(-target, high, 1.0f);
  Values quotient = b.choose(
      isHard, b.getF32Type(),
      [&]() -> Values {
        return {b.over(b.over(amax, b.f32(target)), tensorScale)};
      },
      [&]() -> Values {
        Value inTarget = divide(amax, {b.f32(high), b.f32(low)});
        return {divide(inTarget, tensorReciprocal)};
      });
  return b.maxInt(b.encodeE4M3(quotient[0]), b.i32(1));
}

/// An e4m3 code as a float is 2^-120 of its value, subnormal codes included.
Value BlockQuantizer::divisorOf(Value code) {
  if (format.scale == numerics::ScaleFormat::E8M0)
    return b.real(
        b.select(b.equal(code, 0), b.i32(0x00400000), b.shiftLeft(code, 23)));
  Value decoded = b.times(b.real(b.shiftLeft(code, 20)), 0x1p120f);
  return b.times(decoded, tensorScale);
}

/// Whether quotients by `divisor` need the path `repair`.
Value BlockQuantizer::isRareDivisor(Value divisor, Value amaxBits,
                                    bool mustNotExceed) {
  Value mantissa = b.bitAnd(b.bits(divisor), kMantissaMask);
  Value isRare = b.logicalOr(isExtreme(divisor, 64, 190),
                             b.equal(mantissa, kMantissaMask));
  if (!mustNotExceed)
    return isRare;
  return b.logicalOr(
      isRare, b.isGreater(b.real(amaxBits), b.times(divisor, kSafeQuotient)));
}

QuantizedBlock BlockQuantizer::quantizeMantissa(ArrayRef<Value> values) {
  constexpr int64_t codeOfOne = 0x38, codeOfNaN = 0x7F;
  Value amaxBits = largestBits(values);
  Value code = rule == ScaleRule::FourOverSix ? fourOrSixCode(values, amaxBits)
               : rule == ScaleRule::Search
                   ? searchMantissaCode(values, amaxBits)
                   : mantissaCode(amaxBits, 6.0f);
  code = b.select(b.equal(amaxBits, 0), b.i32(codeOfOne), code);
  code = b.select(b.less(amaxBits, b.i32(kInfBits)), code, b.i32(codeOfNaN));
  Value divisor = divisorOf(code);
  Reciprocal inverse = reciprocal(divisor);
  // A conversion saturates by itself.
  Value isRare = isRareDivisor(divisor, amaxBits, !hasConversion);
  SmallVector<Type> types(values.size() + 2, b.getF32Type());
  Values chosen = b.choose(
      isRare, types,
      [&] {
        Quotients repaired = repair(values, divisor);
        Values all = repaired.values;
        all.append({repaired.reciprocal.high, repaired.reciprocal.low});
        return all;
      },
      [&] {
        Values all(values);
        all.append({inverse.high, inverse.low});
        return all;
      });
  inverse = {chosen[values.size()], chosen[values.size() + 1]};
  if (norm != 1.0f)
    inverse = {b.times(inverse.high, norm), b.times(inverse.low, norm)};
  Values quotients;
  for (size_t i = 0; i < values.size(); ++i) {
    Value quotient = divide(chosen[i], inverse);
    if (hasConversion) {
      // The sum of two zeros loses a minus.
      Value sign = b.bitAnd(b.bits(chosen[i]), ~kMagnitudeMask);
      Value magnitude = b.bitAnd(b.bits(quotient), kMagnitudeMask);
      quotient = b.real(b.bitOr(magnitude, sign));
    }
    quotients.push_back(quotient);
  }
  return {encode(quotients, ArrayRef(chosen).take_front(values.size()),
                 /*canExceed=*/false),
          code};
}

QuantizedBlock BlockQuantizer::quantize(ArrayRef<Value> values) {
  return format.scale == numerics::ScaleFormat::E8M0
             ? quantizePowerOfTwo(values)
             : quantizeMantissa(values);
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

/// The signs of eight reals, each at the top of its four bits.
Value BlockQuantizer::gatherSigns(ArrayRef<Value> reals) {
  // The highest bytes of elements i, i + 2, i + 4, i + 6.
  auto highBytes = [&](size_t i) {
    auto pair = [&](size_t j) {
      return b.permuteBytes(b.bits(reals[j]), b.bits(reals[j + 2]), 0x0073);
    };
    return b.permuteBytes(pair(i), pair(i + 4), 0x5410);
  };
  Value even = b.bitAnd(b.shiftRight(highBytes(0), 4), 0x08080808);
  Value odd = b.bitAnd(highBytes(1), 0x80808080);
  return b.bitOr(even, odd);
}

/// The bits of kMagic plus the magnitude code of a quotient below 7.
Value BlockQuantizer::roundedLine(Value quotient) {
  Value a = b.absolute(quotient);
  Value half = b.fma(a, b.f32(2.0f), b.f32(kMagic));
  Value one = b.plus(a, b.f32(kMagic + 2));
  Value two = b.fma(a, b.f32(0.5f), b.f32(kMagic + 4));
  return b.minInt(b.minInt(b.bits(half), b.bits(one)), b.bits(two));
}

/// The code of 6 bits of any quotient: a line for each exponent.
Value BlockQuantizer::encodeSixBits(Value quotient) {
  constexpr int64_t magnitudeBits = 5;
  int64_t mantissaBits = numerics::elementMantissaBits(format.element);
  int64_t lines = (int64_t(1) << (magnitudeBits - mantissaBits)) - 1;
  int64_t first = numerics::elementMaxExponent(format.element) - lines + 1;
  Value a = b.absolute(quotient);
  Value code = b.i32(kMagicBits + (1 << magnitudeBits) - 1);
  for (int64_t i = 0; i < lines; ++i) {
    float slope = std::ldexp(1.0f, static_cast<int>(mantissaBits - first - i));
    auto offset = static_cast<float>(i << mantissaBits);
    Value line = b.fma(a, b.f32(slope), b.f32(kMagic + offset));
    code = b.minInt(code, b.bits(line));
  }
  Value sign = b.bitAnd(b.shiftRight(b.bits(quotient), 31 - magnitudeBits),
                        1 << magnitudeBits);
  return b.bitOr(b.sub(code, b.i32(kMagicBits)), sign);
}

Value BlockQuantizer::encodeEight(ArrayRef<Value> quotients,
                                  ArrayRef<Value> signs, bool canExceed) {
  if (hasConversion) {
    Value word;
    for (size_t i = 0; i < 8; i += 2) {
      Value pair = b.encodeE2M1Pair(quotients[i], quotients[i + 1]);
      Value shifted = b.shiftLeft(pair, static_cast<int64_t>(4 * i));
      word = word ? b.bitOr(word, shifted) : shifted;
    }
    return word;
  }
  // The sum of all kMagicBits << 4 * i is taken off again.
  auto excess = static_cast<uint32_t>(kMagicBits * 0x11111111LL);
  Value word = b.i32(static_cast<int32_t>(0u - excess));
  for (auto [i, quotient] : llvm::enumerate(quotients)) {
    Value code = roundedLine(quotient);
    if (canExceed)
      code = b.minInt(code, b.i32(kMagicBits + 7));
    word = b.add(word, b.shiftLeft(code, static_cast<int64_t>(4 * i)));
  }
  return b.bitOr(word, gatherSigns(signs));
}

/// Four codes of 8 bits; the conversion saturates.
Value BlockQuantizer::encodeFour(ArrayRef<Value> quotients) {
  Value low = b.encodeF8Pair(quotients[0], quotients[1], format.element);
  Value high = b.encodeF8Pair(quotients[2], quotients[3], format.element);
  return b.bitOr(low, b.shiftLeft(high, 16));
}

/// Sixteen codes of 6 bits.
Values BlockQuantizer::encodeSixteen(ArrayRef<Value> quotients) {
  SmallVector<Value, 4> fours;
  for (size_t i = 0; i < quotients.size(); ++i) {
    auto bit = static_cast<int64_t>(6 * (i % 4));
    Value codes;
    if (!hasConversion) {
      codes = encodeSixBits(quotients[i]);
    } else {
      // A byte for each of two codes.
      Value pair =
          b.encodeF6Pair(quotients[i], quotients[i + 1], format.element);
      codes =
          b.bitOr(b.bitAnd(pair, 0x3F), b.bitAnd(b.shiftRight(pair, 2), 0xFC0));
      ++i;
    }
    if (bit == 0)
      fours.push_back(codes);
    else
      fours.back() = b.bitOr(fours.back(), b.shiftLeft(codes, bit));
  }
  Values words;
  for (int64_t i = 0; i < 3; ++i)
    words.push_back(b.bitOr(b.shiftRight(fours[i], 8 * i),
                            b.shiftLeft(fours[i + 1], 24 - 8 * i)));
  return words;
}

Values BlockQuantizer::encode(ArrayRef<Value> quotients, ArrayRef<Value> signs,
                              bool canExceed) {
  Values words;
  if (numerics::elementBits(format.element) == 6) {
    for (size_t i = 0; i < quotients.size(); i += 16)
      llvm::append_range(words, encodeSixteen(quotients.slice(i, 16)));
    return words;
  }
  if (format.element != numerics::ElementFormat::E2M1) {
    for (size_t i = 0; i < quotients.size(); i += 4)
      words.push_back(encodeFour(quotients.slice(i, 4)));
    return words;
  }
  for (size_t i = 0; i < quotients.size(); i += 8)
    words.push_back(
        encodeEight(quotients.slice(i, 8), signs.slice(i, 8), canExceed));
  return words;
}

} // namespace fp4::gpu
