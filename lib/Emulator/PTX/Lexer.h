//===- Lexer.h - Tokens of PTX text -----------------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Splits PTX text into tokens (PTX ISA, section "Syntax"). A word keeps its
// dots: `cp.async.bulk`, `%tid.x` and `.b32` are one token each, and so is
// `kind::mxf4`. Comments and `#`/`@@DWARF` lines are skipped.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_LEXER_H
#define FP4_LIB_EMULATOR_PTX_LEXER_H

#include "fp4/Status/Status.h"
#include <cstdint>
#include <string_view>
#include <vector>

namespace fp4::ptx {

struct Token {
  enum class Kind : uint8_t {
    End,
    /// Identifiers, opcodes, directives and register names, dots included.
    Word,
    /// An integer literal; `integer` holds its two's complement bits.
    Integer,
    /// A floating literal; `real` holds its value, `integer` the raw bits of
    /// the hexadecimal forms 0f and 0d.
    Float,
    /// A quoted string without its quotes.
    String,
    /// One character of punctuation, in `text`.
    Punct,
  };
  Kind kind = Kind::End;
  std::string_view text;
  uint64_t integer = 0;
  double real = 0;
  /// Width of a hexadecimal float literal: 32, 64, or 0 for a decimal one.
  unsigned floatBits = 0;
  unsigned line = 1;
  unsigned column = 1;

  bool is(std::string_view spelling) const {
    return (kind == Kind::Punct || kind == Kind::Word) && text == spelling;
  }
};

/// "line 3, column 7: <what>", the form of every message about PTX text.
Status errorAt(unsigned line, unsigned column, std::string_view what);

/// All tokens of `text`, ending in one of kind End. The tokens point into
/// `text`.
Expected<std::vector<Token>> tokenize(std::string_view text);

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_LEXER_H
