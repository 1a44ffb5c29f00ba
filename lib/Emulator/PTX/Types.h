//===- Types.h - Types, state spaces and modifiers of PTX -------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The small enumerations that the parser, the decoder and the executor share.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_TYPES_H
#define FP4_LIB_EMULATOR_PTX_TYPES_H

#include <cstdint>
#include <optional>
#include <string_view>

namespace fp4::ptx {

enum class Type : uint8_t {
  None,
#define PTX_TYPE(id, spelling, bits, kind) id,
#include "Types.def"
};

enum class TypeKind : uint8_t {
  None,
  Bits,
  Unsigned,
  Signed,
  Float,
  Packed,
  Predicate
};

/// The type spelled `name` without its dot, or nothing.
std::optional<Type> parseType(std::string_view name);
std::string_view typeName(Type type);
/// Storage width of one value of `type` in a register.
unsigned typeBits(Type type);
TypeKind typeKind(Type type);
/// Bytes in memory; 1 for predicates and sub-byte types.
unsigned typeBytes(Type type);
inline bool isSigned(Type type) { return typeKind(type) == TypeKind::Signed; }
inline bool isFloat(Type type) { return typeKind(type) == TypeKind::Float; }

enum class Space : uint8_t {
  Generic,
  Const,
  Global,
  Local,
  Param,
  SharedCTA,
  SharedCluster,
};
std::string_view spaceName(Space space);

enum class Rounding : uint8_t { None, RN, RZ, RM, RP, RNA, RS };

enum class Compare : uint8_t {
  EQ,
  NE,
  LT,
  LE,
  GT,
  GE,
  LO,
  LS,
  HI,
  HS,
  EQU,
  NEU,
  LTU,
  LEU,
  GTU,
  GEU,
  NUM,
  NaN
};

enum class BoolOp : uint8_t { None, And, Or, Xor };

/// The lowest `bits` bits set.
inline uint64_t lowBits(unsigned bits) {
  return bits >= 64 ? ~uint64_t(0) : (uint64_t(1) << bits) - 1;
}

/// `value` read as a two's complement number of `bits` bits.
inline int64_t signExtend(uint64_t value, unsigned bits) {
  unsigned shift = 64 - bits;
  return int64_t(value << shift) >> shift;
}

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_TYPES_H
