//===- ParserRobustnessTest.cpp - Damaged PTX
//-------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Takes characters, words and lines out of real modules, doubles or exchanges
// them, and parses the result; what still parses is run with a small budget.
// Nothing may crash or hang; the sanitizer builds see to the rest.
//
//===----------------------------------------------------------------------===//

#include "EmulatorTesting.h"
#include <filesystem>
#include <random>

using namespace fp4;
using namespace fp4::ptx;
using namespace fp4::ptx::testing;

namespace {

/// One random edit of `text`.
std::string damage(std::string text, std::mt19937 &random) {
  size_t at = random() % text.size();
  size_t length = 1 + random() % 12;
  size_t from = random() % text.size();
  switch (random() % 5) {
  case 0:
    text.erase(at, length);
    break;
  case 1:
    text.insert(at, text.substr(from, length));
    break;
  case 2: {
    size_t end = text.find('\n', at);
    text.erase(at, end == std::string::npos ? length : end - at);
    break;
  }
  case 3:
    text[at] = char(32 + random() % 95);
    break;
  default: {
    static const char *words[] = {"0x7fffffffffffffff",
                                  "-1",
                                  "%r1",
                                  "{",
                                  "}",
                                  "[",
                                  ".b128",
                                  "%rd999",
                                  "0f7F800000",
                                  "16777216",
                                  "_",
                                  ".v4"};
    text.insert(at, words[random() % std::size(words)]);
  }
  }
  return text;
}

void parseAndRun(const std::string &text) {
  Expected<Module> module = Module::parse(text);
  if (!module.ok()) {
    EXPECT_EQ(module.message().compare(0, 5, "line "), 0) << module.message();
    return;
  }
  for (const KernelInfo &kernel : module->kernels()) {
    if (kernel.paramBytes != 16 || kernel.staticSharedBytes > 65536)
      continue;
    Device device;
    uint64_t in = upload(device, std::vector<uint32_t>(64, 1));
    uint64_t out = upload(device, std::vector<uint32_t>(64));
    Params params;
    params.add(in).add(out);
    LaunchConfig config;
    config.block = {32};
    LaunchOptions options;
    options.stepBudget = 20000;
    Expected<Statistics> stats = device.launch(
        *module, kernel.name, config, params.data(), params.size(), options);
    EXPECT_TRUE(stats.ok() || !stats.message().empty());
  }
}

TEST(ParserRobustness, DamagedModules) {
  namespace fs = std::filesystem;
  std::mt19937 random(2026);
  fs::path root = fs::path(FP4_EMULATOR_TEST_DIR) / "PTX";
  std::vector<std::string> names;
  for (const auto &entry : fs::recursive_directory_iterator(root))
    if (entry.path().extension() == ".ptx")
      names.push_back(fs::relative(entry.path(), root).string());
  std::sort(names.begin(), names.end());
  for (const std::string &name : names) {
    std::string text = readTestFile("PTX/" + name);
    for (int i = 0; i < 40; ++i) {
      std::string damaged = damage(text, random);
      if (random() % 3 == 0)
        damaged = damage(damaged, random);
      SCOPED_TRACE(name + " edit " + std::to_string(i));
      parseAndRun(damaged);
    }
  }
}

} // namespace
