//===- Message.h - Numbers and places in error messages ---------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One wording for values that are not finite and for where they are.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_QUANTIZATION_MESSAGE_H
#define FP4_LIB_QUANTIZATION_MESSAGE_H

#include "fp4/Status/Status.h"
#include <cmath>
#include <cstddef>
#include <cstdio>

namespace fp4::quantization {

/// Six significant digits, so that small values do not print as zero.
inline std::string numberText(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", value);
  return text;
}

/// "row 3, column 5"; `rowName` may be "token".
inline std::string placeText(const char *rowName, size_t row, size_t col) {
  return std::string(rowName) + " " + std::to_string(row) + ", column " +
         std::to_string(col);
}

/// Fails on the first value of a row-major matrix that is NaN or infinite.
inline Status verifyFinite(const char *what, const char *rowName,
                           const float *values, size_t count, size_t cols) {
  for (size_t i = 0; i < count; ++i)
    if (!std::isfinite(values[i]))
      return Status::error(std::string(what) + " is " + numberText(values[i]) +
                           " at " + placeText(rowName, i / cols, i % cols) +
                           ", expected finite values");
  return Status::success();
}

} // namespace fp4::quantization

#endif // FP4_LIB_QUANTIZATION_MESSAGE_H
