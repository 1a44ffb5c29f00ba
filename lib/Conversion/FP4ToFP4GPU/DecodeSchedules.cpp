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

/// mma.sync: every warp takes a unit of the depth in turn. Eight warps are as
/// fast as sixteen; two blocks share a tile where the multiprocessors would
/// otherwise be half idle.
static ScheduleAttr chooseStream(const MatmulProblem &problem,
                                 const GPUArch &arch) {
  constexpr int64_t kMaxStages = 6;
  int64_t rows = problem.hasDynamicRows() ? 16
                 : problem.rows <= 8      ? 8
                 : problem.rows <= 16     ? 16
                                          : 32;
  int64_t units = llvm::divideCeil(problem.depth, kUnit);
  int64_t tiles = llvm::divideCeil(problem.columns, kUnit);
  bool isSplit = arch.family == GPUFamily::SM90 && units > 1 &&
                 2 * tiles <= kMultiprocessors;
  int64_t split = isSplit ? 2 : 1, warps = 8, stages = 0;
  while (warps > 1 && warps > units / split)
    warps /= 2;
  for (;; warps /= 2) {
    int64_t stageBytes = llvm::alignTo(
        warps * (rows * 2 * kUnit + getFragmentUnitBytes(problem.format)),
        1024);
    stages = std::min(
        kMaxStages, (arch.sharedBytes - getSumBytes(rows, warps)) / stageBytes);
    if (stages >= 2 || warps == 1)
      break;
  }
  return ScheduleAttr::get(problem.format.getContext(), rows, kUnit,
                           warps * kUnit, stages, 1, 1, /*swapped=*/false,
                           split);
}

/// wgmma: the largest tile of which there are enough, without a split.
static ScheduleAttr chooseWarpgroups(const MatmulProblem &problem,
                                     const GPUArch &arch) {
  struct Tile {
    int64_t rows, columns;
  };
  static constexpr Tile tiles[] = {
      {256, 128}, {128, 128}, {64, 256}, {64, 128}};
  constexpr int64_t kDepth = 2 * kUnit, kMaxStages = 8, kReservedBytes = 1024;
  const Tile *tile = llvm::find_if(tiles, [&](const Tile &t) {
    int64_t count = llvm::divideCeil(problem.rows, t.rows) *
                    llvm::divideCeil(problem.columns, t.columns);
    return t.rows < 2 * problem.rows && count > kMultiprocessors / 2 + 20;
  });
  if (tile == std::end(tiles))
    tile = problem.rows > 64 ? &tiles[1] : &tiles[3];
  int64_t stageBytes = llvm::alignTo(
      tile->rows * 2 * kDepth +
          tile->columns / kUnit * 2 * getFragmentUnitBytes(problem.format),
      1024);
  int64_t stages =
      std::min(kMaxStages, (arch.sharedBytes - kReservedBytes) / stageBytes);
  return ScheduleAttr::get(problem.format.getContext(), tile->rows,
                           tile->columns, kDepth, stages, 1, tile->columns / 16,
                           /*swapped=*/false, /*split=*/1);
}

ScheduleChoice chooseDecodeSchedule(const MatmulProblem &problem,
                                    const GPUArch &arch) {
  constexpr int64_t kFewRows = 32;
  if (problem.schedule)
    return {problem.schedule, "fp4gpu.schedule asks for it"};
  if (arch.family != GPUFamily::SM90 || problem.hasDynamicRows() ||
      problem.rows <= kFewRows)
    return {chooseStream(problem, arch),
            "the weight streams through all warps"};
  return {chooseWarpgroups(problem, arch),
          "more than 32 rows: the weight is decoded ahead of wgmma"};
}

} // namespace fp4::gpu
