//===- QuantizeInput.h - What an activation kernel quantizes ----*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The values that reach the quantizer: inputs, what is fused in front, and the
// rotation.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_RUNTIME_ARTIFACT_QUANTIZEINPUT_H
#define FP4_LIB_RUNTIME_ARTIFACT_QUANTIZEINPUT_H

#include "fp4/Runtime/Artifact/Meaning.h"

namespace fp4::runtime {

struct QuantizeInput {
  size_t rows, columns;
  /// Row-major.
  std::vector<float> values;
  /// How far a kernel's values may be from these. Empty: not at all.
  std::vector<double> bounds;

  /// The values with each magnitude moved by so many of its bounds.
  std::vector<float> moved(double bounds) const;
};

/// The values of a meaning with the fields `rotation`, `signs`, `body` and
/// `row`, multiplied with the operand `matrix` if there is one. The columns
/// have to be a multiple of `unit`.
Expected<QuantizeInput> readQuantizeInput(const KernelDescription &kernel,
                                          const KernelOperands &operands,
                                          size_t unit);

} // namespace fp4::runtime

#endif // FP4_LIB_RUNTIME_ARTIFACT_QUANTIZEINPUT_H
