//===- PTXFilesTest.cpp - Runs test/Emulator/PTX
//----------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every file below test/Emulator/PTX is one test. Its kernel `test` takes two
// pointers, to the input words and to the output words. Lines with `//!` say
// what to do and what must come out:
//
//   //! block: 32          threads (default 1); also grid, cluster, shared
//   //! in: 0x1 0x2        32-bit input words; 1.5f is a float, -1 an integer;
//                          word*count repeats; several lines append
//   //! out: 0x3           the expected output words; `?` matches anything
//   //! ulp: 2             outputs are floats, compared within 2 ulp
//   //! trap: text         the launch must fail with a message holding the text
//   //! error: text        so must parsing
//   //! zeroed: no         trapping on undefined values off
//   //! late-differs: yes  only the late mode must give `out` or `trap`
//   //! strict-tensor-memory: yes  LaunchOptions::strictTensorMemory
//
// Every file runs in all asynchronous modes.
//
//===----------------------------------------------------------------------===//

#include "EmulatorTesting.h"
#include <cmath>
#include <filesystem>
#include <map>
#include <sstream>

using namespace fp4;
using namespace fp4::ptx;
using namespace fp4::ptx::testing;

namespace {

struct Expectation {
  std::map<std::string, std::string> settings;
  std::vector<uint32_t> in;
  std::vector<uint32_t> out;
  /// False where `?` stands.
  std::vector<bool> compared;

  uint32_t number(const std::string &name, uint32_t otherwise) const {
    auto found = settings.find(name);
    return found == settings.end() ? otherwise
                                   : uint32_t(std::stoul(found->second));
  }
};

uint32_t parseWord(const std::string &text) {
  bool isHex = text.find("0x") != std::string::npos;
  if (!isHex && text.back() == 'f') {
    float value = std::stof(text.substr(0, text.size() - 1));
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
  }
  return uint32_t(std::stoll(text, nullptr, 0));
}

void parseWords(const std::string &line, std::vector<uint32_t> &words,
                std::vector<bool> *compared) {
  std::istringstream stream(line);
  std::string item;
  while (stream >> item) {
    size_t star = item.find('*');
    size_t count = 1;
    if (star != std::string::npos) {
      count = std::stoul(item.substr(star + 1));
      item.resize(star);
    }
    bool isAny = item == "?";
    for (size_t i = 0; i < count; ++i) {
      words.push_back(isAny ? 0 : parseWord(item));
      if (compared)
        compared->push_back(!isAny);
    }
  }
}

Expectation parseExpectation(const std::string &text) {
  Expectation expectation;
  std::istringstream stream(text);
  std::string line;
  while (std::getline(stream, line)) {
    if (line.compare(0, 4, "//! ") != 0)
      continue;
    size_t colon = line.find(':');
    std::string key = line.substr(4, colon - 4);
    std::string value = line.substr(colon + 1);
    value.erase(0, value.find_first_not_of(' '));
    if (key == "in")
      parseWords(value, expectation.in, nullptr);
    else if (key == "out")
      parseWords(value, expectation.out, &expectation.compared);
    else
      expectation.settings[key] = value;
  }
  return expectation;
}

std::string showWord(uint32_t word) {
  char buffer[64];
  float value;
  std::memcpy(&value, &word, sizeof value);
  std::snprintf(buffer, sizeof buffer, "0x%08x (%g)", word, double(value));
  return buffer;
}

/// Steps between two floats of the same sign.
double ulpDistance(uint32_t a, uint32_t b) {
  float x, y;
  std::memcpy(&x, &a, 4);
  std::memcpy(&y, &b, 4);
  if (std::isnan(x) || std::isnan(y))
    return std::isnan(x) && std::isnan(y) ? 0 : HUGE_VAL;
  if (a >> 31 != b >> 31)
    return x == y ? 0 : HUGE_VAL;
  return std::fabs(double(a) - double(b));
}

class PTXFile : public ::testing::TestWithParam<std::string> {};

void compare(const Expectation &expectation, const std::vector<uint32_t> &got) {
  double ulp = expectation.number("ulp", 0);
  for (size_t i = 0; i < expectation.out.size(); ++i) {
    if (!expectation.compared[i])
      continue;
    uint32_t want = expectation.out[i];
    bool same = ulp > 0 ? ulpDistance(want, got[i]) <= ulp : want == got[i];
    EXPECT_TRUE(same) << "word " << i << ": expected " << showWord(want)
                      << ", got " << showWord(got[i]);
  }
}

void runOnce(const Module &module, const Expectation &expectation,
             const LaunchOptions &options) {
  Device device;
  std::vector<uint32_t> in = expectation.in;
  in.resize(std::max<size_t>(in.size(), 1));
  uint64_t inAddress = upload(device, in);
  std::vector<uint32_t> cleared(std::max<size_t>(expectation.out.size(), 64),
                                0xDEADBEEF);
  uint64_t outAddress = upload(device, cleared);
  LaunchConfig config;
  config.block.x = expectation.number("block", 1);
  config.grid.x = expectation.number("grid", 1);
  if (uint32_t cluster = expectation.number("cluster", 0))
    config.cluster = {cluster, 1, 1};
  config.dynamicSharedBytes = expectation.number("shared", 0);
  Params params;
  params.add(inAddress).add(outAddress);
  Expected<Statistics> result = device.launch(
      module, "test", config, params.data(), params.size(), options);
  auto trap = expectation.settings.find("trap");
  if (trap != expectation.settings.end()) {
    ASSERT_FALSE(result.ok()) << "expected a trap: " << trap->second;
    EXPECT_NE(result.message().find(trap->second), std::string::npos)
        << result.message();
    return;
  }
  ASSERT_TRUE(result.ok()) << result.message();
  compare(expectation, download<uint32_t>(device, outAddress, cleared.size()));
}

TEST_P(PTXFile, Behaves) {
  std::string text = readTestFile("PTX/" + GetParam());
  Expectation expectation = parseExpectation(text);
  Expected<Module> module = Module::parse(text);
  auto error = expectation.settings.find("error");
  if (error != expectation.settings.end()) {
    ASSERT_FALSE(module.ok()) << "expected an error: " << error->second;
    EXPECT_NE(module.message().find(error->second), std::string::npos)
        << module.message();
    return;
  }
  ASSERT_TRUE(module.ok()) << module.message();
  for (LaunchOptions options : allAsyncModes()) {
    options.stepBudget = 1'000'000;
    options.trapUninitialized = !expectation.settings.count("zeroed");
    options.strictTensorMemory =
        expectation.settings.count("strict-tensor-memory");
    if (expectation.settings.count("late-differs") &&
        options.async != AsyncMode::Late)
      continue;
    SCOPED_TRACE("async mode " + std::to_string(int(options.async)));
    runOnce(*module, expectation, options);
  }
}

std::vector<std::string> listFiles() {
  namespace fs = std::filesystem;
  std::vector<std::string> names;
  fs::path root = fs::path(FP4_EMULATOR_TEST_DIR) / "PTX";
  for (const auto &entry : fs::recursive_directory_iterator(root))
    if (entry.path().extension() == ".ptx")
      names.push_back(fs::relative(entry.path(), root).string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string testName(const ::testing::TestParamInfo<std::string> &info) {
  std::string name = info.param.substr(0, info.param.size() - 4);
  for (char &c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)))
      c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Files, PTXFile, ::testing::ValuesIn(listFiles()),
                         testName);

} // namespace
