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

/// Rows of a unit of weights (fp4/Numerics/Fragments.h, FoldedFragments.h), and
/// bytes of a row of the activations beside it.
inline constexpr int64_t kUnitRows = 64, kUnitRowBytes = 128;

struct DecodePlan : KernelPlan {
  MmaDecodeOp product;

  /// Whether weights and activations are f8E4M3FN rather than bf16 or f16.
  bool isFolded = false;

  /// Of the activations, in which the weight is multiplied.
  mlir::Type getElementType() const { return lhs.type.getElementType(); }
  int64_t getUnitBytes() const { return rhs.getShape()[2]; }
  int64_t getUnitDepth() const { return getFragmentUnitDepth(isFolded); }
  /// Units along the depth: of the matrix, of a stage, of a block's share.
  int64_t getUnits() const { return rhs.getSourceType().getDimSize(1); }
  int64_t getStageUnits() const { return rhs.getShape()[1]; }
  int64_t getShareUnits() const {
    int64_t share = llvm::divideCeil(getUnits(), schedule.getSplit());
    return usesWarpgroups() ? llvm::alignTo(share, getStageUnits()) : share;
  }
  /// wgmma, whose warps own 16 columns each, rather than mma.sync.
  bool usesWarpgroups() const { return schedule.getWarpsN() > 1; }
  /// With a balanced schedule, the rounds of the ring that a tile takes, and
  /// the blocks that work at most: as many as the multiprocessors of an H200.
  int64_t getTileRounds() const {
    return llvm::divideCeil(getShareStages(), schedule.getStages());
  }
  static constexpr int64_t kMaxBlocks = 132;
  /// Stages that a block's share of a tile takes.
  int64_t getShareStages() const {
    return llvm::divideCeil(getShareUnits(), getStageUnits());
  }
  /// Whether every stage of every block is full.
  bool isEven() const {
    int64_t stages = schedule.getBalanced() ? schedule.getStages() : 1;
    return getUnits() % (schedule.getSplit() * getStageUnits() * stages) == 0;
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
