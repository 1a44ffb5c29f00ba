//===- Oracles.h - Other implementations of the conversions -----*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each getter returns null in a build that lacks the implementation, and the
// tests that need it skip themselves.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TEST_UNIT_NUMERICS_ORACLES_H
#define FP4_TEST_UNIT_NUMERICS_ORACLES_H

#include "fp4/Numerics/ElementFormat.h"
#include "fp4/Numerics/ScaleFormat.h"

namespace fp4::numerics::test {

/// Round to nearest even with saturation; nothing where the implementation's
/// result is not comparable.
using ElementOracle = std::optional<uint8_t> (*)(ElementFormat, float);
/// Saturating E8M0 of a non-negative float.
using E8M0Oracle = uint8_t (*)(float, ScaleRounding);

/// The host functions of cuda_fp4.h, cuda_fp6.h and cuda_fp8.h.
ElementOracle cudaElementOracle();
E8M0Oracle cudaE8M0Oracle();

/// llvm::APFloat.
ElementOracle apfloatElementOracle();

} // namespace fp4::numerics::test

#endif // FP4_TEST_UNIT_NUMERICS_ORACLES_H
