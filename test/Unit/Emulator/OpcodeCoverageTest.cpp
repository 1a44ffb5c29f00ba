//===- OpcodeCoverageTest.cpp - Every opcode has a test -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Looks for every mnemonic of Opcodes.def in the PTX below test/Emulator: the
// files of one instruction each, the kernels, and the table of hardware cases.
//
//===----------------------------------------------------------------------===//

#include "EmulatorTesting.h"
#include "HardwareCases.h"
#include "PTXFile.h"
#include <set>
#include <sstream>

using namespace fp4;
using namespace fp4::ptx::testing;

namespace {

const std::set<std::string> &mnemonics() {
  static const std::set<std::string> all = {
#define PTX_OPCODE(mnemonic, decode, minTarget) mnemonic,
#include "Opcodes.def"
  };
  return all;
}

/// Adds the mnemonic of every instruction in `text`: the longest dotted prefix
/// of a word that Opcodes.def lists, behind a label, a guard or another
/// instruction.
void collect(const std::string &text, std::set<std::string> &found) {
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    line = line.substr(0, line.find("//"));
    std::istringstream words(line);
    std::string word;
    bool isStart = true;
    while (words >> word) {
      std::string name = word.substr(0, word.find(';'));
      while (isStart && !name.empty() && !mnemonics().count(name))
        name.resize(name.rfind('.') == std::string::npos ? 0 : name.rfind('.'));
      if (isStart && !name.empty())
        found.insert(name);
      isStart = word.back() == ';' || word.back() == ':' || word[0] == '@' ||
                word == "{";
    }
  }
}

TEST(OpcodeCoverage, EveryMnemonicHasATest) {
  std::set<std::string> found;
  for (const std::string &name : listPTXFiles(FP4_EMULATOR_TEST_DIR))
    if (name.find("Errors/") == std::string::npos)
      collect(readTestFile(name), found);
  Expected<std::vector<HardwareCase>> cases =
      loadHardwareCases(std::string(FP4_EMULATOR_TEST_DIR) + "/Hardware");
  ASSERT_TRUE(cases.ok()) << cases.message();
  for (const HardwareCase &c : *cases)
    collect(c.ptx, found);
  for (const std::string &mnemonic : mnemonics())
    EXPECT_TRUE(found.count(mnemonic)) << mnemonic << " has no test";
}

} // namespace
