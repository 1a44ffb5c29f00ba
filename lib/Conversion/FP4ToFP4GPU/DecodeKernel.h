//===- DecodeKernel.h - Products with a decoded weight ----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The kernels of fp4.matmul with a float left side and a microscaled right
// side, which is decoded exactly (FP4GPUDecodeOps.td).
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4TOFP4GPU_DECODEKERNEL_H
#define FP4_LIB_CONVERSION_FP4TOFP4GPU_DECODEKERNEL_H

#include "MatmulKernel.h"

namespace fp4::gpu {

/// Whether `matmul` is one of a float and a microscaled matrix.
bool isDecodeMatmul(MatmulOp matmul);

/// The problem of such a matmul, or, in `reason`, why no kernel serves it.
/// `format` is that of the weight.
mlir::FailureOr<MatmulProblem> getDecodeProblem(MatmulOp matmul,
                                                std::string &reason);

/// Makes `matmul` a launch of a kernel of its own or one that is there already,
/// or leaves it and says in `reason` why.
mlir::LogicalResult launchDecodeKernel(MatmulOp matmul, const GPUArch &arch,
                                       std::string &reason);

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4TOFP4GPU_DECODEKERNEL_H
