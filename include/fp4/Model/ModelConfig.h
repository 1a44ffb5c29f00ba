//===- ModelConfig.h - Description of a decoder model -----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What config.json of a Hugging Face directory says about a decoder-only
// transformer of the Llama family: LlamaForCausalLM, and Qwen3ForCausalLM,
// which normalizes the heads of queries and keys. Anything that would change
// the computation and that is not implemented here (biases, sliding windows,
// unknown rotary types) is an error, never ignored.
//
// Source: transformers, models/llama and models/qwen3 (configuration_*.py,
// modeling_*.py), modeling_rope_utils.py.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_MODEL_MODELCONFIG_H
#define FP4_MODEL_MODELCONFIG_H

#include "fp4/Status/Status.h"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fp4::model {

struct ModelConfig {
  /// "LlamaForCausalLM" or "Qwen3ForCausalLM".
  std::string architecture;
  int64_t hiddenSize = 0;
  int64_t intermediateSize = 0;
  int64_t numLayers = 0;
  int64_t numHeads = 0;
  /// Divides numHeads; smaller with grouped-query attention.
  int64_t numKeyValueHeads = 0;
  int64_t headSize = 0;
  int64_t vocabularySize = 0;
  /// Whether the head uses the embedding matrix.
  bool tiedEmbeddings = false;
  /// Whether queries and keys are normalized per head (Qwen3).
  bool headNorms = false;
  double normEpsilon = 0;
  /// Block of the Hadamard rotation that the weights carry (RotationFusion.h),
  /// key "fp4_fused_rotation"; 0: none.
  int64_t fusedRotation = 0;
  /// headSize / 2 angles per position, scaling applied.
  std::vector<double> rotaryFrequencies;

  int64_t queryWidth() const { return numHeads * headSize; }
  int64_t keyValueWidth() const { return numKeyValueHeads * headSize; }
};

/// Reads the text of a config.json. Messages name the key.
Expected<ModelConfig> parseModelConfig(std::string_view text);

/// The seven linear layers of a block, in the order of execution. The first
/// three share one input, and so do gate_proj and up_proj.
enum class Linear : uint8_t { Q, K, V, O, Gate, Up, Down };
inline constexpr Linear kLinears[] = {Linear::Q,   Linear::K,    Linear::V,
                                      Linear::O,   Linear::Gate, Linear::Up,
                                      Linear::Down};

struct LinearShape {
  /// Output and input channels: the weight is [rows, cols].
  int64_t rows, cols;
};
LinearShape linearShape(const ModelConfig &config, Linear linear);

/// "model.layers.3.self_attn.q_proj": the name of a layer; its weight is
/// called so with ".weight" behind it.
std::string linearName(int64_t layer, Linear linear);

/// A tensor that the checkpoint must have.
struct TensorSpec {
  std::string name;
  std::vector<int64_t> shape;
};
/// Embedding, final norm and, unless tied, the head.
std::vector<TensorSpec> outerTensors(const ModelConfig &config);
/// All tensors of one block.
std::vector<TensorSpec> blockTensors(const ModelConfig &config, int64_t layer);
/// The name of the matrix that makes logits.
std::string headTensorName(const ModelConfig &config);

} // namespace fp4::model

#endif // FP4_MODEL_MODELCONFIG_H
