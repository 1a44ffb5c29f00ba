//===- QuantizedResultsTest.cpp - Matmuls with FP4 results by value -------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The results of a matmul as codes and scales in the layout that the next one
// reads, compared in every byte with fp4.quantize of the exact product.
//
//===----------------------------------------------------------------------===//

#include "MatmulCase.h"
#include <gtest/gtest.h>

using namespace fp4;
using namespace fp4::testing;

namespace {

void check(Case c, const std::string &to, const std::string &rule,
           const ptx::LaunchOptions &options = {}) {
  c.quantizedTo = to;
  c.scaleRule = rule;
  EXPECT_EQ(runCase("sm_120a", c, /*seed=*/7, options), "") << c.describe();
}

TEST(QuantizedResults, EveryRule) {
  Case c{"nvfp4", 128, 128, 128};
  for (const char *rule : {"absmax", "four_over_six"})
    check(c, "nvfp4", rule);
  for (const char *rule : {"floor", "rceil", "even"})
    check(c, "mxfp4", rule);
}

TEST(QuantizedResults, Schedules) {
  // The whole blocks of a warp: four lanes share a row, or, swapped, eight.
  for (const char *schedule :
       {"tile = 128x128x128, stages = 2, warps = 2x2",
        "tile = 256x128x128, stages = 2, warps = 4x2",
        "tile = 64x64x128, stages = 2, warps = 2x2",
        "tile = 16x64x128, stages = 2, warps = 1x2",
        "tile = 16x128x128, stages = 2, warps = 1x4, swapped",
        "tile = 32x64x128, stages = 2, warps = 2x2, swapped"}) {
    Case c{"nvfp4", 70, 160, 128, "bf16"};
    c.schedule = schedule;
    check(c, "nvfp4", "absmax");
    check(c, "mxfp4", "floor");
  }
}

TEST(QuantizedResults, FewRows) {
  for (int64_t rows : {1, 7, 16, 33}) {
    Case c{"mxfp4", rows, 96, 256, "bf16"};
    check(c, "nvfp4", "absmax");
    c.schedule = "tile = 16x64x128, stages = 2, warps = 1x2, swapped";
    check(c, "mxfp4", "rceil");
    c.hasDynamicRows = true;
    check(c, "mxfp4", "even");
  }
}

TEST(QuantizedResults, PaddingOfScales) {
  // 288 columns are 18 blocks of 16, or 9 of 32: five or three of the last four
  // are padding, as are the rows from 130 to 256, most in tiles that do not
  // exist.
  Case c{"nvfp4", 130, 288, 64};
  for (const char *schedule :
       {"tile = 64x64x128, stages = 2, warps = 2x2",
        "tile = 8x32x128, stages = 2, warps = 1x1, swapped"}) {
    c.schedule = schedule;
    c.blocks = 3;
    check(c, "nvfp4", "absmax");
    check(c, "mxfp4", "floor");
  }
}

TEST(QuantizedResults, Tails) {
  for (const char *tail : {"residual", "written", "gated"}) {
    Case c{"nvfp4", 20, 64, 192, "f32"};
    c.tail = tail;
    c.hasBias = true;
    c.activation = "relu";
    check(c, "nvfp4", "absmax");
    c.schedule = "tile = 64x128x128, stages = 2, warps = 2x2";
    check(c, "mxfp4", "floor");
    c.schedule = "tile = 16x128x128, stages = 2, warps = 1x2, swapped";
    check(c, "nvfp4", "four_over_six");
  }
}

TEST(QuantizedResults, EarlyAndRandomCompletion) {
  Case c{"nvfp4", 100, 96, 512, "bf16"};
  c.blocks = 1;
  for (ptx::AsyncMode mode : {ptx::AsyncMode::Early, ptx::AsyncMode::Random}) {
    ptx::LaunchOptions options;
    options.async = mode;
    check(c, "nvfp4", "absmax", options);
  }
}

} // namespace
