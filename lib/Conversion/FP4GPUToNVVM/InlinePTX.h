//===- InlinePTX.h - What NVVM cannot say -----------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The only PTX text in the lowering. Each function says why an NVVM operation
// would not do.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4GPUTONVVM_INLINEPTX_H
#define FP4_LIB_CONVERSION_FP4GPUTONVVM_INLINEPTX_H

#include "KernelBuilder.h"

namespace fp4::gpu {

/// tcgen05.wait::ld with every loaded register as an operand that it returns.
/// The NVVM operation names no registers, so LLVM may move a use of them, even
/// a plain register move, before the wait.
KernelBuilder::Values waitForTensorLoad(KernelBuilder &b,
                                        mlir::ValueRange registers);

/// wgmma m64nNk16 of bf16 or f16, or m64nNk32 of e4m3, as `element` says, with
/// operand A in four registers, which NVVM's operation does not have. `sums`
/// are the N / 2 accumulators of the lane; neither they nor `a` may be used
/// before a wait. The descriptor is the sum of `base` and `offset`, added here,
/// out of sight of LLVM, which would otherwise keep those of all stages in
/// registers. `isFirst` ignores the values of `sums` and starts from zero.
KernelBuilder::Values warpgroupMma(KernelBuilder &b, mlir::ValueRange a,
                                   mlir::Value base, int64_t offset,
                                   mlir::ValueRange sums, mlir::Type element,
                                   bool isFirst = false);
/// `count` sums of zero, written here: LLVM may set constants behind the fence
/// that has to follow.
KernelBuilder::Values warpgroupZeros(KernelBuilder &b, int64_t count);
void warpgroupFence(KernelBuilder &b);
void warpgroupCommit(KernelBuilder &b);
/// Waits until at most one group of this warp is unfinished.
void warpgroupWaitForPrevious(KernelBuilder &b);
/// Waits for all groups; `sums` are then what it returns.
KernelBuilder::Values warpgroupWait(KernelBuilder &b, mlir::ValueRange sums);

/// movmatrix: the lane's pair of an 8 x 8 matrix, of the transposed one.
mlir::Value transpose8x8(KernelBuilder &b, mlir::Value pair);

/// Adds 1 to a counter of the device, releasing this thread's writes.
void releaseCounter(KernelBuilder &b, mlir::Value pointer);
/// The same, acquiring too; the value ahead of it.
mlir::Value countArrival(KernelBuilder &b, mlir::Value pointer);
/// A counter's value, acquiring what was released with it.
mlir::Value acquireCounter(KernelBuilder &b, mlir::Value pointer);

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_INLINEPTX_H
