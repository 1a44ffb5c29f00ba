//===- QuantizedConfig.cpp - quantization_config of checkpoints -----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the readers of the layouts look for in config.json.
//
//===----------------------------------------------------------------------===//

#include "fp4/Model/QuantizedCheckpoint.h"
#include "fp4/Numerics/Hadamard.h"
#include <algorithm>
#include <fnmatch.h>
#include <nlohmann/json.hpp>
#include <regex.h>

using json = nlohmann::ordered_json;

namespace fp4::model {

static constexpr std::pair<Layout, std::string_view> kLayouts[] = {
    {Layout::CompressedTensors, "compressed-tensors"},
    {Layout::FPQuant, "fp_quant"},
    {Layout::ModelOpt, "modelopt"}};

std::string_view layoutName(Layout layout) {
  for (const auto &[value, name] : kLayouts)
    if (value == layout)
      return name;
  return {};
}

std::optional<Layout> parseLayout(std::string_view name) {
  for (const auto &[value, known] : kLayouts)
    if (known == name)
      return value;
  return std::nullopt;
}

/// The target of rotations that only down_proj has.
static constexpr const char *kDownPattern = "re:.*down_proj$";

static bool isNVFP4(const Recipe &recipe) {
  return recipe.weights.format == numerics::kNVFP4;
}

Status checkLayout(Layout layout, const Recipe &recipe) {
  std::string name(layoutName(layout));
  if (recipe.transform == TransformKind::WUSH)
    return Status::error("layout " + name +
                         " cannot hold a transform that differs from layer to "
                         "layer; use a recipe with Hadamard rotations, such as "
                         "hadamard-128");
  if (recipe.transform == TransformKind::Orthogonal)
    return Status::error(
        "layout " + name + " cannot hold transform " +
        std::string(quantization::orthogonalKindName(recipe.orthogonal)) +
        "; use hadamard");
  if (layout == Layout::FPQuant && recipe.transformsOnlyDown &&
      recipe.transform != TransformKind::None)
    return Status::error("layout fp_quant rotates the inputs of all layers or "
                         "of none, and this model has fused rotations; use "
                         "compressed-tensors or a recipe without rotations");
  if (layout == Layout::ModelOpt && !isNVFP4(recipe))
    return Status::error("layout modelopt is for nvfp4 only");
  if (layout == Layout::ModelOpt && recipe.transform != TransformKind::None)
    return Status::error("layout modelopt cannot hold rotations; use a recipe "
                         "without, such as gptq");
  return Status::success();
}

/// The names of the modules that stay as they are.
static json ignoredModules(const Recipe &recipe) {
  json names = json::array({"lm_head"});
  for (const std::string &name : recipe.kept)
    names.push_back(name);
  return names;
}

static json quantizationArguments(const Recipe &recipe, bool isInput) {
  json arguments = {{"num_bits", 4},
                    {"type", "float"},
                    {"strategy", isNVFP4(recipe) ? "tensor_group" : "group"},
                    {"group_size", recipe.weights.format.blockCols},
                    {"symmetric", true}};
  if (!isInput)
    arguments["dynamic"] = false;
  else if (isNVFP4(recipe))
    arguments["dynamic"] = "local";
  else
    arguments["dynamic"] = true;
  arguments["scale_dtype"] =
      isNVFP4(recipe) ? "torch.float8_e4m3fn" : "torch.uint8";
  return arguments;
}

/// A rotation of the input, and its inverse that the stored weights carry.
static json transformConfig(const Recipe &recipe) {
  const char *targets = recipe.transformsOnlyDown ? kDownPattern : "Linear";
  auto apply = [&](const char *location, bool inverse) {
    return json{{"targets", {targets}},
                {"location", location},
                {"inverse", inverse},
                {"ignore", ignoredModules(recipe)}};
  };
  json group = {{"type", "hadamard"},
                {"head_dim", recipe.transformBlock},
                {"randomize", false},
                {"precision", "torch.float32"},
                {"apply", json::array({apply("input", false),
                                       apply("weight_input", true)})}};
  return {{"config_groups", {{"v", group}}}};
}

static json compressedTensors(const Recipe &recipe) {
  std::string format =
      isNVFP4(recipe) ? "nvfp4-pack-quantized" : "mxfp4-pack-quantized";
  json group = {{"targets", {"Linear"}},
                {"format", format},
                {"weights", quantizationArguments(recipe, false)}};
  group["input_activations"] = recipe.quantizeActivations
                                   ? quantizationArguments(recipe, true)
                                   : json(nullptr);
  json config = {{"quant_method", "compressed-tensors"},
                 {"format", format},
                 {"quantization_status", "compressed"},
                 {"ignore", ignoredModules(recipe)},
                 {"config_groups", {{"group_0", group}}}};
  if (recipe.transform == TransformKind::Hadamard)
    config["transform_config"] = transformConfig(recipe);
  return config;
}

static json fpQuant(const Recipe &recipe) {
  return {{"quant_method", "fp_quant"},
          {"forward_dtype", isNVFP4(recipe) ? "nvfp4" : "mxfp4"},
          {"forward_method", "abs_max"},
          {"backward_dtype", "bf16"},
          {"hadamard_group_size", recipe.transformBlock},
          {"store_master_weights", false},
          {"pseudoquantization", false},
          {"modules_to_not_convert", ignoredModules(recipe)}};
}

static json modelOpt(const Recipe &recipe) {
  return {{"quant_method", "modelopt"},
          {"quant_algo", "NVFP4"},
          {"group_size", 16},
          {"exclude_modules", ignoredModules(recipe)}};
}

Expected<std::string> exportConfig(Layout layout, const Recipe &recipe,
                                   const std::string &configText) {
  json config = json::parse(configText, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object())
    return Status::error("expected config.json to be a JSON object");
  switch (layout) {
  case Layout::CompressedTensors:
    config["quantization_config"] = compressedTensors(recipe);
    break;
  case Layout::FPQuant:
    config["quantization_config"] = fpQuant(recipe);
    break;
  case Layout::ModelOpt:
    config["quantization_config"] = modelOpt(recipe);
    break;
  }
  return config.dump(2) + "\n";
}

//===----------------------------------------------------------------------===//
// Import
//===----------------------------------------------------------------------===//

/// The string at `key`; empty if there is none.
static std::string getString(const json &object, const char *key) {
  auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

/// Whether every use of the transform is for down_proj.
static bool targetsOnlyDown(const json &group) {
  json uses = group.value("apply", json::array());
  return !uses.empty() && std::all_of(uses.begin(), uses.end(), [](json &use) {
    return use.is_object() &&
           use.value("targets", json()) == json::array({kDownPattern});
  });
}

/// The block of the one Hadamard transform of the inputs; 0 without any.
static Expected<size_t> parseTransform(const json &config, bool &onlyDown) {
  auto transform = config.find("transform_config");
  if (transform == config.end() || transform->is_null())
    return size_t(0);
  json groups = transform->value("config_groups", json::object());
  if (groups.empty())
    return size_t(0);
  const json &group = groups.front();
  auto size = group.find("head_dim");
  if (groups.size() != 1 || getString(group, "type") != "hadamard" ||
      size == group.end() || !size->is_number_unsigned() ||
      !numerics::isHadamardBlockLegal(size->get<size_t>()))
    return Status::error("expected 'transform_config' to be one Hadamard "
                         "transform with a 'head_dim'");
  onlyDown = targetsOnlyDown(group);
  return size->get<size_t>();
}

/// Compiles `pattern`, which Python reads elsewhere: \d is all that names of
/// modules need beyond POSIX.
static bool compilePattern(std::string pattern, regex_t &regex) {
  for (size_t at = 0; (at = pattern.find("\\d", at)) != pattern.npos;)
    pattern.replace(at, 2, "[0-9]");
  return regcomp(&regex, ("^(" + pattern + ")").c_str(),
                 REG_EXTENDED | REG_NOSUB) == 0;
}

static constexpr std::string_view kPatternPrefix = "re:";

static bool isPattern(Layout layout, const std::string &text) {
  return layout == Layout::CompressedTensors &&
         text.compare(0, kPatternPrefix.size(), kPatternPrefix) == 0;
}

bool QuantizedConfig::ignores(const std::string &name) const {
  auto matches = [&](const std::string &text) {
    if (layout == Layout::ModelOpt)
      return fnmatch(text.c_str(), name.c_str(), 0) == 0;
    if (layout == Layout::FPQuant)
      return name.compare(0, text.size(), text) == 0 ||
             (name.size() >= text.size() &&
              name.compare(name.size() - text.size(), text.npos, text) == 0);
    if (!isPattern(layout, text))
      return name == text;
    regex_t regex;
    if (!compilePattern(text.substr(kPatternPrefix.size()), regex))
      return false; // refused by parseIgnored
    bool found = regexec(&regex, name.c_str(), 0, nullptr, 0) == 0;
    regfree(&regex);
    return found;
  };
  return std::any_of(ignored.begin(), ignored.end(), matches);
}

/// The list of modules to ignore; empty if there is none.
static Expected<std::vector<std::string>> parseIgnored(const json &config,
                                                       Layout layout) {
  const char *key = layout == Layout::CompressedTensors ? "ignore"
                    : layout == Layout::FPQuant ? "modules_to_not_convert"
                                                : "exclude_modules";
  std::vector<std::string> ignored;
  auto list = config.find(key);
  if (list == config.end() || list->is_null())
    return ignored;
  auto isText = [](const json &entry) {
    return entry.is_string() && !entry.get_ref<const std::string &>().empty();
  };
  if (!list->is_array() || !std::all_of(list->begin(), list->end(), isText))
    return Status::error("expected '" + std::string(key) +
                         "' to be a list of names");
  for (const json &entry : *list) {
    auto text = entry.get<std::string>();
    if (isPattern(layout, text)) {
      regex_t regex;
      if (!compilePattern(text.substr(kPatternPrefix.size()), regex))
        return Status::error("expected a regular expression in '" +
                             std::string(key) + "', got '" + text + "'");
      regfree(&regex);
    }
    ignored.push_back(std::move(text));
  }
  return ignored;
}

static Expected<QuantizedConfig> parseQuantization(const json &config) {
  std::string method = getString(config, "quant_method");
  std::optional<Layout> layout = parseLayout(method);
  if (!layout)
    return Status::error("unknown 'quant_method' '" + method +
                         "'; known: compressed-tensors, fp_quant, modelopt");
  QuantizedConfig result{*layout, numerics::kNVFP4, 0, false, {}};
  std::string format =
      *layout == Layout::CompressedTensors ? getString(config, "format")
      : *layout == Layout::FPQuant         ? getString(config, "forward_dtype")
                                           : getString(config, "quant_algo");
  if (format == "mxfp4-pack-quantized" || format == "mxfp4")
    result.format = numerics::kMXFP4;
  else if (format != "nvfp4-pack-quantized" && format != "nvfp4" &&
           format != "NVFP4")
    return Status::error("expected an NVFP4 or MXFP4 checkpoint, got format '" +
                         format + "'");
  Expected<std::vector<std::string>> ignored = parseIgnored(config, *layout);
  if (!ignored.ok())
    return ignored.status();
  result.ignored = std::move(*ignored);
  if (*layout == Layout::CompressedTensors) {
    Expected<size_t> block = parseTransform(config, result.transformsOnlyDown);
    if (!block.ok())
      return block.status();
    result.hadamardBlock = *block;
  }
  if (*layout == Layout::FPQuant) {
    auto size = config.find("hadamard_group_size");
    result.format.hasTensorScale = true;
    if (size != config.end() && size->is_number_unsigned() &&
        size->get<size_t>() > 1)
      result.hadamardBlock = size->get<size_t>();
    if (result.hadamardBlock &&
        !numerics::isHadamardBlockLegal(result.hadamardBlock))
      return Status::error(
          "expected 'hadamard_group_size' to be a power of two "
          "in 2..1024, got " +
          std::to_string(result.hadamardBlock));
  }
  return result;
}

Expected<std::optional<QuantizedConfig>>
parseQuantizedConfig(const std::string &configText) {
  json config = json::parse(configText, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object())
    return Status::error("expected config.json to be a JSON object");
  auto quantization = config.find("quantization_config");
  if (quantization == config.end() || quantization->is_null())
    return std::optional<QuantizedConfig>();
  if (!quantization->is_object())
    return Status::error("expected 'quantization_config' to be an object");
  Expected<QuantizedConfig> result = parseQuantization(*quantization);
  if (!result.ok())
    return result.status();
  return std::optional<QuantizedConfig>(*result);
}

} // namespace fp4::model
