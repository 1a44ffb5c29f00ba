//===- TensorMemory.h - Tensor memory of a CTA ------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// 128 lanes x 512 columns of 32 bits (PTX ISA, section "Tensor Memory"). An
// address is lane << 16 | column. Every cell knows whether it was written,
// every column whether it is allocated and when a tensor-core operation last
// wrote it.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_TENSORMEMORY_H
#define FP4_LIB_EMULATOR_PTX_TENSORMEMORY_H

#include "Machine.h"

namespace fp4::ptx {

constexpr unsigned kTensorLanes = 128;
constexpr unsigned kTensorColumns = 512;

struct TensorMemory {
  TensorMemory()
      : cells(kTensorLanes * kTensorColumns),
        valid(kTensorLanes * kTensorColumns) {}

  std::vector<uint32_t> cells;
  std::vector<uint8_t> valid;
  /// Base + 1 of the allocation that holds each column, 0 when free.
  std::array<uint16_t, kTensorColumns> owner{};
  /// Value of Cluster::tensorClock at the last write by tcgen05.mma, cp or
  /// shift.
  std::array<uint64_t, kTensorColumns> writtenAt{};
  /// Warps that loaded or stored each column since their last
  /// tcgen05.fence::before_thread_sync; and, by warp, its clock at the last
  /// such fence that covered the column, or when it allocated it; 0 for never.
  std::array<uint32_t, kTensorColumns> accessedBy{};
  std::array<std::array<uint32_t, 32>, kTensorColumns> publishedAt{};
  bool permitRelinquished = false;

  uint32_t &cell(unsigned lane, unsigned column) {
    return cells[lane * kTensorColumns + column];
  }
  uint8_t &validity(unsigned lane, unsigned column) {
    return valid[lane * kTensorColumns + column];
  }
};

/// The tensor memory of `cta`, made on first use.
TensorMemory &tensorMemoryOf(CTA &cta);
/// Traps unless `count` columns from `column` on are allocated.
void checkColumns(const Warp &warp, CTA &cta, unsigned column, unsigned count);
/// The two CTAs of a pair for cta_group::2, the one CTA otherwise.
std::vector<CTA *> tensorGroup(Warp &warp, unsigned ctaGroup);
/// Notes that an operation of the tensor core wrote these columns.
void markWritten(CTA &cta, unsigned column, unsigned count);
/// Notes that `warp` allocates these columns of its CTA.
void markAllocated(const Warp &warp, unsigned column, unsigned count);
/// Notes that `warp` loads or stores these columns of its CTA.
void markAccessed(Warp &warp, unsigned column, unsigned count);
/// tcgen05.fence::before_thread_sync and ::after_thread_sync.
void publishAccesses(Warp &warp);
void observeAccesses(Warp &warp);
/// Traps, if held to the ISA, when other warps loaded or stored these columns
/// without a fence::before_thread_sync behind that.
void checkEnded(const Warp &warp, CTA &cta, unsigned column, unsigned count);
/// Traps, if held to the ISA, when `warp` issues a tensor-core operation on
/// columns that other warps allocated, or loaded or stored, without a fence
/// before and one behind the synchronisation in between.
void checkPublished(const Warp &warp, CTA &cta, unsigned column,
                    unsigned count);

/// Traps when `cta` ends with tensor memory that it did not free.
void finishTensorMemory(CTA &cta);

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_TENSORMEMORY_H
