//===- AsyncModesTest.cpp - Device::compareAsyncModes ---------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program whose result depends on when a copy completes is reported; one that
// waits is not, and runs from the same memory in every mode.
//
//===----------------------------------------------------------------------===//

#include "EmulatorTesting.h"

using namespace fp4;
using namespace fp4::ptx;
using namespace fp4::ptx::testing;

namespace {

/// Copies 16 bytes to shared memory, runs `wait`, which sets %p1, stores %p1
/// and adds one to the first word of the source.
std::string program(const std::string &wait) {
  return ".version 8.0\n.target sm_90\n.address_size 64\n"
         ".visible .entry test(.param .u64 in, .param .u64 out) {\n"
         "  .reg .pred %p<4>;\n  .reg .b32 %r<8>;\n  .reg .b64 %rd<4>;\n"
         "  .shared .align 16 .b8 smem[16];\n  .shared .align 8 .b8 bar[8];\n"
         "  ld.param.u64 %rd1, [in];\n  ld.param.u64 %rd2, [out];\n"
         "  mbarrier.init.shared.b64 [bar], 1;\n"
         "  mbarrier.arrive.expect_tx.shared.b64 _, [bar], 16;\n"
         "  cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
         "[smem], [%rd1], 16, [bar];\n" +
         wait +
         "  selp.u32 %r1, 1, 0, %p1;\n  st.global.u32 [%rd2], %r1;\n"
         "WAIT:\n  mbarrier.try_wait.parity.shared.b64 %p2, [bar], 0;\n"
         "  @!%p2 bra WAIT;\n  ld.global.u32 %r2, [%rd1];\n"
         "  add.u32 %r2, %r2, 1;\n  st.global.u32 [%rd1], %r2;\n  ret;\n}\n";
}

Expected<Statistics> compare(const std::string &wait,
                             std::vector<uint32_t> &source) {
  Expected<Module> module = Module::parse(program(wait));
  EXPECT_TRUE(module.ok()) << module.message();
  Device device;
  uint64_t in = upload(device, source);
  uint64_t out = upload(device, std::vector<uint32_t>(4));
  Params params;
  params.add(in).add(out);
  Expected<Statistics> result = device.compareAsyncModes(
      *module, "test", {}, params.data(), params.size());
  source = download<uint32_t>(device, in, source.size());
  return result;
}

TEST(AsyncModes, ReportsADependence) {
  std::vector<uint32_t> source = {7, 0, 0, 0};
  Expected<Statistics> result = compare(
      "  mbarrier.test_wait.parity.shared.b64 %p1, [bar], 0;\n", source);
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.message().find(
                "results differ between the asynchronous modes late and early"),
            std::string::npos)
      << result.message();
  EXPECT_NE(result.message().find("is 0x0 and 0x1"), std::string::npos)
      << result.message();
}

TEST(AsyncModes, AcceptsAProgramThatWaits) {
  std::vector<uint32_t> source = {7, 0, 0, 0};
  Expected<Statistics> result = compare("  setp.eq.u32 %p1, 0, 0;\n", source);
  EXPECT_TRUE(result.ok()) << result.message();
  // Four runs from the same memory add one, not four.
  EXPECT_EQ(source[0], 8u);
}

TEST(AsyncModes, PassesATrapOn) {
  std::vector<uint32_t> source = {7, 0, 0, 0};
  Expected<Statistics> result = compare("  trap;\n", source);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.message().find("in the asynchronous mode late: "), 0u)
      << result.message();
}

} // namespace
