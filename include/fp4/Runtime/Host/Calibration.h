//===- Calibration.h - Statistics of the inputs of layers -------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs a float program on calibration inputs and sums X^T X of the input X of
// every linear layer: the Hessians that GPTQ needs.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_RUNTIME_HOST_CALIBRATION_H
#define FP4_RUNTIME_HOST_CALIBRATION_H

#include "fp4/TensorIO/Safetensors.h"
#include "mlir/IR/BuiltinOps.h"

namespace fp4 {

/// Rows that one run of the program takes.
inline constexpr int64_t kCalibrationRows = 1024;

/// X^T X / rows of every `fp4.matmul` with a float weight that `entry`
/// executes, by its `fp4.layer` name, as float32 [K, K]. `module` is changed.
///
/// Inputs whose first dimension is dynamic in the program are cut into runs of
/// `chunkRows` rows, all together; their rows must not depend on each other.
/// The others are passed whole to every run.
Expected<TensorMap> collectHessians(mlir::ModuleOp module,
                                    const std::string &entry,
                                    const std::vector<NDArray> &inputs,
                                    int64_t chunkRows = kCalibrationRows);

} // namespace fp4

#endif // FP4_RUNTIME_HOST_CALIBRATION_H
