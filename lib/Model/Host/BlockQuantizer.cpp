//===- BlockQuantizer.cpp - Calibrated quantization of a model ------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The steps for one block. Batches run in parallel, and their results are added
// up in order.
//
//===----------------------------------------------------------------------===//

#include "fp4/Model/Host/BlockQuantizer.h"
#include "fp4/Model/HadamardBlocks.h"
#include "fp4/Model/ModelText.h"
#include "fp4/Quantization/ActivationTarget.h"
#include "fp4/Quantization/Hessian.h"
#include <cblas.h>
#include <cmath>

namespace fp4::model {

using quantization::CrossMomentAccumulator;
using quantization::HessianAccumulator;
using Matrix = std::vector<float>;

/// Sequences that the tensor scales of the activations are measured on.
static constexpr size_t kScaleSequences = 32;

namespace {
/// Sums for one stage.
struct StageSums {
  int64_t cols;
  HessianAccumulator exact;
  HessianAccumulator quantized;
  CrossMomentAccumulator cross;
  /// (error of the residual stream)^T X_q, [hidden, cols].
  Matrix residual;

  StageSums(int64_t cols, unsigned threads)
      : cols(cols), exact(size_t(cols), threads),
        quantized(size_t(cols), threads), cross(size_t(cols), threads) {}
};
} // namespace

struct BlockQuantizer::Statistics {
  std::vector<NDArray> parameters;
  std::vector<StageSums> sums;
  QuantizedBlock block;
  Batches floatOutputs;
};

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
// Setting up
//===----------------------------------------------------------------------===//

Expected<BlockQuantizer>
BlockQuantizer::create(mlir::MLIRContext &context, const ModelDirectory &model,
                       const Recipe &recipe, const std::vector<int32_t> &tokens,
                       const CalibrationOptions &options) {
  if (tokens.size() < options.sequences * options.sequenceLength)
    return Status::error(
        "expected at least " +
        std::to_string(options.sequences * options.sequenceLength) +
        " calibration tokens, got " + std::to_string(tokens.size()));
  for (Linear linear : kLinears) {
    int64_t cols = linearShape(model.config(), linear).cols;
    int64_t unit = std::max<int64_t>(recipe.weights.format.blockCols,
                                     int64_t(recipe.transformBlock));
    if (cols % unit != 0)
      return Status::error(linearName(0, linear) + ": expected a multiple of " +
                           std::to_string(unit) + " input channels, got " +
                           std::to_string(cols));
  }
  Expected<ModelProgram> embed =
      ModelProgram::compile(context, embedModule(model));
  Expected<ModelProgram> tapped =
      ModelProgram::compile(context, tappedBlockModule(model, 0));
  Expected<ModelProgram> quantized = ModelProgram::compile(
      context, blockModule(model, 0), quantizedBlockRewrite(recipe));
  for (const Expected<ModelProgram> *program : {&embed, &tapped, &quantized})
    if (!program->ok())
      return program->status();
  BlockQuantizer quantizer(model, recipe, options, std::move(*tapped),
                           std::move(*quantized));
  quantizer.states =
      makeTokenBatches(tokens, options.sequences, options.sequenceLength,
                       options.sequencesPerBatch);
  Expected<std::vector<NDArray>> parameters = gatherParameters(*embed, model);
  if (!parameters.ok())
    return parameters.status();
  Status status =
      runBatches(*embed, *parameters, quantizer.states, options.threads,
                 quantizer.report("embedding", 0, 0));
  if (!status.ok())
    return status;
  if (recipe.usesFloatModel())
    quantizer.floatStates = quantizer.states;
  return quantizer;
}

TensorMap BlockQuantizer::saveStates() const {
  TensorMap tensors;
  for (size_t i = 0; i < states.size(); ++i)
    tensors.emplace("states." + std::to_string(i), states[i]);
  for (size_t i = 0; i < floatStates.size(); ++i)
    tensors.emplace("float_states." + std::to_string(i), floatStates[i]);
  return tensors;
}

Status BlockQuantizer::restoreStates(int64_t next,
                                     const CheckpointReader &saved) {
  for (Batches *batches : {&states, &floatStates})
    for (size_t i = 0; i < batches->size(); ++i) {
      Expected<NDArray> tensor =
          saved.tensor((batches == &states ? "states." : "float_states.") +
                       std::to_string(i));
      if (!tensor.ok())
        return tensor.status();
      if (tensor->shape() != (*batches)[i].shape())
        return Status::error("expected saved hidden states of shape " +
                             shapeString((*batches)[i].shape()) + ", got " +
                             shapeString(tensor->shape()));
      (*batches)[i] = *tensor;
    }
  layer = next;
  return Status::success();
}

Progress BlockQuantizer::report(const char *step, double first,
                                double last) const {
  if (!options.progress)
    return {};
  std::string text = "block " + std::to_string(layer) + ", " + step;
  double count = double(states.size());
  auto layers = static_cast<double>(model.config().numLayers);
  double before = (double(layer) + first) / layers;
  double share = (last - first) / layers;
  return [=, show = options.progress](size_t done) {
    double part = double(done) / count;
    show({text, part, before + share * part});
  };
}

//===----------------------------------------------------------------------===//
// Statistics
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

/// The rows of all weights of a stage.
static Expected<Matrix> stackWeights(const ModelDirectory &model, int64_t layer,
                                     const Stage &stage) {
  Matrix rows;
  for (size_t i = stage.first; i < stage.first + stage.count; ++i) {
    Expected<Matrix> weight =
        model.finiteTensor(linearName(layer, kLinears[i]) + ".weight");
    if (!weight.ok())
      return weight.status();
    rows.insert(rows.end(), weight->begin(), weight->end());
  }
  return rows;
}

Status BlockQuantizer::chooseTransforms(Statistics &statistics) {
  for (size_t stage = 0; stage < kNumStages; ++stage) {
    quantization::BlockTransform &transform =
        statistics.block.inputs[stage].transform;
    auto cols = static_cast<size_t>(statistics.sums[stage].cols);
    if (recipe.transform == TransformKind::Hadamard)
      transform = hadamardBlocks(cols, recipe.transformBlock);
    if (recipe.transform != TransformKind::WUSH)
      continue;
    Expected<Matrix> weights = stackWeights(model, layer, kStages[stage]);
    if (!weights.ok())
      return weights.status();
    Expected<Matrix> hessian = statistics.sums[stage].exact.finish();
    if (!hessian.ok())
      return hessian.status();
    auto chosen = quantization::wushTransform(
        weights->data(), weights->size() / cols, cols, hessian->data(),
        recipe.transformBlock);
    if (!chosen.ok())
      return Status::error(linearName(layer, kLinears[kStages[stage].first]) +
                           ": " + chosen.message());
    transform = std::move(*chosen);
  }
  return Status::success();
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

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// Replaces the stacked weights of a stage by those that fit its target, and
/// gives the Hessian they are to be quantized with.
static Expected<Matrix> retarget(const Recipe &recipe, const StageSums &sums,
                                 Matrix &weights, unsigned threads) {
  auto cols = static_cast<size_t>(sums.cols);
  Expected<Matrix> hessian = sums.quantized.finish();
  Expected<Matrix> cross = sums.cross.finish();
  if (!hessian.ok() || !cross.ok())
    return hessian.ok() ? cross.status() : hessian.status();
  double damping = recipe.retargetDamping;
  Status status = quantization::retargetWeights(
      weights.data(), weights.size() / cols, cols, cross->data(),
      hessian->data(), damping, threads);
  if (!status.ok() || sums.residual.empty())
    return status.ok() ? Expected<Matrix>(std::move(*hessian)) : status;

  // B (H + l I)^-1 is what a cross moment of zero makes of B, over l.
  double mean = 0;
  for (size_t i = 0; i < cols; ++i)
    mean += (*hessian)[i * (cols + 1)] / double(cols);
  Matrix correction = sums.residual;
  Matrix none(cols * cols);
  status = quantization::retargetWeights(
      correction.data(), correction.size() / cols, cols, none.data(),
      hessian->data(), damping, threads);
  if (!status.ok())
    return status;
  double factor =
      recipe.residualShare / (damping * mean * double(sums.quantized.tokens()));
  for (size_t i = 0; i < weights.size(); ++i)
    weights[i] += static_cast<float>(factor * double(correction[i]));
  return std::move(*hessian);
}

Status BlockQuantizer::quantizeStage(Statistics &statistics, size_t index) {
  const Stage &stage = kStages[index];
  const StageSums &sums = statistics.sums[index];
  auto cols = static_cast<size_t>(sums.cols);
  const quantization::BlockTransform &transform =
      statistics.block.inputs[index].transform;
  Expected<Matrix> weights = stackWeights(model, layer, stage);
  if (!weights.ok())
    return weights.status();
  size_t rows = weights->size() / cols;
  if (transform.block)
    quantization::applyBlockTransform(transform.weights, transform.block,
                                      weights->data(), rows, cols);
  Expected<Matrix> hessian = Matrix();
  if (recipe.retarget && recipe.quantizeActivations) {
    hessian = retarget(recipe, sums, *weights, options.threads);
  } else if (recipe.needsHessian()) {
    hessian = sums.exact.finish();
    if (hessian.ok() && transform.block)
      quantization::transformHessian(transform.activations, transform.block,
                                     hessian->data(), cols);
  }
  if (!hessian.ok())
    return hessian.status();
  quantization::WeightOptions weightOptions = recipe.weights;
  weightOptions.threads = options.threads;
  if (stage.count > 1 && weightOptions.format.hasTensorScale)
    weightOptions.fixedTensorScale = quantization::tensorScaleFor(
        weightOptions, numerics::absMax(weights->data(), weights->size()));
  size_t first = 0;
  for (size_t i = stage.first; i < stage.first + stage.count; ++i) {
    auto count =
        static_cast<size_t>(linearShape(model.config(), kLinears[i]).rows);
    Matrix part(weights->begin() + std::ptrdiff_t(first * cols),
                weights->begin() + std::ptrdiff_t((first + count) * cols));
    auto result = quantization::quantizeWeight(
        weightOptions, std::move(part), count, cols,
        hessian->empty() ? nullptr : hessian->data());
    if (!result.ok())
      return Status::error(linearName(layer, kLinears[i]) + ": " +
                           result.message());
    statistics.block.weights.push_back(std::move(*result));
    first += count;
  }
  return Status::success();
}

Status BlockQuantizer::advance(const QuantizedBlock &block) {
  Expected<std::vector<NDArray>> parameters =
      gatherParameters(quantized, model, layer,
                       toParameters(model.config(), recipe, layer, block));
  if (!parameters.ok())
    return parameters.status();
  return runBatches(quantized, *parameters, states, options.threads,
                    report("outputs", 0.75, 1));
}

Expected<QuantizedBlock> BlockQuantizer::quantizeNext() {
  Expected<std::vector<NDArray>> parameters =
      gatherParameters(tapped, model, layer);
  if (!parameters.ok())
    return parameters.status();
  Statistics statistics;
  statistics.parameters = std::move(*parameters);
  statistics.block.inputs.resize(kNumStages);
  for (const Stage &stage : kStages)
    statistics.sums.emplace_back(
        linearShape(model.config(), kLinears[stage.first]).cols,
        options.threads);
  Status status = collectMoments(statistics);
  if (status.ok())
    status = chooseTransforms(statistics);
  if (status.ok())
    status = chooseInputScales(statistics);
  if (status.ok())
    status = collectTargets(statistics);
  for (size_t stage = 0; stage < kNumStages && status.ok(); ++stage)
    status = quantizeStage(statistics, stage);
  if (status.ok())
    status = advance(statistics.block);
  if (!status.ok())
    return status;
  if (recipe.usesFloatModel())
    floatStates = std::move(statistics.floatOutputs);
  ++layer;
  return std::move(statistics.block);
}

} // namespace fp4::model
