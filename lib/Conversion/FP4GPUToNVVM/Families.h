//===- Families.h - One lowering per instruction family ---------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each function emits the device function of a planned kernel into the module
// `device`, or says why the schedule does not suit its instructions.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4GPUTONVVM_FAMILIES_H
#define FP4_LIB_CONVERSION_FP4GPUTONVVM_FAMILIES_H

#include "KernelPlan.h"

namespace fp4::gpu {

/// mma.sync with block scales: SM120/WarpMatmul.cpp.
mlir::LogicalResult lowerToSM120(KernelPlan &plan, mlir::Operation *device);

/// tcgen05.mma with block scales: SM100/TensorMatmul.cpp.
mlir::LogicalResult lowerToSM100(KernelPlan &plan, mlir::Operation *device);

/// Whether the kernel's product is fp4gpu.mma_decode.
bool isDecodeKernel(KernelOp kernel);

/// Products with a decoded weight, for SM90 and SM120: Decode/.
mlir::LogicalResult lowerDecodeKernel(KernelOp kernel, const GPUArch &arch,
                                      mlir::Operation *device);

/// Whether the kernel writes a matrix as bf16 (fp4gpu.dequantize).
bool isDequantizeKernel(KernelOp kernel);

/// That, on all targets: Decode/Dequantize.cpp.
mlir::LogicalResult lowerDequantizeKernel(KernelOp kernel,
                                          mlir::Operation *device);

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_FAMILIES_H
