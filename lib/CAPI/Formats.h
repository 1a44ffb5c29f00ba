//===- Formats.h - Formats across the C boundary ----------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What Quantization.cpp and Dialect/FP4.cpp share with Numerics.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CAPI_FORMATS_H
#define FP4_LIB_CAPI_FORMATS_H

#include "fp4-c/Numerics.h"
#include "fp4/Numerics/BlockFormat.h"

namespace fp4::capi {

/// `format` has passed fp4BlockFormatVerify.
numerics::BlockFormat unwrapFormat(const FP4BlockFormat &format);
FP4BlockFormat wrapFormat(const numerics::BlockFormat &format);

/// Checks the format, and that its block divides a rows x cols matrix.
bool verifyMatrix(const FP4BlockFormat *format, size_t rows, size_t cols,
                  char **error);

} // namespace fp4::capi

#endif // FP4_LIB_CAPI_FORMATS_H
