//===- BlockMatrix.h - Microscaled matrices in double -----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Matrices as meanings compute with them, and the reading of packed ones.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_RUNTIME_ARTIFACT_BLOCKMATRIX_H
#define FP4_LIB_RUNTIME_ARTIFACT_BLOCKMATRIX_H

#include "fp4/Numerics/BlockFormat.h"
#include "fp4/TensorIO/NDArray.h"

namespace fp4::runtime {

/// A row-major matrix in double.
struct Matrix {
  int64_t rows = 0, cols = 0;
  std::vector<double> values;
};

/// The entries of an array of floats or of f8E4M3FN.
Expected<std::vector<double>> readValues(const NDArray &array);

/// Decodes packed elements, [rows, bytes], and 128x4 scales, but not the tensor
/// scale. The columns are those of the elements, with their padding.
Expected<Matrix> decodeBlocks(const numerics::BlockFormat &format,
                              const NDArray &elements, const NDArray &scales);

} // namespace fp4::runtime

#endif // FP4_LIB_RUNTIME_ARTIFACT_BLOCKMATRIX_H
