//===- HostBLAS.h - Matrix products for compiled code -----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Private to Runtime/Host: the function that --convert-linalg-to-blas calls.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_RUNTIME_HOST_HOSTBLAS_H
#define FP4_LIB_RUNTIME_HOST_HOSTBLAS_H

#include <cstdint>

namespace fp4 {

/// The name that compiled code knows `hostSgemm` by.
inline constexpr char kHostSgemmSymbol[] = "_mlir_ciface_fp4_host_sgemm";

/// A memref<?x?xf32, strided<[?, ?], offset: ?>> of MLIR's C interface.
struct HostMatrix {
  float *allocated;
  float *data;
  int64_t offset;
  int64_t sizes[2];
  int64_t strides[2];
};

/// c += a b for a [M, K], b [K, N], c [M, N] with any strides.
void hostSgemm(const HostMatrix *a, const HostMatrix *b, HostMatrix *c);

} // namespace fp4

#endif // FP4_LIB_RUNTIME_HOST_HOSTBLAS_H
