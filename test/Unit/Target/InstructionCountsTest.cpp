//===- InstructionCountsTest.cpp - Counting PTX instructions --------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is an instruction in PTX text and what is not.
//
//===----------------------------------------------------------------------===//

#include "fp4/Target/PTX.h"
#include <gtest/gtest.h>

using namespace fp4;

TEST(InstructionCounts, CountsByEntryAndOpcode) {
  auto counts = countInstructions(R"(
.version 8.7
.target sm_120a
.extern .shared .align 16 .b8 memory[];
.visible .entry first(
	.param .u64 first_param_0
)
.reqntid 32, 1, 1
{
	.reg .b32 	%r<3>;
// a comment; not an instruction
	mov.b32 	%r1, 1;
$L__BB0_1:
	add.s32 	%r2, %r1, %r1;
	@%p1 bra 	$L__BB0_1;
	@!%p1 mov.b32 	%r1, 2;
	// LLVM breaks the operands of matrix instructions over lines.
	mma.sync.aligned.m16n8k64.row.col.kind::mxf4.block_scale 
		{%r1, %r2},
		{%r1};
	ret;
}
.visible .entry second()
{
	ret;
}
)");
  InstructionCounts first = {
      {"add.s32", 1},
      {"bra", 1},
      {"mma.sync.aligned.m16n8k64.row.col.kind::mxf4.block_scale", 1},
      {"mov.b32", 2},
      {"ret", 1}};
  EXPECT_EQ(counts.at("first"), first);
  EXPECT_EQ(counts.at("second"), (InstructionCounts{{"ret", 1}}));
  EXPECT_EQ(counts.size(), 2u);
}
