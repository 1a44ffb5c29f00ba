//===- Lexer.cpp - Tokens of PTX text -------------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tokens of PTX ISA 9.0, section "Syntax": words, literals with their bits,
// strings and punctuation.
//
//===----------------------------------------------------------------------===//

#include "Lexer.h"
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <string>

namespace fp4::ptx {

Status errorAt(unsigned line, unsigned column, std::string_view what) {
  return Status::error("line " + std::to_string(line) + ", column " +
                       std::to_string(column) + ": " + std::string(what));
}

namespace {

class Lexer {
public:
  explicit Lexer(std::string_view text) : text(text) {}

  Expected<std::vector<Token>> run();

private:
  char peek(size_t ahead = 0) const {
    return pos + ahead < text.size() ? text[pos + ahead] : '\0';
  }
  void advance() {
    if (text[pos] == '\n') {
      ++line;
      lineStart = pos + 1;
    }
    ++pos;
  }
  unsigned column() const { return unsigned(pos - lineStart) + 1; }
  Status skipBlank();
  Status lexNumber(Token &token);
  void lexWord(Token &token);
  Status lexString(Token &token);

  std::string_view text;
  size_t pos = 0;
  size_t lineStart = 0;
  unsigned line = 1;
};

} // namespace

static bool isWordStart(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '$' ||
         c == '%';
}

static bool isWordPart(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$';
}

/// Skips white space, comments and preprocessor-like lines.
Status Lexer::skipBlank() {
  while (pos < text.size()) {
    char c = peek();
    if (std::isspace(static_cast<unsigned char>(c)) || c == '\0') {
      advance();
    } else if (c == '/' && peek(1) == '/') {
      while (pos < text.size() && peek() != '\n')
        advance();
    } else if (c == '/' && peek(1) == '*') {
      unsigned startLine = line, startColumn = column();
      while (pos < text.size() && !(peek() == '*' && peek(1) == '/'))
        advance();
      if (pos >= text.size())
        return errorAt(startLine, startColumn, "comment is not closed");
      advance();
      advance();
    } else if ((c == '#' || (c == '@' && peek(1) == '@')) &&
               text.substr(lineStart, pos - lineStart)
                       .find_first_not_of(" \t") == std::string_view::npos) {
      while (pos < text.size() && peek() != '\n')
        advance();
    } else {
      break;
    }
  }
  return Status::success();
}

Status Lexer::lexNumber(Token &token) {
  size_t start = pos;
  auto digitsOf = [&](int base) {
    uint64_t value = 0;
    while (std::isxdigit(static_cast<unsigned char>(peek()))) {
      char c = peek();
      int digit = std::isdigit(static_cast<unsigned char>(c))
                      ? c - '0'
                      : std::tolower(c) - 'a' + 10;
      if (digit >= base)
        break;
      value = value * unsigned(base) + unsigned(digit);
      ++pos;
    }
    return value;
  };
  auto finish = [&](Token::Kind kind) {
    token.kind = kind;
    if (kind == Token::Kind::Integer && peek() == 'U')
      ++pos;
    token.text = text.substr(start, pos - start);
    if (isWordPart(peek()))
      return errorAt(token.line, token.column, "malformed number");
    return Status::success();
  };

  char marker = peek() == '0' ? char(std::tolower(peek(1))) : '\0';
  if (marker == 'f' || marker == 'd') {
    pos += 2;
    token.integer = digitsOf(16);
    token.floatBits = marker == 'f' ? 32 : 64;
    if (pos - start - 2 != token.floatBits / 4)
      return errorAt(token.line, token.column,
                     "expected " + std::to_string(token.floatBits / 4) +
                         " hexadecimal digits in float literal");
    if (marker == 'f') {
      uint32_t bits = uint32_t(token.integer);
      float value;
      std::memcpy(&value, &bits, sizeof value);
      token.real = value;
    } else {
      std::memcpy(&token.real, &token.integer, sizeof token.real);
    }
    return finish(Token::Kind::Float);
  }
  if (marker == 'x' || marker == 'b') {
    pos += 2;
    token.integer = digitsOf(marker == 'x' ? 16 : 2);
    return finish(Token::Kind::Integer);
  }

  size_t end = pos;
  bool isReal = false;
  while (end < text.size()) {
    char c = text[end];
    bool isExponent =
        (c == 'e' || c == 'E') && end + 1 < text.size() &&
        (std::isdigit(static_cast<unsigned char>(text[end + 1])) ||
         ((text[end + 1] == '+' || text[end + 1] == '-') &&
          end + 2 < text.size() &&
          std::isdigit(static_cast<unsigned char>(text[end + 2]))));
    if (isExponent)
      ++end;
    else if (c != '.' && !std::isdigit(static_cast<unsigned char>(c)))
      break;
    isReal |= c == '.' || isExponent;
    ++end;
  }
  if (isReal) {
    token.real =
        std::strtod(std::string(text.substr(pos, end - pos)).c_str(), nullptr);
    pos = end;
    return finish(Token::Kind::Float);
  }
  bool isOctal = peek() == '0' && end - pos > 1;
  token.integer = digitsOf(isOctal ? 8 : 10);
  return finish(Token::Kind::Integer);
}

/// A word runs over dots and `::` as long as a word follows them.
void Lexer::lexWord(Token &token) {
  size_t start = pos;
  ++pos;
  for (;;) {
    if (isWordPart(peek()))
      ++pos;
    else if (peek() == '.' && isWordPart(peek(1)))
      pos += 2;
    else if (peek() == ':' && peek(1) == ':' && isWordPart(peek(2)))
      pos += 3;
    else
      break;
  }
  token.kind = Token::Kind::Word;
  token.text = text.substr(start, pos - start);
}

Status Lexer::lexString(Token &token) {
  advance();
  size_t start = pos;
  while (pos < text.size() && peek() != '"') {
    if (peek() == '\\' && pos + 1 < text.size())
      advance();
    advance();
  }
  if (pos >= text.size())
    return errorAt(token.line, token.column, "string is not closed");
  token.kind = Token::Kind::String;
  token.text = text.substr(start, pos - start);
  advance();
  return Status::success();
}

Expected<std::vector<Token>> Lexer::run() {
  std::vector<Token> tokens;
  for (;;) {
    if (Status status = skipBlank(); !status.ok())
      return status;
    Token token;
    token.line = line;
    token.column = column();
    if (pos >= text.size()) {
      tokens.push_back(token);
      return tokens;
    }
    char c = peek();
    Status status = Status::success();
    if (std::isdigit(static_cast<unsigned char>(c)))
      status = lexNumber(token);
    else if (isWordStart(c) || (c == '.' && isWordPart(peek(1))))
      lexWord(token);
    else if (c == '"')
      status = lexString(token);
    else if (std::strchr("@!{}[]()<>,;:|+-=*&~/?^", c)) {
      token.kind = Token::Kind::Punct;
      token.text = text.substr(pos, 1);
      advance();
    } else
      status = errorAt(
          line, column(),
          "unexpected character " +
              (std::isprint(static_cast<unsigned char>(c))
                   ? "'" + std::string(1, c) + "'"
                   : "code " + std::to_string(static_cast<unsigned char>(c))));
    if (!status.ok())
      return status;
    tokens.push_back(token);
  }
}

Expected<std::vector<Token>> tokenize(std::string_view text) {
  return Lexer(text).run();
}

} // namespace fp4::ptx
