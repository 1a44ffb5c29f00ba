//===- Check.cpp - Functions that compare tensors in tests ----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For test programs that run: declare the function in the program, call it with
// what came out and what should have, and load this library with
// `fp4-run --shared-libs=%fp4_check`. A difference ends the process with
// status 1 after one line that names the element.
//
//   func.func private @expect_equal_f32(tensor<*xf32>, tensor<*xf32>)
//   func.func private @expect_equal_i8(tensor<*xi8>, tensor<*xi8>)
//   func.func private @expect_close_f32(tensor<*xf32>, tensor<*xf32>, f32)
//
// Equal means the same bits, except that any two NaNs are equal; close means
// that the difference is at most the tolerance in the third argument.
//
//===----------------------------------------------------------------------===//

#include "mlir/ExecutionEngine/CRunnerUtils.h"
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

[[noreturn]] void fail(const char *what, int64_t index, double got,
                       double expected) {
  std::fprintf(stderr, "check: expected %s %ld to be %g, got %g\n", what,
               static_cast<long>(index), expected, got);
  std::fflush(stderr);
  std::_Exit(1);
}

bool isSame(float a, float b) {
  return std::memcmp(&a, &b, sizeof(a)) == 0 ||
         (std::isnan(a) && std::isnan(b));
}
bool isSame(int8_t a, int8_t b) { return a == b; }

template <typename T>
int64_t countElements(const DynamicMemRefType<T> &got,
                      const DynamicMemRefType<T> &expected) {
  if (got.rank != expected.rank)
    fail("rank of operand", 0, double(got.rank), double(expected.rank));
  int64_t count = 1;
  for (int64_t dim = 0; dim < got.rank; ++dim) {
    if (got.sizes[dim] != expected.sizes[dim])
      fail("size of dimension", dim, double(got.sizes[dim]),
           double(expected.sizes[dim]));
    count *= got.sizes[dim];
  }
  return count;
}

/// Compares contiguous tensors element by element.
template <typename T, typename Accept>
void compare(UnrankedMemRefType<T> *gotTensor,
             UnrankedMemRefType<T> *expectedTensor, Accept accept) {
  DynamicMemRefType<T> got(*gotTensor), expected(*expectedTensor);
  int64_t count = countElements(got, expected);
  for (int64_t i = 0; i < count; ++i) {
    T a = got.data[got.offset + i], b = expected.data[expected.offset + i];
    if (!accept(a, b))
      fail("element", i, double(a), double(b));
  }
}

} // namespace

extern "C" {
void _mlir_ciface_expect_equal_f32(UnrankedMemRefType<float> *got,
                                   UnrankedMemRefType<float> *expected) {
  compare(got, expected, [](float a, float b) { return isSame(a, b); });
}

void _mlir_ciface_expect_equal_i8(UnrankedMemRefType<int8_t> *got,
                                  UnrankedMemRefType<int8_t> *expected) {
  compare(got, expected, [](int8_t a, int8_t b) { return isSame(a, b); });
}

void _mlir_ciface_expect_close_f32(UnrankedMemRefType<float> *got,
                                   UnrankedMemRefType<float> *expected,
                                   float tolerance) {
  compare(got, expected, [tolerance](float a, float b) {
    return isSame(a, b) || std::fabs(a - b) <= tolerance;
  });
}
}
