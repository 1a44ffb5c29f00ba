//===- FP4GPUOps.td - All operations of the fp4gpu dialect -*- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4GPU_IR_FP4GPUOPS_TD
#define FP4_DIALECT_FP4GPU_IR_FP4GPUOPS_TD

include "fp4/Dialect/FP4GPU/IR/FP4GPUActivationOps.td"
include "fp4/Dialect/FP4GPU/IR/FP4GPUDecodeOps.td"
include "fp4/Dialect/FP4GPU/IR/FP4GPUKernelOps.td"
include "fp4/Dialect/FP4GPU/IR/FP4GPULayoutOps.td"

#endif // FP4_DIALECT_FP4GPU_IR_FP4GPUOPS_TD
