//===- ArrayFile.h - Arrays as a user names them ----------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the tools that run programs on files have in common, whatever device
// runs them: "x=acts.npy" and "x=model.safetensors:layer.weight" as inputs, and
// the comparison of a result with a reference.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_RUNTIME_ARRAYS_ARRAYFILE_H
#define FP4_RUNTIME_ARRAYS_ARRAYFILE_H

#include "fp4/TensorIO/NDArray.h"
#include <string>

namespace fp4 {

/// "name=path" or "path"; a path may end in ":tensor" after ".safetensors".
struct ArrayFile {
  static ArrayFile parse(const std::string &text);

  std::string name; // empty if not given
  std::string path;
  std::string tensor; // empty for .npy
};

/// Reads an .npy file, or one tensor of a .safetensors file (the only one if
/// `tensor` is empty). `rawType` is what items of an .npy file are that NumPy
/// has no type for.
Expected<NDArray> readArray(const ArrayFile &file, DType rawType = DType::BF16);

/// Writes an .npy file.
Status writeArray(const std::string &path, const NDArray &array);

/// The values of an array of numbers; 8-bit floats are their codes, and
/// integers wider than 53 bits lose their low bits.
Expected<std::vector<double>> toDoubles(const NDArray &array);

struct Comparison {
  /// sqrt(sum (got - expected)^2 / sum expected^2), over finite pairs; the
  /// square root of the numerator where all expected values are zero.
  double relativeError = 0;
  double largestDifference = 0;
  /// Elements that are not equal; two NaNs are equal.
  int64_t numDifferent = 0;
  /// Elements of which exactly one is a NaN or an infinity.
  int64_t numNotFinite = 0;
};

/// Compares arrays of one shape, by value; fails if they have different shapes
/// or cannot be compared.
Expected<Comparison> compareArrays(const NDArray &got, const NDArray &expected);

} // namespace fp4

#endif // FP4_RUNTIME_ARRAYS_ARRAYFILE_H
