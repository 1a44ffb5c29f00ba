//===- RealBuilder.h - Float arithmetic of activation kernels ---*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// KernelBuilder with float32 arithmetic, which is never contracted, and the
// instructions that quantization needs. Reals are f32 values, bits and codes
// i32.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4GPUTONVVM_ACTIVATION_REALBUILDER_H
#define FP4_LIB_CONVERSION_FP4GPUTONVVM_ACTIVATION_REALBUILDER_H

#include "../KernelBuilder.h"
#include "fp4/Numerics/ElementFormat.h"

namespace fp4::gpu {

class RealBuilder : public KernelBuilder {
public:
  using KernelBuilder::add;
  using KernelBuilder::KernelBuilder;

  //===--------------------------------------------------------------------===//
  // Reals
  //===--------------------------------------------------------------------===//
  Value plus(Value a, Value b);
  Value minus(Value a, Value b);
  Value times(Value a, Value b);
  Value times(Value a, float b) { return times(a, f32(b)); }
  Value over(Value a, Value b);
  /// a * b + c, rounded once.
  Value fma(Value a, Value b, Value c);
  Value negate(Value a);
  Value absolute(Value a);
  /// Of two numbers, or the number if one is a NaN.
  Value smaller(Value a, Value b);
  Value larger(Value a, Value b);
  Value isGreater(Value a, Value b);
  /// To about one unit in the last place.
  Value approximateReciprocal(Value a);

  //===--------------------------------------------------------------------===//
  // Bits
  //===--------------------------------------------------------------------===//
  Value bits(Value real);
  Value real(Value bits);
  Value bitOr(Value a, Value b);
  Value logicalOr(Value a, Value b) { return bitOr(a, b); }
  Value sub(Value a, Value b);
  Value maxInt(Value a, Value b);
  Value minInt(Value a, Value b);
  /// Unsigned a < b.
  Value below(Value a, int64_t b);
  /// Four bytes chosen among those of `low` (0..3) and `high` (4..7), the first
  /// by the lowest digit of `selector`.
  Value permuteBytes(Value low, Value high, int64_t selector);

  //===--------------------------------------------------------------------===//
  // Conversions
  //===--------------------------------------------------------------------===//
  /// The e4m3 code of a non-negative real: nearest, ties to even, at most 448.
  Value encodeE4M3(Value real);
  /// Two e2m1 codes in a byte, `low` in its low half; sm_100 and later.
  Value encodeE2M1Pair(Value low, Value high);
  /// Two e4m3 or e5m2 codes in 16 bits, `low` in the low half; nearest, ties to
  /// even, saturating.
  Value encodeF8Pair(Value low, Value high, numerics::ElementFormat format);
  /// Two e2m3 or e3m2 codes in the low bits of a byte each, likewise.
  Value encodeF6Pair(Value low, Value high, numerics::ElementFormat format);
  Value truncate(Value a, unsigned width);

  //===--------------------------------------------------------------------===//
  // Lanes and control
  //===--------------------------------------------------------------------===//
  /// The value of the lane whose number differs in `mask`.
  Value shuffleXor(Value value, int64_t mask);
  /// The value of that lane.
  Value shuffleFrom(Value value, Value lane);
  using KernelBuilder::choose;
  /// if (condition) then() else otherwise(), with results.
  Values choose(Value condition, mlir::TypeRange types,
                llvm::function_ref<Values()> then,
                llvm::function_ref<Values()> otherwise);
};

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_ACTIVATION_REALBUILDER_H
