//===- BlockQuantizer.h - Scale and codes of one block ----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The code of a thread that holds a whole block in registers. Computes the bits
// that fp4.quantize is defined to give, without its divisions: see
// docs/Rationale/ActivationKernels.md.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4GPUTONVVM_ACTIVATION_BLOCKQUANTIZER_H
#define FP4_LIB_CONVERSION_FP4GPUTONVVM_ACTIVATION_BLOCKQUANTIZER_H

#include "RealBuilder.h"
#include "fp4/Numerics/BlockFormat.h"

namespace fp4::gpu {

struct QuantizedBlock {
  /// Eight codes of 4 bits or four of 8 bits each.
  KernelBuilder::Values words;
  mlir::Value scaleCode;
};

/// Where the scale of a row and block is, in bytes, in the 128x4 array of a
/// matrix with `chunks` times 4 blocks a row. 64-bit.
mlir::Value getScaleOffset(KernelBuilder &builder, mlir::Value row,
                           mlir::Value block, int64_t chunks);

class BlockQuantizer {
public:
  using Value = mlir::Value;
  using Values = KernelBuilder::Values;

  /// `norm` is a power of two that the values are still to be multiplied by;
  /// `hasConversion` says whether the target converts to 4 and 6 bits.
  BlockQuantizer(RealBuilder &builder, const numerics::BlockFormat &format,
                 numerics::ScaleRule rule, float norm, bool hasConversion)
      : b(builder), format(format), rule(rule), norm(norm),
        hasConversion(hasConversion) {}

  /// Once per thread: what depends on the tensor scale alone.
  void setTensorScale(Value value);

  QuantizedBlock quantize(llvm::ArrayRef<Value> values);

private:
  /// 1 / x as a sum of two floats.
  struct Reciprocal {
    Value high, low;
  };
  /// Values and the reciprocal of their divisor, without `norm`.
  struct Quotients {
    Values values;
    Reciprocal reciprocal;
  };

  QuantizedBlock quantizePowerOfTwo(llvm::ArrayRef<Value> values);
  QuantizedBlock quantizeMantissa(llvm::ArrayRef<Value> values);
  Value largestBits(llvm::ArrayRef<Value> values);
  Value powerCode(Value amaxBits);
  Value mantissaCode(Value amaxBits, float target);
  Reciprocal reciprocal(Value x);
  Value divide(Value x, const Reciprocal &reciprocal);
  Value isExtreme(Value x, int64_t firstExponent, int64_t lastExponent);
  Value isExtremeAmax(Value amax);
  /// The scale times the tensor scale.
  Value divisorOf(Value code);
  /// The E8M0 code `maxExponent` below the exponent of those bits.
  Value exponentCode(Value bits);
  Value isRareDivisor(Value divisor, Value amaxBits, bool mustNotExceed);
  Quotients repair(llvm::ArrayRef<Value> values, Value divisor);
  /// `signs` are reals with the signs of the codes; conversions take those of
  /// the quotients. With `canExceed` there are quotients from 7 on.
  Values encode(llvm::ArrayRef<Value> quotients, llvm::ArrayRef<Value> signs,
                bool canExceed);
  Value encodeEight(llvm::ArrayRef<Value> quotients,
                    llvm::ArrayRef<Value> signs, bool canExceed);
  Value roundedLine(Value quotient);
  Value gatherSigns(llvm::ArrayRef<Value> reals);
  Value encodeFour(llvm::ArrayRef<Value> quotients);
  Value encodeSixBits(Value quotient);
  Values encodeSixteen(llvm::ArrayRef<Value> quotients);

  //===--------------------------------------------------------------------===//
  // Four over six (FourOverSix.cpp)
  //===--------------------------------------------------------------------===//
  Value fourOrSixCode(llvm::ArrayRef<Value> values, Value amaxBits);
  Value roundedMagnitude(Value quotient);
  Value estimateError(llvm::ArrayRef<Value> values, Value divisor);
  Value exactError(llvm::ArrayRef<Value> values, Value divisor);
  /// The values, times `norm`.
  Values normalized(llvm::ArrayRef<Value> values);
  /// exactError of such values.
  Value exactErrorOf(llvm::ArrayRef<Value> normalized, Value divisor);

  //===--------------------------------------------------------------------===//
  // Search (ScaleSearch.cpp)
  //===--------------------------------------------------------------------===//
  Value searchCode(llvm::ArrayRef<Value> values, Value first, Value last);
  Value searchPowerCode(llvm::ArrayRef<Value> values, Value amaxBits);
  Value searchMantissaCode(llvm::ArrayRef<Value> values, Value amaxBits);

  /// 1.5 * 2^23, to which integers are added exactly.
  static constexpr float kMagic = 12582912.0f;

  RealBuilder &b;
  numerics::BlockFormat format;
  numerics::ScaleRule rule;
  float norm;
  bool hasConversion;
  Value tensorScale;
  Reciprocal tensorReciprocal;
  Value isTensorScaleExtreme;
};

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_ACTIVATION_BLOCKQUANTIZER_H
