//===- BlockParts.cpp - A block that is run in pieces ---------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiling, binding and running the parts.
//
//===----------------------------------------------------------------------===//

#include "BlockParts.h"
#include <cblas.h>
#include <cstring>

namespace fp4::model {

//===----------------------------------------------------------------------===//
// Inputs of layers
//===----------------------------------------------------------------------===//

Matrix transformRows(const quantization::BlockTransform &transform,
                     const NDArray &x) {
  const auto *data = reinterpret_cast<const float *>(x.bytes());
  size_t block = transform.block;
  if (block == 0)
    return Matrix(data, data + x.elementCount());
  auto rows = static_cast<size_t>(x.shape()[0]);
  auto cols = static_cast<size_t>(x.shape()[1]);
  Matrix result(rows * cols);
  for (size_t first = 0; first < cols; first += block)
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, int(rows), int(block),
                int(block), 1.0f, data + first, int(cols),
                &transform.activations[first * block], int(block), 0.0f,
                &result[first], int(cols));
  return result;
}

Matrix roundRows(const Recipe &recipe, const Matrix &x, size_t cols,
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

//===----------------------------------------------------------------------===//
// Programs and parameters
//===----------------------------------------------------------------------===//

Expected<BlockParts> BlockParts::compile(mlir::MLIRContext &context,
                                         const ModelDirectory &model) {
  BlockParts parts;
  for (size_t i = 0; i < kNumBlockParts; ++i) {
    Expected<ModelProgram> program = ModelProgram::compile(
        context, blockPartModule(model, 0, static_cast<BlockPart>(i)));
    if (!program.ok())
      return program.status();
    parts.programs.push_back(std::move(*program));
  }
  return parts;
}

/// Adds the weights of a stage as they are in the model.
static Status addExactWeights(const ModelDirectory &model, int64_t layer,
                              const Stage &stage, Parameters &weights) {
  for (size_t i = stage.first; i < stage.first + stage.count; ++i) {
    std::string name = linearName(layer, kLinears[i]) + ".weight";
    Expected<Matrix> weight = model.finiteTensor(name);
    if (!weight.ok())
      return weight.status();
    LinearShape shape = linearShape(model.config(), kLinears[i]);
    weights.emplace(name,
                    NDArray::fromFloats({shape.rows, shape.cols}, *weight));
  }
  return Status::success();
}

Status BlockPosition::bindExact(const ModelDirectory &model, int64_t layer) {
  Parameters weights;
  for (const Stage &stage : kStages)
    if (Status status = addExactWeights(model, layer, stage, weights);
        !status.ok())
      return status;
  return bindParts(model, layer, weights);
}

Status BlockPosition::bindBlock(const ModelDirectory &model,
                                const Recipe &recipe, int64_t layer,
                                const QuantizedBlock &block) {
  Parameters weights;
  for (size_t stage = 0; stage < kNumStages; ++stage) {
    const StageInput &input = block.inputs[stage];
    if (!input.isKept) {
      weights.merge(
          stageParameters(model.config(), recipe, layer, block, stage));
      roundings[stage] = Rounding{recipe, input};
    } else if (Status status =
                   addExactWeights(model, layer, kStages[stage], weights);
               !status.ok()) {
      return status;
    }
  }
  return bindParts(model, layer, weights);
}

Status BlockPosition::bindParts(const ModelDirectory &model, int64_t layer,
                                const Parameters &weights) {
  for (size_t i = 0; i < kNumBlockParts; ++i) {
    auto values = gatherParameters((*parts)[static_cast<BlockPart>(i)], model,
                                   layer, weights);
    if (!values.ok())
      return values.status();
    parameters[i] = std::move(*values);
  }
  return Status::success();
}

/// The part with the linear layers of a stage.
static constexpr BlockPart kStageParts[kNumStages] = {
    BlockPart::Attention, BlockPart::AttentionOutput, BlockPart::FeedForward,
    BlockPart::FeedForwardOutput};

Status BlockPosition::bindStage(const ModelDirectory &model,
                                const Recipe &recipe, int64_t layer,
                                const QuantizedBlock &block, size_t stage) {
  if (block.inputs[stage].isKept)
    return Status::success();
  BlockPart part = kStageParts[stage];
  auto values = gatherParameters(
      (*parts)[part], model, layer,
      stageParameters(model.config(), recipe, layer, block, stage));
  if (!values.ok())
    return values.status();
  parameters[static_cast<size_t>(part)] = std::move(*values);
  roundings[stage] = Rounding{recipe, block.inputs[stage]};
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

Expected<NDArray> BlockPosition::run(BlockPart part,
                                     std::vector<NDArray> inputs) const {
  auto results =
      (*parts)[part].run(std::move(inputs), parameters[size_t(part)]);
  if (!results.ok())
    return results.status();
  return std::move(results->front());
}

NDArray BlockPosition::roundInput(size_t stage, const NDArray &input) const {
  if (!roundings[stage])
    return input;
  const auto &[recipe, chosen] = *roundings[stage];
  Matrix rows = transformRows(chosen.transform, input);
  if (recipe.quantizeActivations)
    rows = roundRows(recipe, rows, size_t(input.shape()[1]), chosen.scale);
  return NDArray::fromFloats(input.shape(), rows);
}

Expected<NDArray> BlockPosition::stageInput(size_t stage, size_t batch) const {
  const NDArray &x = states[batch];
  if (stage == 0)
    return run(BlockPart::AttentionInput, {x});
  if (stage == 1)
    return attended[batch];
  Expected<NDArray> input = run(BlockPart::FeedForwardInput, {x});
  if (!input.ok() || stage == 2)
    return input;
  return run(BlockPart::FeedForward, {x, roundInput(2, *input)});
}

Status BlockPosition::leaveStage(size_t stage, size_t batch,
                                 std::optional<NDArray> input) {
  // The inputs of down_proj are not kept.
  if (stage == 2)
    return Status::success();
  if (!input) {
    Expected<NDArray> computed = stageInput(stage, batch);
    if (!computed.ok())
      return computed.status();
    input = std::move(*computed);
  }
  Expected<NDArray> result =
      run(kStageParts[stage], {states[batch], roundInput(stage, *input)});
  if (!result.ok())
    return result.status();
  (stage == 0 ? attended : states)[batch] = std::move(*result);
  return Status::success();
}

} // namespace fp4::model
