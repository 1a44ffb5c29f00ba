//===- WeightQuantizer.cpp - Calibrated block quantization ----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checks the input, prepares what all rows share (scales, factor) and runs the
// tiles of rows. The algorithms are in GPTQ.cpp, InLoop.cpp and Polish.cpp.
//
//===----------------------------------------------------------------------===//

#include "fp4/Quantization/WeightQuantizer.h"
#include "Factor.h"
#include "GPTQ.h"
#include "Message.h"
#include "Objective.h"
#include "Parallel.h"
#include "Polish.h"
#include "ScaleSearch.h"
#include <chrono>
#include <limits>

namespace fp4::quantization {

static Status verifyWeights(const WeightOptions &options,
                            const std::vector<float> &weights, size_t rows,
                            size_t cols) {
  if (weights.size() != rows * cols)
    return Status::error("expected " + std::to_string(rows) + " x " +
                         std::to_string(cols) + " weights, got " +
                         std::to_string(weights.size()));
  auto verifyMultiple = [](const char *what, size_t size, unsigned block) {
    if (size % block == 0)
      return Status::success();
    return Status::error(std::string(what) + " is " + std::to_string(size) +
                         ", expected a multiple of the block size " +
                         std::to_string(block));
  };
  if (Status status =
          verifyMultiple("number of rows", rows, options.format.blockRows);
      !status.ok())
    return status;
  if (Status status =
          verifyMultiple("number of columns", cols, options.format.blockCols);
      !status.ok())
    return status;
  // BLAS counts in 32 bits.
  if (cols > static_cast<size_t>(std::numeric_limits<int32_t>::max()))
    return Status::error("number of columns is " + std::to_string(cols) +
                         ", expected less than 2^31");
  return verifyFinite("weight", "row", weights.data(), weights.size(), cols);
}

namespace {
/// The sums behind a report, one per tile.
struct TileSums {
  double weights = 0;
  double rtn = 0;
  double result = 0;
};

class LayerQuantizer {
public:
  LayerQuantizer(const WeightOptions &options, std::vector<float> weights,
                 size_t rows, size_t cols, const float *hessian)
      : options(options), weights(std::move(weights)), rows(rows), cols(cols) {
    if (hessian)
      view.emplace(hessian, cols);
  }

  Expected<QuantizedWeight> run() {
    bool isOwn = options.arithmetic == Arithmetic::Own;
    if (options.algorithm == Algorithm::GPTQ) {
      if (!isOwn)
        adoptToolColumns(options.arithmetic, weights, *view);
      if (Status status = findFactor(); !status.ok())
        return status;
      if (isOwn)
        clearDeadColumns();
    }
    tensorScale = toolTensorScale(
        options, numerics::absMax(weights.data(), weights.size()));
    QuantizedWeight result;
    result.tensorScale = tensorScale.multiplier;
    result.codes.resize(rows * cols);
    result.scales = frozenScales(options, weights.data(), rows, cols,
                                 view ? view->values : nullptr, tensorScale);
    if (factor && !isOwn)
      clearDeadColumns();
    result.report = runTiles(result);
    return result;
  }

private:
  Status findFactor() {
    std::vector<size_t> order =
        visitOrder(*view, options.order, options.format.blockCols);
    if (options.arithmetic != Arithmetic::Own) {
      factor.emplace(factorInverse(*view, std::move(order), options.damping));
      return Status::success();
    }
    Expected<HessianFactor> expected = factorHessian(
        *view, std::move(order), options.damping, options.threads);
    if (!expected.ok())
      return expected.status();
    factor.emplace(std::move(*expected));
    return Status::success();
  }

  /// Nothing is known about a column without input; zero is the safe choice.
  void clearDeadColumns() {
    for (size_t row = 0; row < rows && view->deadCount > 0; ++row)
      for (size_t col = 0; col < cols; ++col)
        if (view->dead[col])
          weights[row * cols + col] = 0;
  }

  LayerReport runTiles(QuantizedWeight &result) {
    LayerView layer{
        options.format,      rows, cols, weights.data(), result.codes.data(),
        result.scales.data()};
    bool divides = options.arithmetic == Arithmetic::LLMCompressor &&
                   options.format.hasTensorScale;
    ScaleTable table(options.format, result.tensorScale,
                     divides ? std::optional(tensorScale.reciprocal)
                             : std::nullopt);
    std::vector<TileSums> sums(layer.tiles());
    parallelFor(layer.tiles(), options.threads, [&](size_t index) {
      Tile tile(layer, table, index);
      sums[index] = quantizeTile(tile);
      tile.store();
    });
    TileSums total;
    for (const TileSums &sum : sums) {
      total.weights += sum.weights;
      total.rtn += sum.rtn;
      total.result += sum.result;
    }
    LayerReport report;
    if (total.weights > 0) {
      report.objectiveRTN = total.rtn / total.weights;
      report.objectiveAfter = total.result / total.weights;
    }
    report.dampingUsed = factor ? factor->damping : 0;
    report.deadColumns = view ? view->deadCount : 0;
    return report;
  }

  /// The damped loss that GPTQ leaves (Factor.h), from its weighted steps.
  double recursionLoss(const WeightedSteps &steps) const {
    double total = 0;
    for (size_t i = 0; i < cols; ++i)
      for (size_t lane = 0; lane < kLanes; ++lane) {
        double step = steps[i * kLanes + lane];
        total += step * step / factor->pivots[i];
      }
    return total;
  }

  TileSums quantizeTile(Tile &tile) const {
    const float *hessian = view ? view->values : nullptr;
    TileSums sums;
    tile.roundToNearest(ElementRounder(options.format.element));
    if (!factor)
      adoptToolElements(options, tile);
    std::array<double, 2> forms =
        quadraticForms(hessian, cols, tile.weights, tile.error());
    sums.weights = forms[0];
    sums.rtn = sums.result = forms[1];
    if (!factor)
      return sums;
    WeightedSteps steps = quantizeTileGPTQ(options, *factor, tile);
    adoptToolElements(options, tile);
    // The float32 inverse of the tools is too coarse for the shortcut below.
    if (options.arithmetic != Arithmetic::Own) {
      sums.result = quadraticForm(hessian, cols, tile.error());
      return sums;
    }
    // The undamped loss follows from the damped one without another product.
    double damped = options.polishSweeps == 0
                        ? recursionLoss(steps)
                        : polishTile(options, *view, *factor, steps, tile);
    double squares = quadraticForm(nullptr, cols, tile.error());
    sums.result =
        std::max(damped - factor->damping * view->meanDiagonal * squares, 0.0);
    return sums;
  }

  const WeightOptions &options;
  std::vector<float> weights;
  size_t rows;
  size_t cols;
  std::optional<HessianView> view;
  std::optional<HessianFactor> factor;
  TensorScale tensorScale;
};
} // namespace

Expected<QuantizedWeight> quantizeWeight(const WeightOptions &options,
                                         std::vector<float> weights,
                                         size_t rows, size_t cols,
                                         const float *hessian) {
  auto start = std::chrono::steady_clock::now();
  if (Status status = verifyOptions(options); !status.ok())
    return status;
  if (Status status = verifyWeights(options, weights, rows, cols); !status.ok())
    return status;
  if (!hessian && options.algorithm == Algorithm::GPTQ)
    return Status::error("algorithm gptq needs a hessian, got none");
  if (!hessian && (options.scaleRule == WeightScaleRule::WeightedMse ||
                   options.scaleRule == WeightScaleRule::LocalHessian))
    return Status::error("scale rule " +
                         std::string(weightScaleRuleName(options.scaleRule)) +
                         " needs a hessian, got none");
  if (hessian)
    if (Status status = verifyHessian(hessian, cols); !status.ok())
      return status;

  SingleThreadedBlas singleThreaded;
  Expected<QuantizedWeight> result =
      LayerQuantizer(options, std::move(weights), rows, cols, hessian).run();
  if (result.ok())
    result->report.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
  return result;
}

} // namespace fp4::quantization
