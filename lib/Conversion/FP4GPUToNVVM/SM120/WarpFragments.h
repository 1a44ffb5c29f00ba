//===- WarpFragments.h - Operands of a warp's products ----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loads what the instructions of one warp take, from a stage of shared memory
// to registers.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4GPUTONVVM_SM120_WARPFRAGMENTS_H
#define FP4_LIB_CONVERSION_FP4GPUTONVVM_SM120_WARPFRAGMENTS_H

#include "../KernelSkeleton.h"

namespace fp4::gpu {

/// What a warp owns of one operand's rows: A has the rows of the accumulators,
/// B their columns.
struct WarpSide {
  const TilePlan &elements, &scales;
  /// Rows of the tile, those of a warp, and how many warps share them.
  int64_t tileRows, extent, warps;
  /// First row of the warp in the tile, and in the tile of scales.
  mlir::Value row, scaleRow;
};

/// The registers of one step: an instruction's depth.
struct Fragments {
  using Values = KernelBuilder::Values;

  /// Four registers for each 16 rows of A, two for each 8 columns of B. A
  /// single block of 8 columns is followed by that of the next step.
  llvm::SmallVector<Values> a, b;
  /// A word for each 32 rows or columns. It serves one step or more.
  Values scaleA, scaleB;

  /// All registers, as a loop carries them, and back: `registers` take the
  /// places of these.
  Values flatten() const;
  Fragments replace(mlir::ValueRange registers) const;
};

class FragmentLoader {
public:
  using Value = mlir::Value;
  using Values = KernelBuilder::Values;

  /// The depth of an instruction in bytes of a row: 64 elements of 4 bits or 32
  /// in bytes. Fragments are the same.
  static constexpr int64_t kStepBytes = 32;

  FragmentLoader(KernelPlan &plan, KernelBuilder &builder,
                 KernelSkeleton &skeleton, const WarpSide &sideA,
                 const WarpSide &sideB)
      : plan(plan), b(builder), skeleton(skeleton), sideA(sideA), sideB(sideB) {
  }

  /// The lane of this thread, before anything is loaded.
  void setLane(Value lane);
  /// The steps of a stage.
  int64_t getSteps() const { return plan.lhs.getRowBytes() / kStepBytes; }
  /// Scales that a step takes of a word, and the first of them.
  int64_t getScalesPerStep() const {
    return kStepBytes * 8 / plan.lhs.getBits() / plan.mma.getBlockSize();
  }
  int64_t getByteId(int64_t step) const {
    return getScalesPerStep() * step % 4;
  }
  /// The registers of a step of a stage; `previous` are those of the step
  /// before it, which are not looked at for step 0.
  Fragments load(Value stage, int64_t step, const Fragments &previous);

private:
  Value getAddress(const WarpSide &side, Value stage, Value laneRow,
                   Value chunk);
  Values loadMatrices(const WarpSide &side, Value source);
  llvm::SmallVector<Values> loadA(Value stage, int64_t step);
  llvm::SmallVector<Values> loadB(Value stage, int64_t step,
                                  llvm::ArrayRef<Values> previous);
  Values loadScales(const WarpSide &side, Value stage, int64_t chunk);

  KernelPlan &plan;
  KernelBuilder &b;
  KernelSkeleton &skeleton;
  const WarpSide &sideA, &sideB;
  /// lane = 4 * group + member.
  Value lane, group, member;
};

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_SM120_WARPFRAGMENTS_H
