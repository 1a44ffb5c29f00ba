//===- Schedules.cpp - Which schedule for which problem -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of schedules by family. Tiles are those of NVIDIA's own kernels for
// the same instructions (CUTLASS examples 79 and 72).
//
//===----------------------------------------------------------------------===//

#include "MatmulKernel.h"

using namespace mlir;

namespace fp4::gpu {

namespace {
struct ScheduleRow {
  GPUFamily family;
  int64_t tileM, tileN, tileK;
  int64_t warpsM, warpsN;
};
} // namespace

/// The first row whose depth divides the problem's is taken.
static constexpr ScheduleRow schedules[] = {
    {GPUFamily::SM120, 128, 128, 128, 2, 2},
    {GPUFamily::SM100, 128, 128, 256, 4, 1},
    {GPUFamily::SM100, 128, 128, 128, 4, 1},
};

/// More stages than this hide no further latency.
static constexpr int64_t kMaxStages = 8;
/// Shared memory kept for barriers and the like.
static constexpr int64_t kReservedBytes = 1024;

ScheduleAttr chooseSchedule(const MatmulProblem &problem, const GPUArch &arch) {
  if (problem.schedule)
    return problem.schedule;
  const ScheduleRow *row = llvm::find_if(schedules, [&](const ScheduleRow &r) {
    return r.family == arch.family && problem.depth % r.tileK == 0;
  });
  assert(row != std::end(schedules) && "depth is a multiple of 128");
  int64_t extent = row->tileM + row->tileN;
  int64_t stageBytes = extent * row->tileK / 2 +
                       extent * row->tileK / problem.format.getBlockCols();
  int64_t stages = std::min(
      kMaxStages, (arch.sharedBytes - kReservedBytes) /
                      static_cast<int64_t>(llvm::alignTo(stageBytes, 1024)));
  return ScheduleAttr::get(problem.format.getContext(), row->tileM, row->tileN,
                           row->tileK, stages, row->warpsM, row->warpsN,
                           /*split=*/1);
}

} // namespace fp4::gpu
