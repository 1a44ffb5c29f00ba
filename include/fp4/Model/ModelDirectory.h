//===- ModelDirectory.h - A Hugging Face model on disk ----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// config.json and the weights beside it, checked against each other, and files
// of token ids. Weights stay mapped; nothing is read before it is used.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_MODEL_MODELDIRECTORY_H
#define FP4_MODEL_MODELDIRECTORY_H

#include "fp4/Model/ModelConfig.h"
#include "fp4/Model/QuantizedCheckpoint.h"
#include "fp4/TensorIO/Safetensors.h"

namespace fp4::model {

class ModelDirectory {
public:
  /// Checks that every tensor is there with the shape that the configuration
  /// implies and with elements of bf16, f16 or f32. The linear layers of a
  /// quantized checkpoint are checked when they are read (importBlock).
  static Expected<ModelDirectory> open(const std::string &path);

  const std::string &path() const { return directory; }
  const ModelConfig &config() const { return modelConfig; }
  /// The text of config.json.
  const std::string &configText() const { return text; }
  const CheckpointReader &weights() const { return reader; }
  /// Nothing for a float model.
  const std::optional<QuantizedConfig> &quantization() const {
    return quantizedConfig;
  }
  Expected<NDArray> tensor(const std::string &name) const {
    return reader.tensor(name);
  }
  /// The values as float32. Fails on NaN and infinity, naming the first.
  Expected<std::vector<float>> finiteTensor(const std::string &name) const;
  /// Fails if one of `tensors` has a value that is not finite.
  Status checkFinite(const std::vector<TensorSpec> &tensors) const;

private:
  ModelDirectory(std::string directory, std::string text, ModelConfig config,
                 CheckpointReader reader)
      : directory(std::move(directory)), text(std::move(text)),
        modelConfig(std::move(config)), reader(std::move(reader)) {}

  std::string directory;
  std::string text;
  ModelConfig modelConfig;
  CheckpointReader reader;
  std::optional<QuantizedConfig> quantizedConfig;
};

/// Little-endian 16-bit token ids (".u16") or 32-bit ones (".u32"). Fails on an
/// id that is not below `vocabularySize`, naming its position.
Expected<std::vector<int32_t>> readTokens(const std::string &path,
                                          int64_t vocabularySize);

} // namespace fp4::model

#endif // FP4_MODEL_MODELDIRECTORY_H
