//===- DecodeSchedules.cpp - Schedules for a decoded weight ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which schedule for which product of bf16 activations and FP4 weights.
//
//===----------------------------------------------------------------------===//

#include "MatmulProblem.h"

using namespace mlir;

namespace fp4::gpu {

/// Bytes of shared memory that the sums of all warps take, and what else stands
/// behind the ring.
static int64_t getSumBytes(int64_t rows, int64_t warps) {
  return warps * rows * (kUnit + 4) * 4 + rows * kUnit * 4 + 1024;
}

/// Multiprocessors of an H200, on which the choices below were measured
/// (docs/Performance.md).
static constexpr int64_t kMultiprocessors = 132;

/// mma.sync: every warp takes a unit of the depth in turn. Two blocks share a
/// tile where the multiprocessors would otherwise be half idle; where there are
/// up to four times as many tiles as multiprocessors, two smaller blocks share
/// one of those. More stages than these are slower: the loop is unrolled over
/// them.
static ScheduleAttr chooseStream(const MatmulProblem &problem,
                                 const GPUArch &arch) {
  bool isMany = problem.hasDynamicRows() || problem.rows > 16;
  int64_t rows = isMany ? 32 : problem.rows <= 8 ? 8 : 16;
  int64_t units = llvm::divideCeil(problem.depth, kUnit);
  int64_t tiles = llvm::divideCeil(problem.getProductColumns(), kUnit);
  bool isSplit = arch.family == GPUFamily::SM90 && units > 1 &&
                 2 * tiles <= kMultiprocessors;
  bool isShared = arch.family == GPUFamily::SM90 && rows <= 16 &&
                  tiles > kMultiprocessors && tiles <= 4 * kMultiprocessors;
  int64_t maxStages = rows == 8 ? (isShared ? 3 : 4) : (isShared ? 4 : 3);
  int64_t split = isSplit ? 2 : 1, stages = 0;
  int64_t warps = isShared && rows == 16 ? 4 : 8;
  while (warps > 1 && warps > units / split)
    warps /= 2;
  for (;; warps /= 2) {
    int64_t stageBytes = llvm::alignTo(
        warps * (rows * 2 * kUnit + getFragmentUnitBytes(problem.format)),
        1024);
    stages = std::min(maxStages, (arch.sharedBytes - getSumBytes(rows, warps)) /
                                     stageBytes);
    if (stages >= 2 || warps == 1)
      break;
  }
  return ScheduleAttr::get(problem.format.getContext(), rows, kUnit,
                           warps * kUnit, stages, 1, 1, /*swapped=*/false,
                           split);
}

namespace {
/// A way to divide a product among blocks.
struct Division {
  int64_t rows, columns;
  bool isBalanced = false;
};
} // namespace

/// The schedule of a division, with as many stages as fit and help.
static ScheduleAttr makeSchedule(const MatmulProblem &problem,
                                 const GPUArch &arch, const Division &division,
                                 int64_t split) {
  constexpr int64_t kDepth = 128, kReservedBytes = 1024;
  int64_t units = kDepth / getFragmentUnitDepth(problem.isFolded);
  int64_t stageBytes = llvm::alignTo(
      division.rows * units * 128 +
          division.columns / kUnit * units *
              getFragmentUnitBytes(problem.format, problem.isFolded),
      1024);
  // A balanced block computes whole rounds of the ring.
  int64_t maxStages = division.isBalanced ? 4 : 8;
  int64_t stages =
      std::min(maxStages, (arch.sharedBytes - kReservedBytes) / stageBytes);
  return ScheduleAttr::get(problem.format.getContext(), division.rows,
                           division.columns, kDepth, stages, 1,
                           division.columns / 16, /*swapped=*/false, split,
                           /*promotion=*/0, division.isBalanced);
}

/// Time of a division, in that of one tile of 128 x 128 on all
/// multiprocessors. A tile of 256 rows takes less than two of 128; tiles that
/// blocks share cost an addition, and reuse less of L2.
static double estimate(const Division &division, int64_t tiles) {
  double size =
      static_cast<double>(division.rows * division.columns) / (128 * 128);
  if (division.isBalanced)
    return size * (1.05 * tiles / kMultiprocessors + 0.08);
  return size * (division.rows == 256 ? 0.93 : 1) *
         llvm::divideCeil(tiles, kMultiprocessors);
}

/// wgmma: the tile and division with the least estimate; the parts of the depth
/// of a few tiles are computed by several blocks each.
static ScheduleAttr chooseWarpgroups(const MatmulProblem &problem,
                                     const GPUArch &arch) {
  constexpr int64_t kFewTiles = kMultiprocessors / 4;
  // Balanced, many rows would have their weights read too often.
  constexpr int64_t kManyRows = 256;
  SmallVector<Division> divisions;
  if (problem.rows > 128) {
    divisions = {{256, 128}, {128, 128}};
    if (problem.rows <= kManyRows)
      divisions.push_back({128, 128, true});
  } else {
    int64_t rows = problem.rows <= 32 ? 32 : problem.rows <= 64 ? 64 : 128;
    bool isWide = rows < 128 &&
                  problem.getProductColumns() >= (rows == 32 ? 8192 : 16384);
    int64_t columns = isWide ? 256 : 128;
    divisions = {{rows, columns}, {rows, columns, true}};
  }
  auto countTiles = [&](const Division &division) {
    return static_cast<int64_t>(
        llvm::divideCeil(problem.rows, division.rows) *
        llvm::divideCeil(problem.getProductColumns(), division.columns));
  };
  const Division &first = divisions.front();
  int64_t tiles = countTiles(first);
  if (tiles <= kFewTiles && problem.rows <= 128) {
    int64_t steps = llvm::divideCeil(problem.depth, 128);
    int64_t split = std::min({kMultiprocessors / tiles, first.rows / 8,
                              std::max<int64_t>(1, steps / 4)});
    return makeSchedule(problem, arch, first, split);
  }
  const Division &best =
      *llvm::min_element(divisions, [&](const Division &a, const Division &b) {
        return estimate(a, countTiles(a)) < estimate(b, countTiles(b));
      });
  return makeSchedule(problem, arch, best, /*split=*/1);
}

ScheduleChoice chooseDecodeSchedule(const MatmulProblem &problem,
                                    const GPUArch &arch) {
  constexpr int64_t kFewRows = 16, kManyRows = 1024;
  if (problem.schedule)
    return {problem.schedule, "fp4gpu.schedule asks for it"};
  MatmulProblem known = problem;
  if (problem.hasDynamicRows())
    known.rows = kManyRows;
  if (problem.isFolded)
    return {chooseWarpgroups(known, arch), "8-bit products: by wgmma"};
  if (arch.family != GPUFamily::SM90 || known.rows <= kFewRows)
    return {chooseStream(problem, arch),
            "the weight streams through all warps"};
  return {chooseWarpgroups(known, arch),
          "more than 16 rows: the weight is decoded ahead of wgmma"};
}

} // namespace fp4::gpu
