//===- BlockStatistics.cpp - Sums over calibration inputs -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Batches run in parallel, and their results are added up in order.
//
//===----------------------------------------------------------------------===//

#include "BlockStatistics.h"
#include <cblas.h>

namespace fp4::model {

/// Sequences that the tensor scales of the activations are measured on.
static constexpr size_t kScaleSequences = 32;

/// Which result of a tapped block is the input of stage 0, and the residual
/// stream that stage 3 adds to.
static constexpr size_t kFirstTap = 1, kMiddleTap = 5;

static const float *floats(const NDArray &array) {
  return reinterpret_cast<const float *>(array.bytes());
}

/// x T^T, block by block.
static Matrix transformRows(const quantization::BlockTransform &transform,
                            const float *x, size_t rows, size_t cols) {
  Matrix result(rows * cols);
  size_t block = transform.block;
  if (block == 0) {
    std::copy_n(x, rows * cols, result.begin());
    return result;
  }
  for (size_t first = 0; first < cols; first += block)
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, int(rows), int(block),
                int(block), 1.0f, x + first, int(cols),
                &transform.activations[first * block], int(block), 0.0f,
                &result[first], int(cols));
  return result;
}

/// What the quantization of activations leaves of `x`.
static Matrix roundRows(const Recipe &recipe, const Matrix &x, size_t cols,
                        float scale) {
  const numerics::BlockFormat &format = recipe.weights.format;
  size_t rows = x.size() / cols;
  std::vector<uint8_t> codes(x.size());
  std::vector<uint8_t> scales(x.size() / format.blockCols);
  numerics::QuantizeOptions options;
  options.rule = recipe.activationRule;
  numerics::quantizeBlocks(format, options, x.data(), rows, cols, scale,
                           codes.data(), scales.data());
  Matrix result(x.size());
  numerics::dequantizeBlocks(format, codes.data(), scales.data(), rows, cols,
                             scale, result.data());
  return result;
}

/// Calls `prepare(i)` for the batches in parallel, a few at a time, and
/// `consume` with the results in order.
template <typename T>
static Status forEachInOrder(size_t count, unsigned threads,
                             const std::function<Expected<T>(size_t)> &prepare,
                             const std::function<Status(size_t, T)> &consume,
                             const Progress &progress) {
  size_t wave = std::max(threads, 1u);
  for (size_t first = 0; first < count; first += wave) {
    size_t size = std::min(wave, count - first);
    std::vector<std::optional<T>> results(size);
    Status status = forEachInParallel(size, threads, [&](size_t i) -> Status {
      Expected<T> result = prepare(first + i);
      if (!result.ok())
        return result.status();
      results[i] = std::move(*result);
      return Status::success();
    });
    for (size_t i = 0; i < size && status.ok(); ++i)
      status = consume(first + i, std::move(*results[i]));
    if (!status.ok())
      return status;
    if (progress)
      progress(first + size);
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// The steps
//===----------------------------------------------------------------------===//

/// X^T X of the exact inputs.
Status BlockQuantizer::collectMoments(Statistics &statistics) {
  if (!recipe.needsHessian())
    return Status::success();
  using Results = std::vector<NDArray>;
  return forEachInOrder<Results>(
      states.size(), options.threads,
      [&](size_t i) { return tapped.run(states[i], statistics.parameters); },
      [&](size_t, Results results) -> Status {
        for (size_t stage = 0; stage < kNumStages; ++stage) {
          const NDArray &input = results[kFirstTap + stage];
          Status status = statistics.sums[stage].exact.add(
              floats(input), size_t(input.shape()[0]));
          if (!status.ok())
            return Status::error(
                linearName(layer, kLinears[kStages[stage].first]) + ": " +
                status.message());
        }
        return Status::success();
      },
      report("moments", 0, 0.25));
}

/// Static tensor scales, from the largest magnitude in the first sequences.
Status BlockQuantizer::chooseInputScales(Statistics &statistics) {
  if (!recipe.weights.format.hasTensorScale || !recipe.quantizeActivations)
    return Status::success();
  using Largest = std::array<float, kNumStages>;
  Largest largest{};
  size_t count = std::min(states.size(),
                          (kScaleSequences + options.sequencesPerBatch - 1) /
                              options.sequencesPerBatch);
  Status status = forEachInOrder<Largest>(
      count, options.threads,
      [&](size_t i) -> Expected<Largest> {
        auto results = tapped.run(states[i], statistics.parameters);
        if (!results.ok())
          return results.status();
        Largest found;
        for (size_t stage = 0; stage < kNumStages; ++stage) {
          const NDArray &input = (*results)[kFirstTap + stage];
          Matrix rows = transformRows(statistics.block.inputs[stage].transform,
                                      floats(input), size_t(input.shape()[0]),
                                      size_t(input.shape()[1]));
          found[stage] = numerics::absMax(rows.data(), rows.size());
        }
        return found;
      },
      [&](size_t, Largest found) {
        for (size_t stage = 0; stage < kNumStages; ++stage)
          largest[stage] = std::max(largest[stage], found[stage]);
        return Status::success();
      },
      report("input scales", 0.25, 0.3));
  for (size_t stage = 0; stage < kNumStages; ++stage)
    statistics.block.inputs[stage].scale = numerics::tensorScaleFor(
        recipe.weights.format, largest[stage], recipe.activationRule);
  return status;
}

namespace {
/// What a batch adds to the sums of a stage.
struct TargetRows {
  Matrix quantized;
  Matrix target;
  /// Error of the residual stream; empty where none is made up for.
  Matrix residual;
};
struct BatchTargets {
  std::array<TargetRows, kNumStages> stages;
  std::optional<NDArray> floatOutput;
};
} // namespace

/// The sum, weighted, of the exact rows and those of the float model.
static void mixRows(Matrix &rows, const Matrix &other, double share) {
  for (size_t i = 0; i < rows.size(); ++i)
    rows[i] += static_cast<float>(share) * (other[i] - rows[i]);
}

static Matrix difference(const NDArray &a, const NDArray &b) {
  Matrix result(size_t(a.elementCount()));
  for (size_t i = 0; i < result.size(); ++i)
    result[i] = floats(a)[i] - floats(b)[i];
  return result;
}

/// X_q^T X_q, Z^T X_q and, for o_proj and down_proj, E^T X_q.
Status BlockQuantizer::collectTargets(Statistics &statistics) {
  if (!recipe.retarget || !recipe.quantizeActivations)
    return Status::success();
  bool usesFloat = recipe.usesFloatModel();
  statistics.floatOutputs.reserve(states.size());
  auto prepare = [&](size_t i) -> Expected<BatchTargets> {
    auto own = tapped.run(states[i], statistics.parameters);
    if (!own.ok())
      return own.status();
    Expected<std::vector<NDArray>> exact = std::vector<NDArray>();
    if (usesFloat)
      exact = tapped.run(floatStates[i], statistics.parameters);
    if (!exact.ok())
      return exact.status();
    BatchTargets batch;
    for (size_t stage = 0; stage < kNumStages; ++stage) {
      const StageInput &input = statistics.block.inputs[stage];
      const NDArray &x = (*own)[kFirstTap + stage];
      auto count = static_cast<size_t>(x.shape()[0]);
      auto cols = static_cast<size_t>(x.shape()[1]);
      TargetRows &rows = batch.stages[stage];
      rows.target = transformRows(input.transform, floats(x), count, cols);
      rows.quantized = roundRows(recipe, rows.target, cols, input.scale);
      if (recipe.floatShare > 0)
        mixRows(rows.target,
                transformRows(input.transform,
                              floats((*exact)[kFirstTap + stage]), count, cols),
                recipe.floatShare);
    }
    if (recipe.residualShare > 0) {
      batch.stages[1].residual = difference(floatStates[i], states[i]);
      batch.stages[3].residual =
          difference((*exact)[kMiddleTap], (*own)[kMiddleTap]);
    }
    if (usesFloat)
      batch.floatOutput = exact->front();
    return batch;
  };
  auto consume = [&](size_t, BatchTargets batch) -> Status {
    for (size_t stage = 0; stage < kNumStages; ++stage) {
      StageSums &sums = statistics.sums[stage];
      const TargetRows &rows = batch.stages[stage];
      auto cols = static_cast<size_t>(sums.cols);
      size_t count = rows.quantized.size() / cols;
      Status status = sums.quantized.add(rows.quantized.data(), count);
      if (status.ok())
        status =
            sums.cross.add(rows.target.data(), rows.quantized.data(), count);
      if (!status.ok())
        return status;
      if (rows.residual.empty())
        continue;
      size_t hidden = rows.residual.size() / count;
      sums.residual.resize(hidden * cols);
      cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, int(hidden),
                  int(cols), int(count), 1.0f, rows.residual.data(),
                  int(hidden), rows.quantized.data(), int(cols), 1.0f,
                  sums.residual.data(), int(cols));
    }
    if (batch.floatOutput)
      statistics.floatOutputs.push_back(*batch.floatOutput);
    return Status::success();
  };
  return forEachInOrder<BatchTargets>(states.size(), options.threads, prepare,
                                      consume, report("targets", 0.3, 0.75));
}

} // namespace fp4::model
