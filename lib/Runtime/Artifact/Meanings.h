//===- Meanings.h - The kinds of meanings -----------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One function per kind, in a file of its own, for the table of Meaning.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_RUNTIME_ARTIFACT_MEANINGS_H
#define FP4_LIB_RUNTIME_ARTIFACT_MEANINGS_H

#include "fp4/Numerics/BlockFormat.h"
#include "fp4/Runtime/Artifact/Meaning.h"

namespace fp4::runtime {

using MeaningFunction = Expected<std::vector<ExpectedOutput>> (*)(
    const KernelDescription &kernel, const KernelOperands &operands);

/// The array of an argument, or an error that names it.
Expected<NDArray> findOperand(const KernelOperands &operands,
                              const std::string &name);

/// An output of the values, rounded to the argument's type, which is f32, f16
/// or bf16; each bound grows by what that rounding may add.
Expected<ExpectedOutput> makeFloatOutput(const KernelArgument &argument,
                                         std::vector<int64_t> shape,
                                         std::vector<double> values,
                                         std::vector<double> bounds);

/// The bits of the largest magnitude of an f32 array; NaN is above infinity.
uint32_t largestMagnitude(const NDArray &array);

/// "amax": the largest of maxima = the largest magnitude of the rotated input.
Expected<std::vector<ExpectedOutput>>
evaluateAmax(const KernelDescription &kernel, const KernelOperands &operands);

/// "dequantize": out = elements times scales, to the bit.
Expected<std::vector<ExpectedOutput>>
evaluateDequantize(const KernelDescription &kernel,
                   const KernelOperands &operands);

/// "matmul": out = activation(lhs * rhs^T * tensor scales + bias).
Expected<std::vector<ExpectedOutput>>
evaluateMatmul(const KernelDescription &kernel, const KernelOperands &operands);

/// `elements` and `scales` of a row-major matrix of `cols` columns, whose
/// values are known within `bounds`, by the `result_format` and `scale_rule` of
/// the kernel's meaning and its argument `out_tensor_scale`.
Expected<std::vector<ExpectedOutput>>
quantizeBounded(const KernelDescription &kernel, const KernelOperands &operands,
                const std::vector<double> &values,
                const std::vector<double> &bounds, size_t cols);

/// "quantize": elements and scales = blocks of the rotated input; from maxima
/// also the tensor scale.
Expected<std::vector<ExpectedOutput>>
evaluateQuantize(const KernelDescription &kernel,
                 const KernelOperands &operands);

} // namespace fp4::runtime

#endif // FP4_LIB_RUNTIME_ARTIFACT_MEANINGS_H
