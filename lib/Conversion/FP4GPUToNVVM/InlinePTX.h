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

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_INLINEPTX_H
