//===- Mbarrier.h - mbarrier objects ----------------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An mbarrier is a 64-bit word in shared memory (PTX ISA, section "mbarrier").
// Our layout, opaque to programs:
//
//   bits 0..19 pending arrivals, 20..39 expected arrivals,
//   40..61 pending transaction bytes (two's complement), 62 phase, 63 one
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_MBARRIER_H
#define FP4_LIB_EMULATOR_PTX_MBARRIER_H

#include "Machine.h"

namespace fp4::ptx {

struct MbarrierState {
  uint32_t pending = 0;
  uint32_t expected = 0;
  int32_t tx = 0;
  bool phase = false;
};

constexpr uint32_t kMaxMbarrierCount = (1u << 20) - 1;

/// The state at `ref`; traps if there is no initialised mbarrier.
MbarrierState readMbarrier(const Warp &warp, MbarrierRef ref);
uint64_t mbarrierWord(MbarrierRef ref);

/// Arrives `count` times, first adding `expectTx` to the transaction count.
/// With `drop`, the expected count of later phases falls too.
void mbarrierArrive(const Warp &warp, MbarrierRef ref, uint32_t count,
                    uint32_t expectTx = 0, bool drop = false);
/// Adds `bytes` (negative: completes them) to the transaction count.
void mbarrierTx(const Warp &warp, MbarrierRef ref, int64_t bytes);
/// Raises the pending count: cp.async.mbarrier.arrive without .noinc.
void mbarrierAddPending(const Warp &warp, MbarrierRef ref, uint32_t count);

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_MBARRIER_H
