//===- MatmulKernelsTest.cpp - Generated matmuls by value -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the kernels of both families must get right, case by case (MatmulCase.h
// says how a case is checked).
//
//===----------------------------------------------------------------------===//

#include "MatmulCase.h"
#include <gtest/gtest.h>

using namespace fp4;
using namespace fp4::testing;

namespace {

void check(const std::string &target, const Case &c,
           const ptx::LaunchOptions &options = {}) {
  EXPECT_EQ(runCase(target, c, /*seed=*/1, options), "") << target << "\n"
                                                         << c.toModule();
}

/// Every epilogue for tiles that divide the result and tiles that do not.
void checkEpilogues(const std::string &target, Case c) {
  for (const char *activation : {"relu", "silu", "gelu", "gelu_tanh"}) {
    c.activation = activation;
    check(target, c);
  }
  for (const char *tail : {"residual", "written", "gated"})
    for (const char *type : {"f32", "bf16"}) {
      c.tail = tail;
      c.resultType = type;
      c.activation = "none";
      check(target, c);
    }
  c.activation = "silu";
  c.resultType = "f32";
  c.hasBias = true;
  check(target, c);
}

//===----------------------------------------------------------------------===//
// sm_120a
//===----------------------------------------------------------------------===//

TEST(SM120Matmul, OneTile) {
  check("sm_120a", {"nvfp4", 128, 128, 128});
  check("sm_120a", {"mxfp4", 128, 128, 128});
}

TEST(SM120Matmul, RingWrapsAround) {
  // Eleven steps through five stages.
  check("sm_120a", {"nvfp4", 128, 128, 1408});
  check("sm_120a", {"mxfp4", 128, 128, 1408});
}

TEST(SM120Matmul, BlocksLoopOverTiles) {
  // Six tiles for two blocks: ring and parities carry over from tile to tile.
  Case c{"nvfp4", 256, 384, 384};
  c.blocks = 2;
  check("sm_120a", c);
}

TEST(SM120Matmul, GroupsOfRowTiles) {
  // 19 tiles of rows: a group of 16 and one of 3, times three of columns.
  Case c{"nvfp4", 300, 136, 64};
  c.schedule = "tile = 16x64x64, stages = 2, warps = 1x2";
  c.blocks = 4;
  check("sm_120a", c);
  c.hasDynamicRows = true;
  check("sm_120a", c);
}

TEST(SM120Matmul, RaggedEdges) {
  Case c{"nvfp4", 200, 136, 256};
  check("sm_120a", c);
  c.hasDynamicRows = true;
  c.rows = 37;
  check("sm_120a", c);
  c.format = "mxfp4";
  check("sm_120a", c);
}

TEST(SM120Matmul, SmallTiles) {
  // 150 rows and 200 columns end within tiles and within tiles of scales.
  Case c{"nvfp4", 150, 200, 272};
  for (const char *schedule : {"tile = 16x64x128, stages = 3, warps = 1x2",
                               "tile = 16x128x256, stages = 2, warps = 1x4",
                               "tile = 16x256x128, stages = 2, warps = 1x4",
                               "tile = 32x64x256, stages = 2, warps = 2x1",
                               "tile = 32x128x128, stages = 4, warps = 1x4",
                               "tile = 64x64x64, stages = 4, warps = 2x2",
                               "tile = 64x256x128, stages = 2, warps = 1x4",
                               "tile = 32x32x128, stages = 2, warps = 2x4",
                               "tile = 128x16x128, stages = 2, warps = 4x1"}) {
    c.schedule = schedule;
    c.format = "nvfp4";
    check("sm_120a", c);
    if (c.schedule.find("x64,") != std::string::npos)
      continue; // a word of MXFP4 scales spans 128 elements
    c.format = "mxfp4";
    c.depth = 288;
    check("sm_120a", c);
    c.depth = 272;
  }
}

TEST(SM120Matmul, Decode) {
  for (int64_t rows : {1, 7, 8, 9, 16})
    check("sm_120a", {"nvfp4", rows, 136, 528});
  for (int64_t rows : {1, 8, 13})
    check("sm_120a", {"mxfp4", rows, 264, 288});
  Case c{"nvfp4", 5, 256, 1024, "bf16"};
  c.hasBias = true;
  c.activation = "relu";
  check("sm_120a", c);
}

TEST(SM120Matmul, SwappedTiles) {
  // More than one tile of rows, so that their parts of a scale tile differ.
  Case c{"mxfp4", 150, 200, 288};
  for (const char *schedule :
       {"tile = 8x128x256, stages = 2, warps = 1x4, swapped",
        "tile = 16x64x128, stages = 2, warps = 1x2, swapped",
        "tile = 32x128x128, stages = 3, warps = 1x4, swapped",
        "tile = 64x32x128, stages = 3, warps = 2x2, swapped",
        "tile = 128x256x128, stages = 2, warps = 2x4, swapped"}) {
    c.schedule = schedule;
    check("sm_120a", c);
  }
}

TEST(SM120Matmul, TableOfSchedules) {
  // One problem for each row of the table that others do not cover.
  check("sm_120a", {"nvfp4", 31, 136, 272});
  check("sm_120a", {"mxfp4", 63, 136, 288});
}

TEST(SM120Matmul, RaggedDepth) {
  // One block; an odd number of blocks, whose rows are padded to 16 bytes; a
  // last step with one of two scale tiles; more steps than stages.
  for (int64_t depth : {16, 48, 144, 192, 720, 1456})
    check("sm_120a", {"nvfp4", 40, 136, depth});
  for (int64_t depth : {32, 96, 160, 1440})
    check("sm_120a", {"mxfp4", 40, 136, depth});
}

TEST(SM120Matmul, MXFP8) {
  // Four instructions share a word of scales; more steps than stages.
  for (int64_t depth : {32, 96, 128, 160, 640})
    check("sm_120a", {"mxfp8e4m3", 40, 136, depth});
  check("sm_120a", {"mxfp8e5m2", 130, 136, 160});
  check("sm_120a", {"mxfp8e4m3", 1, 72, 160});
  Case mixed{"mxfp8e4m3", 40, 72, 160};
  mixed.weightFormat = "mxfp8e5m2";
  check("sm_120a", mixed);
  std::swap(mixed.format, mixed.weightFormat);
  check("sm_120a", mixed);
}

TEST(SM120Matmul, SplitThroughScratchMemory) {
  // Parts of different lengths, and, with five steps for eight, empty ones. One
  // block has all parts of a tile in turn; seven meet in any order.
  for (const char *schedule :
       {"tile = 64x64x128, stages = 2, warps = 2x2, split = 2",
        "tile = 16x64x128, stages = 2, warps = 1x4, swapped, split = 3",
        "tile = 32x64x128, stages = 2, warps = 1x2, split = 8"})
    for (uint32_t blocks : {1, 7}) {
      Case c{"nvfp4", 70, 136, 640, "bf16"};
      c.schedule = schedule;
      c.blocks = blocks;
      check("sm_120a", c);
      c.hasDynamicRows = true;
      c.tail = "residual";
      check("sm_120a", c);
    }
  Case c{"mxfp4", 70, 128, 640};
  c.schedule = "tile = 64x64x128, stages = 2, warps = 2x2, split = 4";
  c.quantizedTo = "nvfp4";
  c.scaleRule = "absmax";
  check("sm_120a", c);
  c.schedule = "";
  c.quantizedTo = "";
  c.depth = 2048; // The table splits it.
  check("sm_120a", c);
}

TEST(SM120Matmul, EveryPairOfMXFormats) {
  // Elements of 4 and 6 bits are spread to bytes on the way to shared memory.
  const char *formats[] = {"mxfp4", "mxfp6e2m3", "mxfp6e3m2", "mxfp8e4m3",
                           "mxfp8e5m2"};
  for (const char *lhs : formats)
    for (const char *rhs : formats) {
      Case c{lhs, 40, 72, 256};
      c.weightFormat = rhs;
      check("sm_120a", c);
    }
  Case few{"mxfp8e4m3", 3, 72, 640};
  few.weightFormat = "mxfp4";
  check("sm_120a", few);
  few.quantizedTo = "mxfp4";
  few.scaleRule = "floor";
  few.columns = 64;
  few.schedule = "tile = 8x64x128, stages = 2, warps = 1x2, swapped";
  check("sm_120a", few);
}

TEST(SM120Matmul, RaggedDepthOfTwoScaleRows) {
  Case c{"nvfp4", 300, 136, 208};
  c.schedule = "tile = 256x128x128, stages = 3, warps = 4x2";
  check("sm_120a", c);
}

TEST(SM120Matmul, Epilogues) {
  Case c{"nvfp4", 128, 128, 256, "bf16"};
  c.hasBias = true;
  check("sm_120a", c);
  c.activation = "relu";
  check("sm_120a", c);
  c.resultType = "f32";
  c.activation = "silu";
  check("sm_120a", c);
}

TEST(SM120Matmul, AllEpilogues) {
  checkEpilogues("sm_120a", {"nvfp4", 40, 72, 96});
  // Swapped: one row.
  checkEpilogues("sm_120a", {"mxfp4", 1, 72, 96});
}

TEST(SM120Matmul, OtherSchedules) {
  Case c{"nvfp4", 256, 256, 256};
  for (const char *schedule : {"tile = 128x128x128, stages = 2, warps = 4x1",
                               "tile = 128x128x64, stages = 4, warps = 2x2",
                               "tile = 128x128x256, stages = 2, warps = 2x2",
                               "tile = 256x128x128, stages = 3, warps = 4x2",
                               "tile = 128x256x128, stages = 3, warps = 2x4",
                               "tile = 128x128x128, stages = 3, warps = 1x4",
                               "tile = 128x128x128, stages = 4, warps = 4x2"}) {
    c.schedule = schedule;
    check("sm_120a", c);
  }
}

TEST(SM120Matmul, RaggedTileOfTwoScaleRows) {
  // 300 rows are one tile of 256 and 44 rows of the next, whose second half has
  // no scales at all.
  Case c{"nvfp4", 300, 384, 256};
  c.schedule = "tile = 256x128x128, stages = 3, warps = 4x2";
  check("sm_120a", c);
  c.schedule = "tile = 128x256x128, stages = 3, warps = 2x4";
  c.hasDynamicRows = true;
  check("sm_120a", c);
}

TEST(SM120Matmul, EarlyAndRandomCompletion) {
  Case c{"nvfp4", 128, 256, 768};
  c.blocks = 1;
  for (ptx::AsyncMode mode : {ptx::AsyncMode::Early, ptx::AsyncMode::Random}) {
    ptx::LaunchOptions options;
    options.async = mode;
    check("sm_120a", c, options);
  }
}

//===----------------------------------------------------------------------===//
// sm_100a
//===----------------------------------------------------------------------===//

TEST(SM100Matmul, OneTile) {
  check("sm_100a", {"nvfp4", 128, 128, 256});
  check("sm_100a", {"mxfp4", 128, 128, 256});
}

TEST(SM100Matmul, HalfDepthTiles) {
  check("sm_100a", {"nvfp4", 128, 128, 128});
  check("sm_100a", {"mxfp4", 128, 128, 384});
}

TEST(SM100Matmul, BlocksLoopOverTiles) {
  Case c{"nvfp4", 256, 384, 1408};
  c.blocks = 2;
  check("sm_100a", c);
}

TEST(SM100Matmul, RaggedEdges) {
  Case c{"nvfp4", 200, 136, 256};
  check("sm_100a", c);
  c.hasDynamicRows = true;
  c.rows = 37;
  c.format = "mxfp4";
  check("sm_100a", c);
}

TEST(SM100Matmul, RaggedDepth) {
  for (int64_t depth : {16, 48, 144, 720})
    check("sm_100a", {"nvfp4", 40, 136, depth});
  for (int64_t depth : {32, 160, 416})
    check("sm_100a", {"mxfp4", 40, 136, depth});
}

TEST(SM100Matmul, Epilogues) {
  Case c{"nvfp4", 128, 128, 256, "bf16"};
  c.hasBias = true;
  c.activation = "relu";
  check("sm_100a", c);
}

TEST(SM100Matmul, AllEpilogues) {
  checkEpilogues("sm_100a", {"nvfp4", 40, 72, 96});
}

TEST(SM100Matmul, WideTiles) {
  Case c{"nvfp4", 128, 512, 512};
  c.schedule = "tile = 128x256x256, stages = 4, warps = 4x1";
  check("sm_100a", c);
  c.format = "mxfp4";
  check("sm_100a", c);
}

TEST(SM100Matmul, EarlyAndRandomCompletion) {
  Case c{"nvfp4", 128, 256, 768};
  c.blocks = 1;
  for (ptx::AsyncMode mode : {ptx::AsyncMode::Early, ptx::AsyncMode::Random}) {
    ptx::LaunchOptions options;
    options.async = mode;
    check("sm_100a", c, options);
  }
}

} // namespace
