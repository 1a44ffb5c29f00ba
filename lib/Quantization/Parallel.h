//===- Parallel.h - Deterministic work sharing ------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Splits work into pieces whose shape does not depend on the number of threads;
// each piece calls a single-threaded BLAS. That is what makes results
// bit-identical for every thread count.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_QUANTIZATION_PARALLEL_H
#define FP4_LIB_QUANTIZATION_PARALLEL_H

#include <cstddef>
#include <functional>

namespace fp4::quantization {

/// Calls `body(i)` once for each i in [0, count) on `threads` threads (0: one
/// per hardware thread), the caller's among them. Returns when all are done.
void parallelFor(size_t count, unsigned threads,
                 const std::function<void(size_t)> &body);

/// While one of these lives, OpenBLAS runs in the calling thread. The setting
/// is global to the process, so the objects are counted and the last one
/// restores what the first one found.
class SingleThreadedBlas {
public:
  SingleThreadedBlas();
  ~SingleThreadedBlas();
  SingleThreadedBlas(const SingleThreadedBlas &) = delete;
  SingleThreadedBlas &operator=(const SingleThreadedBlas &) = delete;
};

} // namespace fp4::quantization

#endif // FP4_LIB_QUANTIZATION_PARALLEL_H
