//===- TensorMemory.cpp - Tensor memory of a CTA --------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Allocation checks, and the fences that order tensor memory between warps (PTX
// ISA 9.0, "Memory Consistency Model for 5th generation of TensorCore
// operations").
//
//===----------------------------------------------------------------------===//

#include "TensorMemory.h"
#include "HappensBefore.h"

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
  uint64_t now = ++cta.cluster.tensorClock;
  for (unsigned i = column; i < column + count; ++i)
    memory.writtenAt[i] = now;
}

void markAllocated(const Warp &warp, unsigned column, unsigned count) {
  TensorMemory &memory = tensorMemoryOf(warp.cta);
  // tcgen05.alloc is not asynchronous: no fence::before_thread_sync.
  for (unsigned i = column; i < column + count; ++i)
    memory.publishedAt[i][warp.index % 32] = uint32_t(warp.clock);
}

void markAccessed(Warp &warp, unsigned column, unsigned count) {
  TensorMemory &memory = tensorMemoryOf(warp.cta);
  for (unsigned i = column; i < column + count; ++i)
    memory.accessedBy[i] |= 1u << warp.index % 32;
}

void publishAccesses(Warp &warp) {
  TensorMemory &memory = tensorMemoryOf(warp.cta);
  uint32_t bit = 1u << warp.index % 32;
  for (unsigned i = 0; i < kTensorColumns; ++i) {
    if (!(memory.accessedBy[i] & bit))
      continue;
    memory.accessedBy[i] &= ~bit;
    memory.publishedAt[i][warp.index % 32] = uint32_t(warp.clock);
  }
}

void observeAccesses(Warp &warp) {
  warp.tensorFence = warp.cta.cluster.tensorClock;
}

/// The bit of `warp` in TensorMemory::accessedBy; 0 in another CTA.
static uint32_t ownBit(const Warp &warp, const CTA &cta) {
  return &warp.cta == &cta ? 1u << warp.index % 32 : 0;
}

void checkEnded(const Warp &warp, CTA &cta, unsigned column, unsigned count) {
  if (!warp.launch.options.strict)
    return;
  const TensorMemory &memory = tensorMemoryOf(cta);
  uint32_t own = ownBit(warp, cta);
  for (unsigned i = column; i < column + count && i < kTensorColumns; ++i)
    if (uint32_t others = memory.accessedBy[i] & ~own)
      warp.trap("uses tensor memory column " + std::to_string(i) +
                ", which warp " + std::to_string(__builtin_ctz(others)) +
                " loaded or stored without a "
                "tcgen05.fence::before_thread_sync behind it");
}

void checkPublished(const Warp &warp, CTA &cta, unsigned column,
                    unsigned count) {
  if (!warp.launch.options.strict)
    return;
  checkEnded(warp, cta, column, count);
  const TensorMemory &memory = tensorMemoryOf(cta);
  HappensBefore &order = *warp.cta.cluster.order;
  uint32_t own = ownBit(warp, cta);
  // Columns mostly have the same past.
  std::array<uint32_t, 32> checked{};
  for (unsigned i = column; i < column + count && i < kTensorColumns; ++i)
    for (const auto &other : cta.warps) {
      uint32_t time = memory.publishedAt[i][other->index % 32];
      uint32_t &last = checked[other->index % 32];
      if (time == last || (own >> other->index % 32 & 1))
        continue;
      last = time;
      if (!order.isFenced(warp, *other, time))
        warp.trap("uses tensor memory column " + std::to_string(i) +
                  ", which warp " + std::to_string(other->index) +
                  " allocated, loaded or stored, without a "
                  "tcgen05.fence::after_thread_sync behind the "
                  "synchronisation of all its lanes with this thread");
    }
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
