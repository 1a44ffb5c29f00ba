//===- Quantization.h - Weights by RTN, GPTQ, MR-GPTQ -------------*- C -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Quantization of the weight W (rows = output channels, cols = the contraction
// dimension) of y = x W^T against calibration data. Semantics are those of the
// headers under fp4/Quantization.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_C_QUANTIZATION_H
#define FP4_C_QUANTIZATION_H

#include "fp4-c/Numerics.h"

#ifdef __cplusplus
extern "C" {
#endif

/// What a preset did to a layer.
typedef struct FP4WeightReport {
  /// Relative squared output error of rounding to nearest, and of the result:
  /// tr((W - Q) H (W - Q)^T) / tr(W H W^T), with H = 1 without a Hessian.
  double objectiveRTN;
  double objective;
  /// Columns that no calibration input excited.
  size_t deadColumns;
  /// Block of the Hadamard transform that the weights got and the activations
  /// need; 0 if none.
  size_t hadamardBlock;
} FP4WeightReport;

/// Quantizes `weights` with the preset "rtn", "gptq", "mr-gptq", "mr-gptq-plus"
/// or, as these tools do, "fp-quant", "llmcompressor", "modelopt".
/// `hessian` is X^T X of the layer's (unrotated) inputs times any positive
/// number, cols x cols; null is allowed for "rtn" and "modelopt" only. The
/// rotating presets rotate weights and Hessian first, so the codes are those of
/// the rotated weight. `report` may be null. Fails on an unknown preset, NaN or
/// infinity in the weights, and shapes that the block does not divide.
FP4_CAPI_EXPORTED bool
fp4QuantizeWeight(const char *preset, const FP4BlockFormat *format,
                  const float *weights, size_t rows, size_t cols,
                  const float *hessian, uint8_t *codes, uint8_t *scales,
                  float *tensorScale, FP4WeightReport *report, char **error);

/// Adds X^T X / tokens of calibration inputs (tokens x cols) over batches.
typedef struct FP4Hessian FP4Hessian;

FP4_CAPI_EXPORTED FP4Hessian *fp4HessianCreate(size_t cols);
FP4_CAPI_EXPORTED void fp4HessianDestroy(FP4Hessian *hessian);
/// Fails on NaN or infinity and then adds nothing.
FP4_CAPI_EXPORTED bool fp4HessianAdd(FP4Hessian *hessian,
                                     const float *activations, size_t tokens,
                                     char **error);
/// Stores the symmetric cols x cols matrix; fails before the first token.
FP4_CAPI_EXPORTED bool fp4HessianFinish(const FP4Hessian *hessian,
                                        float *matrix, char **error);

#ifdef __cplusplus
}
#endif

#endif // FP4_C_QUANTIZATION_H
