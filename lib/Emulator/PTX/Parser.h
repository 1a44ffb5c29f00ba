//===- Parser.h - From PTX text to a decoded module -------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A recursive-descent parser for whole modules as nvcc and LLVM emit them.
// Directives are in Parser.cpp, function bodies in ParserBody.cpp. Sections
// with debug information, .loc, .file and .pragma are read and dropped.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_PARSER_H
#define FP4_LIB_EMULATOR_PTX_PARSER_H

#include "Lexer.h"
#include "Program.h"
#include <map>

namespace fp4::ptx {

inline uint64_t alignUp(uint64_t value, uint64_t align) {
  return (value + align - 1) / align * align;
}

class Parser {
public:
  Parser(ModuleData &module, std::vector<Token> tokens)
      : module(module), tokens(std::move(tokens)) {}

  Status run();

private:
  //===--- Tokens
  //----------------------------------------------------------===//

  const Token &peek(size_t ahead = 0) const {
    size_t index = std::min(pos + ahead, tokens.size() - 1);
    return tokens[index];
  }
  const Token &next() {
    const Token &token = peek();
    if (pos < tokens.size() - 1)
      ++pos;
    return token;
  }
  bool accept(std::string_view text) {
    if (!peek().is(text))
      return false;
    next();
    return true;
  }
  Status expect(std::string_view text);
  Status expectInteger(uint64_t &value, std::string_view what);
  Status expectWord(std::string_view &word, std::string_view what);
  Status error(const Token &token, std::string_view what) const {
    return errorAt(token.line, token.column, what);
  }
  Status unexpected(std::string_view wanted) const;

  //===--- Module
  //----------------------------------------------------------===//

  Status parseVersion();
  Status parseTarget();
  Status parseTopLevel();
  Status skipSection();
  Status skipStatement();
  Status parseVariables(Space space, bool isExtern, bool inFunction);
  Status parseVariableType(Variable &variable, Type &type, unsigned &vector);
  Status parseInitializer(Variable &variable, Type type);
  Status parseInitializerValue(Variable &variable, Type type, uint64_t &offset);
  Status declareVariable(Variable variable, bool inFunction,
                         const Token &where);
  Status parseFunction(bool isEntry, bool isExtern);
  Status parseParams(Function &function, std::vector<Param> &params,
                     std::string_view close, bool declare);
  Status parseFunctionDirectives(Function &function);
  Status resolveRelocations();
  int32_t addSymbol(Symbol symbol);

  //===--- Bodies
  //----------------------------------------------------------===//

  struct RegFamily {
    Type type;
    /// Slot of each numbered register, -1 until used; one for a plain name.
    std::vector<int32_t> slots;
    bool isNumbered;
  };
  struct Scope {
    int parent = -1;
    std::map<std::string, RegFamily, std::less<>> registers;
    std::map<std::string, int32_t, std::less<>> symbols;
    std::map<std::string, uint32_t, std::less<>> labels;
    std::map<std::string, std::vector<std::string>, std::less<>> branchLists;
  };
  struct LabelUse {
    size_t instr;
    std::string name;
    int scope;
    const Token *token;
    bool isList;
  };

  Status parseBody();
  Status parseStatement();
  Status parseRegisters();
  Status parseInstruction();
  Status parseGuard(Instr &instr);
  Status parseOperands(Instr &instr, std::string_view mnemonic);
  Status parseCallOperands(Instr &instr);
  Status parseCallList(Operand &list);
  Status parseBranchOperands(Instr &instr, bool isList);
  Status parseOperand(Operand &op);
  Status parseAddress(Operand &op);
  Status parseVector(Operand &op);
  Status parseImmediate(Operand &op);
  Status parseName(Operand &op);
  Status parseOffset(Operand &op);
  Status resolveLabels();
  bool findRegister(std::string_view name, Operand &op);
  RegFamily *findFamily(std::string_view name);
  int32_t findSymbol(std::string_view name);
  const uint32_t *findLabel(std::string_view name, int scope);
  int openScope(int parent);

  ModuleData &module;
  std::vector<Token> tokens;
  size_t pos = 0;
  std::map<std::string, int32_t, std::less<>> globals;
  struct PendingRelocation {
    size_t variable;
    Relocation relocation;
    std::string name;
    const Token *token;
  };
  std::vector<PendingRelocation> pending;

  Function *function = nullptr;
  std::vector<Scope> scopes;
  int scope = -1;
  std::vector<LabelUse> labelUses;
};

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_PARSER_H
