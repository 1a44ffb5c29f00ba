//===- Npy.h - NumPy array files --------------------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads .npy versions 1 to 3 and writes version 1: little-endian arrays in C
// order. NumPy has no bfloat16 or 8-bit floats; ml_dtypes stores them as raw
// "V2" and "V1" items, so the reader must be told what those are.
//
// Source: numpy.lib.format, "Format Version 1.0" to "3.0".
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TENSORIO_NPY_H
#define FP4_TENSORIO_NPY_H

#include "fp4/TensorIO/NDArray.h"
#include <string>

namespace fp4 {

/// A view of the mapped file. `rawType` is the dtype of items that NumPy calls
/// void and must have their width.
Expected<NDArray> readNpy(const std::string &path,
                          std::optional<DType> rawType = std::nullopt);

/// Writes atomically. Fails for F4 and F6, whose elements are not whole bytes.
Status writeNpy(const std::string &path, const NDArray &array);

} // namespace fp4

#endif // FP4_TENSORIO_NPY_H
