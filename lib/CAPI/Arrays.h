//===- Arrays.h - Arrays that cross the C boundary --------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// FP4Array of fp4-c/Runtime.h is a view that the caller owns; FP4Arrays are
// results that the caller frees.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CAPI_ARRAYS_H
#define FP4_LIB_CAPI_ARRAYS_H

#include "fp4-c/Runtime.h"
#include "fp4/TensorIO/NDArray.h"
#include <string>
#include <vector>

struct FP4Arrays {
  std::vector<fp4::NDArray> arrays;
  /// Empty, or a name for each.
  std::vector<std::string> names;
};

namespace fp4::capi {

/// Views of the caller's arrays, which live longer than any use of them here.
Expected<std::vector<NDArray>> viewArrays(const FP4Array *arrays, size_t count);

} // namespace fp4::capi

#endif // FP4_LIB_CAPI_ARRAYS_H
