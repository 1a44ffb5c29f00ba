//===- Quantization.cpp - Weight quantization through C -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Implements fp4-c/Quantization.h.
//
//===----------------------------------------------------------------------===//

#include "fp4-c/Quantization.h"
#include "Formats.h"
#include "Text.h"
#include "fp4/Quantization/Hessian.h"
#include "fp4/Quantization/Presets.h"
#include <algorithm>
#include <string>

using namespace fp4;
using namespace fp4::quantization;
using capi::fail;
using capi::succeed;

struct FP4Hessian {
  explicit FP4Hessian(size_t cols) : accumulator(cols) {}
  HessianAccumulator accumulator;
};

/// Rotates copies of the weights and the Hessian where the preset says so, and
/// quantizes them.
static Expected<QuantizedWeight> quantizeWithPreset(const Preset &preset,
                                                    const float *weights,
                                                    size_t rows, size_t cols,
                                                    const float *hessian) {
  std::vector<float> rotated(weights, weights + rows * cols);
  std::vector<float> rotatedHessian;
  if (hessian)
    rotatedHessian.assign(hessian, hessian + cols * cols);
  if (preset.hadamardBlock != 0)
    rotateProblem(rotated.data(), rows, cols,
                  hessian ? rotatedHessian.data() : nullptr,
                  preset.hadamardBlock);
  return quantizeWeight(preset.options, std::move(rotated), rows, cols,
                        hessian ? rotatedHessian.data() : nullptr);
}

bool fp4QuantizeWeight(const char *presetName, const FP4BlockFormat *format,
                       const float *weights, size_t rows, size_t cols,
                       const float *hessian, uint8_t *codes, uint8_t *scales,
                       float *tensorScale, FP4WeightReport *report,
                       char **error) {
  if (!capi::verifyMatrix(format, rows, cols, error))
    return false;
  Expected<Preset> preset = findPreset(presetName, capi::unwrapFormat(*format));
  if (!preset.ok())
    return fail(error, preset.message());
  Expected<QuantizedWeight> result =
      quantizeWithPreset(*preset, weights, rows, cols, hessian);
  if (!result.ok())
    return fail(error, result.message());
  std::copy(result->codes.begin(), result->codes.end(), codes);
  std::copy(result->scales.begin(), result->scales.end(), scales);
  *tensorScale = result->tensorScale;
  if (report)
    *report = {result->report.objectiveRTN, result->report.objectiveAfter,
               result->report.deadColumns, preset->hadamardBlock};
  return succeed(error);
}

FP4Hessian *fp4HessianCreate(size_t cols) { return new FP4Hessian(cols); }

void fp4HessianDestroy(FP4Hessian *hessian) { delete hessian; }

bool fp4HessianAdd(FP4Hessian *hessian, const float *activations, size_t tokens,
                   char **error) {
  return capi::report(error, hessian->accumulator.add(activations, tokens));
}

bool fp4HessianFinish(const FP4Hessian *hessian, float *matrix, char **error) {
  Expected<std::vector<float>> result = hessian->accumulator.finish();
  if (!result.ok())
    return fail(error, result.message());
  std::copy(result->begin(), result->end(), matrix);
  return succeed(error);
}
