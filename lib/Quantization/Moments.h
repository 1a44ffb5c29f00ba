//===- Moments.h - Products of activation matrices --------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The kernel that both accumulators share.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_QUANTIZATION_MOMENTS_H
#define FP4_LIB_QUANTIZATION_MOMENTS_H

#include <cstddef>

namespace fp4::quantization {

/// sum += A^T B for row-major tokens x cols matrices; with `upperOnly` the
/// tiles left of the diagonal are skipped. A chunk's products are summed before
/// they meet the total, so the total is rounded once per chunk. Bit-identical
/// for every thread count.
void addMoments(const float *a, const float *b, size_t tokens, size_t cols,
                bool upperOnly, unsigned threads, float *sum);

} // namespace fp4::quantization

#endif // FP4_LIB_QUANTIZATION_MOMENTS_H
