//===- ToolArithmetic.h - Roundings of published tools ----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The places where `Arithmetic` makes a difference; its table says which.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_QUANTIZATION_TOOLARITHMETIC_H
#define FP4_LIB_QUANTIZATION_TOOLARITHMETIC_H

#include "Factor.h"
#include "Tile.h"

namespace fp4::quantization {

/// The tensor scale t of a weight, and the g of the tools that store that.
struct TensorScale {
  float multiplier = 1;
  float reciprocal = 1;
};

TensorScale toolTensorScale(const WeightOptions &options, float amax);

/// The scale code of a block whose unrounded scale is `scale`, > 0: amax / 6 or
/// what a search has made of it. Formats with a mantissa in the scale.
uint8_t encodeToolScale(const WeightOptions &options, float scale,
                        const TensorScale &tensorScale);

/// The scale code of `block` by AbsMax or RCeil.
uint8_t toolBlockScale(const WeightOptions &options,
                       const std::vector<float> &block,
                       const TensorScale &tensorScale);

/// What the tool calls a dead column, and its mean of the diagonal.
void adoptToolColumns(Arithmetic arithmetic, const std::vector<float> &weights,
                      HessianView &view);

/// The tool's rounding of ties, and its sign of zeros.
void adoptToolElements(const WeightOptions &options, Tile &tile);

} // namespace fp4::quantization

#endif // FP4_LIB_QUANTIZATION_TOOLARITHMETIC_H
