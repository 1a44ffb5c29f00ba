//===- KernelGridTest.cpp - Matmul kernels over many shapes ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A grid of shapes, schedules, epilogues and orders of completion, drawn from a
// fixed seed. One case in eight is run; all of them where the environment
// variable FP4_KERNEL_GRID is "all" (scripts/check-kernels).
//
// Where FP4_KERNEL_STATISTICS names a file, what the emulator counts for each
// schedule is written there (benchmarks/static).
//
//===----------------------------------------------------------------------===//

#include "MatmulCase.h"
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>

using namespace fp4;
using namespace fp4::testing;

namespace {

constexpr unsigned kCases = 160, kSample = 8;

/// Schedules of every tile that is documented, in and against the table.
const char *const schedules[] = {
    "tile = 128x128x128, stages = 5, warps = 2x2",
    "tile = 128x128x256, stages = 2, warps = 2x2",
    "tile = 256x128x128, stages = 3, warps = 4x2",
    "tile = 128x256x128, stages = 3, warps = 2x4",
    "tile = 16x64x128, stages = 4, warps = 1x2",
    "tile = 16x128x256, stages = 3, warps = 1x4",
    "tile = 16x256x128, stages = 3, warps = 1x4",
    "tile = 32x64x256, stages = 3, warps = 2x1",
    "tile = 32x128x256, stages = 3, warps = 1x4",
    "tile = 32x256x128, stages = 3, warps = 1x4",
    "tile = 64x64x128, stages = 4, warps = 2x2",
    "tile = 64x128x256, stages = 3, warps = 2x2",
    "tile = 64x256x128, stages = 3, warps = 1x4",
    "tile = 8x128x256, stages = 4, warps = 1x4, swapped",
    "tile = 16x128x256, stages = 4, warps = 1x4, swapped",
    "tile = 32x128x128, stages = 3, warps = 1x4, swapped",
    "tile = 64x64x128, stages = 3, warps = 2x2, split = 2",
    "tile = 16x64x128, stages = 2, warps = 1x4, swapped, split = 3",
    "tile = 64x64x128, stages = 3, warps = 2x2, balanced",
    "tile = 128x128x128, stages = 2, warps = 2x2, balanced",
    "tile = 8x64x128, stages = 2, warps = 1x4, swapped, balanced",
};

/// Those of elements that have a byte each.
const char *const byteSchedules[] = {
    "tile = 128x128x128, stages = 2, warps = 2x2",
    "tile = 64x128x128, stages = 3, warps = 2x2",
    "tile = 16x128x128, stages = 3, warps = 1x4",
    "tile = 32x64x128, stages = 4, warps = 1x2",
    "tile = 64x64x128, stages = 4, warps = 2x2",
    "tile = 8x128x128, stages = 4, warps = 1x4, swapped",
    "tile = 16x32x128, stages = 4, warps = 1x2, swapped",
    "tile = 64x64x128, stages = 3, warps = 2x2, split = 2",
    "tile = 32x64x128, stages = 3, warps = 1x2, balanced",
};

class Grid {
public:
  /// `weights` are the formats that weights are drawn from.
  Grid(const std::string &format, std::vector<std::string> weights,
       bool hasSchedules)
      : format(format), weights(std::move(weights)), hasSchedules(hasSchedules),
        random(format == "nvfp4" ? 1 : 2) {}

  Case next(unsigned index) {
    static const int64_t rows[] = {1,   2,   3,   7,   8,   9,   15, 16,
                                   17,  31,  33,  48,  63,  64,  65, 100,
                                   127, 128, 129, 150, 200, 257, 300};
    static const int64_t columns[] = {8,   16,  24,  40,  64,  72,
                                      104, 128, 136, 200, 256, 264};
    static const char *const tails[] = {"", "", "residual", "written", "gated"};
    std::string weight = weights[random() % weights.size()];
    bool usesBytes = format[4] != '4' || weight[4] != '4';
    // TMA spreads elements of 4 and 6 bits to bytes by 128; lanes do by 32.
    bool isSpread = usesBytes && (format[4] != '8' || weight[4] != '8');
    int64_t unit = format == "nvfp4"           ? 16
                   : isSpread && index % 4 < 2 ? 128
                                               : 32;
    Case c{format, pick(rows), pick(columns),
           unit * int64_t(1 + random() % (640 / unit))};
    if (weight != format)
      c.weightFormat = weight;
    if (hasSchedules && index % 2 == 1)
      c.schedule = usesBytes ? pick(byteSchedules) : pick(schedules);
    c.tail = pick(tails);
    c.hasBias = random() % 3 == 0;
    c.hasDynamicRows = random() % 5 == 0;
    c.activation = random() % 4 == 0 ? "relu" : "none";
    c.isRandom = index % 4 == 3;
    // bfloat16 alone is off by up to 2^-9, as much as random data may be.
    c.resultType = !c.isRandom && random() % 2 ? "bf16" : "f32";
    c.blocks = random() % 7 == 0 ? 2 : 0;
    // As many shares as a small chip has multiprocessors, or a few.
    if (c.schedule.find("balanced") != std::string::npos)
      c.blocks = 2 + random() % 9;
    return c;
  }

private:
  template <typename T, size_t N> T pick(T const (&list)[N]) {
    return list[random() % N];
  }

  std::string format;
  std::vector<std::string> weights;
  bool hasSchedules;
  std::mt19937 random;
};

void runGrid(const std::string &target, const std::string &format,
             std::vector<std::string> weights, unsigned cases,
             bool hasSchedules) {
  const char *wanted = std::getenv("FP4_KERNEL_GRID");
  bool isWhole = wanted && std::string(wanted) == "all";
  Grid grid(format, std::move(weights), hasSchedules);
  unsigned run = 0;
  for (unsigned i = 0; i < cases; ++i) {
    Case c = grid.next(i);
    if (!isWhole && i % kSample != kSample - 1)
      continue;
    ++run;
    ptx::LaunchOptions options;
    options.async = static_cast<ptx::AsyncMode>(i % 3);
    options.seed = i;
    EXPECT_EQ(runCase(target, c, /*seed=*/i, options), "")
        << target << ", case " << i << ": " << c.describe();
  }
  std::printf("%s %s: %u cases\n", target.c_str(), format.c_str(), run);
}

TEST(KernelGrid, SM120NVFP4) {
  runGrid("sm_120a", "nvfp4", {"nvfp4"}, kCases, true);
}
TEST(KernelGrid, SM120MXFP4) {
  runGrid("sm_120a", "mxfp4", {"mxfp4"}, kCases, true);
}
TEST(KernelGrid, SM120MXFP8) {
  runGrid("sm_120a", "mxfp8e4m3", {"mxfp8e4m3", "mxfp8e5m2"}, kCases, true);
}
TEST(KernelGrid, SM120MXFP8ByMXFP4) {
  runGrid("sm_120a", "mxfp8e4m3", {"mxfp4"}, kCases, true);
}
TEST(KernelGrid, SM120MXFP6) {
  runGrid("sm_120a", "mxfp6e2m3",
          {"mxfp6e2m3", "mxfp6e3m2", "mxfp4", "mxfp8e5m2"}, kCases, true);
}
TEST(KernelGrid, SM100NVFP4) {
  runGrid("sm_100a", "nvfp4", {"nvfp4"}, 40, false);
}
TEST(KernelGrid, SM100MXFP4) {
  runGrid("sm_100a", "mxfp4", {"mxfp4"}, 40, false);
}

/// A product of whole tiles and four steps of the pipeline.
Case getWholeTiles(const std::string &format, const std::string &schedule) {
  int64_t rows, columns, depth;
  EXPECT_EQ(std::sscanf(schedule.c_str(), "tile = %ldx%ldx%ld", &rows, &columns,
                        &depth),
            3);
  Case c{format, rows, columns, 4 * depth};
  c.schedule = schedule;
  return c;
}

/// ldmatrix of swizzled rows has no bank conflicts. A load of scales has: lane
/// 4g + t reads 8 bytes of the 16-byte entry 8t + g. Of the 16 lanes that are
/// served together, the four with the same g read entries a multiple of 128
/// bytes apart, three cycles more than one, and there are two such halves.
TEST(KernelStatistics, BankConflictsAreThoseOfScales) {
  ptx::LaunchOptions options;
  options.countBankConflicts = true;
  ptx::Statistics statistics;
  Case c = getWholeTiles("nvfp4", schedules[0]);
  ASSERT_EQ(runCase("sm_120a", c, 1, options, &statistics), "");
  // Four warps, four steps of two instructions' depth, both sides.
  EXPECT_EQ(statistics.bankConflicts, 4u * 4 * 2 * 2 * (2 * 3));
}

/// What a launch of `c` does, as a line of the file.
nlohmann::json measure(Case c) {
  ptx::LaunchOptions options;
  options.countBankConflicts = true;
  ptx::Statistics statistics;
  EXPECT_EQ(runCase("sm_120a", c, 1, options, &statistics), "");
  return {{"format", c.format},
          {"weight", c.getWeightFormat()},
          {"schedule", c.schedule},
          {"mma", statistics.mmaInstructions},
          {"bank_conflicts", statistics.bankConflicts}};
}

TEST(KernelStatistics, AreWrittenWhereWanted) {
  const char *path = std::getenv("FP4_KERNEL_STATISTICS");
  if (!path)
    GTEST_SKIP() << "FP4_KERNEL_STATISTICS names no file";
  std::ofstream file(path);
  nlohmann::json lines = nlohmann::json::array();
  for (const char *format : {"nvfp4", "mxfp4"})
    for (const char *schedule : schedules)
      lines.push_back(measure(getWholeTiles(format, schedule)));
  for (const char *weight : {"mxfp8e4m3", "mxfp4", "mxfp6e3m2"})
    for (const char *schedule : byteSchedules) {
      Case c = getWholeTiles("mxfp8e4m3", schedule);
      c.weightFormat = weight;
      lines.push_back(measure(c));
    }
  file << lines.dump(1) << "\n";
}

} // namespace
