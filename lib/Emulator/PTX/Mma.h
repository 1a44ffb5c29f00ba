//===- Mma.h - What the matrix instructions share ---------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Element decoding and the accumulation rule of mma.sync, wgmma and tcgen05.mma
// (docs/PTXEmulator.md, "Accumulation").
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_MMA_H
#define FP4_LIB_EMULATOR_PTX_MMA_H

#include "Exec.h"

namespace fp4::ptx {

/// The f32 that `c` becomes when an instruction adds `sum`, its exact sum of
/// products.
float accumulate(Accumulation mode, double sum, float c);

/// One element of D of a matrix instruction without block scales.
struct DotProduct {
  Accumulation mode;
  Type typeA, typeB;
  /// F32 or F16.
  Type result;
  /// wgmma, whose FP8 adder is narrower.
  bool isWarpgroup = false;

  /// The bits of `c` plus the products of `k` neighbours of `a` and `b`; T is
  /// float or double.
  template <typename T>
  uint64_t element(const T *a, const T *b, unsigned k, double c) const;
};

/// The value of an element of an MMA operand; `type` is a float type of 4 to 32
/// bits. Elements of kind::f8f6f4 of fewer than 8 bits lie in a byte: 6 bits
/// right-aligned, e2m1 in bits 2..5.
double mmaElement(Type type, uint32_t bits);

/// Twice the value of every e2m1 code.
extern const int8_t kDoubledE2M1[16];

/// The value of a block scale of type UE8M0 or UE4M3.
double blockScale(Type type, uint8_t code);

/// Decodes the block-scaled forms of mma.sync; `shape` and `.kind` are taken.
void decodeMmaBlockScale(Decoder &d, unsigned k, std::string_view kind);

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_MMA_H
