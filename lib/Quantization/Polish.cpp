//===- Polish.cpp - Coordinate descent on codes and scales ----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A sweep goes through batches of columns. Inside a batch, P is kept up to date
// in a small panel; the rest of P follows by one matrix product per batch.
// After the columns of a batch come its scales: with c the elements of a block
// and g its columns, the best change of the scale is <P_g, c> / (c H_gg c^T),
// rounded to the scale format and taken only if the loss of the rounded value
// is lower.
//
// P = (W - Q) H comes from GPTQ, at half the cost of the product: with s_j the
// weighted steps of the recursion, P_i = s_i + sum_{j>i} s_j V_ij / V_jj. The
// last sweep needs P only ahead of itself. Losses are not computed anew but
// changed by each move: 2 d P_j + d^2 H_jj.
//
//===----------------------------------------------------------------------===//

#include "Polish.h"
#include <cblas.h>

namespace fp4::quantization {

namespace {
class TilePolish {
public:
  TilePolish(const WeightOptions &options, const HessianView &hessian,
             const HessianFactor &factor, const WeightedSteps &steps,
             Tile &tile)
      : hessian(hessian), tile(tile), round(options.format.element),
        format(options.format), cols(hessian.cols),
        batch((options.blockColumns + format.blockCols - 1) / format.blockCols *
              format.blockCols),
        added(static_cast<float>(factor.damping * hessian.meanDiagonal)),
        error(tile.error()), product(error.size()) {
    startProduct(factor, steps);
  }

  /// The damped loss at the end.
  double run(unsigned sweeps) {
    std::array<double, kLanes> before = losses();
    std::vector<float> elements = tile.elements;
    std::vector<uint8_t> scales;
    for (size_t group = 0; group < tile.layer.groups(); ++group)
      scales.insert(scales.end(), tile.scaleCode(group),
                    tile.scaleCode(group) + kLanes);
    while (sweeps-- > 0 && sweep(/*isLast=*/sweeps == 0))
      ;
    sumOverBlockRows(change, format.blockRows);
    double total = 0;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      total += before[lane];
      // Float32 rounding of P can mislead steps whose gain is tiny.
      if (change[lane] < 0) {
        total += change[lane] / format.blockRows;
        continue;
      }
      for (size_t col = 0; col < cols; ++col)
        tile.element(col)[lane] = elements[col * kLanes + lane];
      for (size_t group = 0; group < tile.layer.groups(); ++group)
        tile.setScale(group, lane, scales[group * kLanes + lane]);
    }
    return total;
  }

private:
  float diagonal(size_t col) const { return hessian.row(col)[col] + added; }
  float damped(size_t i, size_t j) const {
    return hessian.row(i)[j] + (i == j ? added : 0.0f);
  }

  /// The damped loss of each row.
  std::array<double, kLanes> losses() const {
    std::array<double, kLanes> sums{};
    for (size_t i = 0; i < error.size(); ++i)
      sums[i % kLanes] += static_cast<double>(error[i]) * product[i];
    return sums;
  }

  void startProduct(const HessianFactor &factor, const WeightedSteps &steps) {
    std::vector<float> ordered(steps);
    for (size_t first = 0; first < cols; first += batch) {
      size_t last = std::min(first + batch, cols);
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans,
                  static_cast<blasint>(last - first), kLanes,
                  static_cast<blasint>(cols - first), 1.0f,
                  &factor.coupling[first * cols + first],
                  static_cast<blasint>(cols), &steps[first * kLanes], kLanes,
                  1.0f, &ordered[first * kLanes], kLanes);
    }
    for (size_t i = 0; i < cols; ++i)
      std::copy_n(&ordered[i * kLanes], kLanes,
                  &product[factor.order[i] * kLanes]);
  }

  /// product[from:] += damped H[from:, first:last] * delta.
  void addProduct(size_t from, size_t first, size_t last, const float *delta) {
    if (from == cols)
      return;
    // By the symmetry of H, rows stand for the columns: BLAS packs them faster.
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans,
                static_cast<blasint>(cols - from), kLanes,
                static_cast<blasint>(last - first), 1.0f,
                hessian.row(first) + from, static_cast<blasint>(cols), delta,
                kLanes, 1.0f, &product[from * kLanes], kLanes);
    if (from > first)
      return;
    for (size_t i = 0; i < (last - first) * kLanes; ++i)
      product[first * kLanes + i] += added * delta[i];
  }

  /// False if nothing changed.
  bool sweep(bool isLast) {
    bool changed = false;
    std::vector<float> delta(batch * kLanes);
    for (size_t first = 0; first < cols; first += batch) {
      size_t last = std::min(first + batch, cols);
      size_t count = (last - first) * kLanes;
      panel.assign(&product[first * kLanes], &product[first * kLanes] + count);
      std::copy_n(&error[first * kLanes], count, delta.begin());
      for (size_t col = first; col < last; ++col)
        if (!hessian.dead[col])
          improveElements(col, first, last);
      for (size_t col = first; col < last; col += format.blockCols)
        improveScales(col, first, last);
      bool moved = false;
      for (size_t i = 0; i < count; ++i) {
        delta[i] = error[first * kLanes + i] - delta[i];
        moved |= delta[i] != 0;
      }
      if (moved)
        addProduct(isLast ? last : 0, first, last, delta.data());
      changed |= moved;
    }
    return changed;
  }

  void improveElements(size_t col, size_t first, size_t last) {
    const float *scale = tile.scale(col / format.blockCols);
    const float *gradient = &panel[(col - first) * kLanes];
    float *element = tile.element(col);
    Lanes step;
    float inverse = 1 / diagonal(col);
    bool moved = false;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      float current = element[lane] * scale[lane];
      float target = current + gradient[lane] * inverse;
      float candidate = round(target / scale[lane]);
      float value = candidate * scale[lane];
      bool better = std::fabs(value - target) < std::fabs(current - target);
      element[lane] = better ? candidate : element[lane];
      step[lane] = better ? current - value : 0.0f;
      moved |= better;
    }
    if (moved)
      moveError(col, step, first, last);
  }

  /// error[col] += step, and what that does to the panel.
  void moveError(size_t col, const Lanes &step, size_t first, size_t last) {
    float curvature = diagonal(col);
    for (size_t lane = 0; lane < kLanes; ++lane) {
      float &gradient = panel[(col - first) * kLanes + lane];
      change[lane] += step[lane] * (2 * gradient + step[lane] * curvature);
      error[col * kLanes + lane] += step[lane];
      gradient += added * step[lane];
    }
    spreadError(step.data(), hessian.row(col) + first, 0, last - first,
                panel.data());
  }

  void improveScales(size_t blockFirst, size_t first, size_t last) {
    size_t group = blockFirst / format.blockCols;
    Lanes gain{}, curvature{};
    for (size_t i = 0; i < format.blockCols; ++i) {
      const float *element = tile.element(blockFirst + i);
      const float *gradient = &panel[(blockFirst + i - first) * kLanes];
      Lanes row{};
      for (size_t j = 0; j < format.blockCols; ++j) {
        float h = damped(blockFirst + i, blockFirst + j);
        const float *other = tile.element(blockFirst + j);
        for (size_t lane = 0; lane < kLanes; ++lane)
          row[lane] += h * other[lane];
      }
      for (size_t lane = 0; lane < kLanes; ++lane) {
        gain[lane] += gradient[lane] * element[lane];
        curvature[lane] += row[lane] * element[lane];
      }
    }
    sumOverBlockRows(gain, format.blockRows);
    sumOverBlockRows(curvature, format.blockRows);
    Lanes change = changeScales(group, gain, curvature);
    if (change == Lanes{})
      return;
    for (size_t i = 0; i < format.blockCols; ++i) {
      const float *element = tile.element(blockFirst + i);
      Lanes step;
      for (size_t lane = 0; lane < kLanes; ++lane)
        step[lane] = -change[lane] * element[lane];
      moveError(blockFirst + i, step, first, last);
    }
  }

  /// Moves each row's scale to the representable value nearest to its optimum
  /// and returns by how much.
  Lanes changeScales(size_t group, const Lanes &gain, const Lanes &curvature) {
    Lanes change{};
    float one = tile.table[numerics::encodeScale(format.scale, 1.0f)];
    for (size_t lane = 0; lane < kLanes; ++lane) {
      float current = tile.scale(group)[lane];
      float target = current + gain[lane] / curvature[lane];
      if (!(curvature[lane] > 0) || !(target > 0))
        continue;
      uint8_t code = numerics::encodeScale(format.scale, target / one);
      float step = tile.table[code] - current;
      // A code that decodes to zero would erase the block.
      if (numerics::decodeScale(format.scale, code) == 0 ||
          2 * step * gain[lane] - step * step * curvature[lane] <= 0)
        continue;
      tile.setScale(group, lane, code);
      change[lane] = step;
    }
    return change;
  }

  const HessianView &hessian;
  Tile &tile;
  ElementRounder round;
  const numerics::BlockFormat &format;
  size_t cols;
  size_t batch;
  float added;
  /// W - Q and its product P with the damped H, cols x kLanes.
  std::vector<float> error;
  std::vector<float> product;
  /// The current batch of `product`, kept up to date column by column.
  std::vector<float> panel;
  /// Of the damped loss of each row.
  Lanes change{};
};
} // namespace

double polishTile(const WeightOptions &options, const HessianView &hessian,
                  const HessianFactor &factor, const WeightedSteps &steps,
                  Tile &tile) {
  return TilePolish(options, hessian, factor, steps, tile)
      .run(options.polishSweeps);
}

} // namespace fp4::quantization
