//===- Objective.h - The quadratic form of a tile ---------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// tr(D H D^T), the squared error of the layer's outputs on the calibration
// data.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_QUANTIZATION_OBJECTIVE_H
#define FP4_LIB_QUANTIZATION_OBJECTIVE_H

#include <array>
#include <cstddef>
#include <vector>

namespace fp4::quantization {

/// tr(D H D^T) for a tile D of cols x kLanes and a symmetric row-major H; with
/// H null, the sum of squares.
double quadraticForm(const float *hessian, size_t cols,
                     const std::vector<float> &tile);

/// The same for two tiles, by products of twice the width.
std::array<double, 2> quadraticForms(const float *hessian, size_t cols,
                                     const std::vector<float> &first,
                                     const std::vector<float> &second);

} // namespace fp4::quantization

#endif // FP4_LIB_QUANTIZATION_OBJECTIVE_H
