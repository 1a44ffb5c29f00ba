//===- ParserOperands.cpp - Operands of instructions ----------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, section "Instruction Operands": registers, vectors, addresses,
// literals and names.
//
//===----------------------------------------------------------------------===//

#include "Decode.h"
#include "Parser.h"
#include <cstring>

namespace fp4::ptx {

Status Parser::parseOperand(Operand &op) {
  const Token &token = peek();
  if (accept("{"))
    return parseVector(op);
  if (accept("["))
    return parseAddress(op);
  if (accept("!")) {
    if (Status status = parseOperand(op); !status.ok())
      return status;
    if (op.kind != Operand::Kind::Reg || op.type != Type::Pred)
      return error(token, "'!' needs a predicate register");
    op.negated = true;
    return Status::success();
  }
  if (token.kind == Token::Kind::Integer || token.kind == Token::Kind::Float ||
      token.is("-") || token.is("+") || token.is("~"))
    return parseImmediate(op);
  if (token.kind != Token::Kind::Word)
    return unexpected("an operand");
  if (Status status = parseName(op); !status.ok())
    return status;
  if (accept("|")) {
    Operand second;
    if (Status status = parseOperand(second); !status.ok())
      return status;
    Operand pair;
    pair.kind = Operand::Kind::Pair;
    pair.elems = {std::move(op), std::move(second)};
    op = std::move(pair);
    return Status::success();
  }
  return op.kind == Operand::Kind::Symbol ? parseOffset(op) : Status::success();
}

/// `+ 16` or `- 16` behind a name.
Status Parser::parseOffset(Operand &op) {
  while (peek().is("+") || peek().is("-")) {
    bool negative = next().text == "-";
    uint64_t value;
    if (Status status = expectInteger(value, "an offset"); !status.ok())
      return status;
    op.imm += negative ? 0 - value : value;
  }
  return Status::success();
}

Status Parser::parseVector(Operand &op) {
  op.kind = Operand::Kind::Vector;
  do {
    Operand elem;
    if (Status status = parseOperand(elem); !status.ok())
      return status;
    op.elems.push_back(std::move(elem));
  } while (accept(","));
  return expect("}");
}

/// `[base]`, `[base + offset]`, `[base, {coordinates}]` and the like.
Status Parser::parseAddress(Operand &op) {
  op.kind = Operand::Kind::Address;
  Operand base;
  if (peek().kind == Token::Kind::Word) {
    if (Status status = parseName(base); !status.ok())
      return status;
    if (base.kind != Operand::Kind::Reg && base.kind != Operand::Kind::Symbol)
      return error(peek(), "expected an address");
    if (Status status = parseOffset(op); !status.ok())
      return status;
  } else {
    if (Status status = expectInteger(op.imm, "an address"); !status.ok())
      return status;
  }
  op.elems.push_back(std::move(base));
  while (accept(",")) {
    Operand extra;
    if (Status status = parseOperand(extra); !status.ok())
      return status;
    op.elems.push_back(std::move(extra));
  }
  return expect("]");
}

Status Parser::parseImmediate(Operand &op) {
  bool negative = false, complement = false;
  for (;;) {
    if (accept("-"))
      negative = !negative;
    else if (accept("~"))
      complement = !complement;
    else if (!accept("+"))
      break;
  }
  op.kind = Operand::Kind::Imm;
  const Token &token = next();
  if (token.kind == Token::Kind::Integer) {
    op.imm = complement ? ~token.integer : token.integer;
    if (negative)
      op.imm = 0 - op.imm;
    return Status::success();
  }
  if (token.kind != Token::Kind::Float)
    return error(token,
                 "expected a number, got '" + std::string(token.text) + "'");
  op.isFloatLiteral = true;
  op.immBits = token.floatBits == 32 ? 32 : 64;
  op.imm = token.integer;
  if (token.floatBits == 0)
    std::memcpy(&op.imm, &token.real, sizeof op.imm);
  if (negative)
    op.imm ^= uint64_t(1) << (op.immBits - 1);
  return Status::success();
}

Status Parser::parseName(Operand &op) {
  const Token &token = next();
  std::string_view name = token.text;
  if (name == "_") {
    op.kind = Operand::Kind::Sink;
    return Status::success();
  }
  if (findRegister(name, op))
    return Status::success();
  if (name.front() == '%') {
    if (std::optional<Special> special = parseSpecial(name)) {
      op.kind = Operand::Kind::Special;
      op.special = *special;
      return Status::success();
    }
    return error(token, "register '" + std::string(name) + "' is not declared");
  }
  if (name == "WARP_SZ") {
    op.kind = Operand::Kind::Imm;
    op.imm = kWarpSize;
    return Status::success();
  }
  int32_t symbol = findSymbol(name);
  if (symbol < 0)
    return error(token, "'" + std::string(name) + "' is not declared");
  op.kind = Operand::Kind::Symbol;
  op.symbol = symbol;
  const Symbol &info = module.symbols[symbol];
  if (info.kind == Symbol::Kind::Function)
    function->referencedFunctions.push_back(info.index);
  else if (info.kind == Symbol::Kind::Variable)
    function->referencedVariables.push_back(info.index);
  return Status::success();
}

} // namespace fp4::ptx
