//===- TensorMemory.h - Tensor memory of a CTA ------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// 128 lanes x 512 columns of 32 bits (PTX ISA, section "Tensor Memory"). An
// address is lane << 16 | column. Every cell knows whether it was written and
// every column whether it is allocated.
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
  bool permitRelinquished = false;

  uint32_t &cell(unsigned lane, unsigned column) {
    return cells[lane * kTensorColumns + column];
  }
  uint8_t &validity(unsigned lane, unsigned column) {
    return valid[lane * kTensorColumns + column];
  }
};

/// Traps when `cta` ends with tensor memory that it did not free.
void finishTensorMemory(CTA &cta);

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_TENSORMEMORY_H
