//===- EmulatorTesting.h - Helpers of the emulator's tests ------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TEST_UNIT_EMULATOR_EMULATORTESTING_H
#define FP4_TEST_UNIT_EMULATOR_EMULATORTESTING_H

#include "fp4/Emulator/PTX/Emulator.h"
#include <cstring>
#include <gtest/gtest.h>

namespace fp4::ptx::testing {

/// The contents of a file below test/Emulator.
std::string readTestFile(const std::string &name);

/// A parameter block built value by value, each at its natural alignment.
class Params {
public:
  template <typename T> Params &add(const T &value) {
    return addBytes(&value, sizeof value, sizeof value);
  }
  Params &addBytes(const void *data, size_t size, size_t align);
  const void *data() const { return bytes.data(); }
  size_t size() const { return bytes.size(); }

private:
  std::vector<uint8_t> bytes;
};

/// A device buffer with the contents of a vector.
template <typename T>
uint64_t upload(Device &device, const std::vector<T> &values) {
  Expected<uint64_t> address = device.allocate(values.size() * sizeof(T));
  EXPECT_TRUE(address.ok()) << address.message();
  Status status =
      device.copyIn(*address, values.data(), values.size() * sizeof(T));
  EXPECT_TRUE(status.ok()) << status.message();
  return *address;
}

template <typename T>
std::vector<T> download(Device &device, uint64_t address, size_t count) {
  std::vector<T> values(count);
  Status status = device.copyOut(values.data(), address, count * sizeof(T));
  EXPECT_TRUE(status.ok()) << status.message();
  return values;
}

/// The three asynchronous modes, the random one with two seeds.
std::vector<LaunchOptions> allAsyncModes();

} // namespace fp4::ptx::testing

#endif // FP4_TEST_UNIT_EMULATOR_EMULATORTESTING_H
