//===- DecodePlan.h - A kernel with a decoded weight ------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the lowerings of fp4gpu.mma_decode derive from a kernel. The plan's
// `lhs` is the activation, `rhs` the interleaved weight; there are no tiles of
// scales.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4GPUTONVVM_DECODE_DECODEPLAN_H
#define FP4_LIB_CONVERSION_FP4GPUTONVVM_DECODE_DECODEPLAN_H

#include "../KernelPlan.h"

namespace fp4::gpu {

/// Rows and depth of a unit of weights (fp4/Numerics/Fragments.h).
inline constexpr int64_t kUnitRows = 64, kUnitDepth = 64;
/// Where its scales begin.
inline constexpr int64_t kUnitScales = 2048;

struct DecodePlan : KernelPlan {
  MmaDecodeOp product;

  int64_t getUnitBytes() const { return rhs.getShape()[2]; }
  /// Units along the depth: of the matrix, of a stage, of a block's share.
  int64_t getUnits() const { return rhs.getSourceType().getDimSize(1); }
  int64_t getStageUnits() const { return rhs.getShape()[1]; }
  int64_t getShareUnits() const {
    int64_t share = llvm::divideCeil(getUnits(), schedule.getSplit());
    return usesWarpgroups() ? llvm::alignTo(share, getStageUnits()) : share;
  }
  /// wgmma, whose warps own 16 columns each, rather than mma.sync.
  bool usesWarpgroups() const { return schedule.getWarpsN() > 1; }
  /// Stages that a block's share of a tile takes.
  int64_t getShareStages() const {
    return llvm::divideCeil(getShareUnits(), getStageUnits());
  }
  /// Whether every stage of every block is full.
  bool isEven() const {
    return getUnits() % (schedule.getSplit() * getStageUnits()) == 0;
  }
};

mlir::FailureOr<DecodePlan> planDecodeKernel(KernelOp kernel,
                                             const GPUArch &arch);

/// Few rows, by mma.sync: StreamMatmul.cpp. Emits the device function into
/// `device`, or says why the schedule does not suit.
mlir::LogicalResult lowerStreamMatmul(DecodePlan &plan,
                                      mlir::Operation *device);

/// More rows, by wgmma: WarpgroupMatmul.cpp.
mlir::LogicalResult lowerWarpgroupMatmul(DecodePlan &plan,
                                         mlir::Operation *device);

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_DECODE_DECODEPLAN_H
