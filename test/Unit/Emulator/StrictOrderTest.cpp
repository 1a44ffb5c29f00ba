//===- StrictOrderTest.cpp - Programs held to the letter of the ISA -------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LaunchOptions::strict across launches; what it says about one launch is
// tested by the files with `//! strict` below test/Emulator/PTX.
//
//===----------------------------------------------------------------------===//

#include "EmulatorTesting.h"

using namespace fp4;
using namespace fp4::ptx;
using namespace fp4::ptx::testing;

namespace {

/// Every thread adds 1 to its word of `from` and stores it in `to`; where WAIT
/// stands it may wait for the grids in front.
const char *const kKernel = R"(.version 8.7
.target sm_90a
.address_size 64
.visible .entry next(.param .u64 from, .param .u64 to) {
  .reg .b32 %r<4>;
  .reg .b64 %rd<6>;
  ld.param.u64 %rd1, [from];
  ld.param.u64 %rd2, [to];
  mov.u32 %r1, %tid.x;
  mul.wide.u32 %rd3, %r1, 4;
  add.u64 %rd4, %rd1, %rd3;
  add.u64 %rd5, %rd2, %rd3;
  WAIT
  ld.global.u32 %r2, [%rd4];
  add.u32 %r2, %r2, 1;
  st.global.u32 [%rd5], %r2;
  ret;
}
)";

class DependentLaunches : public ::testing::Test {
protected:
  void SetUp() override {
    for (uint64_t &buffer : buffers)
      buffer = upload(device, std::vector<uint32_t>(32, 7));
    options.strict = true;
    config.block = {32};
  }

  /// Launches the kernel, with a griddepcontrol.wait or without.
  Status launch(unsigned from, unsigned to, bool waits) {
    std::string text = kKernel;
    text.replace(text.find("WAIT"), 4, waits ? "griddepcontrol.wait;" : "");
    Expected<Module> module = Module::parse(text);
    if (!module.ok())
      return module.status();
    Params params;
    params.add(buffers[from]);
    params.add(buffers[to]);
    return device
        .launch(*module, "next", config, params.data(), params.size(), options)
        .status();
  }

  Device device;
  std::array<uint64_t, 3> buffers{};
  LaunchConfig config;
  LaunchOptions options;
};

TEST_F(DependentLaunches, WaitForWhatTheGridInFrontWrites) {
  ASSERT_TRUE(launch(0, 1, false).ok());
  config.programmatic = true;
  EXPECT_TRUE(launch(1, 2, true).ok());
  EXPECT_EQ(download<uint32_t>(device, buffers[2], 32),
            std::vector<uint32_t>(32, 9));
  Status status = launch(2, 1, false);
  EXPECT_NE(
      status.message().find("read of global memory that the grid in front "
                            "of this one wrote, without a "
                            "griddepcontrol.wait"),
      std::string::npos)
      << status.message();
}

TEST_F(DependentLaunches, WaitBeforeOverwritingWhatTheGridInFrontReads) {
  ASSERT_TRUE(launch(0, 1, false).ok());
  config.programmatic = true;
  Status status = launch(2, 0, false);
  EXPECT_NE(status.message().find("write of global memory that the grid in "
                                  "front of this one read"),
            std::string::npos)
      << status.message();
}

TEST_F(DependentLaunches, NeedNoWaitForMemoryOfTheirOwn) {
  ASSERT_TRUE(launch(0, 1, false).ok());
  config.programmatic = true;
  // Both read buffer 0.
  EXPECT_TRUE(launch(0, 2, false).ok());
}

TEST_F(DependentLaunches, NeedNoWaitWhenTheyStartBehindTheGridInFront) {
  ASSERT_TRUE(launch(0, 1, false).ok());
  EXPECT_TRUE(launch(1, 2, false).ok());
  config.programmatic = true;
  options.strict = false;
  EXPECT_TRUE(launch(2, 1, false).ok());
}

} // namespace
