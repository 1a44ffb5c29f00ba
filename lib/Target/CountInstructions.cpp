//===- CountInstructions.cpp - What a PTX module executes -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Static counts by opcode, from the text. PTX has one instruction a line as
// LLVM prints it: an optional guard, the opcode, operands, a semicolon.
//
//===----------------------------------------------------------------------===//

#include "fp4/Target/PTX.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

/// Drops what may stand before an instruction: braces, labels and a predicate.
static StringRef dropPrefixes(StringRef text) {
  while (true) {
    text = text.ltrim();
    if (text.consume_front("{") || text.consume_front("}"))
      continue;
    if (text.starts_with("@")) {
      text = text.drop_until([](char c) { return isSpace(c); });
      continue;
    }
    size_t end = text.find_first_of(": \t\n{;");
    // `kind::mxf4` in an opcode is no label.
    if (end == StringRef::npos || text[end] != ':' ||
        text.drop_front(end).starts_with("::"))
      return text;
    text = text.drop_front(end + 1);
  }
}

/// The opcode of a statement, which may span lines; nothing for a directive.
static StringRef parseOpcode(StringRef statement) {
  StringRef text = dropPrefixes(statement);
  StringRef opcode = text.take_until([](char c) { return isSpace(c); });
  return !opcode.empty() && isAlpha(opcode.front()) ? opcode : StringRef();
}

static std::string dropComments(StringRef ptx) {
  std::string text;
  SmallVector<StringRef> lines;
  ptx.split(lines, '\n');
  for (StringRef line : lines)
    text += line.take_front(line.find("//")).str() + "\n";
  return text;
}

static fp4::InstructionCounts countBody(StringRef body) {
  fp4::InstructionCounts counts;
  SmallVector<StringRef> statements;
  body.split(statements, ';');
  for (StringRef statement : statements) {
    StringRef opcode = parseOpcode(statement);
    if (!opcode.empty())
      ++counts[opcode.str()];
  }
  return counts;
}

std::map<std::string, fp4::InstructionCounts>
fp4::countInstructions(StringRef ptx) {
  std::map<std::string, InstructionCounts> counts;
  std::string text = dropComments(ptx);
  SmallVector<StringRef> entries;
  StringRef(text).split(entries, ".entry ");
  for (StringRef entry : ArrayRef(entries).drop_front()) {
    StringRef name =
        entry.ltrim().take_until([](char c) { return c == '(' || isSpace(c); });
    counts[name.str()] =
        countBody(entry.drop_until([](char c) { return c == '{'; }));
  }
  return counts;
}
