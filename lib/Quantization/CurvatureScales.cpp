//===- CurvatureScales.cpp - Block scales that know the Hessian -----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// WeightedMse and LocalHessian try every scale code from a sixteenth of AbsMax
// to twice it. With E2M1, WeightedMse gains nothing beyond: more than twice
// AbsMax leaves all elements below 3, and half that scale has 0, .5, 1, 1.5, 2
// and 3 on its grid too, and more. Below a sixteenth the largest weight is cut
// to that.
//
//===----------------------------------------------------------------------===//

#include "ScaleSearch.h"
#include <limits>

namespace fp4::quantization {

namespace {
/// The blocks of one group of columns, and what their errors cost.
class BlockCost {
public:
  BlockCost(const WeightOptions &options, const float *hessian, size_t cols,
            size_t firstCol)
      : round(options.format.element), width(options.format.blockCols),
        isDiagonal(options.scaleRule == WeightScaleRule::WeightedMse),
        matrix(width * width), errors(width) {
    for (size_t i = 0; i < width; ++i)
      std::copy_n(hessian + (firstCol + i) * cols + firstCol, width,
                  &matrix[i * width]);
  }

  float operator()(const std::vector<float> &block, float scale) {
    float total = 0;
    for (size_t first = 0; first < block.size(); first += width) {
      for (size_t i = 0; i < width; ++i)
        errors[i] = block[first + i] - round(block[first + i] / scale) * scale;
      for (size_t i = 0; i < width; ++i)
        total += errors[i] * (isDiagonal ? matrix[i * (width + 1)] * errors[i]
                                         : product(i));
    }
    return total;
  }

private:
  float product(size_t row) const {
    float sum = 0;
    for (size_t j = 0; j < width; ++j)
      sum += matrix[row * width + j] * errors[j];
    return sum;
  }

  ElementRounder round;
  size_t width;
  bool isDiagonal;
  std::vector<float> matrix;
  std::vector<float> errors;
};
} // namespace

static uint8_t bestScale(const numerics::BlockFormat &blockFormat,
                         const ScaleTable &table,
                         const std::vector<float> &block, BlockCost &cost) {
  numerics::ScaleFormat format = blockFormat.scale;
  float amax = numerics::absMax(block.data(), block.size());
  uint8_t one = numerics::encodeScale(format, 1.0f);
  if (amax == 0)
    return one;
  float absMax = amax / numerics::elementMaxFinite(blockFormat.element);
  auto codeBelow = [&](float scale) {
    return numerics::encodeScale(format, scale / table[one],
                                 numerics::ScaleRounding::TowardZero);
  };
  uint8_t last = codeBelow(2 * absMax);
  uint8_t best = codeBelow(absMax / 16);
  // Code 0 decodes to zero in the formats with a mantissa.
  if (numerics::decodeScale(format, best) == 0)
    best = 1;
  float least = std::numeric_limits<float>::infinity();
  for (unsigned code = best; code <= last; ++code) {
    float loss = cost(block, table[static_cast<uint8_t>(code)]);
    if (loss < least) {
      least = loss;
      best = static_cast<uint8_t>(code);
    }
  }
  return best;
}

void curvatureScales(const WeightOptions &options, const float *weights,
                     size_t rows, size_t cols, const float *hessian,
                     const TensorScale &tensorScale, uint8_t *scales) {
  const numerics::BlockFormat &format = options.format;
  ScaleTable table(format, tensorScale.multiplier);
  size_t groups = cols / format.blockCols;
  std::vector<float> block;
  for (size_t group = 0; group < groups; ++group) {
    BlockCost cost(options, hessian, cols, group * format.blockCols);
    for (size_t row = 0; row < rows; row += format.blockRows) {
      block.clear();
      for (size_t i = 0; i < format.blockRows; ++i) {
        const float *source =
            weights + (row + i) * cols + group * format.blockCols;
        block.insert(block.end(), source, source + format.blockCols);
      }
      scales[row / format.blockRows * groups + group] =
          bestScale(format, table, block, cost);
    }
  }
}

} // namespace fp4::quantization
