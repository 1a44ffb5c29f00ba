//===- FloatOps.h - Float arithmetic with PTX's modifiers -------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One value of f16, bf16, f32 or f64 at a time, on its bits.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_FLOATOPS_H
#define FP4_LIB_EMULATOR_PTX_FLOATOPS_H

#include "Types.h"

namespace fp4::ptx {

struct FloatMode {
  Rounding rounding = Rounding::RN;
  bool ftz = false;
  bool sat = false;
  bool relu = false;
};

/// The scalar type that a packed one consists of, and how many.
Type scalarType(Type type);
unsigned packedCount(Type type);

/// The value of a float of type F16, BF16, F32, TF32 or F64.
double floatValue(Type type, uint64_t bits, bool ftz = false);
/// Rounds `value`, which may come from roundToOdd, into `type`.
uint64_t floatBits(Type type, double value, const FloatMode &mode);

uint64_t floatAdd(Type type, uint64_t a, uint64_t b, const FloatMode &mode);
uint64_t floatMul(Type type, uint64_t a, uint64_t b, const FloatMode &mode);
uint64_t floatFma(Type type, uint64_t a, uint64_t b, uint64_t c,
                  const FloatMode &mode);
uint64_t floatDiv(Type type, uint64_t a, uint64_t b, const FloatMode &mode);
uint64_t floatSqrt(Type type, uint64_t a, const FloatMode &mode);
uint64_t floatRcp(Type type, uint64_t a, const FloatMode &mode);
/// min and max: `nan` makes a NaN operand win, `xorSign` is .xorsign.abs.
uint64_t floatMinMax(Type type, uint64_t a, uint64_t b, bool isMax, bool ftz,
                     bool nan, bool xorSign);
/// Flips or clears the sign bit of `a`.
uint64_t floatNeg(Type type, uint64_t a, bool ftz);
uint64_t floatAbs(Type type, uint64_t a, bool ftz);
uint64_t canonicalNaN(Type type);
/// An f64 NaN with its quiet bit set.
uint64_t quietNaN64(uint64_t bits);
/// Flushes a subnormal of type F16, BF16 or F32.
uint64_t flushSubnormal(Type type, uint64_t bits);

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_FLOATOPS_H
