//===- Tcgen05Mma.h - One tcgen05.mma, decoded ------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What issue (ExecTcgen05Mma.cpp), the instruction descriptor
// (Tcgen05Descriptor.cpp) and the product (Tcgen05Product.cpp) share.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_TCGEN05MMA_H
#define FP4_LIB_EMULATOR_PTX_TCGEN05MMA_H

#include "MatrixDescriptor.h"
#include "Types.h"

namespace fp4::ptx::tcgen05 {

enum Kind : uint8_t {
  F16Kind,
  TF32Kind,
  F8F6F4Kind,
  I8Kind,
  MXF8F6F4Kind,
  MXF4Kind,
  MXF4NVF4Kind
};

/// How D lies in the 128 lanes of a CTA (ISA, "Data Path Layout Organization").
enum class Datapath : uint8_t {
  /// 128 rows in 128 lanes: layouts A and D.
  Full,
  /// 64 rows in the first or second 16 of every 32 lanes: layout F.
  Half,
  /// 64 rows twice, the second time with the right half of N: B and E.
  TwoByTwo,
  /// 32 rows four times, each with a quarter of N: G.
  OneByFour,
};

/// Everything that one tcgen05.mma does, decoded from its operands.
struct Mma {
  Kind kind;
  Type a, b, d, scale = Type::None;
  unsigned m, n, k;
  /// Bits of an element in memory; 4- and 6-bit elements of the f8f6f4 kinds
  /// count 8, their padding included.
  unsigned bits;
  bool negate, transA, transB, saturate = false;
  /// Scales per row, and the byte of the first in its word.
  unsigned scaleBlocks = 0, idA = 0, idB = 0;
  uint32_t dAddress, sfaAddress = 0, sfbAddress = 0;
  bool aInTensorMemory;
  uint32_t aAddress = 0;
  MatrixDescriptor aDescriptor, bDescriptor;
  bool enableInput;
  unsigned scaleInput = 0;
  std::array<uint32_t, 8> disabledLanes{};
  unsigned ctaGroup;
  std::vector<CTA *> group;
  /// tcgen05.mma.ws, with its zero-column mask descriptor or 0.
  bool isWeightStationary = false;
  uint64_t columnMask = 0;

  /// Rows of A and D that one CTA holds.
  unsigned rowsPerCTA() const { return m / ctaGroup; }
  bool isBlockScaled() const { return kind >= MXF8F6F4Kind; }
  bool isPacked() const { return kind >= MXF4Kind; }
  Datapath datapath() const;
  /// How often the rows of a CTA fill its lanes.
  unsigned copies() const;
  /// The first column of B that is used.
  unsigned columnShift() const { return unsigned(columnMask >> 56 & 63); }
  /// Columns of tensor memory that D takes.
  unsigned columnsOfD() const { return n / copies(); }
};

/// Reads the 32-bit instruction descriptor (ISA, "Instruction descriptor") into
/// `mma`, whose other operands are known, and traps on what the kind does not
/// allow. `scaleVector` is the N of .scale_vec::NX at K = 64, or 0.
void decodeDescriptor(const Warp &warp, uint32_t idesc, unsigned scaleVector,
                      Mma &mma);

/// Checks what can be checked at issue and lists the shared memory that is
/// read.
std::vector<SharedRange> checkOperands(Warp &warp, const Mma &mma);

/// The whole instruction, when it takes effect.
void perform(Warp &warp, const Mma &mma);

} // namespace fp4::ptx::tcgen05

#endif // FP4_LIB_EMULATOR_PTX_TCGEN05MMA_H
