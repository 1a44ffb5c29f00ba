//===- PTXFilesTest.cpp - Runs test/Emulator/PTX
//----------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The files explain themselves; PTXFile.h says how they are read.
//
//===----------------------------------------------------------------------===//

#include "EmulatorTesting.h"
#include "PTXFile.h"

using namespace fp4;
using namespace fp4::ptx;
using namespace fp4::ptx::testing;

namespace {

class PTXFile : public ::testing::TestWithParam<std::string> {};

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
  EXPECT_EQ(firstDifference(expectation, download<uint32_t>(device, outAddress,
                                                            cleared.size())),
            "");
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
    options.strict = expectation.settings.count("strict");
    if (expectation.settings.count("late-differs") &&
        options.async != AsyncMode::Late)
      continue;
    SCOPED_TRACE("async mode " + std::to_string(int(options.async)));
    runOnce(*module, expectation, options);
  }
}

std::string testName(const ::testing::TestParamInfo<std::string> &info) {
  std::string name = info.param.substr(0, info.param.size() - 4);
  for (char &c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)))
      c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Files, PTXFile,
                         ::testing::ValuesIn(listPTXFiles(
                             std::string(FP4_EMULATOR_TEST_DIR) + "/PTX")),
                         testName);

} // namespace
