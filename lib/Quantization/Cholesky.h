//===- Cholesky.h - Blocked Cholesky factorization --------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A = L L^T in double, in tiles of fixed size: unlike a multithreaded dpotrf,
// the result does not depend on the number of threads.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_QUANTIZATION_CHOLESKY_H
#define FP4_LIB_QUANTIZATION_CHOLESKY_H

#include <cstddef>

namespace fp4::quantization {

/// Overwrites the lower triangle of the row-major n x n matrix `a` by L; the
/// upper triangle is left undefined. False if a pivot is not positive. Needs a
/// `SingleThreadedBlas` alive.
bool choleskyLower(double *a, size_t n, unsigned threads);

} // namespace fp4::quantization

#endif // FP4_LIB_QUANTIZATION_CHOLESKY_H
