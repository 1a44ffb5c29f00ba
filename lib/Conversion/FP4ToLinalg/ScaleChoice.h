//===- ScaleChoice.h - Choosing the scale of a block ------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Private to FP4ToLinalg: the scale rules of numerics::ScaleRule as scalar
// operations. A rule proposes one code, or several among which the squared
// error decides (QuantizeToLinalg.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4TOLINALG_SCALECHOICE_H
#define FP4_LIB_CONVERSION_FP4TOLINALG_SCALECHOICE_H

#include "FormatArith.h"

namespace fp4 {

/// A code that a rule considers. `isLegal` (i1) is null where it always is.
struct Candidate {
  mlir::Value code;
  mlir::Value isLegal;
};

class ScaleChooser {
public:
  ScaleChooser(const numerics::BlockFormat &format, numerics::ScaleRule rule);

  /// 1 for the rules that need no comparison of errors.
  unsigned numCandidates() const;

  /// Candidate number `index` (i32, in 0..numCandidates()-1) for a block whose
  /// largest magnitude has the bits `amax`. `tensorScale` may be null.
  Candidate propose(ScalarEmitter &e, mlir::Value amax, mlir::Value tensorScale,
                    mlir::Value index) const;

  /// `code`, or the code for a block of zeros or one that is not finite.
  mlir::Value finish(ScalarEmitter &e, mlir::Value amax,
                     mlir::Value code) const;

  /// The float32 by which elements are divided: the decoded scale times the
  /// tensor scale, 1 for a NaN scale.
  mlir::Value divisor(ScalarEmitter &e, mlir::Value code,
                      mlir::Value tensorScale) const;

  const numerics::BlockFormat blockFormat;
  const NarrowFormat element;
  const NarrowFormat scale;

private:
  bool isPowerOfTwo() const {
    return scale.kind == NarrowFormat::Kind::PowerOfTwo;
  }
  mlir::Value floorCode(ScalarEmitter &e, mlir::Value amax) const;
  mlir::Value ceilCode(ScalarEmitter &e, mlir::Value amax) const;
  mlir::Value mantissaCode(ScalarEmitter &e, mlir::Value amax,
                           mlir::Value target, mlir::Value tensorScale) const;
  Candidate searchCode(ScalarEmitter &e, mlir::Value amax,
                       mlir::Value tensorScale, mlir::Value index) const;

  const numerics::ScaleRule rule;
};

} // namespace fp4

#endif // FP4_LIB_CONVERSION_FP4TOLINALG_SCALECHOICE_H
