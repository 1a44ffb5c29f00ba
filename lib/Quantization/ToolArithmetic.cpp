//===- ToolArithmetic.cpp - Roundings of published tools ------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// FP-Quant, llm-compressor and ModelOpt round in float32 and in an order of
// their own; equal codes need the same steps.
//
//===----------------------------------------------------------------------===//

#include "ToolArithmetic.h"
#include <algorithm>
#include <cmath>

namespace fp4::quantization {

/// The g of a tool: the inverse of the largest value that block scales and
/// elements reach together.
static float reciprocalScale(const WeightOptions &options, float amax) {
  float full = numerics::elementMaxFinite(options.format.element) *
               (options.tensorScaleRule == TensorScaleRule::Headroom
                    ? 256.0f
                    : numerics::scaleMaxFinite(options.format.scale));
  return options.arithmetic == Arithmetic::FPQuant ? full * (1.0f / amax)
                                                   : full / amax;
}

TensorScale toolTensorScale(const WeightOptions &options, float amax) {
  amax = options.sharedAbsMax.value_or(amax);
  TensorScale scale;
  bool storesReciprocal = options.arithmetic == Arithmetic::FPQuant ||
                          options.arithmetic == Arithmetic::LLMCompressor;
  bool isFixed = options.fixedTensorScale ||
                 options.scaleRule == WeightScaleRule::FourThirds ||
                 options.tensorScaleRule == TensorScaleRule::None ||
                 !options.format.hasTensorScale;
  if (!storesReciprocal || isFixed || amax == 0) {
    scale.multiplier = tensorScaleFor(options, amax);
    scale.reciprocal = 1 / scale.multiplier;
    return scale;
  }
  scale.reciprocal = reciprocalScale(options, amax);
  scale.multiplier = 1 / scale.reciprocal;
  return scale;
}

uint8_t encodeToolScale(const WeightOptions &options, float scale,
                        const TensorScale &tensorScale) {
  bool storesReciprocal = options.arithmetic == Arithmetic::FPQuant ||
                          options.arithmetic == Arithmetic::LLMCompressor;
  float target = storesReciprocal ? scale * tensorScale.reciprocal
                                  : scale / tensorScale.multiplier;
  return std::max<uint8_t>(numerics::encodeScale(options.format.scale, target),
                           1);
}

uint8_t toolBlockScale(const WeightOptions &options,
                       const std::vector<float> &block,
                       const TensorScale &tensorScale) {
  numerics::ScaleFormat format = options.format.scale;
  float amax = numerics::absMax(block.data(), block.size());
  float largest = numerics::elementMaxFinite(options.format.element);
  if (format == numerics::ScaleFormat::E8M0) {
    constexpr float kLeast = -127;
    float exponent = std::ceil(std::max(std::log2(amax / largest), kLeast));
    return static_cast<uint8_t>(exponent - kLeast);
  }
  if (amax == 0)
    return numerics::encodeScale(
        format, options.arithmetic == Arithmetic::LLMCompressor ? 0.125f : 1);
  if (options.arithmetic == Arithmetic::ModelOpt)
    return std::max<uint8_t>(
        numerics::encodeScale(format,
                              amax / (largest * tensorScale.multiplier)),
        1);
  return encodeToolScale(options, amax / largest, tensorScale);
}

void adoptToolColumns(Arithmetic arithmetic, const std::vector<float> &weights,
                      HessianView &view) {
  size_t cols = view.cols;
  if (arithmetic == Arithmetic::FPQuant) {
    view.dead.assign(cols, true);
    for (size_t i = 0; i < weights.size(); ++i)
      if (weights[i] != 0)
        view.dead[i % cols] = false;
  }
  view.deadCount =
      static_cast<size_t>(std::count(view.dead.begin(), view.dead.end(), true));
  double sum = 0;
  for (size_t i = 0; i < cols; ++i)
    sum += view.dead[i] ? 1 : view.row(i)[i];
  view.meanDiagonal = sum / static_cast<double>(cols);
}

/// The element below `rounded` if `value` is midway between the two.
static float tieTowardZero(float value, float rounded) {
  // The midpoints that rounding to even moves away from zero.
  float magnitude = std::fabs(value);
  float lower = magnitude == 0.75f   ? 0.5f
                : magnitude == 1.75f ? 1.5f
                : magnitude == 3.5f  ? 3.0f
                                     : std::fabs(rounded);
  return std::copysign(lower, rounded);
}

void adoptToolElements(const WeightOptions &options, Tile &tile) {
  bool isModelOptMX = options.arithmetic == Arithmetic::ModelOpt &&
                      options.format.scale == numerics::ScaleFormat::E8M0;
  if (!isModelOptMX && options.arithmetic != Arithmetic::FPQuant)
    return;
  for (size_t col = 0; col < tile.layer.cols; ++col) {
    float *element = tile.element(col);
    const float *weight = tile.weight(col);
    const float *scale = tile.scale(col / options.format.blockCols);
    for (size_t lane = 0; lane < kLanes; ++lane) {
      if (isModelOptMX)
        element[lane] =
            weight[lane] == 0
                ? -0.0f
                : tieTowardZero(weight[lane] / scale[lane], element[lane]);
      else if (element[lane] == 0)
        element[lane] = -0.0f;
    }
  }
}

} // namespace fp4::quantization
