//===- ScaleSearch.h - Frozen block scales ----------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scales that depend on the original weights alone.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_QUANTIZATION_SCALESEARCH_H
#define FP4_LIB_QUANTIZATION_SCALESEARCH_H

#include "ToolArithmetic.h"

namespace fp4::quantization {

/// The rule of Numerics that `rule` names; nothing for those it does not have.
std::optional<numerics::ScaleRule> numericsRule(WeightScaleRule rule);

/// One scale code per block of `weights`. InLoop has no frozen scales; it gets
/// those of Search, which its report compares against. `hessian` may be null
/// for the rules that do not ask for it.
std::vector<uint8_t> frozenScales(const WeightOptions &options,
                                  const float *weights, size_t rows,
                                  size_t cols, const float *hessian,
                                  const TensorScale &tensorScale);

/// WeightedMse and LocalHessian, for `rows` rows (whole blocks).
void curvatureScales(const WeightOptions &options, const float *weights,
                     size_t rows, size_t cols, const float *hessian,
                     const TensorScale &tensorScale, uint8_t *scales);

} // namespace fp4::quantization

#endif // FP4_LIB_QUANTIZATION_SCALESEARCH_H
