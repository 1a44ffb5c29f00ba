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

static const float *floats(const NDArray &array) {
  return reinterpret_cast<const float *>(array.bytes());
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
Status BlockQuantizer::collectMoments(Statistics &statistics, size_t stage) {
  if (!recipe.needsExactMoments())
    return Status::success();
  return forEachInOrder<NDArray>(
      states.size(), options.threads,
      [&](size_t i) { return statistics.own.stageInput(stage, i); },
      [&](size_t, const NDArray &input) -> Status {
        Status status =
            statistics.sums->exact.add(floats(input), size_t(input.shape()[0]));
        return status.ok()
                   ? status
                   : Status::error(stageName(stage) + ": " + status.message());
      },
      report("moments", stage, 0, 0.3));
}

/// A static tensor scale, from the largest magnitude in the first sequences.
Status BlockQuantizer::chooseInputScale(Statistics &statistics, size_t stage) {
  if (!recipe.weights.format.hasTensorScale || !recipe.quantizeActivations)
    return Status::success();
  StageInput &chosen = statistics.block.inputs[stage];
  float largest = 0;
  size_t count = std::min(states.size(),
                          (kScaleSequences + options.sequencesPerBatch - 1) /
                              options.sequencesPerBatch);
  Status status = forEachInOrder<float>(
      count, options.threads,
      [&](size_t i) -> Expected<float> {
        Expected<NDArray> input = statistics.own.stageInput(stage, i);
        if (!input.ok())
          return input.status();
        Matrix rows = transformRows(chosen.transform, *input);
        return numerics::absMax(rows.data(), rows.size());
      },
      [&](size_t, float found) {
        largest = std::max(largest, found);
        return Status::success();
      },
      report("input scale", stage, 0.3, 0.35));
  chosen.scale = numerics::tensorScaleFor(recipe.weights.format, largest,
                                          recipe.activationRule);
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

static Status addTargets(const TargetRows &rows, StageSums &sums) {
  auto cols = static_cast<size_t>(sums.cols);
  size_t count = rows.quantized.size() / cols;
  Status status = sums.quantized.add(rows.quantized.data(), count);
  if (status.ok())
    status = sums.cross.add(rows.target.data(), rows.quantized.data(), count);
  if (!status.ok() || rows.residual.empty())
    return status;
  size_t hidden = rows.residual.size() / count;
  sums.residual.resize(hidden * cols);
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, int(hidden), int(cols),
              int(count), 1.0f, rows.residual.data(), int(hidden),
              rows.quantized.data(), int(cols), 1.0f, sums.residual.data(),
              int(cols));
  return status;
}

/// X_q^T X_q, Z^T X_q and, for o_proj and down_proj, E^T X_q.
Status BlockQuantizer::collectTargets(Statistics &statistics, size_t stage) {
  if (!recipe.retarget || !recipe.quantizeActivations)
    return Status::success();
  const StageInput &chosen = statistics.block.inputs[stage];
  // These add to the residual stream.
  bool makesUp = recipe.residualShare > 0 && (stage == 1 || stage == 3);
  auto prepare = [&](size_t i) -> Expected<TargetRows> {
    Expected<NDArray> input = statistics.own.stageInput(stage, i);
    if (!input.ok())
      return input.status();
    TargetRows rows;
    rows.target = transformRows(chosen.transform, *input);
    rows.quantized =
        roundRows(recipe, rows.target, size_t(input->shape()[1]), chosen.scale);
    if (!recipe.usesFloatModel())
      return rows;
    if (makesUp)
      rows.residual = difference(statistics.floating.hiddenStates()[i],
                                 statistics.own.hiddenStates()[i]);
    Expected<NDArray> other = statistics.floating.stageInput(stage, i);
    if (!other.ok())
      return other.status();
    mixRows(rows.target, transformRows(chosen.transform, *other),
            recipe.floatShare);
    // Here, where its inputs are known.
    Status status = statistics.floating.leaveStage(stage, i, *other);
    if (!status.ok())
      return status;
    return rows;
  };
  return forEachInOrder<TargetRows>(
      states.size(), options.threads, prepare,
      [&](size_t, const TargetRows &rows) {
        return addTargets(rows, *statistics.sums);
      },
      report("targets", stage, 0.35, 0.75));
}

} // namespace fp4::model
