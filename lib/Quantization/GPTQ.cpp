//===- GPTQ.cpp - The GPTQ recursion on one tile --------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lazy batches (arXiv 2210.17323, section 3.3): errors reach the columns of the
// current batch at once and all later columns by one matrix product per batch.
//
//===----------------------------------------------------------------------===//

#include "GPTQ.h"
#include "InLoop.h"
#include <cblas.h>

namespace fp4::quantization {

void spreadError(const float *lanes, const float *coupling, size_t first,
                 size_t last, float *target) {
  for (size_t col = first; col < last; ++col) {
    float factor = coupling[col];
    float *out = target + col * kLanes;
    for (size_t lane = 0; lane < kLanes; ++lane)
      out[lane] += lanes[lane] * factor;
  }
}

namespace {
class TileRecursion {
public:
  TileRecursion(const WeightOptions &options, const HessianFactor &factor,
                Tile &tile)
      : factor(factor), tile(tile), round(options.format.element),
        cols(factor.order.size()), blockCols(options.format.blockCols),
        batch((options.blockColumns + blockCols - 1) / blockCols * blockCols),
        adjusted(cols * kLanes), residual(batch * kLanes),
        steps(cols * kLanes) {
    for (size_t i = 0; i < cols; ++i)
      std::copy_n(tile.weight(factor.order[i]), kLanes, &adjusted[i * kLanes]);
  }

  void run(bool searchScales) {
    InLoopSearch search(factor, tile);
    for (size_t first = 0; first < cols; first += batch) {
      size_t last = std::min(first + batch, cols);
      if (searchScales)
        for (size_t block = first; block < last; block += blockCols) {
          float *errors = &residual[(block - first) * kLanes];
          search.quantizeBlock(&adjusted[block * kLanes], block, errors,
                               &steps[block * kLanes]);
          for (size_t i = 0; i < blockCols; ++i)
            spreadError(errors + i * kLanes, coupling(block + i),
                        block + blockCols, last, adjusted.data());
        }
      else
        for (size_t i = first; i < last; ++i) {
          float *errors = &residual[(i - first) * kLanes];
          roundColumn(i, errors);
          spreadError(errors, coupling(i), i + 1, last, adjusted.data());
        }
      updateRest(first, last);
    }
    for (size_t i = 0; i < cols; ++i)
      for (size_t lane = 0; lane < kLanes; ++lane)
        steps[i * kLanes + lane] *= factor.pivots[i];
  }

  WeightedSteps takeSteps() { return std::move(steps); }

private:
  const float *coupling(size_t i) const { return &factor.coupling[i * cols]; }

  void roundColumn(size_t i, float *errors) {
    size_t col = factor.order[i];
    const float *scale = tile.scale(col / blockCols);
    const float *weight = tile.weight(col);
    const float *value = &adjusted[i * kLanes];
    float *element = tile.element(col);
    float *step = &steps[i * kLanes];
    for (size_t lane = 0; lane < kLanes; ++lane) {
      float rounded = round(value[lane] / scale[lane]);
      element[lane] = rounded;
      errors[lane] = weight[lane] - rounded * scale[lane];
      step[lane] = value[lane] - rounded * scale[lane];
    }
    if (factor.inverseDiagonal.empty())
      return;
    float diagonal = factor.inverseDiagonal[i];
    for (size_t lane = 0; lane < kLanes; ++lane)
      errors[lane] = -(step[lane] / diagonal);
  }

  void updateRest(size_t first, size_t last) {
    if (last == cols)
      return;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans,
                static_cast<blasint>(cols - last), kLanes,
                static_cast<blasint>(last - first), 1.0f,
                coupling(first) + last, static_cast<blasint>(cols),
                residual.data(), kLanes, 1.0f, &adjusted[last * kLanes],
                kLanes);
  }

  const HessianFactor &factor;
  Tile &tile;
  ElementRounder round;
  size_t cols;
  size_t blockCols;
  size_t batch;
  /// The w' of Factor.h, in visiting order.
  std::vector<float> adjusted;
  /// W - Q of the current batch, in visiting order; or -e of Factor.h.
  std::vector<float> residual;
  /// w' - Q, in visiting order.
  WeightedSteps steps;
};
} // namespace

WeightedSteps quantizeTileGPTQ(const WeightOptions &options,
                               const HessianFactor &factor, Tile &tile) {
  TileRecursion recursion(options, factor, tile);
  recursion.run(options.scaleRule == WeightScaleRule::InLoop);
  return recursion.takeSteps();
}

} // namespace fp4::quantization
