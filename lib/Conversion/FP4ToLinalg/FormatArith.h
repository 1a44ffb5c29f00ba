//===- FormatArith.h - Scalar arithmetic of the narrow formats --*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Private to FP4ToLinalg: emits the scalar integer and float32 operations that
// decode and encode one code. They compute the bits that Numerics computes.
//
// arith.truncf and arith.extf are not used for the narrow formats (their
// expansions round ties away from zero) or for bfloat16 (x86's vcvtneps2bf16
// flushes subnormals, and without it the conversion is a library call).
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4TOLINALG_FORMATARITH_H
#define FP4_LIB_CONVERSION_FP4TOLINALG_FORMATARITH_H

#include "fp4/Numerics/BlockFormat.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace fp4 {

/// A narrow format in the numbers that its arithmetic needs, all taken from the
/// public functions of Numerics. "Magnitude codes" are codes without the sign.
struct NarrowFormat {
  enum class Kind { Float, PowerOfTwo, FixedPoint };

  static NarrowFormat get(numerics::ElementFormat format);
  static NarrowFormat get(numerics::ScaleFormat format);

  unsigned getMagnitudeBits() const { return bits - (hasSign ? 1 : 0); }
  bool hasNaN() const { return firstNaN < 256; }

  Kind kind;
  unsigned bits;
  bool hasSign;
  unsigned mantissaBits;
  int bias;
  unsigned maxCode;
  unsigned nanCode;
  /// Magnitude codes from here on are NaN; 256 where there is none.
  unsigned firstNaN;
  /// Magnitude code of infinity; 256 where there is none.
  unsigned infinity;
};

/// Emits scalar operations at the insertion point of a builder. Codes and bit
/// patterns are i32 values, reals are f32 unless the name says otherwise.
class ScalarEmitter {
public:
  ScalarEmitter(mlir::OpBuilder &builder, mlir::Location loc)
      : b(loc, builder) {}

  mlir::Value i32(int64_t value);
  mlir::Value i64(int64_t value);
  mlir::Value f32(float value);
  /// The i32 constant of a float's bits.
  mlir::Value bits(float value);

  mlir::Value asBits(mlir::Value real);
  mlir::Value asFloat(mlir::Value bits);
  /// Bits without the sign.
  mlir::Value magnitudeBits(mlir::Value real);

  /// An i8 (or narrower float) code as i32.
  mlir::Value widenCode(mlir::Value code);
  mlir::Value narrowCode(mlir::Value code);
  /// f32, bf16, f16 or f8E4M3FN to f32.
  mlir::Value widen(mlir::Value real);
  /// f32 to f32, bf16 or f16; nearest, ties to even.
  mlir::Value narrow(mlir::Value real, mlir::Type type);

  /// The value of `code`, whose bits above the format's width are ignored.
  mlir::Value decode(const NarrowFormat &format, mlir::Value code);
  /// numerics::encodeElement.
  mlir::Value encode(const NarrowFormat &format, mlir::Value real);
  /// numerics::encodeElementStochastic; `random` is i32.
  mlir::Value encodeStochastic(const NarrowFormat &format, mlir::Value real,
                               mlir::Value random);
  /// numerics::encodeScale, for scale formats with a mantissa.
  mlir::Value encodeScale(const NarrowFormat &format, mlir::Value real);
  /// Whether `code` is a NaN of a scale format, as i1.
  mlir::Value isNaNCode(const NarrowFormat &format, mlir::Value code);

  mlir::Value select(mlir::Value condition, mlir::Value yes, mlir::Value no);
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, mlir::Value a,
                      mlir::Value c);
  mlir::Value compare(mlir::arith::CmpFPredicate predicate, mlir::Value a,
                      mlir::Value c);

  mlir::ImplicitLocOpBuilder b;

private:
  mlir::Value decodeFloat(const NarrowFormat &format, mlir::Value code);
  mlir::Value decodePowerOfTwo(mlir::Value code);
  mlir::Value encodeFixedPoint(mlir::Value real);
  mlir::Value roundNearest(const NarrowFormat &format, mlir::Value magnitude);
  mlir::Value roundStochastic(mlir::Value significand, mlir::Value shift,
                              mlir::Value random);
  mlir::Value roundFloatStochastic(const NarrowFormat &format,
                                   mlir::Value magnitude, mlir::Value random);
  mlir::Value roundFixedStochastic(mlir::Value magnitude, mlir::Value random);
};

} // namespace fp4

#endif // FP4_LIB_CONVERSION_FP4TOLINALG_FORMATARITH_H
