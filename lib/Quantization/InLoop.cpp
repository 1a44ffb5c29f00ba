//===- InLoop.cpp - Scale search inside the GPTQ recursion ----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Candidates. Scale formats with a mantissa: fifteen consecutive codes from
// 0.62 times the scale that maps the largest weight to the largest element,
// almost two octaves. E8M0: the exponent of rule Floor and its two neighbours.
// For the elements with up to two exponent bits the best of all scales lies in
// these windows (tested); for the others many scales are equally good.
//
//===----------------------------------------------------------------------===//

#include "InLoop.h"
#include "GPTQ.h"
#include <limits>

namespace fp4::quantization {

using numerics::ScaleFormat;
using numerics::ScaleRounding;

InLoopSearch::InLoopSearch(const HessianFactor &factor, Tile &tile)
    : factor(factor), tile(tile), round(tile.layer.format.element),
      blockCols(tile.layer.format.blockCols),
      candidateCount(tile.layer.format.scale == ScaleFormat::E8M0 ? 3 : 15),
      lastCode(numerics::encodeScale(tile.layer.format.scale,
                                     std::numeric_limits<float>::max())),
      trialValues(blockCols * kLanes), trialElements(blockCols * kLanes),
      trialErrors(blockCols * kLanes), trialSteps(blockCols * kLanes) {}

InLoopSearch::Codes InLoopSearch::firstCandidates(const float *adjusted) const {
  const numerics::BlockFormat &format = tile.layer.format;
  Lanes amax{};
  for (size_t i = 0; i < blockCols; ++i)
    for (size_t lane = 0; lane < kLanes; ++lane)
      amax[lane] = std::max(amax[lane], std::fabs(adjusted[i * kLanes + lane]));
  maxOverBlockRows(amax, format.blockRows);

  uint8_t one = numerics::encodeScale(format.scale, 1.0f);
  float tensorScale = tile.table[one];
  Codes codes;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    float target = amax[lane] / tensorScale;
    if (amax[lane] == 0) {
      codes[lane] = one;
    } else if (format.scale == ScaleFormat::E8M0) {
      float binade =
          std::ldexp(target, -numerics::elementMaxExponent(format.element));
      uint8_t floor = numerics::encodeScale(format.scale, binade,
                                            ScaleRounding::TowardZero);
      codes[lane] = floor == 0 ? 0 : floor - 1;
    } else {
      target *= 0.62f / numerics::elementMaxFinite(format.element);
      uint8_t code = numerics::encodeScale(format.scale, target,
                                           ScaleRounding::TowardPositive);
      codes[lane] = std::max<uint8_t>(code, 1);
    }
  }
  return codes;
}

Lanes InLoopSearch::tryScale(const float *adjusted, size_t first,
                             const Lanes &scale) {
  std::copy_n(adjusted, trialValues.size(), trialValues.data());
  Lanes loss{};
  for (size_t i = 0; i < blockCols; ++i) {
    const float *weight = tile.weight(factor.order[first + i]);
    const float *value = &trialValues[i * kLanes];
    float *element = &trialElements[i * kLanes];
    float *error = &trialErrors[i * kLanes];
    float *steps = &trialSteps[i * kLanes];
    float pivot = factor.pivots[first + i];
    for (size_t lane = 0; lane < kLanes; ++lane) {
      element[lane] = round(value[lane] / scale[lane]);
      float rounded = element[lane] * scale[lane];
      float step = value[lane] - rounded;
      error[lane] = weight[lane] - rounded;
      steps[lane] = step;
      loss[lane] += pivot * step * step;
    }
    const float *coupling =
        &factor.coupling[(first + i) * factor.order.size() + first];
    spreadError(error, coupling, i + 1, blockCols, trialValues.data());
  }
  sumOverBlockRows(loss, tile.layer.format.blockRows);
  return loss;
}

void InLoopSearch::quantizeBlock(const float *adjusted, size_t first,
                                 float *errors, float *steps) {
  size_t group = factor.order[first] / blockCols;
  Codes start = firstCandidates(adjusted);
  Lanes best{};
  for (size_t candidate = 0; candidate < candidateCount; ++candidate) {
    Codes codes;
    Lanes scale;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      size_t code = std::min<size_t>(start[lane] + candidate, lastCode);
      codes[lane] = static_cast<uint8_t>(code);
      scale[lane] = tile.table[codes[lane]];
    }
    Lanes loss = tryScale(adjusted, first, scale);
    std::array<bool, kLanes> better;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      // The first is taken in any case: a loss may overflow to infinity.
      better[lane] = candidate == 0 || loss[lane] < best[lane];
      if (!better[lane])
        continue;
      best[lane] = loss[lane];
      tile.setScale(group, lane, codes[lane]);
    }
    for (size_t i = 0; i < blockCols; ++i) {
      float *element = tile.element(factor.order[first + i]);
      for (size_t lane = 0; lane < kLanes; ++lane) {
        size_t at = i * kLanes + lane;
        element[lane] = better[lane] ? trialElements[at] : element[lane];
        errors[at] = better[lane] ? trialErrors[at] : errors[at];
        steps[at] = better[lane] ? trialSteps[at] : steps[at];
      }
    }
  }
}

} // namespace fp4::quantization
