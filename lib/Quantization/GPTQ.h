//===- GPTQ.h - The GPTQ recursion on one tile ------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rounds the columns of a tile one after the other, each time moving the
// weights of the columns to come so that they make up for the error (see
// Factor.h).
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_QUANTIZATION_GPTQ_H
#define FP4_LIB_QUANTIZATION_GPTQ_H

#include "Factor.h"
#include "Tile.h"

namespace fp4::quantization {

/// target[col] += lanes * coupling[col] for col in [first, last): the share
/// that one rounded column has in the columns after it.
void spreadError(const float *lanes, const float *coupling, size_t first,
                 size_t last, float *target);

/// What the recursion knows at its end: V_jj^2 (w'_j - q_j), cols x kLanes in
/// visiting order (see Factor.h).
using WeightedSteps = std::vector<float>;

/// Sets the elements of `tile`. With InLoop it sets the scales as well,
/// otherwise it uses those the tile has.
WeightedSteps quantizeTileGPTQ(const WeightOptions &options,
                               const HessianFactor &factor, Tile &tile);

} // namespace fp4::quantization

#endif // FP4_LIB_QUANTIZATION_GPTQ_H
