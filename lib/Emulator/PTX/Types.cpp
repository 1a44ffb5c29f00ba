//===- Types.cpp - Types and state spaces of PTX --------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rows of Types.def by name and by number.
//
//===----------------------------------------------------------------------===//

#include "Types.h"

namespace fp4::ptx {

namespace {
struct TypeInfo {
  std::string_view name;
  unsigned bits;
  TypeKind kind;
};
} // namespace

static constexpr TypeInfo typeTable[] = {
    {"none", 0, TypeKind::None},
#define PTX_TYPE(id, spelling, bits, kind) {spelling, bits, TypeKind::kind},
#include "Types.def"
};

std::optional<Type> parseType(std::string_view name) {
  for (unsigned i = 1; i < std::size(typeTable); ++i)
    if (typeTable[i].name == name)
      return Type(i);
  return std::nullopt;
}

std::string_view typeName(Type type) { return typeTable[unsigned(type)].name; }

unsigned typeBits(Type type) { return typeTable[unsigned(type)].bits; }

TypeKind typeKind(Type type) { return typeTable[unsigned(type)].kind; }

unsigned typeBytes(Type type) {
  unsigned bits = typeBits(type);
  return bits < 8 ? 1 : bits / 8;
}

std::string_view spaceName(Space space) {
  switch (space) {
  case Space::Generic:
    return "generic";
  case Space::Const:
    return "const";
  case Space::Global:
    return "global";
  case Space::Local:
    return "local";
  case Space::Param:
    return "param";
  case Space::SharedCTA:
    return "shared";
  case Space::SharedCluster:
    return "shared::cluster";
  }
  return "";
}

} // namespace fp4::ptx
