//===- DrawnInputs.h - Inputs for a first try ------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arrays of pseudo-random numbers for an artifact whose inputs nobody gave.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_RUNTIME_ARTIFACT_DRAWNINPUTS_H
#define FP4_RUNTIME_ARTIFACT_DRAWNINPUTS_H

#include "fp4/Runtime/Artifact/Artifact.h"

namespace fp4::runtime {

/// Rows, and whatever else is not known at compile time, unless asked for.
inline constexpr int64_t kUsualSize = 128;

/// All inputs. Floats are uniform in [-1, 1), but scalars, which are scale
/// factors, in [0.5, 1.5); packed elements are any codes, scales within a
/// factor of 16 of 1. `sizes` gets the symbols that it does not have.
Expected<TensorMap> drawInputs(const Artifact &artifact, Sizes &sizes,
                               uint64_t seed);

} // namespace fp4::runtime

#endif // FP4_RUNTIME_ARTIFACT_DRAWNINPUTS_H
