//===- AtomicOps.h - Read-modify-write on memory ----------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shared by atom, red, and the reducing asynchronous copies.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_ATOMICOPS_H
#define FP4_LIB_EMULATOR_PTX_ATOMICOPS_H

#include "Types.h"

namespace fp4::ptx {

enum class AtomicOp : uint8_t {
  Add,
  And,
  Or,
  Xor,
  Exch,
  Inc,
  Dec,
  Min,
  Max,
  Cas
};

/// The new value of a word. The adder of global memory flushes f32 subnormals
/// and passes f64 NaNs on as they are; that of shared memory does neither.
uint64_t applyAtomic(AtomicOp op, Type type, uint64_t old, uint64_t operand,
                     bool isGlobal);

/// Updates the word of `type` at `where` as one step and returns what it held.
uint64_t atomicUpdate(uint8_t *where, AtomicOp op, Type type, uint64_t operand,
                      uint64_t compare, bool isGlobal);

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_ATOMICOPS_H
