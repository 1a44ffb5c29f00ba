//===- ActivationPlan.h - An activation kernel taken apart ------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The parts of a kernel with fp4gpu.quantize or fp4gpu.amax, and how its work
// is divided among threads.
//
// A thread takes 32 consecutive elements of a row, `lanesPerRow` threads the
// columns of a tile, and a block of 256 threads one of `parts` parts of its 128
// rows. With slot s = 0, 1, ... counting the rows of a part,
//
//     row = 32 * (s % 4) + part * 32 / parts + s / 4,
//
// the order in which scales lie in a 128x4 tile, so that a warp stores them as
// consecutive bytes. Blocks take tiles one by one, or, where the body needs a
// sum over the row, a part of a row of tiles.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4GPUTONVVM_ACTIVATION_ACTIVATIONPLAN_H
#define FP4_LIB_CONVERSION_FP4GPUTONVVM_ACTIVATION_ACTIVATIONPLAN_H

#include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.h"
#include "fp4/Dialect/FP4GPU/IR/GPUArch.h"

namespace fp4::gpu {

struct ActivationPlan {
  static constexpr int64_t kThreads = 256;
  static constexpr int64_t kElementsPerThread = 32;
  /// Columns of a warp.
  static constexpr int64_t kLargestTile = 32 * kElementsPerThread;

  KernelOp kernel;
  const GPUArch *arch;
  ForTilesOp forTiles;
  /// Exactly one of them.
  QuantizeOp quantize;
  AmaxOp amax;

  mlir::Operation *getOp() {
    return quantize ? quantize.getOperation() : amax.getOperation();
  }
  mlir::ValueRange getInputs() {
    return quantize ? quantize.getInputs() : amax.getInputs();
  }
  /// Vectors along the columns that the body reads too.
  mlir::ValueRange getVectors() {
    return quantize ? quantize.getColumns() : amax.getColumns();
  }
  /// Block-diagonal, or null.
  mlir::Value getMatrix() {
    return quantize ? quantize.getMatrix() : amax.getMatrix();
  }
  mlir::MemRefType getMatrixType() {
    return mlir::cast<mlir::MemRefType>(getMatrix().getType());
  }
  /// Columns of a block of the matrix, 1 without.
  int64_t getMatrixBlock() {
    return getMatrix() ? getMatrixType().getShape().back() : 1;
  }
  mlir::Block &getBody() {
    return quantize ? quantize.getBody().front() : amax.getBody().front();
  }
  /// What the sum of squares of a row becomes, or null.
  mlir::Block *getRow() {
    mlir::Region &row = quantize ? quantize.getRow() : amax.getRow();
    return row.empty() ? nullptr : &row.front();
  }
  int64_t getRotation() {
    return (quantize ? quantize.getRotation() : amax.getRotation()).value_or(1);
  }
  std::optional<llvm::ArrayRef<int8_t>> getSigns() {
    return quantize ? quantize.getSigns() : amax.getSigns();
  }
  bool saturatesInf() {
    return quantize ? quantize.getSaturateInf() : amax.getSaturateInf();
  }
  int64_t getColumns() {
    return mlir::cast<mlir::MemRefType>(getInputs().front().getType())
        .getDimSize(1);
  }
  /// Blocks of threads per multiprocessor, as many as have the registers: the
  /// rule that compares two scales keeps 32 values beside their candidates, and
  /// power-of-two scales of long rotations spill a few in 64 registers.
  int64_t getBlocksPerMultiprocessor() {
    bool isFused =
        getInputs().size() + getVectors().size() > 1 || getRow() || getMatrix();
    if (!quantize)
      return isFused ? 2 : 4;
    if (quantize.getRule() == ScaleRule::FourOverSix ||
        quantize.getRule() == ScaleRule::Search || isFused)
      return 2;
    return quantize.getRule() != ScaleRule::AbsMax && getRotation() > 32 ? 3
                                                                         : 4;
  }
  int64_t getColumnTiles() {
    return llvm::divideCeil(getColumns(), getTileColumns());
  }
  int64_t getTileColumns() { return kernel.getSchedule().getTileN(); }
  int64_t getLanesPerRow() { return getTileColumns() / kElementsPerThread; }
  int64_t getParts() { return getLanesPerRow() / 2; }
};

/// Whether `kernel` is an activation kernel.
bool isActivationKernel(KernelOp kernel);

/// Takes an activation kernel apart, or says what about it is not understood.
mlir::FailureOr<ActivationPlan> planActivation(KernelOp kernel,
                                               const GPUArch &arch);

/// Emits the device function of an activation kernel into the module `device`.
void lowerActivation(ActivationPlan &plan, mlir::Operation *device);

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_ACTIVATION_ACTIVATIONPLAN_H
