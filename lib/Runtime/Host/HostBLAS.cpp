//===- HostBLAS.cpp - Matrix products for compiled code -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// sgemm for memrefs of any strides: by BLAS where it can read the operands,
// else in loops.
//
//===----------------------------------------------------------------------===//

#include "HostBLAS.h"
#include <cblas.h>
#include <limits>

namespace fp4 {

/// Whether BLAS can read the matrix, and how: as rows or as columns.
static bool describe(const HostMatrix &matrix, CBLAS_TRANSPOSE &order,
                     int64_t &leading) {
  const auto &strides = matrix.strides;
  const auto &sizes = matrix.sizes;
  constexpr int64_t limit = std::numeric_limits<int>::max();
  if (sizes[0] > limit || sizes[1] > limit)
    return false;
  if ((strides[1] == 1 || sizes[1] == 1) && strides[0] >= sizes[1] &&
      strides[0] <= limit) {
    order = CblasNoTrans;
    leading = strides[0];
    return true;
  }
  if ((strides[0] == 1 || sizes[0] == 1) && strides[1] >= sizes[0] &&
      strides[1] <= limit) {
    order = CblasTrans;
    leading = strides[1];
    return true;
  }
  return false;
}

static float &at(const HostMatrix &matrix, int64_t row, int64_t col) {
  return matrix
      .data[matrix.offset + row * matrix.strides[0] + col * matrix.strides[1]];
}

static void multiplyInLoops(const HostMatrix &a, const HostMatrix &b,
                            HostMatrix &c) {
  for (int64_t m = 0; m < c.sizes[0]; ++m)
    for (int64_t k = 0; k < a.sizes[1]; ++k)
      for (int64_t n = 0; n < c.sizes[1]; ++n)
        at(c, m, n) += at(a, m, k) * at(b, k, n);
}

void hostSgemm(const HostMatrix *a, const HostMatrix *b, HostMatrix *c) {
  if (c->sizes[0] == 0 || c->sizes[1] == 0 || a->sizes[1] == 0)
    return;
  CBLAS_TRANSPOSE orderA, orderB, orderC;
  int64_t leadingA, leadingB, leadingC;
  if (!describe(*a, orderA, leadingA) || !describe(*b, orderB, leadingB) ||
      !describe(*c, orderC, leadingC) || orderC != CblasNoTrans)
    return multiplyInLoops(*a, *b, *c);
  cblas_sgemm(CblasRowMajor, orderA, orderB, static_cast<int>(c->sizes[0]),
              static_cast<int>(c->sizes[1]), static_cast<int>(a->sizes[1]),
              1.0f, a->data + a->offset, static_cast<int>(leadingA),
              b->data + b->offset, static_cast<int>(leadingB), 1.0f,
              c->data + c->offset, static_cast<int>(leadingC));
}

} // namespace fp4
