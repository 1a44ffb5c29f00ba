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

Status BlockQuantizer::chooseTransforms(Statistics &statistics) {
  for (size_t stage = 0; stage < kNumStages; ++stage) {
    quantization::BlockTransform &transform =
        statistics.block.inputs[stage].transform;
    auto cols = static_cast<size_t>(statistics.sums[stage].cols);
    TransformKind kind = recipe.transformOf(stage);
    if (kind == TransformKind::Hadamard)
      transform = hadamardBlocks(cols, recipe.transformBlock);
    if (kind == TransformKind::Orthogonal)
      transform = *quantization::orthogonalTransform(recipe.orthogonal, cols,
                                                     recipe.transformBlock);
    if (kind != TransformKind::WUSH)
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
