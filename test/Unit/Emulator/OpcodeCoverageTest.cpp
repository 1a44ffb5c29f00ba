//===- OpcodeCoverageTest.cpp - Every form of every opcode has a test -----===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A form is a mnemonic of Opcodes.def with its type modifiers in order:
// "add.s32", "cvt.f16x2.e2m1x2". The tested ones are those of the PTX below
// test/Emulator (files of one instruction each, programs, the table of hardware
// cases). What the decoder accepts is found by giving the instructions of these
// files every other type in turn: whatever still parses must be tested, too.
//
//===----------------------------------------------------------------------===//

#include "EmulatorTesting.h"
#include "HardwareCases.h"
#include "PTXFile.h"
#include <map>
#include <set>
#include <sstream>

using namespace fp4;
using namespace fp4::ptx;
using namespace fp4::ptx::testing;

namespace {

const std::set<std::string> &mnemonics() {
  static const std::set<std::string> all = {
#define PTX_OPCODE(mnemonic, decode, minTarget) mnemonic,
#include "Opcodes.def"
  };
  return all;
}

const std::set<std::string> &types() {
  static const std::set<std::string> all = {
#define PTX_TYPE(identifier, spelling, bits, kind) spelling,
#include "Types.def"
  };
  return all;
}

/// An instruction in a text: the word and where it begins.
struct Site {
  size_t begin, size;
  std::string mnemonic;
  /// Where the type modifiers begin within the word.
  std::vector<std::pair<size_t, size_t>> types;
};

/// The site of `word`, or one without mnemonic.
Site siteOf(const std::string &word, size_t begin) {
  Site site{begin, word.size(), word, {}};
  std::string &name = site.mnemonic;
  while (!name.empty() && !mnemonics().count(name))
    name.resize(name.rfind('.') == std::string::npos ? 0 : name.rfind('.'));
  for (size_t at = name.size(); at < word.size() && !name.empty();) {
    size_t end = std::min(word.find('.', at + 1), word.size());
    if (types().count(word.substr(at + 1, end - at - 1)))
      site.types.push_back({at + 1, end - at - 1});
    at = end;
  }
  return site;
}

/// The mnemonic and its types.
std::string formOf(const std::string &word) {
  Site site = siteOf(word, 0);
  std::string form = site.mnemonic;
  for (auto [begin, size] : site.types)
    form += "." + word.substr(begin, size);
  return form;
}

/// Every instruction in `text`: behind a label, a guard or another instruction.
std::vector<Site> sitesOf(const std::string &text) {
  std::vector<Site> sites;
  std::istringstream lines(text);
  std::string line;
  for (size_t lineBegin = 0; std::getline(lines, line);
       lineBegin += line.size() + 1) {
    size_t comment = std::min(line.find("//"), line.size());
    bool isStart = true;
    for (size_t at = 0; at < comment;) {
      if (line[at] == ' ' || line[at] == '\t') {
        ++at;
        continue;
      }
      size_t end = std::min(line.find_first_of(" \t", at), comment);
      std::string word = line.substr(at, end - at);
      Site site = siteOf(word.substr(0, word.find(';')), lineBegin + at);
      if (isStart && !site.mnemonic.empty())
        sites.push_back(site);
      isStart = word.back() == ';' || word.back() == ':' || word[0] == '@' ||
                word == "{";
      at = end;
    }
  }
  return sites;
}

/// Where a form occurs first.
struct Example {
  std::string text;
  Site site;
};

std::map<std::string, Example> testedForms() {
  std::map<std::string, Example> forms;
  auto collect = [&](const std::string &text) {
    for (const Site &site : sitesOf(text))
      forms.emplace(formOf(text.substr(site.begin, site.size)),
                    Example{text, site});
  };
  for (const std::string &name : listPTXFiles(FP4_EMULATOR_TEST_DIR))
    if (name.find("Errors/") == std::string::npos &&
        name.find("CUDA/") == std::string::npos)
      collect(readTestFile(name));
  Expected<std::vector<HardwareCase>> cases =
      loadHardwareCases(std::string(FP4_EMULATOR_TEST_DIR) + "/Hardware");
  EXPECT_TRUE(cases.ok()) << cases.message();
  if (cases.ok())
    for (const HardwareCase &c : *cases)
      collect(c.ptx);
  return forms;
}

/// Forms that tests in C++ make: MmaSyncTest.cpp runs all pairs of narrow
/// types.
std::set<std::string> formsOfUnitTests() {
  std::set<std::string> forms;
  static const char *narrow[] = {"e4m3", "e5m2", "e2m3", "e3m2", "e2m1"};
  for (const char *a : narrow)
    for (const char *b : narrow)
      forms.insert(std::string("mma.f32.") + a + "." + b + ".f32.ue8m0");
  return forms;
}

TEST(OpcodeCoverage, EveryMnemonicHasATest) {
  std::set<std::string> found;
  for (const auto &[form, example] : testedForms())
    found.insert(example.site.mnemonic);
  for (const std::string &mnemonic : mnemonics())
    EXPECT_TRUE(found.count(mnemonic)) << mnemonic << " has no test";
}

TEST(OpcodeCoverage, EveryFormHasATest) {
  std::map<std::string, Example> tested = testedForms();
  std::set<std::string> others = formsOfUnitTests();
  std::map<std::string, std::string> missing;
  for (const auto &[form, example] : tested)
    for (auto [begin, size] : example.site.types)
      for (const std::string &type : types()) {
        const Site &site = example.site;
        std::string word = example.text.substr(site.begin, site.size);
        word.replace(begin, size, type);
        std::string other = formOf(word);
        if (tested.count(other) || others.count(other) || missing.count(other))
          continue;
        std::string text = example.text;
        text.replace(site.begin, site.size, word);
        if (Module::parse(text).ok())
          missing.emplace(other, word);
      }
  for (const auto &[form, word] : missing)
    ADD_FAILURE() << form << " (" << word << ") is accepted and has no test";
}

} // namespace
