//===- ModelConfig.cpp - Description of a decoder model -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads config.json. Two generations of transformers spell the rotary
// parameters differently: "rope_theta" and "rope_scaling" beside the other
// keys, or both inside "rope_parameters".
//
//===----------------------------------------------------------------------===//

#include "fp4/Model/ModelConfig.h"
#include <cmath>
#include <nlohmann/json.hpp>

using nlohmann::json;

namespace fp4::model {

namespace {
/// Looks up keys of one JSON object and remembers the first error.
class Fields {
public:
  Fields(const json &object, std::string prefix)
      : object(object), prefix(std::move(prefix)) {}

  int64_t positive(const char *key, std::optional<int64_t> otherwise = {}) {
    auto it = find(key);
    if (it == object.end()) {
      if (otherwise)
        return *otherwise;
      fail(key, "a positive integer", "nothing");
      return 1;
    }
    // Sizes beyond this are not models but damaged files.
    if (!it->is_number_integer() || *it < 1 || *it > (int64_t(1) << 32)) {
      fail(key, "a positive integer", it->dump());
      return 1;
    }
    return it->get<int64_t>();
  }

  double positiveNumber(const char *key, std::optional<double> otherwise = {}) {
    auto it = find(key);
    if (it == object.end() && otherwise)
      return *otherwise;
    if (it == object.end() || !it->is_number() || !(it->get<double>() > 0)) {
      fail(key, "a positive number",
           it == object.end() ? "nothing" : it->dump());
      return 1;
    }
    return it->get<double>();
  }

  bool boolean(const char *key) {
    auto it = find(key);
    if (it == object.end())
      return false;
    if (!it->is_boolean())
      fail(key, "true or false", it->dump());
    return *it == true;
  }

  std::string string(const char *key, const char *otherwise) {
    auto it = find(key);
    if (it == object.end())
      return otherwise;
    if (!it->is_string()) {
      fail(key, "a string", it->dump());
      return otherwise;
    }
    return it->get<std::string>();
  }

  /// The key's value if it is an object, else null.
  const json *nested(const char *key) {
    auto it = find(key);
    return it != object.end() && it->is_object() ? &*it : nullptr;
  }

  void fail(const std::string &key, const std::string &expected,
            const std::string &got) {
    if (status.ok())
      status = Status::error("expected '" + prefix + key + "' to be " +
                             expected + ", got " + got);
  }

  Status status = Status::success();

private:
  /// A null value means the same as no value.
  json::const_iterator find(const char *key) const {
    auto it = object.find(key);
    return it != object.end() && it->is_null() ? object.end() : it;
  }

  const json &object;
  std::string prefix;
};
} // namespace

static Expected<json> parseObject(std::string_view text) {
  json document = json::parse(text.begin(), text.end(), nullptr,
                              /*allow_exceptions=*/false);
  if (document.is_discarded())
    return Status::error("expected valid JSON");
  if (!document.is_object())
    return Status::error(std::string("expected a JSON object, got ") +
                         document.type_name());
  return document;
}

static Status parseArchitecture(const json &document, ModelConfig &config) {
  auto list = document.find("architectures");
  if (list == document.end() || !list->is_array() || list->size() != 1 ||
      !list->front().is_string())
    return Status::error("expected 'architectures' to be a list of one name");
  config.architecture = list->front().get<std::string>();
  if (config.architecture != "LlamaForCausalLM" &&
      config.architecture != "Qwen3ForCausalLM")
    return Status::error("unknown architecture '" + config.architecture +
                         "'; known: LlamaForCausalLM, Qwen3ForCausalLM");
  config.headNorms = config.architecture == "Qwen3ForCausalLM";
  return Status::success();
}

/// The correction of Llama 3.1 for long contexts: low frequencies are divided
/// by `factor`, high ones kept, those between interpolated.
static Status scaleLikeLlama3(Fields &rope, std::vector<double> &frequencies) {
  double factor = rope.positiveNumber("factor");
  double low = rope.positiveNumber("low_freq_factor");
  double high = rope.positiveNumber("high_freq_factor");
  double context = rope.positiveNumber("original_max_position_embeddings");
  if (!rope.status.ok())
    return rope.status;
  if (!(low < high))
    rope.fail("low_freq_factor", "less than 'high_freq_factor'",
              std::to_string(low));
  for (double &frequency : frequencies) {
    double turns = context * frequency / (2 * M_PI);
    double smooth = (turns - low) / (high - low);
    smooth = std::min(1.0, std::max(0.0, smooth));
    frequency *= (1 - smooth) / factor + smooth;
  }
  return rope.status;
}

static Status parseRotary(Fields &fields, ModelConfig &config) {
  const json *object = fields.nested("rope_parameters");
  bool isNew = object != nullptr;
  if (!isNew)
    object = fields.nested("rope_scaling");
  json none = json::object();
  Fields rope(object ? *object : none,
              isNew ? "rope_parameters." : "rope_scaling.");
  double theta = isNew ? rope.positiveNumber("rope_theta", 10000.0)
                       : fields.positiveNumber("rope_theta", 10000.0);
  std::string type =
      rope.string("rope_type", rope.string("type", "default").c_str());
  for (int64_t i = 0; i < config.headSize / 2; ++i)
    config.rotaryFrequencies.push_back(
        std::pow(theta, -2.0 * double(i) / double(config.headSize)));
  if (type == "linear") {
    double factor = rope.positiveNumber("factor");
    for (double &frequency : config.rotaryFrequencies)
      frequency /= factor;
  } else if (type == "llama3") {
    if (Status status = scaleLikeLlama3(rope, config.rotaryFrequencies);
        !status.ok())
      return status;
  } else if (type != "default") {
    rope.fail("rope_type", "default, linear or llama3", "'" + type + "'");
  }
  return rope.status.ok() ? fields.status : rope.status;
}

/// Refuses what would change the computation.
static void refuseVariants(Fields &fields) {
  for (const char *key : {"attention_bias", "mlp_bias", "use_sliding_window"})
    if (fields.boolean(key))
      fields.fail(key, "false (not supported)", "true");
  std::string activation = fields.string("hidden_act", "silu");
  if (activation != "silu")
    fields.fail("hidden_act", "'silu'", "'" + activation + "'");
}

Expected<ModelConfig> parseModelConfig(std::string_view text) {
  Expected<json> document = parseObject(text);
  if (!document.ok())
    return document.status();
  ModelConfig config;
  if (Status status = parseArchitecture(*document, config); !status.ok())
    return status;
  Fields fields(*document, "");
  config.hiddenSize = fields.positive("hidden_size");
  config.intermediateSize = fields.positive("intermediate_size");
  config.numLayers = fields.positive("num_hidden_layers");
  config.numHeads = fields.positive("num_attention_heads");
  config.numKeyValueHeads =
      fields.positive("num_key_value_heads", config.numHeads);
  config.vocabularySize = fields.positive("vocab_size");
  config.headSize = fields.positive(
      "head_dim", std::max<int64_t>(1, config.hiddenSize / config.numHeads));
  config.normEpsilon = fields.positiveNumber("rms_norm_eps");
  config.tiedEmbeddings = fields.boolean("tie_word_embeddings");
  if (document->contains("fp4_fused_rotation"))
    config.fusedRotation = fields.positive("fp4_fused_rotation");
  refuseVariants(fields);
  if (config.numHeads % config.numKeyValueHeads != 0)
    fields.fail("num_key_value_heads",
                "a divisor of the " + std::to_string(config.numHeads) +
                    " attention heads",
                std::to_string(config.numKeyValueHeads));
  if (config.headSize % 2 != 0)
    fields.fail("head_dim", "even", std::to_string(config.headSize));
  if (!fields.status.ok())
    return fields.status;
  if (Status status = parseRotary(fields, config); !status.ok())
    return status;
  return config;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

LinearShape linearShape(const ModelConfig &config, Linear linear) {
  switch (linear) {
  case Linear::Q:
    return {config.queryWidth(), config.hiddenSize};
  case Linear::K:
  case Linear::V:
    return {config.keyValueWidth(), config.hiddenSize};
  case Linear::O:
    return {config.hiddenSize, config.queryWidth()};
  case Linear::Gate:
  case Linear::Up:
    return {config.intermediateSize, config.hiddenSize};
  case Linear::Down:
    return {config.hiddenSize, config.intermediateSize};
  }
  return {0, 0};
}

static std::string layerPrefix(int64_t layer) {
  return "model.layers." + std::to_string(layer) + ".";
}

std::string linearName(int64_t layer, Linear linear) {
  static constexpr const char *kNames[] = {
      "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
      "self_attn.o_proj", "mlp.gate_proj",    "mlp.up_proj",
      "mlp.down_proj"};
  return layerPrefix(layer) + kNames[static_cast<size_t>(linear)];
}

std::string headTensorName(const ModelConfig &config) {
  return config.tiedEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight";
}

std::vector<TensorSpec> outerTensors(const ModelConfig &config) {
  std::vector<int64_t> matrix = {config.vocabularySize, config.hiddenSize};
  std::vector<TensorSpec> tensors = {
      {"model.embed_tokens.weight", matrix},
      {"model.norm.weight", {config.hiddenSize}}};
  if (!config.tiedEmbeddings)
    tensors.push_back({headTensorName(config), matrix});
  return tensors;
}

std::vector<TensorSpec> blockTensors(const ModelConfig &config, int64_t layer) {
  std::vector<TensorSpec> tensors;
  for (Linear linear : kLinears) {
    LinearShape shape = linearShape(config, linear);
    tensors.push_back(
        {linearName(layer, linear) + ".weight", {shape.rows, shape.cols}});
  }
  std::string prefix = layerPrefix(layer);
  for (const char *norm : {"input_layernorm", "post_attention_layernorm"})
    tensors.push_back({prefix + norm + ".weight", {config.hiddenSize}});
  if (config.headNorms)
    for (const char *norm : {"self_attn.q_norm", "self_attn.k_norm"})
      tensors.push_back({prefix + norm + ".weight", {config.headSize}});
  return tensors;
}

} // namespace fp4::model
