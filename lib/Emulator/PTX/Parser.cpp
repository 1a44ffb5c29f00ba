//===- Parser.cpp - Modules and function headers --------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, section "Directives".
//
//===----------------------------------------------------------------------===//

#include "Parser.h"
#include <algorithm>
#include <cctype>
#include <cstring>

namespace fp4::ptx {

const Lanes *ModuleData::constant(uint64_t bits) {
  std::unique_ptr<Lanes> &entry = constants[bits];
  if (!entry) {
    entry = std::make_unique<Lanes>();
    entry->value.fill(bits);
  }
  return entry.get();
}

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

Status Parser::unexpected(std::string_view wanted) const {
  const Token &token = peek();
  std::string got = token.kind == Token::Kind::End
                        ? "the end of the file"
                        : "'" + std::string(token.text) + "'";
  return error(token, "expected " + std::string(wanted) + ", got " + got);
}

Status Parser::expect(std::string_view text) {
  if (accept(text))
    return Status::success();
  return unexpected("'" + std::string(text) + "'");
}

Status Parser::expectInteger(uint64_t &value, std::string_view what) {
  bool negative = accept("-");
  if (peek().kind != Token::Kind::Integer)
    return unexpected(what);
  value = next().integer;
  if (negative)
    value = 0 - value;
  return Status::success();
}

Status Parser::expectWord(std::string_view &word, std::string_view what) {
  if (peek().kind != Token::Kind::Word || peek().text.front() == '.')
    return unexpected(what);
  word = next().text;
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Module directives
//===----------------------------------------------------------------------===//

Status Parser::run() {
  if (Status status = parseVersion(); !status.ok())
    return status;
  if (Status status = parseTarget(); !status.ok())
    return status;
  while (peek().kind != Token::Kind::End)
    if (Status status = parseTopLevel(); !status.ok())
      return status;
  return resolveRelocations();
}

Status Parser::parseVersion() {
  if (Status status = expect(".version"); !status.ok())
    return status;
  const Token &token = next();
  // "9.0": a digit, a point, one or two digits.
  std::string_view text = token.text;
  if (token.kind != Token::Kind::Float || text.size() < 3 || text.size() > 4 ||
      text[1] != '.')
    return error(token, "expected a version such as 9.0");
  module.versionMajor = unsigned(text[0] - '0');
  module.versionMinor = 0;
  for (char digit : text.substr(2)) {
    if (digit < '0' || digit > '9')
      return error(token, "expected a version such as 9.0");
    module.versionMinor = module.versionMinor * 10 + unsigned(digit - '0');
  }
  if (module.versionMajor < 3 || module.versionMajor > 9)
    return error(token, "PTX version " + std::string(token.text) +
                            " is not supported; supported: 3.0 to 9.x");
  return Status::success();
}

Status Parser::parseTarget() {
  if (Status status = expect(".target"); !status.ok())
    return status;
  do {
    const Token &token = next();
    std::string_view name = token.text;
    if (name.substr(0, 3) != "sm_") {
      if (name == "debug" || name == "texmode_independent" ||
          name == "texmode_unified")
        continue;
      return error(token, "unknown target '" + std::string(name) + "'");
    }
    name.remove_prefix(3);
    unsigned number = 0;
    while (!name.empty() && std::isdigit(static_cast<unsigned char>(name[0]))) {
      number = number * 10 + unsigned(name[0] - '0');
      name.remove_prefix(1);
    }
    module.target = number;
    if (name == "a" || name == "f")
      module.targetSuffix = name[0];
    else if (!name.empty() || number == 0)
      return error(token, "unknown target '" + std::string(token.text) + "'");
  } while (accept(","));
  return Status::success();
}

Status Parser::parseTopLevel() {
  const Token &token = peek();
  if (accept(".address_size")) {
    uint64_t size;
    if (Status status = expectInteger(size, "an address size"); !status.ok())
      return status;
    if (size != 64)
      return error(token, "only 64-bit addresses are supported");
    return Status::success();
  }
  if (accept(".file")) {
    // `.file index "name"{, timestamp, size}` has no terminator.
    next();
    next();
    while (accept(","))
      next();
    return Status::success();
  }
  if (accept(".section"))
    return skipSection();
  if (accept(".pragma") || accept(".alias"))
    return skipStatement();
  bool isExtern = false;
  for (;;) {
    if (accept(".extern"))
      isExtern = true;
    else if (!accept(".visible") && !accept(".weak") && !accept(".common"))
      break;
  }
  if (accept(".entry"))
    return parseFunction(/*isEntry=*/true, isExtern);
  if (accept(".func"))
    return parseFunction(/*isEntry=*/false, isExtern);
  if (accept(".global"))
    return parseVariables(Space::Global, isExtern, /*inFunction=*/false);
  if (accept(".const"))
    return parseVariables(Space::Const, isExtern, /*inFunction=*/false);
  if (accept(".shared"))
    return parseVariables(Space::SharedCTA, isExtern, /*inFunction=*/false);
  return unexpected("a module directive");
}

/// `.section name { ... }`
Status Parser::skipSection() {
  next();
  if (Status status = expect("{"); !status.ok())
    return status;
  for (unsigned depth = 1; depth;) {
    const Token &token = next();
    if (token.kind == Token::Kind::End)
      return unexpected("'}'");
    depth += token.is("{") ? 1 : token.is("}") ? -1 : 0;
  }
  return Status::success();
}

Status Parser::skipStatement() {
  while (!accept(";")) {
    if (peek().kind == Token::Kind::End)
      return unexpected("';'");
    next();
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// A list of formals up to `close`. With `declare`, their names become visible
/// in the body's outermost scope.
Status Parser::parseParams(Function &function, std::vector<Param> &params,
                           std::string_view close, bool declare) {
  if (accept(close))
    return Status::success();
  do {
    bool isReg = accept(".reg");
    if (!isReg)
      if (Status status = expect(".param"); !status.ok())
        return status;
    Variable variable;
    Type type;
    unsigned vector;
    if (Status status = parseVariableType(variable, type, vector); !status.ok())
      return status;
    Param param;
    param.type = type;
    param.align = uint32_t(std::max<uint64_t>(variable.align, typeBytes(type)));
    if (accept(".ptr"))
      while (peek().kind == Token::Kind::Word && peek().text.front() == '.')
        if (next().text == ".align") {
          uint64_t ignored;
          if (Status status = expectInteger(ignored, "an alignment");
              !status.ok())
            return status;
        }
    std::string_view name;
    if (Status status = expectWord(name, "a parameter name"); !status.ok())
      return status;
    param.name = std::string(name);
    uint64_t size = uint64_t(typeBytes(type)) * vector;
    if (accept("[")) {
      uint64_t count = 0;
      if (!peek().is("]"))
        if (Status status = expectInteger(count, "an array size"); !status.ok())
          return status;
      if (Status status = expect("]"); !status.ok())
        return status;
      if (count > (1u << 20))
        return unexpected("a parameter of at most 1 MiB");
      size *= count;
    }
    param.size = uint32_t(size);
    if (isReg) {
      param.slot = int32_t(function.numSlots);
      function.numSlots += type == Type::B128 ? 2 : 1;
      function.slotNames.resize(function.numSlots, param.name);
      if (declare)
        scopes[0].registers[param.name] = {type, {param.slot}, false};
    } else {
      function.paramBytes = uint32_t(alignUp(function.paramBytes, param.align));
      param.offset = function.paramBytes;
      function.paramBytes += param.size;
      if (declare) {
        Symbol symbol{Symbol::Kind::FrameParam, param.offset, param.name,
                      param.size};
        scopes[0].symbols[param.name] = addSymbol(std::move(symbol));
      }
    }
    params.push_back(std::move(param));
  } while (accept(","));
  return expect(close);
}

Status Parser::parseFunctionDirectives(Function &function) {
  auto parseDims = [&](std::array<uint32_t, 3> &dims) {
    dims = {1, 1, 1};
    for (unsigned i = 0; i < 3; ++i) {
      uint64_t value;
      if (Status status = expectInteger(value, "a dimension"); !status.ok())
        return status;
      dims[i] = uint32_t(value);
      if (!accept(","))
        break;
    }
    return Status::success();
  };
  for (;;) {
    Status status = Status::success();
    uint64_t ignored;
    if (accept(".maxntid"))
      status = parseDims(function.maxThreads);
    else if (accept(".reqntid"))
      status = parseDims(function.requiredThreads);
    else if (accept(".reqnctapercluster"))
      status = parseDims(function.clusterDims);
    else if (accept(".explicitcluster"))
      function.explicitCluster = true;
    else if (accept(".minnctapersm") || accept(".maxnctapersm") ||
             accept(".maxnreg") || accept(".maxclusterrank") ||
             accept(".abi_preserve") || accept(".abi_preserve_control"))
      status = expectInteger(ignored, "a number");
    else if (accept(".pragma"))
      status = skipStatement();
    else if (!accept(".noreturn") && !accept(".blocksareclusters"))
      return Status::success();
    if (!status.ok())
      return status;
  }
}

Status Parser::parseFunction(bool isEntry, bool isExtern) {
  auto parsed = std::make_unique<Function>();
  scopes.clear();
  scope = openScope(-1);
  labelUses.clear();
  parsed->isEntry = isEntry;
  parsed->line = peek().line;
  // Results come first, so that their offsets do not depend on the call.
  if (!isEntry && accept("("))
    if (Status status = parseParams(*parsed, parsed->results, ")", true);
        !status.ok())
      return status;
  const Token &where = peek();
  std::string_view name;
  if (Status status = expectWord(name, "a function name"); !status.ok())
    return status;
  parsed->name = std::string(name);
  if (accept("("))
    if (Status status = parseParams(*parsed, parsed->params, ")", true);
        !status.ok())
      return status;
  parsed->formalBytes = parsed->paramBytes;
  if (Status status = parseFunctionDirectives(*parsed); !status.ok())
    return status;

  auto known = globals.find(parsed->name);
  uint32_t index = uint32_t(module.functions.size());
  if (known != globals.end()) {
    Symbol &symbol = module.symbols[known->second];
    if (symbol.kind != Symbol::Kind::Function)
      return error(where, "'" + parsed->name + "' is already declared");
    index = symbol.index;
    if (module.functions[index]->isDefined && peek().is("{"))
      return error(where, "'" + parsed->name + "' is already defined");
  } else {
    globals[parsed->name] =
        addSymbol({Symbol::Kind::Function, index, parsed->name});
    module.functions.emplace_back();
  }
  if (accept(";")) {
    if (!module.functions[index])
      module.functions[index] = std::move(parsed);
    return Status::success();
  }
  if (Status status = expect("{"); !status.ok())
    return status;
  parsed->isDefined = true;
  function = parsed.get();
  // Recursion needs the callee's signature while its body is read; the object
  // stays where it is.
  module.functions[index] = std::move(parsed);
  return parseBody();
}

} // namespace fp4::ptx
