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

/// Dynamic rows may be many: only rows of the table without a limit will do,
/// and no number of tiles is promised.
static bool isSuitable(const ScheduleRow &row, const MatmulProblem &problem,
                       const GPUArch &arch) {
  // A ring of one stage would not overlap anything.
  if (countStages(row, chooseDepth(row, problem), problem, arch) < 2)
    return false;
  if (problem.hasDynamicRows())
    return row.maxRows == 0 && row.minTiles == 0;
  int64_t tiles = llvm::divideCeil(problem.rows, row.tileM) *
                  llvm::divideCeil(problem.getProductColumns(), row.tileN);
  return (row.maxRows == 0 || problem.rows <= row.maxRows) &&
         tiles >= row.minTiles;
}

/// Blocks that share the depth of each tile. Sums cross memory once, which pays
/// where multiprocessors would be idle and each block keeps a few rounds of its
/// ring.
static int64_t chooseSplit(const ScheduleRow &row, int64_t depth,
                           const MatmulProblem &problem, const GPUArch &arch) {
  constexpr int64_t kBlocks = 128, kLeastSteps = 4, kMaxSplit = 8;
  if (arch.family != GPUFamily::SM120 || problem.hasDynamicRows())
    return 1;
  int64_t tiles = llvm::divideCeil(problem.rows, row.tileM) *
                  llvm::divideCeil(problem.getProductColumns(), row.tileN);
  int64_t steps = llvm::divideCeil(problem.depth, depth), split = 1;
  while (2 * split * tiles <= kBlocks && 2 * split * kLeastSteps <= steps &&
         2 * split <= kMaxSplit)
    split *= 2;
  return split;
}

ScheduleChoice chooseSchedule(const MatmulProblem &problem,
                              const GPUArch &arch) {
  if (problem.schedule)
    return {problem.schedule, "fp4gpu.schedule asks for it"};
  const ScheduleRow *row = nullptr;
  for (const ScheduleRow &candidate : schedules)
    if (candidate.family == arch.family &&
        (!row || !isSuitable(*row, problem, arch)))
      row = &candidate;
  int64_t depth = chooseDepth(*row, problem);
  int64_t split = chooseSplit(*row, depth, problem, arch);
  auto schedule =
      ScheduleAttr::get(problem.format.getContext(), row->tileM, row->tileN,
                        depth, countStages(*row, depth, problem, arch),
                        row->warpsM, row->warpsN, row->isSwapped, split);
  return {schedule, split == 1 ? StringRef(row->reason)
                               : "few tiles: blocks share the depth of each"};
}

} // namespace fp4::gpu
