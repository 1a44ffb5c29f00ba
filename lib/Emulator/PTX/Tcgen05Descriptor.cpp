//===- Tcgen05Descriptor.cpp - The instruction descriptor -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, section "Instruction descriptor", and the tables of shapes,
// types and scale vectors of "tcgen05.mma" and "tcgen05.mma.ws".
//
//===----------------------------------------------------------------------===//

#include "Tcgen05Mma.h"

namespace fp4::ptx::tcgen05 {

[[noreturn]] static void bad(const Warp &warp, uint32_t idesc,
                             const std::string &what) {
  warp.trap("instruction descriptor " + hex(idesc) + ": " + what);
}

static Type f8f6f4Type(const Warp &warp, unsigned code) {
  switch (code) {
  case 0:
    return Type::E4M3;
  case 1:
    return Type::E5M2;
  case 3:
    return Type::E2M3;
  case 4:
    return Type::E3M2;
  case 5:
    return Type::E2M1;
  default:
    warp.trap("instruction descriptor: unknown element type " +
              std::to_string(code));
  }
}

static void decodeElementTypes(const Warp &warp, uint32_t idesc, Mma &mma) {
  unsigned a = idesc >> 7 & 7, b = idesc >> 10 & (mma.isPacked() ? 3 : 7);
  switch (mma.kind) {
  case F16Kind:
    if (a > 1 || b > 1)
      bad(warp, idesc, "kind::f16 takes f16 (0) and bf16 (1)");
    mma.a = a ? Type::BF16 : Type::F16;
    mma.b = b ? Type::BF16 : Type::F16;
    return;
  case TF32Kind:
    if (a != 2 || b != 2)
      bad(warp, idesc, "kind::tf32 takes tf32 (2)");
    mma.a = mma.b = Type::TF32;
    return;
  case I8Kind:
    mma.a = a ? Type::S8 : Type::U8;
    mma.b = b ? Type::S8 : Type::U8;
    return;
  case F8F6F4Kind:
  case MXF8F6F4Kind:
    mma.a = f8f6f4Type(warp, a);
    mma.b = f8f6f4Type(warp, b);
    return;
  default:
    if (a != 1 || b != 1)
      bad(warp, idesc, "kind::mxf4 takes e2m1 (1)");
    mma.a = mma.b = Type::E2M1;
  }
}

static void decodePlainFields(const Warp &warp, uint32_t idesc, Mma &mma) {
  mma.m = (idesc >> 24 & 0x1F) << 4;
  static constexpr Type results[] = {Type::F16, Type::F32, Type::S32,
                                     Type::None};
  mma.d = results[idesc >> 4 & 3];
  mma.saturate = idesc >> 3 & 1;
  if ((mma.d == Type::S32) != (mma.kind == I8Kind) || mma.d == Type::None)
    bad(warp, idesc, "the result type does not fit the kind");
}

static void decodeScaledFields(const Warp &warp, uint32_t idesc, Mma &mma) {
  mma.m = (idesc >> 27 & 3) << 7;
  mma.d = Type::F32;
  mma.scale = idesc >> 23 & 1 ? Type::UE8M0 : Type::UE4M3;
  mma.idB = idesc >> 4 & 3;
  mma.idA = idesc >> 29 & 3;
  if (!(idesc >> 31))
    return;
  if (!mma.isPacked())
    bad(warp, idesc, "K = 96 needs kind::mxf4 or kind::mxf4nvf4");
  if (warp.launch.module->target != 103)
    bad(warp, idesc, "K = 96 needs the target sm_103a");
  mma.k = 96;
}

static void checkTransposition(const Warp &warp, uint32_t idesc,
                               const Mma &mma) {
  if ((mma.transA || mma.transB) && mma.bits < 8)
    bad(warp, idesc, "4-bit operands cannot be transposed");
  auto check = [&](bool isTransposed, const MatrixDescriptor &descriptor) {
    if (!isTransposed)
      return;
    if (descriptor.swizzle == TensorMapSwizzle::B128Atom32B)
      bad(warp, idesc,
          "an MN-major operand with 32-byte swizzle atoms is not supported");
    if (descriptor.isAbsolute)
      bad(warp, idesc,
          "an MN-major operand cannot have an absolute leading dimension");
  };
  check(mma.transA && !mma.aInTensorMemory, mma.aDescriptor);
  check(mma.transB, mma.bDescriptor);
}

/// Shapes that the ISA's tables of kinds allow.
static void checkShape(const Warp &warp, const Mma &mma) {
  unsigned m = mma.m, n = mma.n;
  bool ok;
  if (mma.isWeightStationary) {
    ok = (m == 32 || m == 64 || m == 128) && (n == 64 || n == 128 || n == 256);
  } else if (mma.ctaGroup == 1) {
    ok = mma.isBlockScaled() ? m == 128 : m == 64 || m == 128;
    // The ISA's table has steps of 16 for 128 rows; CUTLASS uses 128x8.
    ok &= n >= 8 && n <= 256 && n % 8 == 0;
  } else {
    ok = m == 128 || m == 256;
    ok &= n >= 16 && n <= 256 && n % 16 == 0;
  }
  if (!ok)
    warp.trap(
        (mma.isWeightStationary ? "tcgen05.mma.ws of shape "
                                : "tcgen05.mma of shape ") +
        std::to_string(m) + "x" + std::to_string(n) +
        " is not possible with cta_group::" + std::to_string(mma.ctaGroup));
}

/// The zero-column mask may not shift further than the descriptor's last two
/// bits allow.
static void checkColumnShift(const Warp &warp, uint32_t idesc, const Mma &mma) {
  static constexpr unsigned most[] = {0, 8, 16, 32};
  unsigned allowed = std::min(most[idesc >> 30], mma.m == 32 ? 16u : 32u);
  if (mma.columnShift() > allowed)
    bad(warp, idesc,
        "a column shift of " + std::to_string(mma.columnShift()) +
            "; at most " + std::to_string(allowed) + " is possible");
}

/// Sets the number of scales of a row.
static void checkScales(const Warp &warp, Mma &mma, unsigned requested) {
  if (!mma.isBlockScaled())
    return;
  bool hasBlocks16 = mma.kind == MXF4NVF4Kind && requested == 4;
  unsigned expected = mma.kind == MXF8F6F4Kind ? 1 : hasBlocks16 ? 4 : 2;
  if (requested && requested != expected)
    warp.trap("the scale vector size does not fit the kind");
  if (mma.kind != MXF4NVF4Kind && mma.scale != Type::UE8M0)
    warp.trap("this kind needs scales of type ue8m0");
  if (mma.kind == MXF4NVF4Kind && !hasBlocks16 && mma.scale != Type::UE8M0)
    warp.trap("scales of type ue4m3 need blocks of 16");
  mma.scaleBlocks = mma.k / (hasBlocks16 ? 16 : 32);
  // At K = 96 three scales may start at any byte, six at 0 or 2.
  unsigned step = mma.k != 96 ? mma.scaleBlocks : hasBlocks16 ? 2 : 1;
  if (mma.idA % step || mma.idB % step)
    warp.trap("scale ids " + std::to_string(mma.idA) + " and " +
              std::to_string(mma.idB) + " do not fit " +
              std::to_string(mma.scaleBlocks) + " scales per row");
}

void decodeDescriptor(const Warp &warp, uint32_t idesc, unsigned scaleVector,
                      Mma &mma) {
  decodeElementTypes(warp, idesc, mma);
  if (idesc >> 2 & 1)
    bad(warp, idesc, "sparsity is not supported");
  mma.negate = (idesc >> 13 & 1) != (idesc >> 14 & 1);
  mma.transA = idesc >> 15 & 1;
  mma.transB = idesc >> 16 & 1;
  mma.n = (idesc >> 17 & 0x3F) << 3;
  mma.bits = mma.kind == F16Kind    ? 16
             : mma.kind == TF32Kind ? 32
             : mma.isPacked()       ? 4
                                    : 8;
  mma.k = 256 / mma.bits;
  if (mma.isBlockScaled())
    decodeScaledFields(warp, idesc, mma);
  else
    decodePlainFields(warp, idesc, mma);
  checkTransposition(warp, idesc, mma);
  checkShape(warp, mma);
  checkScales(warp, mma, scaleVector);
  if (mma.isWeightStationary)
    checkColumnShift(warp, idesc, mma);
}

} // namespace fp4::ptx::tcgen05
