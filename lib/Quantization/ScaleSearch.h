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

/// The rule of Numerics that `rule` names; nothing for Mse and InLoop.
std::optional<numerics::ScaleRule> numericsRule(WeightScaleRule rule);

/// One scale code per block of `weights`. InLoop has no frozen scales; it gets
/// those of Search, which its report compares against.
std::vector<uint8_t> frozenScales(const WeightOptions &options,
                                  const float *weights, size_t rows,
                                  size_t cols, const TensorScale &tensorScale);

} // namespace fp4::quantization

#endif // FP4_LIB_QUANTIZATION_SCALESEARCH_H
