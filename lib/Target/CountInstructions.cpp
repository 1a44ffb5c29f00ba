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

/// The opcode of a line, or nothing if it holds no instruction.
static StringRef parseOpcode(StringRef line) {
  line = line.trim();
  if (line.starts_with("@"))
    line = line.drop_until([](char c) { return isSpace(c); }).ltrim();
  StringRef opcode = line.take_until(
      [](char c) { return isSpace(c) || c == ';' || c == ':'; });
  bool isInstruction = !opcode.empty() && isAlpha(opcode.front()) &&
                       line.contains(';') &&
                       !line.drop_front(opcode.size()).starts_with(":");
  return isInstruction ? opcode : StringRef();
}

std::map<std::string, fp4::InstructionCounts>
fp4::countInstructions(StringRef ptx) {
  std::map<std::string, InstructionCounts> counts;
  InstructionCounts *current = nullptr;
  SmallVector<StringRef> lines;
  ptx.split(lines, '\n');
  for (StringRef line : lines) {
    size_t entry = line.find(".entry ");
    if (entry != StringRef::npos) {
      StringRef name = line.drop_front(entry + 7).trim();
      current =
          &counts[name.take_until([](char c) { return c == '(' || isSpace(c); })
                      .str()];
      continue;
    }
    StringRef opcode = parseOpcode(line);
    if (current && !opcode.empty())
      ++(*current)[opcode.str()];
  }
  return counts;
}
