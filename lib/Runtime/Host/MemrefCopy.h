//===- MemrefCopy.h - The copy that compiled code calls ---------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Private to Runtime/Host: MLIR lowers a memref.copy between different strides
// to a call of "memrefCopy". MLIR's own definition is in a library that a user
// may not have, libmlir_c_runner_utils.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_RUNTIME_HOST_MEMREFCOPY_H
#define FP4_LIB_RUNTIME_HOST_MEMREFCOPY_H

#include <cstdint>

namespace fp4 {

/// An unranked memref as compiled code passes it.
struct UnrankedDescriptor {
  int64_t rank;
  /// Allocated pointer, aligned pointer, offset, sizes, strides.
  const int64_t *words;
};

/// Copies tensors of one shape and `elementBytes` bytes per element.
void memrefCopy(int64_t elementBytes, const UnrankedDescriptor *source,
                const UnrankedDescriptor *target);

} // namespace fp4

#endif // FP4_LIB_RUNTIME_HOST_MEMREFCOPY_H
