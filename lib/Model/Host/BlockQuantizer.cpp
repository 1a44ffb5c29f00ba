//===- BlockQuantizer.cpp - Calibrated quantization of a model ------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The steps for one block; those that run over the calibration inputs are in
// BlockStatistics.cpp.
//
//===----------------------------------------------------------------------===//

#include "BlockStatistics.h"
#include "fp4/Model/HadamardBlocks.h"
#include "fp4/Model/ModelText.h"

namespace fp4::model {

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
    auto unit = std::max<int64_t>(
        recipe.weights.format.blockCols,
        int64_t(recipe.transformBlockFor(static_cast<size_t>(cols))));
    if (cols % unit != 0)
      return Status::error(linearName(0, linear) + ": expected a multiple of " +
                           std::to_string(unit) + " input channels, got " +
                           std::to_string(cols));
  }
  Expected<ModelProgram> embed =
      ModelProgram::compile(context, embedModule(model));
  if (!embed.ok())
    return embed.status();
  Expected<BlockParts> parts = BlockParts::compile(context, model);
  if (!parts.ok())
    return parts.status();
  BlockQuantizer quantizer(
      model, recipe, options,
      std::make_shared<const BlockParts>(std::move(*parts)));
  quantizer.states =
      makeTokenBatches(tokens, options.sequences, options.sequenceLength,
                       options.sequencesPerBatch);
  Expected<std::vector<NDArray>> parameters = gatherParameters(*embed, model);
  if (!parameters.ok())
    return parameters.status();
  Status status =
      runBatches(*embed, *parameters, quantizer.states, options.threads,
                 quantizer.report("embedding", 0, 0, 0));
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

Progress BlockQuantizer::report(const char *step, size_t stage, double first,
                                double last) const {
  if (!options.progress)
    return {};
  // What the stages take of a block's time, about.
  static constexpr double kStart[] = {0, 0.1, 0.35, 0.5, 1};
  double width = kStart[stage + 1] - kStart[stage];
  auto layers = static_cast<double>(model.config().numLayers);
  double before = (double(layer) + kStart[stage] + first * width) / layers;
  double share = (last - first) * width / layers;
  std::string name = stageName(stage);
  std::string text = "block " + std::to_string(layer) + ", " + step + " of " +
                     name.substr(name.rfind('.') + 1);
  double count = double(states.size());
  return [=, show = options.progress](size_t done) {
    double part = double(done) / count;
    show({text, part, before + share * part});
  };
}

std::string BlockQuantizer::stageName(size_t stage) const {
  return linearName(layer, kLinears[kStages[stage].first]);
}

//===----------------------------------------------------------------------===//
// Transforms
//===----------------------------------------------------------------------===//

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

Status BlockQuantizer::chooseTransform(Statistics &statistics, size_t stage) {
  quantization::BlockTransform &transform =
      statistics.block.inputs[stage].transform;
  auto cols = static_cast<size_t>(statistics.sums->cols);
  TransformKind kind = recipe.transformOf(stage);
  if (kind == TransformKind::Hadamard)
    transform = hadamardBlocks(cols, recipe.transformBlock);
  if (kind == TransformKind::Orthogonal)
    transform = *quantization::orthogonalTransform(recipe.orthogonal, cols,
                                                   recipe.transformBlock);
  if (kind != TransformKind::WUSH)
    return Status::success();
  Expected<Matrix> weights = stackWeights(model, layer, kStages[stage]);
  if (!weights.ok())
    return weights.status();
  Expected<Matrix> hessian = statistics.sums->exact.finish();
  if (!hessian.ok())
    return hessian.status();
  auto chosen = quantization::wushTransform(
      weights->data(), weights->size() / cols, cols, hessian->data(),
      recipe.transformBlockFor(cols));
  if (!chosen.ok())
    return Status::error(stageName(stage) + ": " + chosen.message());
  transform = std::move(*chosen);
  return Status::success();
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

/// The Hessian of the inputs before their transform, as far as the recipe wants
/// to know it.
static Expected<Matrix> ownHessian(const Recipe &recipe,
                                   const ModelDirectory &model, int64_t layer,
                                   size_t stage, const StageSums &sums) {
  if (recipe.hessian == HessianSource::Full)
    return sums.exact.finish();
  if (recipe.hessian == HessianSource::Diagonal)
    return quantization::diagonalHessian(sums.exact.secondMoments());
  // The norms of the two stages that follow one come behind the linear layers.
  std::vector<double> moments(static_cast<size_t>(sums.cols), 1.0);
  if (stage % 2 == 0) {
    Expected<Matrix> gain = model.finiteTensor(
        blockTensors(model.config(), layer)[std::size(kLinears) + stage / 2]
            .name);
    if (!gain.ok())
      return gain.status();
    for (size_t i = 0; i < moments.size(); ++i)
      moments[i] = double((*gain)[i]) * (*gain)[i];
  }
  return quantization::diagonalHessian(moments);
}

/// The options of a layer: `common`, or what its override changes of them.
static quantization::WeightOptions
overridden(const Recipe &recipe, const std::string &name,
           const quantization::WeightOptions &common) {
  auto it = recipe.overrides.find(name);
  if (it == recipe.overrides.end())
    return common;
  quantization::WeightOptions options = it->second;
  options.threads = common.threads;
  options.fixedTensorScale = common.fixedTensorScale;
  return options;
}

Status BlockQuantizer::quantizeStage(Statistics &statistics, size_t index) {
  const Stage &stage = kStages[index];
  const StageSums &sums = *statistics.sums;
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
  } else if (recipe.needsExactMoments()) {
    hessian = ownHessian(recipe, model, layer, index, sums);
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
        overridden(recipe, linearName(layer, kLinears[i]), weightOptions),
        std::move(part), count, cols,
        hessian->empty() ? nullptr : hessian->data());
    if (!result.ok())
      return Status::error(linearName(layer, kLinears[i]) + ": " +
                           result.message());
    statistics.block.weights.push_back(std::move(*result));
    first += count;
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Through the block
//===----------------------------------------------------------------------===//

/// Moves the own model to the inputs of the next stage.
Status BlockQuantizer::leaveStage(Statistics &statistics, size_t stage) {
  // Where all stages are calibrated together, the quantized block is run from
  // its beginning at the end.
  if (!recipe.sequentialStages && stage == kNumStages - 1)
    return Status::success();
  if (recipe.sequentialStages)
    if (Status status = statistics.own.bindStage(model, recipe, layer,
                                                 statistics.block, stage);
        !status.ok())
      return status;
  return forEachInParallel(
      states.size(), options.threads,
      [&](size_t i) { return statistics.own.leaveStage(stage, i); },
      report("outputs", stage, 0.75, 1));
}

/// Moves both models past a stage whose layers stay as they are.
Status BlockQuantizer::keepStage(Statistics &statistics, size_t stage) {
  QuantizedBlock &block = statistics.block;
  block.inputs[stage].isKept = true;
  block.weights.resize(block.weights.size() + kStages[stage].count);
  Status status = Status::success();
  if (recipe.usesFloatModel())
    status = forEachInParallel(
        states.size(), options.threads,
        [&](size_t i) { return statistics.floating.leaveStage(stage, i); },
        report("float outputs", stage, 0, 0.75));
  return status.ok() ? leaveStage(statistics, stage) : status;
}

Status BlockQuantizer::runStage(Statistics &statistics, size_t stage) {
  if (recipe.kept.count(stageName(stage)))
    return keepStage(statistics, stage);
  statistics.sums.emplace(
      linearShape(model.config(), kLinears[kStages[stage].first]).cols,
      options.threads);
  for (Status (BlockQuantizer::*step)(Statistics &, size_t) :
       {&BlockQuantizer::collectMoments, &BlockQuantizer::chooseTransform,
        &BlockQuantizer::chooseInputScale, &BlockQuantizer::collectTargets,
        &BlockQuantizer::quantizeStage, &BlockQuantizer::leaveStage})
    if (Status status = (this->*step)(statistics, stage); !status.ok())
      return status;
  return Status::success();
}

Expected<QuantizedBlock> BlockQuantizer::quantizeNext() {
  Statistics statistics{BlockPosition(*parts, states),
                        BlockPosition(*parts, floatStates),
                        {},
                        std::nullopt};
  statistics.block.inputs.resize(kNumStages);
  Status status = statistics.own.bindExact(model, layer);
  if (status.ok() && recipe.usesFloatModel())
    status = statistics.floating.bindExact(model, layer);
  for (size_t stage = 0; stage < kNumStages && status.ok(); ++stage)
    status = runStage(statistics, stage);
  if (recipe.sequentialStages)
    states = statistics.own.hiddenStates();
  else if (status.ok())
    status = QuantizedModelRun(model, recipe, parts)
                 .runBlock(layer, statistics.block, states, options.threads,
                           report("outputs", kNumStages - 1, 0.75, 1));
  if (!status.ok())
    return status;
  floatStates = statistics.floating.hiddenStates();
  ++layer;
  return std::move(statistics.block);
}

//===----------------------------------------------------------------------===//
// Quantized blocks
//===----------------------------------------------------------------------===//

Expected<QuantizedModelRun>
QuantizedModelRun::create(mlir::MLIRContext &context,
                          const ModelDirectory &model, const Recipe &recipe) {
  Expected<BlockParts> parts = BlockParts::compile(context, model);
  if (!parts.ok())
    return parts.status();
  return QuantizedModelRun(
      model, recipe, std::make_shared<const BlockParts>(std::move(*parts)));
}

Status QuantizedModelRun::runBlock(int64_t layer, const QuantizedBlock &block,
                                   Batches &states, unsigned threads,
                                   const Progress &progress) const {
  BlockPosition position(*parts, states);
  Status status = position.bindBlock(model, recipe, layer, block);
  if (!status.ok())
    return status;
  status = forEachInParallel(
      states.size(), threads,
      [&](size_t i) -> Status {
        for (size_t stage = 0; stage < kNumStages; ++stage)
          if (Status left = position.leaveStage(stage, i); !left.ok())
            return left;
        return Status::success();
      },
      progress);
  states = position.hiddenStates();
  return status;
}

} // namespace fp4::model
