//===- MemrefCopy.cpp - The copy that compiled code calls -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Element by element, dimension by dimension.
//
//===----------------------------------------------------------------------===//

#include "MemrefCopy.h"
#include <cstring>

namespace {
/// A strided tensor: sizes and strides in elements.
struct View {
  explicit View(const fp4::UnrankedDescriptor &descriptor, int64_t elementBytes)
      : data(reinterpret_cast<char *>(descriptor.words[1]) +
             descriptor.words[2] * elementBytes),
        sizes(descriptor.words + 3), strides(sizes + descriptor.rank) {}

  char *data;
  const int64_t *sizes;
  const int64_t *strides;
};
} // namespace

static void copyFrom(int64_t dim, int64_t rank, int64_t elementBytes,
                     const View &source, const View &target, const char *from,
                     char *to) {
  if (dim == rank) {
    std::memcpy(to, from, static_cast<size_t>(elementBytes));
    return;
  }
  for (int64_t i = 0; i < source.sizes[dim]; ++i)
    copyFrom(dim + 1, rank, elementBytes, source, target,
             from + i * source.strides[dim] * elementBytes,
             to + i * target.strides[dim] * elementBytes);
}

void fp4::memrefCopy(int64_t elementBytes, const UnrankedDescriptor *source,
                     const UnrankedDescriptor *target) {
  View from(*source, elementBytes), to(*target, elementBytes);
  copyFrom(0, source->rank, elementBytes, from, to, from.data, to.data);
}
