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
  case WeightScaleRule::InLoop:
    return std::nullopt;
  }
  return std::nullopt;
}

static float shrunkScale(const std::vector<float> &block, float absMaxScale,
                         const ElementRounder &round) {
  constexpr int kSteps = 100;
  constexpr float kShrink = 0.8f;
  constexpr float kPower = 2.4f;
  float best = absMaxScale;
  float bestError = std::numeric_limits<float>::infinity();
  for (int step = 0; step < kSteps; ++step) {
    float scale =
        (1 - kShrink * static_cast<float>(step) / kSteps) * absMaxScale;
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

static uint8_t mseScale(const numerics::BlockFormat &format,
                        const std::vector<float> &block, float tensorScale) {
  float amax = numerics::absMax(block.data(), block.size());
  if (amax == 0)
    return numerics::encodeScale(format.scale, 1.0f);
  float absMaxScale = amax / numerics::elementMaxFinite(format.element);
  float scale = shrunkScale(block, absMaxScale, ElementRounder(format.element));
  return std::max<uint8_t>(
      numerics::encodeScale(format.scale, scale / tensorScale), 1);
}

static uint8_t fourThirdsScale(const numerics::BlockFormat &format,
                               const std::vector<float> &block) {
  float amax = numerics::absMax(block.data(), block.size());
  // Truncation of a power-of-two format is the floor of the logarithm.
  return numerics::encodeScale(format.scale, amax == 0 ? 1.0f : amax,
                               numerics::ScaleRounding::TowardZero);
}

static void ownScales(const WeightOptions &options, const float *weights,
                      size_t rows, size_t cols, float tensorScale,
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
      *scales++ = options.scaleRule == WeightScaleRule::Mse
                      ? mseScale(format, block, tensorScale)
                      : fourThirdsScale(format, block);
    }
}

std::vector<uint8_t> frozenScales(const WeightOptions &options,
                                  const float *weights, size_t rows,
                                  size_t cols, float tensorScale) {
  const numerics::BlockFormat &format = options.format;
  size_t groups = cols / format.blockCols;
  std::vector<uint8_t> scales(rows / format.blockRows * groups);
  parallelFor((rows + kLanes - 1) / kLanes, options.threads, [&](size_t i) {
    size_t first = i * kLanes;
    size_t count = std::min(kLanes, rows - first);
    const float *source = weights + first * cols;
    uint8_t *target = &scales[first / format.blockRows * groups];
    if (options.scaleRule == WeightScaleRule::Mse ||
        options.scaleRule == WeightScaleRule::FourThirds) {
      ownScales(options, source, count, cols, tensorScale, target);
      return;
    }
    numerics::QuantizeOptions quantize;
    quantize.rule =
        numericsRule(options.scaleRule).value_or(numerics::ScaleRule::Search);
    std::vector<uint8_t> codes(count * cols);
    numerics::quantizeBlocks(format, quantize, source, count, cols, tensorScale,
                             codes.data(), target);
  });
  return scales;
}

} // namespace fp4::quantization
