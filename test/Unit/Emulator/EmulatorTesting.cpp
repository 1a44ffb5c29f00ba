//===- EmulatorTesting.cpp - Helpers of the emulator's tests
//----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EmulatorTesting.h"
#include <fstream>
#include <sstream>

namespace fp4::ptx::testing {

std::string readTestFile(const std::string &name) {
  std::ifstream file(std::string(FP4_EMULATOR_TEST_DIR) + "/" + name);
  EXPECT_TRUE(file.good()) << "cannot read " << name;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Params &Params::addBytes(const void *data, size_t size, size_t align) {
  bytes.resize((bytes.size() + align - 1) / align * align);
  const uint8_t *from = static_cast<const uint8_t *>(data);
  bytes.insert(bytes.end(), from, from + size);
  return *this;
}

std::vector<LaunchOptions> allAsyncModes() {
  std::vector<LaunchOptions> all(4);
  all[1].async = AsyncMode::Early;
  all[2].async = all[3].async = AsyncMode::Random;
  all[3].seed = 12345;
  return all;
}

} // namespace fp4::ptx::testing
