//===- QuantizedCheckpoint.cpp - FP4 layers in checkpoints ----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tensors of the layouts, both ways. Their configurations are in
// QuantizedConfig.cpp.
//
//===----------------------------------------------------------------------===//

#include "fp4/Model/QuantizedCheckpoint.h"
#include "fp4/Model/HadamardBlocks.h"
#include "fp4/Numerics/Packing.h"
#include <cmath>
#include <cstring>

using fp4::numerics::ScaleFormat;

namespace fp4::model {

namespace {
/// How a layout calls the tensors of a layer.
struct Suffixes {
  const char *codes, *scales, *tensorScale, *inputScale;
  /// Whether tensor scales are stored as their reciprocals.
  bool isReciprocal;
};
} // namespace

static Suffixes suffixesOf(Layout layout) {
  switch (layout) {
  case Layout::CompressedTensors:
    return {".weight_packed", ".weight_scale", ".weight_global_scale",
            ".input_global_scale", true};
  case Layout::FPQuant:
    return {".qweight", ".scales", ".weight_global_scale", ".act_global_scale",
            true};
  case Layout::ModelOpt:
    return {".weight", ".weight_scale", ".weight_scale_2", ".input_scale",
            false};
  }
  return {};
}

static DType scaleType(Layout layout, const numerics::BlockFormat &format) {
  bool isFloat =
      format.scale == ScaleFormat::UE4M3 && layout != Layout::FPQuant;
  return isFloat ? DType::F8_E4M3 : DType::U8;
}

static NDArray bytesOf(DType dtype, int64_t rows, int64_t cols,
                       const uint8_t *bytes) {
  NDArray array(dtype, {rows, cols});
  std::memcpy(array.mutableBytes(), bytes, array.byteSize());
  return array;
}

/// The factor of FP-Quant's MXFP4 activations.
static constexpr float kFPQuantInput = 3.0f;

static void exportScales(Layout layout, const Recipe &recipe,
                         const std::string &name,
                         const quantization::QuantizedWeight &weight,
                         float inputScale, TensorMap &tensors) {
  Suffixes suffixes = suffixesOf(layout);
  bool hasScale = recipe.weights.format.hasTensorScale;
  if (!hasScale && layout != Layout::FPQuant)
    return;
  auto put = [&](const char *suffix, float scale) {
    tensors.emplace(name + suffix,
                    NDArray::fromFloats(
                        {1}, {suffixes.isReciprocal ? 1.0f / scale : scale}));
  };
  put(suffixes.tensorScale, weight.tensorScale);
  put(suffixes.inputScale, hasScale ? inputScale : 1.0f / kFPQuantInput);
}

TensorMap exportBlock(Layout layout, const ModelConfig &config,
                      const Recipe &recipe, int64_t layer,
                      const QuantizedBlock &block) {
  TensorMap tensors;
  Suffixes suffixes = suffixesOf(layout);
  const numerics::BlockFormat &format = recipe.weights.format;
  for (size_t stage = 0; stage < kNumStages; ++stage)
    for (size_t i = kStages[stage].first;
         !block.inputs[stage].isKept &&
         i < kStages[stage].first + kStages[stage].count;
         ++i) {
      const quantization::QuantizedWeight &weight = block.weights[i];
      LinearShape shape = linearShape(config, kLinears[i]);
      std::string name = linearName(layer, kLinears[i]);
      std::vector<uint8_t> packed(weight.codes.size() / 2);
      numerics::packCodes(format.element, weight.codes.data(),
                          size_t(shape.rows), size_t(shape.cols),
                          packed.data());
      tensors.emplace(
          name + suffixes.codes,
          bytesOf(DType::U8, shape.rows, shape.cols / 2, packed.data()));
      tensors.emplace(name + suffixes.scales,
                      bytesOf(scaleType(layout, format), shape.rows,
                              shape.cols / format.blockCols,
                              weight.scales.data()));
      exportScales(layout, recipe, name, weight, block.inputs[stage].scale,
                   tensors);
      if (layout != Layout::FPQuant)
        continue;
      auto size = std::max<size_t>(recipe.transformBlock, 1);
      NDArray matrix =
          NDArray::fromFloats({int64_t(size), int64_t(size)},
                              size > 1 ? hadamardBlocks(size, size).activations
                                       : std::vector<float>{1});
      tensors.emplace(name + ".forward_hadamard_matrix", matrix);
      tensors.emplace(name + ".backward_hadamard_matrix", matrix);
    }
  return tensors;
}

//===----------------------------------------------------------------------===//
// Import
//===----------------------------------------------------------------------===//

static Expected<NDArray> getBytes(const CheckpointReader &reader,
                                  const std::string &name, int64_t rows,
                                  int64_t cols) {
  Expected<NDArray> tensor = reader.tensor(name);
  if (!tensor.ok())
    return tensor;
  std::vector<int64_t> shape = {rows, cols};
  if (tensor->shape() != shape || dtypeBits(tensor->dtype()) != 8)
    return Status::error("expected tensor '" + name + "' of bytes of shape " +
                         shapeString(shape) + ", got " +
                         std::string(dtypeName(tensor->dtype())) + " " +
                         shapeString(tensor->shape()));
  return tensor;
}

/// A stored scale as a factor; 1 if there is none and none is needed.
static Expected<float> getScale(const CheckpointReader &reader,
                                const std::string &name, bool isRequired,
                                bool isReciprocal) {
  if (!isRequired && !reader.contains(name))
    return 1.0f;
  Expected<NDArray> tensor = reader.tensor(name);
  if (!tensor.ok())
    return tensor.status();
  Expected<std::vector<float>> values = tensor->toFloat32();
  if (!values.ok())
    return Status::error("tensor '" + name + "': " + values.message());
  if (values->size() != 1 || !(values->front() > 0) ||
      !std::isfinite(values->front()))
    return Status::error("expected tensor '" + name +
                         "' to be one positive number, got shape " +
                         shapeString(tensor->shape()));
  return isReciprocal ? 1.0f / values->front() : values->front();
}

static Expected<quantization::QuantizedWeight>
importLinear(const QuantizedConfig &quantized, LinearShape shape,
             const std::string &name, const CheckpointReader &reader) {
  Suffixes suffixes = suffixesOf(quantized.layout);
  Expected<NDArray> codes =
      getBytes(reader, name + suffixes.codes, shape.rows, shape.cols / 2);
  if (!codes.ok())
    return codes.status();
  Expected<NDArray> scales =
      getBytes(reader, name + suffixes.scales, shape.rows,
               shape.cols / quantized.format.blockCols);
  if (!scales.ok())
    return scales.status();
  Expected<float> tensorScale =
      getScale(reader, name + suffixes.tensorScale,
               quantized.format.hasTensorScale, suffixes.isReciprocal);
  if (!tensorScale.ok())
    return tensorScale.status();
  quantization::QuantizedWeight weight;
  weight.codes.resize(size_t(shape.rows * shape.cols));
  numerics::unpackCodes(quantized.format.element, codes->bytes(),
                        size_t(shape.rows), size_t(shape.cols),
                        weight.codes.data());
  weight.scales.assign(scales->bytes(), scales->bytes() + scales->byteSize());
  weight.tensorScale = *tensorScale;
  return weight;
}

/// Whether the layers of a stage are on the list of those to ignore.
static Expected<bool> keepsStage(const QuantizedConfig &quantized,
                                 int64_t layer, const Stage &stage) {
  std::string first = linearName(layer, kLinears[stage.first]);
  bool isKept = quantized.ignores(first);
  for (size_t i = stage.first + 1; i < stage.first + stage.count; ++i)
    if (std::string name = linearName(layer, kLinears[i]);
        quantized.ignores(name) != isKept)
      return Status::error("expected " + first + " and " + name +
                           ", which read the same input, both to be quantized "
                           "or neither; one is on the list of modules that "
                           "are not");
  return isKept;
}

Expected<QuantizedBlock> importBlock(const QuantizedConfig &quantized,
                                     const ModelConfig &config, int64_t layer,
                                     const CheckpointReader &reader) {
  QuantizedBlock block;
  Suffixes suffixes = suffixesOf(quantized.layout);
  for (const Stage &stage : kStages) {
    Expected<bool> isKept = keepsStage(quantized, layer, stage);
    if (!isKept.ok())
      return isKept.status();
    if (*isKept) {
      block.weights.resize(stage.first + stage.count);
      block.inputs.emplace_back().isKept = true;
      continue;
    }
    for (size_t i = stage.first; i < stage.first + stage.count; ++i) {
      auto weight = importLinear(quantized, linearShape(config, kLinears[i]),
                                 linearName(layer, kLinears[i]), reader);
      if (!weight.ok())
        return weight.status();
      block.weights.push_back(std::move(*weight));
    }
    StageInput input;
    Linear first = kLinears[stage.first];
    auto cols = static_cast<size_t>(linearShape(config, first).cols);
    if (quantized.format.hasTensorScale) {
      Expected<float> scale =
          getScale(reader, linearName(layer, first) + suffixes.inputScale, true,
                   suffixes.isReciprocal);
      if (!scale.ok())
        return scale.status();
      input.scale = *scale;
    }
    bool isLast = &stage == std::end(kStages) - 1;
    if (quantized.hadamardBlock && (isLast || !quantized.transformsOnlyDown))
      input.transform = hadamardBlocks(cols, quantized.hadamardBlock);
    block.inputs.push_back(std::move(input));
  }
  return block;
}

} // namespace fp4::model
