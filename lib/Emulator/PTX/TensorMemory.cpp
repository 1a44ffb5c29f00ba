//===- TensorMemory.cpp - Tensor memory of a CTA --------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorMemory.h"

namespace fp4::ptx {

TensorMemory &tensorMemoryOf(CTA &cta) {
  if (!cta.tensorMemory)
    cta.tensorMemory = std::make_unique<TensorMemory>();
  return *cta.tensorMemory;
}

void checkColumns(const Warp &warp, CTA &cta, unsigned column, unsigned count) {
  TensorMemory &memory = tensorMemoryOf(cta);
  if (column + count > kTensorColumns)
    warp.trap("tensor memory columns " + std::to_string(column) + " to " +
              std::to_string(column + count - 1) + "; there are 512");
  for (unsigned i = column; i < column + count; ++i)
    if (!memory.owner[i])
      warp.trap("tensor memory column " + std::to_string(i) +
                " is not allocated");
}

std::vector<CTA *> tensorGroup(Warp &warp, unsigned ctaGroup) {
  if (ctaGroup == 1)
    return {&warp.cta};
  auto &ctas = warp.cta.cluster.ctas;
  unsigned even = warp.cta.rank & ~1u;
  if (even + 1 >= ctas.size())
    warp.trap("cta_group::2 in a cluster of " + std::to_string(ctas.size()));
  return {ctas[even].get(), ctas[even + 1].get()};
}

void markWritten(CTA &cta, unsigned column, unsigned count) {
  TensorMemory &memory = tensorMemoryOf(cta);
  ++memory.writes;
  for (unsigned i = column; i < column + count; ++i)
    memory.writtenAt[i] = memory.writes;
}

void finishTensorMemory(CTA &cta) {
  if (!cta.tensorMemory)
    return;
  for (unsigned column = 0; column < kTensorColumns; ++column)
    if (cta.tensorMemory->owner[column])
      throw TrapError{"trap: the CTA ends with tensor memory columns from " +
                      std::to_string(column) + " on still allocated; cta (" +
                      std::to_string(cta.id.x) + ", " +
                      std::to_string(cta.id.y) + ", " +
                      std::to_string(cta.id.z) + ")"};
}

} // namespace fp4::ptx
