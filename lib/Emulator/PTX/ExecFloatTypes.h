//===- ExecFloatTypes.h - Float types of arithmetic ----------- -*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What arithmetic on floats and packed floats shares: modifiers, the types that
// a target has, and operations part by part.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_EXECFLOATTYPES_H
#define FP4_LIB_EMULATOR_PTX_EXECFLOATTYPES_H

#include "Exec.h"
#include "FloatOps.h"

namespace fp4::ptx {

/// Floats and packed floats.
inline bool isFloatLike(Type type) {
  return isFloat(type) || type == Type::F16x2 || type == Type::BF16x2 ||
         type == Type::F32x2;
}

inline FloatMode modeOf(const Instr &instr) {
  return {instr.rounding, instr.ftz, instr.sat, instr.relu};
}

/// Applies `fn` on scalars to each part of packed values.
template <typename Fn, typename... Bits>
uint64_t perPart(Type type, Fn fn, Bits... bits) {
  Type scalar = scalarType(type);
  if (scalar == type)
    return fn(type, bits...);
  unsigned width = typeBits(scalar);
  uint64_t mask = lowBits(width);
  return (fn(scalar, (bits & mask)...) & mask) |
         (fn(scalar, ((bits >> width) & mask)...) & mask) << width;
}

/// `.rnd`, `.ftz`, `.sat`, `.relu`: the modifiers of float arithmetic.
inline void takeFloatModifiers(Decoder &d) {
  Rounding rounding = d.takeRounding();
  d.instr.rounding = rounding == Rounding::None ? Rounding::RN : rounding;
  d.instr.ftz = d.take("ftz");
  d.instr.sat = d.take("sat");
  d.instr.relu = d.take("relu");
  if (rounding == Rounding::RNA || rounding == Rounding::RS)
    d.fail("this rounding mode is not supported here");
}

/// Fails unless `type` is a float that arithmetic has on the target.
inline void needFloatType(Decoder &d, Type type) {
  switch (type) {
  case Type::F16:
  case Type::F16x2:
  case Type::BF16:
  case Type::BF16x2:
    d.needTarget(53);
    return;
  case Type::F32x2:
    d.needTarget(100);
    return;
  case Type::F32:
  case Type::F64:
    return;
  default:
    d.fail("type ." + std::string(typeName(type)) + " is not supported here");
  }
}

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_EXECFLOATTYPES_H
