//===- RotationFusion.cpp - Rotations inside a model's weights ------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A matrix [outputs, inputs] is rotated along its inputs by transforming its
// rows, and along its outputs by transforming the rows of its transpose.
//
//===----------------------------------------------------------------------===//

#include "fp4/Model/RotationFusion.h"
#include "fp4/Numerics/Hadamard.h"
#include <algorithm>
#include <nlohmann/json.hpp>

using json = nlohmann::ordered_json;

namespace fp4::model {

namespace {
struct Matrix {
  size_t rows, cols;
  std::vector<float> values;

  void scaleInputs(const std::vector<float> &gain) {
    for (size_t i = 0; i < values.size(); ++i)
      values[i] *= gain[i % cols];
  }
  void rotateInputs(size_t block) {
    numerics::hadamard(values.data(), values.size(), block);
  }
  void rotateOutputs(size_t block) {
    std::vector<float> transposed = transpose(values, rows, cols);
    numerics::hadamard(transposed.data(), transposed.size(), block);
    values = transpose(transposed, cols, rows);
  }
  NDArray toArray() const {
    return NDArray::fromFloats({int64_t(rows), int64_t(cols)}, values);
  }

private:
  static std::vector<float> transpose(const std::vector<float> &source,
                                      size_t rows, size_t cols) {
    std::vector<float> result(source.size());
    for (size_t i = 0; i < rows; ++i)
      for (size_t j = 0; j < cols; ++j)
        result[j * rows + i] = source[i * cols + j];
    return result;
  }
};

/// Reads the tensors of one shard of the fused model.
class Fusion {
public:
  Fusion(const ModelDirectory &model, size_t block)
      : model(model), config(model.config()), block(block),
        headBlock(headRotationBlock(config, block)) {}

  Expected<TensorMap> fuseBlock(int64_t layer);
  Expected<TensorMap> fuseOuter();

private:
  /// Status of the first failure; `read` gives nothing from then on.
  std::vector<float> read(const std::string &name) {
    if (!status.ok())
      return {};
    Expected<std::vector<float>> values = model.finiteTensor(name);
    if (!values.ok()) {
      status = values.status();
      return {};
    }
    return std::move(*values);
  }
  Matrix readMatrix(const std::string &name, int64_t rows, int64_t cols) {
    return {size_t(rows), size_t(cols), read(name)};
  }
  void put(const std::string &name, const Matrix &matrix) {
    if (status.ok())
      tensors.emplace(name, matrix.toArray());
  }
  void putOnes(const std::string &name, int64_t size) {
    tensors.emplace(
        name, NDArray::fromFloats({size}, std::vector<float>(size_t(size), 1)));
  }
  void fuseLinear(int64_t layer, Linear linear,
                  const std::vector<float> &inputGain,
                  const std::vector<float> &middleGain);

  const ModelDirectory &model;
  const ModelConfig &config;
  size_t block, headBlock;
  TensorMap tensors;
  Status status = Status::success();
};
} // namespace

void Fusion::fuseLinear(int64_t layer, Linear linear,
                        const std::vector<float> &inputGain,
                        const std::vector<float> &middleGain) {
  LinearShape shape = linearShape(config, linear);
  std::string name = linearName(layer, linear) + ".weight";
  Matrix matrix = readMatrix(name, shape.rows, shape.cols);
  if (!status.ok())
    return;
  switch (linear) {
  case Linear::Q:
  case Linear::K:
  case Linear::V:
    matrix.scaleInputs(inputGain);
    matrix.rotateInputs(block);
    if (linear == Linear::V && headBlock > 1)
      matrix.rotateOutputs(headBlock);
    break;
  case Linear::Gate:
  case Linear::Up:
    matrix.scaleInputs(middleGain);
    matrix.rotateInputs(block);
    break;
  case Linear::O:
    if (headBlock > 1)
      matrix.rotateInputs(headBlock);
    matrix.rotateOutputs(block);
    break;
  case Linear::Down:
    matrix.rotateOutputs(block);
    break;
  }
  put(name, matrix);
}

Expected<TensorMap> Fusion::fuseBlock(int64_t layer) {
  // The norms of the stream come behind the linear layers, then, in Qwen3,
  // those of the heads, which see no rotated values.
  std::vector<TensorSpec> specs = blockTensors(config, layer);
  const TensorSpec *norms = &specs[std::size(kLinears)];
  std::vector<float> inputGain = read(norms[0].name);
  std::vector<float> middleGain = read(norms[1].name);
  for (Linear linear : kLinears)
    fuseLinear(layer, linear, inputGain, middleGain);
  for (size_t i = 0; i < 2; ++i)
    putOnes(norms[i].name, config.hiddenSize);
  for (size_t i = std::size(kLinears) + 2; i < specs.size(); ++i)
    if (std::vector<float> values = read(specs[i].name); status.ok())
      tensors.emplace(specs[i].name,
                      NDArray::fromFloats(specs[i].shape, values));
  return status.ok() ? Expected<TensorMap>(std::move(tensors)) : status;
}

Expected<TensorMap> Fusion::fuseOuter() {
  std::vector<TensorSpec> specs = outerTensors(config);
  Matrix embedding =
      readMatrix(specs[0].name, config.vocabularySize, config.hiddenSize);
  std::vector<float> gain = read(specs[1].name);
  Matrix head = readMatrix(headTensorName(config), config.vocabularySize,
                           config.hiddenSize);
  if (!status.ok())
    return status;
  embedding.rotateInputs(block);
  head.scaleInputs(gain);
  head.rotateInputs(block);
  put(specs[0].name, embedding);
  putOnes(specs[1].name, config.hiddenSize);
  put("lm_head.weight", head);
  return std::move(tensors);
}

size_t headRotationBlock(const ModelConfig &config, size_t block) {
  size_t result = 1;
  while (2 * result <= block && size_t(config.headSize) % (2 * result) == 0)
    result *= 2;
  return result;
}

Status checkFusion(const ModelDirectory &model, size_t block) {
  if (!numerics::isHadamardBlockLegal(block) ||
      size_t(model.config().hiddenSize) % block != 0)
    return Status::error("rotation of " + std::to_string(block) +
                         " channels, expected a power of two in 2..1024 that "
                         "divides the hidden size " +
                         std::to_string(model.config().hiddenSize));
  if (model.quantization())
    return Status::error("'" + model.path() + "' is quantized already");
  if (model.config().fusedRotation)
    return Status::error("'" + model.path() + "' has fused rotations already");
  return Status::success();
}

Expected<TensorMap> fuseRotations(const ModelDirectory &model, int64_t layer,
                                  size_t block) {
  Fusion fusion(model, block);
  return layer == model.config().numLayers ? fusion.fuseOuter()
                                           : fusion.fuseBlock(layer);
}

Expected<std::string> fusedConfig(const std::string &configText, size_t block) {
  json config = json::parse(configText, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object())
    return Status::error("expected config.json to be a JSON object");
  const char *dtype = config.contains("torch_dtype") ? "torch_dtype" : "dtype";
  config[dtype] = "float32";
  config["tie_word_embeddings"] = false;
  config["fp4_fused_rotation"] = block;
  return config.dump(2) + "\n";
}

} // namespace fp4::model
