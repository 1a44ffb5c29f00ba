//===- ParserVariables.cpp - Variables and their initialisers -------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, section "State Spaces, Types, and Variables". Initialisers
// become bytes and relocations, which are resolved when the module ends.
//
//===----------------------------------------------------------------------===//

#include "FloatFormat.h"
#include "Parser.h"
#include <cstring>

namespace fp4::ptx {

int32_t Parser::addSymbol(Symbol symbol) {
  module.symbols.push_back(std::move(symbol));
  return int32_t(module.symbols.size()) - 1;
}

/// `.align 16`, `.attribute(...)`, `.v4` and the type.
Status Parser::parseVariableType(Variable &variable, Type &type,
                                 unsigned &vector) {
  vector = 1;
  for (;;) {
    const Token &token = peek();
    if (accept(".align")) {
      if (Status status = expectInteger(variable.align, "an alignment");
          !status.ok())
        return status;
      if (variable.align == 0 || (variable.align & (variable.align - 1)))
        return error(token, "alignment is not a power of two");
    } else if (accept(".attribute")) {
      while (!accept(")")) {
        if (peek().kind == Token::Kind::End)
          return unexpected("')'");
        next();
      }
    } else if (accept(".v2")) {
      vector = 2;
    } else if (accept(".v4")) {
      vector = 4;
    } else {
      break;
    }
  }
  const Token &token = next();
  std::optional<Type> parsed;
  if (token.kind == Token::Kind::Word && token.text.front() == '.')
    parsed = parseType(token.text.substr(1));
  if (!parsed)
    return error(token,
                 "expected a type, got '" + std::string(token.text) + "'");
  type = *parsed;
  return Status::success();
}

Status Parser::parseVariables(Space space, bool isExtern, bool inFunction) {
  Variable base;
  Type type;
  unsigned vector;
  if (Status status = parseVariableType(base, type, vector); !status.ok())
    return status;
  uint64_t elementBytes = uint64_t(typeBytes(type)) * vector;
  do {
    Variable variable = base;
    variable.space = space;
    variable.isExtern = isExtern;
    variable.align = std::max<uint64_t>(variable.align, elementBytes);
    const Token &where = peek();
    std::string_view name;
    if (Status status = expectWord(name, "a variable name"); !status.ok())
      return status;
    variable.name = std::string(name);
    uint64_t count = 1;
    bool isUnsized = false;
    while (accept("[")) {
      if (accept("]")) {
        isUnsized = true;
        continue;
      }
      uint64_t extent;
      if (Status status = expectInteger(extent, "an array size"); !status.ok())
        return status;
      if (Status status = expect("]"); !status.ok())
        return status;
      if (extent > (uint64_t(1) << 36) || count > (uint64_t(1) << 36))
        return error(where, "variable is too large");
      count *= extent;
    }
    variable.size = isUnsized ? 0 : count * elementBytes;
    if (variable.size > (uint64_t(1) << 36))
      return error(where, "variable is too large");
    variable.isDynamic = isUnsized && space == Space::SharedCTA;
    if (accept("="))
      if (Status status = parseInitializer(variable, type); !status.ok())
        return status;
    if (Status status = declareVariable(std::move(variable), inFunction, where);
        !status.ok())
      return status;
  } while (accept(","));
  return expect(";");
}

Status Parser::declareVariable(Variable variable, bool inFunction,
                               const Token &where) {
  auto &names = inFunction ? scopes[scope].symbols : globals;
  Symbol symbol;
  symbol.name = variable.name;
  if (variable.space == Space::Local || variable.space == Space::Param) {
    bool isLocal = variable.space == Space::Local;
    uint32_t &bytes = isLocal ? function->localBytes : function->paramBytes;
    bytes = uint32_t(alignUp(bytes, variable.align));
    symbol.kind = isLocal ? Symbol::Kind::FrameLocal : Symbol::Kind::FrameParam;
    symbol.index = bytes;
    symbol.size = uint32_t(variable.size);
    if (variable.size > (1u << 24))
      return error(where, "variable is too large");
    bytes += uint32_t(variable.size);
    names[variable.name] = addSymbol(std::move(symbol));
    return Status::success();
  }
  // An extern declaration and its definition are one variable.
  auto known = names.find(variable.name);
  if (known != names.end()) {
    Symbol &old = module.symbols[known->second];
    if (old.kind != Symbol::Kind::Variable ||
        !module.variables[old.index].isExtern)
      return error(where, "'" + variable.name + "' is already declared");
    if (!variable.isExtern)
      module.variables[old.index] = std::move(variable);
    return Status::success();
  }
  symbol.kind = Symbol::Kind::Variable;
  symbol.index = uint32_t(module.variables.size());
  std::string name = variable.name;
  module.variables.push_back(std::move(variable));
  names[name] = addSymbol(std::move(symbol));
  return Status::success();
}

Status Parser::parseInitializer(Variable &variable, Type type) {
  uint64_t offset = 0;
  const Token &where = peek();
  unsigned depth = 0;
  do {
    while (accept("{"))
      ++depth;
    if (peek().is("}"))
      break;
    if (Status status = parseInitializerValue(variable, type, offset);
        !status.ok())
      return status;
    while (depth && accept("}"))
      --depth;
  } while (accept(",") && depth);
  while (depth && accept("}"))
    --depth;
  if (depth)
    return unexpected("'}'");
  if (variable.size == 0)
    variable.size = offset;
  if (offset > variable.size)
    return error(where, "initializer is larger than the variable");
  return Status::success();
}

/// A number, or the (generic) address of a symbol, possibly one byte of it.
Status Parser::parseInitializerValue(Variable &variable, Type type,
                                     uint64_t &offset) {
  unsigned bytes = typeBytes(type);
  const Token &token = peek();
  uint64_t bits = 0;
  Relocation relocation{uint32_t(offset), bytes, -1, 0, 0};
  std::string symbolName;
  bool hasMask = false, negative = accept("-");
  if (peek().kind == Token::Kind::Integer && peek(1).is("(")) {
    // `0xFF00(symbol)`: the byte of the address under the mask.
    uint64_t mask = next().integer;
    if (mask == 0)
      return error(token, "mask is zero");
    relocation.shift = unsigned(__builtin_ctzll(mask));
    next();
    hasMask = true;
  }
  if (peek().kind == Token::Kind::Float) {
    const Token &literal = next();
    double value = negative ? -literal.real : literal.real;
    if (type == Type::F64 || type == Type::B64)
      bits = asBits(value);
    else if (bytes == 2)
      bits = encodeFloat(value, type == Type::BF16 ? kBF16Layout : kF16Layout,
                         Rounding::RN);
    else if (literal.floatBits == 32 && !negative)
      bits = literal.integer;
    else
      bits = asBits(float(value));
  } else if (peek().kind == Token::Kind::Integer) {
    bits = next().integer;
    if (negative)
      bits = 0 - bits;
  } else {
    bool isGeneric = accept("generic");
    if (isGeneric)
      if (Status status = expect("("); !status.ok())
        return status;
    std::string_view name;
    if (Status status = expectWord(name, "a constant"); !status.ok())
      return status;
    symbolName = std::string(name);
    if (isGeneric)
      if (Status status = expect(")"); !status.ok())
        return status;
    if (accept("+"))
      if (Status status = expectInteger(relocation.addend, "an offset");
          !status.ok())
        return status;
  }
  if (hasMask)
    if (Status status = expect(")"); !status.ok())
      return status;
  if (variable.size && offset + bytes > variable.size)
    return error(token, "initializer is larger than the variable");
  if (!symbolName.empty())
    pending.push_back(
        {module.variables.size(), relocation, std::move(symbolName), &token});
  variable.data.resize(offset + bytes);
  std::memcpy(&variable.data[offset], &bits, bytes);
  offset += bytes;
  return Status::success();
}

/// Initialisers may name functions and variables that come later.
Status Parser::resolveRelocations() {
  for (PendingRelocation &entry : pending) {
    auto found = globals.find(entry.name);
    if (found == globals.end())
      return error(*entry.token, "'" + entry.name + "' is not declared");
    entry.relocation.symbol = found->second;
    module.variables[entry.variable].relocations.push_back(entry.relocation);
  }
  return Status::success();
}

} // namespace fp4::ptx
