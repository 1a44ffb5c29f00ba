//===- BankConflictsTest.cpp - LaunchOptions::countBankConflicts ----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shared memory has 32 banks of 4 bytes. An access of a warp takes one cycle
// more for every further word that lies in a bank which it uses; lanes that
// read the same word share it. Accesses of 8 and 16 bytes per lane are served
// for 16 and 8 lanes at a time, ldmatrix for a matrix at a time.
//
//===----------------------------------------------------------------------===//

#include "EmulatorTesting.h"

using namespace fp4;
using namespace fp4::ptx;
using namespace fp4::ptx::testing;

namespace {

/// The conflicts of `access` with %r3 = smem + stride * lane.
uint64_t conflicts(unsigned stride, const std::string &access,
                   bool count = true) {
  std::string text = ".version 8.0\n.target sm_90\n.address_size 64\n"
                     ".visible .entry test() {\n"
                     "  .reg .b32 %r<8>;\n  .reg .b64 %rd<4>;\n"
                     "  .shared .align 128 .b8 smem[8192];\n"
                     "  mov.u32 %r1, %tid.x;\n  mov.u32 %r2, smem;\n"
                     "  mad.lo.u32 %r3, %r1, " +
                     std::to_string(stride) + ", %r2;\n  " + access +
                     "\n  ret;\n}\n";
  Expected<Module> module = Module::parse(text);
  EXPECT_TRUE(module.ok()) << module.message();
  Device device;
  LaunchConfig config;
  config.block = {32};
  LaunchOptions options;
  options.countBankConflicts = count;
  options.trapUninitialized = false;
  Expected<Statistics> stats =
      device.launch(*module, "test", config, nullptr, 0, options);
  EXPECT_TRUE(stats.ok()) << stats.message();
  return stats.ok() ? stats->bankConflicts : ~uint64_t(0);
}

TEST(BankConflicts, Words) {
  const char *load = "ld.shared.b32 %r4, [%r3];";
  EXPECT_EQ(conflicts(4, load), 0u);
  // Everybody reads one word.
  EXPECT_EQ(conflicts(0, load), 0u);
  // Two lanes per bank; 32 in one; an odd stride meets every bank once.
  EXPECT_EQ(conflicts(8, load), 1u);
  EXPECT_EQ(conflicts(128, load), 31u);
  EXPECT_EQ(conflicts(132, load), 0u);
  // Four bytes of a word are one word.
  EXPECT_EQ(conflicts(1, "ld.shared.u8 %r4, [%r3];"), 0u);
  EXPECT_EQ(conflicts(128, "st.shared.b32 [%r3], %r1;"), 31u);
}

TEST(BankConflicts, WideAccesses) {
  const char *load = "ld.shared.v4.b32 {%r4, %r5, %r6, %r7}, [%r3];";
  // Eight lanes take 128 bytes in a row.
  EXPECT_EQ(conflicts(16, load), 0u);
  // At 32 bytes, four of eight lanes fill the banks: twice, four times over.
  EXPECT_EQ(conflicts(32, load), 4u);
  EXPECT_EQ(conflicts(8, "ld.shared.b64 %rd1, [%r3];"), 0u);
  // Sixteen lanes use every other pair of banks twice: two halves, one more
  // each.
  EXPECT_EQ(conflicts(16, "ld.shared.b64 %rd1, [%r3];"), 2u);
}

TEST(BankConflicts, Ldmatrix) {
  const char *load = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 "
                     "{%r4, %r5, %r6, %r7}, [%r3];";
  EXPECT_EQ(conflicts(16, load), 0u);
  // All eight rows of each of four matrices begin in bank 0.
  EXPECT_EQ(conflicts(128, load), 4u * 7);
  // Rows padded by 16 bytes spread again.
  EXPECT_EQ(conflicts(144, load), 0u);
}

TEST(BankConflicts, NotCountedUnlessAsked) {
  EXPECT_EQ(conflicts(128, "ld.shared.b32 %r4, [%r3];", false), 0u);
}

} // namespace
