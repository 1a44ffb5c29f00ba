//===- ScaleSearch.cpp - Frozen block scales ------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rules of Numerics by its own quantizer, and the shrink search of MR-GPTQ
// (arXiv 2509.23202; the constants are those of its published code): the scale
// that minimizes sum |w - q|^2.4 over 100 steps from AbsMax down to 0.208 of
// it, rounded to the scale format only at the end.
//
//===----------------------------------------------------------------------===//

#include "ScaleSearch.h"
#include "Parallel.h"
#include "Tile.h"
#include <limits>

namespace fp4::quantization {

std::optional<numerics::ScaleRule> numericsRule(WeightScaleRule rule) {
  switch (rule) {
  case WeightScaleRule::AbsMax:
    return numerics::ScaleRule::AbsMax;
  case WeightScaleRule::Floor:
    return numerics::ScaleRule::Floor;
  case WeightScaleRule::Even:
    return numerics::ScaleRule::Even;
  case WeightScaleRule::RCeil:
    return numerics::ScaleRule::RCeil;
  case WeightScaleRule::FourOverSix:
    return numerics::ScaleRule::FourOverSix;
  case WeightScaleRule::Search:
    return numerics::ScaleRule::Search;
  case WeightScaleRule::Mse:
  case WeightScaleRule::FourThirds:
  case WeightScaleRule::AbsMax4:
  case WeightScaleRule::WeightedMse:
  case WeightScaleRule::LocalHessian:
  case WeightScaleRule::InLoop:
    return std::nullopt;
  }
  return std::nullopt;
}

static float shrunkScale(const std::vector<float> &block, float absMaxScale,
                         const ElementRounder &round) {
  constexpr int kSteps = 100;
  constexpr double kShrink = 0.8;
  constexpr float kPower = 2.4f;
  float best = absMaxScale;
  float bestError = std::numeric_limits<float>::infinity();
  for (int step = 0; step < kSteps; ++step) {
    float scale = static_cast<float>(1 - step * kShrink / kSteps) * absMaxScale;
    float error = 0;
    // Most candidates lose within a few elements; the rest of the block would
    // only cost powers.
    for (size_t i = 0; i < block.size() && error < bestError; ++i)
      error += std::pow(std::fabs(block[i] - round(block[i] / scale) * scale),
                        kPower);
    if (error < bestError) {
      bestError = error;
      best = scale;
    }
  }
  return best;
}

static uint8_t mseScale(const WeightOptions &options,
                        const std::vector<float> &block,
                        const TensorScale &tensorScale) {
  const numerics::BlockFormat &format = options.format;
  float amax = numerics::absMax(block.data(), block.size());
  if (amax == 0)
    return numerics::encodeScale(format.scale, 1.0f);
  float absMaxScale = amax / numerics::elementMaxFinite(format.element);
  float scale = shrunkScale(block, absMaxScale, ElementRounder(format.element));
  return encodeToolScale(options, scale, tensorScale);
}

static uint8_t absMax4Scale(const WeightOptions &options,
                            const std::vector<float> &block,
                            const TensorScale &tensorScale) {
  float amax = numerics::absMax(block.data(), block.size());
  return amax == 0 ? numerics::encodeScale(options.format.scale, 1.0f)
                   : encodeToolScale(options, amax / 4, tensorScale);
}

static uint8_t fourThirdsScale(const numerics::BlockFormat &format,
                               const std::vector<float> &block) {
  float amax = numerics::absMax(block.data(), block.size());
  // As published: by way of a sixth and a float32 logarithm, which may round
  // what is just below a power of two up to it.
  float largest = numerics::elementMaxFinite(format.element);
  amax = std::exp2(std::floor(std::log2(largest * (amax / largest))));
  return numerics::encodeScale(format.scale, amax == 0 ? 1.0f : amax,
                               numerics::ScaleRounding::TowardZero);
}

/// Whether the rule is one that Numerics does not have, or has with other
/// roundings.
static bool isOwnRule(const WeightOptions &options) {
  WeightScaleRule rule = options.scaleRule;
  return rule == WeightScaleRule::Mse || rule == WeightScaleRule::FourThirds ||
         rule == WeightScaleRule::AbsMax4 ||
         (options.arithmetic != Arithmetic::Own &&
          (rule == WeightScaleRule::AbsMax || rule == WeightScaleRule::RCeil));
}

static uint8_t ownScale(const WeightOptions &options,
                        const std::vector<float> &block,
                        const TensorScale &tensorScale) {
  if (options.scaleRule == WeightScaleRule::Mse)
    return mseScale(options, block, tensorScale);
  if (options.scaleRule == WeightScaleRule::FourThirds)
    return fourThirdsScale(options.format, block);
  if (options.scaleRule == WeightScaleRule::AbsMax4)
    return absMax4Scale(options, block, tensorScale);
  return toolBlockScale(options, block, tensorScale);
}

static void ownScales(const WeightOptions &options, const float *weights,
                      size_t rows, size_t cols, const TensorScale &tensorScale,
                      uint8_t *scales) {
  const numerics::BlockFormat &format = options.format;
  std::vector<float> block;
  for (size_t row = 0; row < rows; row += format.blockRows)
    for (size_t col = 0; col < cols; col += format.blockCols) {
      block.clear();
      for (size_t i = 0; i < format.blockRows; ++i) {
        const float *source = weights + (row + i) * cols + col;
        block.insert(block.end(), source, source + format.blockCols);
      }
      *scales++ = ownScale(options, block, tensorScale);
    }
}

static bool isCurvatureRule(WeightScaleRule rule) {
  return rule == WeightScaleRule::WeightedMse ||
         rule == WeightScaleRule::LocalHessian;
}

std::vector<uint8_t> frozenScales(const WeightOptions &options,
                                  const float *weights, size_t rows,
                                  size_t cols, const float *hessian,
                                  const TensorScale &tensorScale) {
  const numerics::BlockFormat &format = options.format;
  size_t groups = cols / format.blockCols;
  std::vector<uint8_t> scales(rows / format.blockRows * groups);
  parallelFor((rows + kLanes - 1) / kLanes, options.threads, [&](size_t i) {
    size_t first = i * kLanes;
    size_t count = std::min(kLanes, rows - first);
    const float *source = weights + first * cols;
    uint8_t *target = &scales[first / format.blockRows * groups];
    if (isOwnRule(options)) {
      ownScales(options, source, count, cols, tensorScale, target);
      return;
    }
    if (isCurvatureRule(options.scaleRule)) {
      curvatureScales(options, source, count, cols, hessian, tensorScale,
                      target);
      return;
    }
    numerics::QuantizeOptions quantize;
    quantize.rule =
        numericsRule(options.scaleRule).value_or(numerics::ScaleRule::Search);
    std::vector<uint8_t> codes(count * cols);
    numerics::quantizeBlocks(format, quantize, source, count, cols,
                             tensorScale.multiplier, codes.data(), target);
  });
  return scales;
}

} // namespace fp4::quantization
