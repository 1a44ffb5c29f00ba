//===- FragmentMatrix.h - Weights in the order of fragments -----*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The inverse of the prepacking for Hopper (fp4/Numerics/Fragments.h), for
// checks on the host.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_RUNTIME_ARTIFACT_FRAGMENTMATRIX_H
#define FP4_LIB_RUNTIME_ARTIFACT_FRAGMENTMATRIX_H

#include "fp4/Numerics/BlockFormat.h"
#include "fp4/TensorIO/NDArray.h"

namespace fp4::runtime {

/// The rows x depth values, row-major, of `units` [ceil(rows / 64), units along
/// the depth, bytes of a unit], but the factor that comes with them.
Expected<std::vector<double>>
decodeFragments(const numerics::BlockFormat &format, const NDArray &units,
                int64_t rows, int64_t depth);

/// The same of units of 64 rows by 128 of the depth whose scales are folded
/// into the elements: MXFP4 but for a factor of each row, for products of e4m3.
Expected<std::vector<double>>
decodeFoldedFragments(const NDArray &units, int64_t rows, int64_t depth);

} // namespace fp4::runtime

#endif // FP4_LIB_RUNTIME_ARTIFACT_FRAGMENTMATRIX_H
