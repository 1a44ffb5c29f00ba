//===- ParserBody.cpp - Function bodies: registers, labels, operands ------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, sections "Instruction Statements" and "Instruction Operands".
// Braces open a scope of their own for registers, variables and labels, which
// is how inlined assembly keeps its names apart.
//
//===----------------------------------------------------------------------===//

#include "Decode.h"
#include "Parser.h"
#include <cctype>
#include <cstring>

namespace fp4::ptx {

/// Registers per family, as a bound against nonsense input.
static constexpr uint64_t kMaxFamily = 1u << 20;

int Parser::openScope(int parent) {
  scopes.emplace_back();
  scopes.back().parent = parent;
  return int(scopes.size()) - 1;
}

//===----------------------------------------------------------------------===//
// Statements
//===----------------------------------------------------------------------===//

Status Parser::parseBody() {
  int outermost = scope;
  unsigned depth = 1;
  while (depth) {
    if (accept("{")) {
      scope = openScope(scope);
      ++depth;
    } else if (accept("}")) {
      scope = scopes[scope].parent;
      --depth;
    } else if (peek().kind == Token::Kind::End) {
      return unexpected("'}'");
    } else if (Status status = parseStatement(); !status.ok()) {
      return status;
    }
  }
  scope = outermost;
  // Falling off the end returns.
  Instr last;
  Decoder decoder(module, last, "ret", "");
  decodeRet(decoder);
  decoder.finish();
  last.opcode = uint16_t(findOpcode("ret") - opcodeTable);
  last.line = peek().line;
  function->code.push_back(std::move(last));
  function->paramBytes = (function->paramBytes + 15) / 16 * 16;
  return resolveLabels();
}

Status Parser::parseStatement() {
  const Token &token = peek();
  if (accept(".reg"))
    return parseRegisters();
  if (accept(".loc")) {
    // `.loc file line column{, function_name ..., inlined_at ...}`, no `;`.
    while (peek().kind == Token::Kind::Integer)
      next();
    while (peek().is(",") || peek().is("function_name") ||
           peek().is("inlined_at")) {
      if (next().text == ",")
        continue;
      while (peek().line == token.line &&
             (peek().kind == Token::Kind::Integer ||
              (peek().kind == Token::Kind::Word && !peek().is("inlined_at")) ||
              peek().is("+")))
        next();
    }
    return Status::success();
  }
  if (accept(".pragma"))
    return skipStatement();
  if (accept(".local"))
    return parseVariables(Space::Local, false, /*inFunction=*/true);
  if (accept(".param"))
    return parseVariables(Space::Param, false, /*inFunction=*/true);
  if (accept(".shared"))
    return parseVariables(Space::SharedCTA, false, /*inFunction=*/true);
  if (accept(".global"))
    return parseVariables(Space::Global, false, /*inFunction=*/true);
  if (accept(".const"))
    return parseVariables(Space::Const, false, /*inFunction=*/true);
  if (accept(";"))
    return Status::success();
  if (token.kind == Token::Kind::Word && peek(1).is(":")) {
    std::string name(next().text);
    next();
    if (accept(".branchtargets")) {
      std::vector<std::string> &list = scopes[scope].branchLists[name];
      do
        list.emplace_back(next().text);
      while (accept(","));
      return expect(";");
    }
    if (accept(".callprototype") || accept(".calltargets"))
      return skipStatement();
    if (!scopes[scope]
             .labels.emplace(name, uint32_t(function->code.size()))
             .second)
      return error(token, "label '" + name + "' is already defined");
    return Status::success();
  }
  return parseInstruction();
}

/// `.reg .b32 %r<10>, %x;`
Status Parser::parseRegisters() {
  const Token &typeToken = next();
  std::optional<Type> type;
  if (typeToken.kind == Token::Kind::Word && typeToken.text.front() == '.')
    type = parseType(typeToken.text.substr(1));
  if (!type)
    return error(typeToken, "expected a register type, got '" +
                                std::string(typeToken.text) + "'");
  do {
    std::string_view name;
    if (Status status = expectWord(name, "a register name"); !status.ok())
      return status;
    RegFamily family{*type, {-1}, false};
    if (accept("<")) {
      const Token &countToken = peek();
      uint64_t count;
      if (Status status = expectInteger(count, "a register count");
          !status.ok())
        return status;
      if (count > kMaxFamily)
        return error(countToken, "too many registers");
      if (Status status = expect(">"); !status.ok())
        return status;
      family.slots.assign(count, -1);
      family.isNumbered = true;
    }
    scopes[scope].registers[std::string(name)] = std::move(family);
  } while (accept(","));
  return expect(";");
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

Parser::RegFamily *Parser::findFamily(std::string_view name) {
  for (int s = scope; s >= 0; s = scopes[s].parent) {
    auto found = scopes[s].registers.find(name);
    if (found != scopes[s].registers.end())
      return &found->second;
  }
  return nullptr;
}

bool Parser::findRegister(std::string_view name, Operand &op) {
  size_t index = 0;
  RegFamily *family = findFamily(name);
  if (!family || family->isNumbered) {
    size_t digits = name.size();
    while (digits && std::isdigit(static_cast<unsigned char>(name[digits - 1])))
      --digits;
    if (digits == name.size() || name.size() - digits > 8)
      return false;
    for (char c : name.substr(digits))
      index = index * 10 + size_t(c - '0');
    family = findFamily(name.substr(0, digits));
    if (!family || !family->isNumbered || index >= family->slots.size())
      return false;
  }
  int32_t &slot = family->slots[index];
  if (slot < 0) {
    slot = int32_t(function->numSlots);
    function->numSlots += family->type == Type::B128 ? 2 : 1;
    function->slotNames.resize(function->numSlots, std::string(name));
  }
  op.kind = Operand::Kind::Reg;
  op.type = family->type;
  op.slot = slot;
  return true;
}

int32_t Parser::findSymbol(std::string_view name) {
  for (int s = scope; s >= 0; s = scopes[s].parent) {
    auto found = scopes[s].symbols.find(name);
    if (found != scopes[s].symbols.end())
      return found->second;
  }
  auto found = globals.find(name);
  return found == globals.end() ? -1 : found->second;
}

const uint32_t *Parser::findLabel(std::string_view name, int from) {
  for (int s = from; s >= 0; s = scopes[s].parent) {
    auto found = scopes[s].labels.find(name);
    if (found != scopes[s].labels.end())
      return &found->second;
  }
  return nullptr;
}

Status Parser::resolveLabels() {
  for (const LabelUse &use : labelUses) {
    Instr &instr = function->code[use.instr];
    std::vector<std::string> names = {use.name};
    if (use.isList) {
      const std::vector<std::string> *list = nullptr;
      for (int s = use.scope; s >= 0 && !list; s = scopes[s].parent) {
        auto found = scopes[s].branchLists.find(use.name);
        if (found != scopes[s].branchLists.end())
          list = &found->second;
      }
      if (!list)
        return error(*use.token, "no .branchtargets '" + use.name + "'");
      names = *list;
    }
    for (const std::string &name : names) {
      const uint32_t *pc = findLabel(name, use.scope);
      if (!pc)
        return error(*use.token, "label '" + name + "' is not defined");
      instr.targets.push_back(*pc);
    }
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

Status Parser::parseGuard(Instr &instr) {
  if (!accept("@"))
    return Status::success();
  instr.guardNegated = accept("!");
  const Token &token = peek();
  Operand op;
  if (token.kind != Token::Kind::Word || !findRegister(token.text, op) ||
      op.type != Type::Pred)
    return unexpected("a predicate register");
  next();
  instr.guard = op.slot;
  return Status::success();
}

Status Parser::parseInstruction() {
  Instr instr;
  if (Status status = parseGuard(instr); !status.ok())
    return status;
  const Token &token = peek();
  if (token.kind != Token::Kind::Word || token.text.front() == '.' ||
      token.text.front() == '%')
    return unexpected("an instruction");
  next();
  const Opcode *opcode = findOpcode(token.text);
  if (!opcode)
    return error(token, "instruction '" + std::string(token.text) +
                            "' is not supported");
  instr.line = token.line;
  instr.column = token.column;
  instr.opcode = uint16_t(opcode - opcodeTable);
  if (Status status = parseOperands(instr, opcode->mnemonic); !status.ok())
    return status;

  Decoder decoder(module, instr, opcode->mnemonic,
                  token.text.substr(opcode->mnemonic.size()));
  decoder.needTarget(opcode->minTarget);
  if (!decoder.failed()) {
    decoder.checkForm();
    opcode->decode(decoder);
  }
  decoder.finish();
  if (decoder.failed())
    return error(token,
                 "'" + std::string(token.text) + "': " + decoder.message());
  function->hasWgmma |= instr.isWgmma;
  function->code.push_back(std::move(instr));
  return Status::success();
}

Status Parser::parseOperands(Instr &instr, std::string_view mnemonic) {
  if (mnemonic == "call")
    return parseCallOperands(instr);
  if (mnemonic == "bra" || mnemonic == "brx.idx")
    return parseBranchOperands(instr, mnemonic == "brx.idx");
  if (accept(";"))
    return Status::success();
  do {
    Operand op;
    if (Status status = parseOperand(op); !status.ok())
      return status;
    instr.ops.push_back(std::move(op));
  } while (accept(","));
  return expect(";");
}

Status Parser::parseBranchOperands(Instr &instr, bool isList) {
  if (isList) {
    Operand index;
    if (Status status = parseOperand(index); !status.ok())
      return status;
    instr.ops.push_back(std::move(index));
    if (Status status = expect(","); !status.ok())
      return status;
  }
  const Token &token = peek();
  if (token.kind != Token::Kind::Word)
    return unexpected("a label");
  labelUses.push_back(
      {function->code.size(), std::string(next().text), scope, &token, isList});
  return expect(";");
}

/// `(a, b)` of a call.
Status Parser::parseCallList(Operand &list) {
  list.kind = Operand::Kind::Vector;
  if (accept(")"))
    return Status::success();
  do {
    Operand op;
    if (Status status = parseOperand(op); !status.ok())
      return status;
    list.elems.push_back(std::move(op));
  } while (accept(","));
  return expect(")");
}

/// `call {(results),} callee {, (arguments)} {, prototype};` becomes the
/// operands results, callee, arguments.
Status Parser::parseCallOperands(Instr &instr) {
  instr.ops.resize(3);
  instr.ops[0].kind = instr.ops[2].kind = Operand::Kind::Vector;
  if (accept("(")) {
    if (Status status = parseCallList(instr.ops[0]); !status.ok())
      return status;
    if (Status status = expect(","); !status.ok())
      return status;
  }
  if (Status status = parseOperand(instr.ops[1]); !status.ok())
    return status;
  if (accept(",")) {
    if (accept("(")) {
      if (Status status = parseCallList(instr.ops[2]); !status.ok())
        return status;
      if (accept(","))
        next();
    } else {
      next();
    }
  }
  return expect(";");
}

} // namespace fp4::ptx
