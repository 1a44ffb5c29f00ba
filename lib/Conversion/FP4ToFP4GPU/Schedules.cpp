//===- Schedules.cpp - Which schedule for which problem -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of schedules by family and shape. Tiles of 128 rows are those of
// NVIDIA's own kernels for the same instructions (CUTLASS examples 79 and 72).
//
//===----------------------------------------------------------------------===//

#include "MatmulProblem.h"

using namespace mlir;

namespace fp4::gpu {

namespace {
struct ScheduleRow {
  GPUFamily family;
  /// The row is for at most so many rows of the result, all if 0, and at least
  /// so many tiles.
  int64_t maxRows, minTiles;
  int64_t tileM, tileN, tileK;
  int64_t warpsM, warpsN;
  bool isSwapped;
  StringLiteral reason;
};
} // namespace

// clang-format off
/// The first row that suits the problem is taken; the last one of a family
/// suits all. A depth of 256 elements is a swizzled row of 128 bytes, the
/// longest that TMA copies. The chips have 48 to 188 multiprocessors: from
/// about 128 tiles on a larger tile is worth more than more tiles.
static constexpr ScheduleRow schedules[] = {
    {GPUFamily::SM120,   8, 128,   8, 128, 256, 1, 4, true,
     "up to 8 rows: the weight streams through operand A"},
    {GPUFamily::SM120,   8, 128,   8,  64, 256, 1, 4, true,
     "up to 8 rows, and narrow tiles to have more of them"},
    {GPUFamily::SM120,   8,   0,   8,  32, 256, 1, 2, true,
     "up to 8 rows, and narrow tiles to have more of them"},
    {GPUFamily::SM120,  16, 128,  16, 128, 256, 1, 4, true,
     "up to 16 rows: the weight streams through operand A"},
    {GPUFamily::SM120,  16, 128,  16,  64, 256, 1, 4, true,
     "up to 16 rows, and narrow tiles to have more of them"},
    {GPUFamily::SM120,  16,   0,  16,  32, 256, 1, 2, true,
     "up to 16 rows, and narrow tiles to have more of them"},
    {GPUFamily::SM120,  32, 128,  32, 128, 256, 1, 4, false,
     "up to 32 rows: no more rows than there are"},
    {GPUFamily::SM120,  32,   0,  32,  64, 256, 1, 2, false,
     "up to 32 rows, and narrow tiles to have more of them"},
    {GPUFamily::SM120,  64, 128,  64, 128, 256, 2, 2, false,
     "up to 64 rows: no more rows than there are"},
    {GPUFamily::SM120,  64,   0,  64,  64, 256, 2, 2, false,
     "up to 64 rows, and narrow tiles to have more of them"},
    {GPUFamily::SM120,   0, 256, 256, 128, 128, 4, 2, false,
     "many tiles: a large one reads less memory for each product"},
    {GPUFamily::SM120,   0, 128, 128, 128, 128, 2, 2, false,
     "enough tiles of 128x128"},
    {GPUFamily::SM120,   0, 128,  64, 128, 128, 2, 2, false,
     "half of 128x128, to have more tiles"},
    {GPUFamily::SM120,   0,   2,  64,  64, 256, 2, 2, false,
     "a quarter of 128x128, to have more tiles"},
    {GPUFamily::SM120,   0,   0, 128, 128, 128, 2, 2, false,
     "the tile for any number of rows"},
    {GPUFamily::SM100,   0,   0, 128, 128, 256, 4, 1, false,
     "the tile for any number of rows"},
};
// clang-format on

/// More stages than this hide no further latency.
static constexpr int64_t kMaxStages = 8;
/// Shared memory kept for barriers and the like.
static constexpr int64_t kReservedBytes = 1024;

/// The depth of the row, or 128 if it is more and does not divide the problem's
/// or is not reached by it. (Scales of 32 elements allow no less.)
static int64_t chooseDepth(const ScheduleRow &row,
                           const MatmulProblem &problem) {
  constexpr int64_t kLeast = 128;
  // 8-bit elements fill a row of 128 bytes with half as many.
  if (problem.getBits() == 8)
    return kLeast;
  bool isShort = row.maxRows == 0 ? problem.depth % row.tileK != 0
                                  : problem.depth <= kLeast;
  return isShort ? kLeast : row.tileK;
}

/// As many stages as fit; a tile of scales has always 128 rows.
static int64_t countStages(const ScheduleRow &row, int64_t depth,
                           const MatmulProblem &problem, const GPUArch &arch) {
  auto scaleRows = [](int64_t rows) {
    return llvm::alignTo(rows, kScaleTileRows);
  };
  int64_t bytes = (row.tileM + row.tileN) * depth * problem.getBits() / 8 +
                  (scaleRows(row.tileM) + scaleRows(row.tileN)) * depth /
                      problem.format.getBlockCols();
  int64_t stageBytes = llvm::alignTo(bytes, 1024);
  return std::min(kMaxStages, (arch.sharedBytes - kReservedBytes) / stageBytes);
}

static int64_t countTiles(const ScheduleRow &row,
                          const MatmulProblem &problem) {
  return llvm::divideCeil(problem.rows, row.tileM) *
         llvm::divideCeil(problem.getProductColumns(), row.tileN);
}

/// Dynamic rows may be many: only rows of the table without a limit will do,
/// and no number of tiles is promised.
static bool isSuitable(const ScheduleRow &row, const MatmulProblem &problem,
                       const GPUArch &arch) {
  // A ring of one stage would not overlap anything.
  if (countStages(row, chooseDepth(row, problem), problem, arch) < 2)
    return false;
  if (problem.hasDynamicRows())
    return row.maxRows == 0 && row.minTiles == 0;
  return (row.maxRows == 0 || problem.rows <= row.maxRows) &&
         countTiles(row, problem) >= row.minTiles;
}

/// Blocks that share the depth of each tile. Sums cross memory once, which pays
/// where multiprocessors would be idle and each block keeps a few rounds of its
/// ring.
static int64_t chooseSplit(const ScheduleRow &row, int64_t depth,
                           const MatmulProblem &problem, const GPUArch &arch) {
  constexpr int64_t kBlocks = 128, kLeastSteps = 4, kMaxSplit = 8;
  if (arch.family != GPUFamily::SM120 || problem.hasDynamicRows())
    return 1;
  int64_t tiles = countTiles(row, problem);
  int64_t steps = llvm::divideCeil(problem.depth, depth), split = 1;
  while (2 * split * tiles <= kBlocks && 2 * split * kLeastSteps <= steps &&
         2 * split <= kMaxSplit)
    split *= 2;
  return split;
}

/// Whether a grid of one or two rounds of tiles ends sooner if all blocks have
/// as many steps: if that spares them a tenth, with the steps in whose time
/// sums cross memory. The multiprocessors are those of a GeForce RTX 5090; on
/// any other chip the blocks of a balanced schedule are as many as it has.
static bool isBalancedShorter(const ScheduleRow &row, int64_t depth,
                              const MatmulProblem &problem,
                              const GPUArch &arch) {
  constexpr int64_t kMultiprocessors = 170, kExchange = 4, kMostRounds = 2;
  if (arch.family != GPUFamily::SM120 || problem.hasDynamicRows())
    return false;
  int64_t tiles = countTiles(row, problem);
  int64_t rounds = llvm::divideCeil(tiles, kMultiprocessors);
  int64_t steps = llvm::divideCeil(problem.depth, depth);
  int64_t balanced =
      llvm::divideCeil(tiles * steps, kMultiprocessors) + kExchange;
  return rounds <= kMostRounds && 10 * balanced <= 9 * rounds * steps;
}

ScheduleChoice chooseSchedule(const MatmulProblem &problem,
                              const GPUArch &arch) {
  if (problem.decodesWeight)
    return chooseDecodeSchedule(problem, arch);
  if (problem.schedule)
    return {problem.schedule, "fp4gpu.schedule asks for it"};
  const ScheduleRow *row = nullptr;
  for (const ScheduleRow &candidate : schedules)
    if (candidate.family == arch.family &&
        (!row || !isSuitable(*row, problem, arch)))
      row = &candidate;
  int64_t depth = chooseDepth(*row, problem);
  int64_t split = chooseSplit(*row, depth, problem, arch);
  bool isBalanced = split == 1 && isBalancedShorter(*row, depth, problem, arch);
  auto schedule = ScheduleAttr::get(
      problem.format.getContext(), row->tileM, row->tileN, depth,
      countStages(*row, depth, problem, arch), row->warpsM, row->warpsN,
      row->isSwapped, split, /*promotion=*/0, isBalanced);
  StringRef reason =
      split > 1    ? "few tiles: blocks share the depth of each"
      : isBalanced ? "no whole rounds of tiles: all blocks have as many steps"
                   : row->reason;
  return {schedule, reason};
}

SmallVector<RowRange> chooseRowRanges(const MatmulProblem &problem,
                                      const GPUArch &arch) {
  SmallVector<RowRange> ranges;
  if (!problem.hasDynamicRows() || problem.schedule)
    return ranges;
  // Sizes of decoding, of several users or guesses, and of a short prompt. More
  // kernels would cost more to compile than they can save.
  for (int64_t rows : {16, 64, 256}) {
    MatmulProblem few = problem;
    few.rows = rows;
    ScheduleChoice choice = chooseSchedule(few, arch);
    if (!ranges.empty() && ranges.back().choice.schedule == choice.schedule)
      ranges.pop_back();
    ranges.push_back({rows, choice});
  }
  ScheduleAttr any = chooseSchedule(problem, arch).schedule;
  if (ranges.back().choice.schedule == any)
    ranges.pop_back();
  return ranges;
}

} // namespace fp4::gpu
