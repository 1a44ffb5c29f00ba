//===- LayerOverrides.cpp - Layers quantized in another way ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Patterns are resolved to names at once, so that recipes stay plain data.
//
//===----------------------------------------------------------------------===//

#include "fp4/Model/Host/ModelExport.h"
#include "fp4/Quantization/Presets.h"
#include "llvm/Support/Regex.h"

namespace fp4::model {

/// The linear layers whose whole names match `pattern`; `what` names the option
/// in errors.
static Expected<std::vector<std::string>> matchLayers(const ModelConfig &config,
                                                      llvm::StringRef pattern,
                                                      const std::string &what) {
  llvm::Regex regex(("^(" + pattern + ")$").str());
  std::string error;
  if (!regex.isValid(error))
    return Status::error(what + ": " + error);
  std::vector<std::string> names;
  for (int64_t layer = 0; layer < config.numLayers; ++layer)
    for (Linear linear : kLinears)
      if (std::string name = linearName(layer, linear); regex.match(name))
        names.push_back(std::move(name));
  if (names.empty())
    return Status::error(what + " matches no layer of the model");
  return names;
}

Status addOverride(Recipe &recipe, const ModelConfig &config,
                   const std::string &text) {
  auto [pattern, name] = llvm::StringRef(text).rsplit('=');
  if (pattern.empty() || name.empty())
    return Status::error("expected an override PATTERN=PRESET, got '" + text +
                         "'");
  std::string what = "override '" + text + "'";
  auto layers = matchLayers(config, pattern, what);
  if (!layers.ok())
    return layers.status();
  Expected<quantization::Preset> preset =
      quantization::findPreset(name.str(), recipe.weights.format);
  if (!preset.ok())
    return preset.status();
  if (!(preset->options.format == recipe.weights.format))
    return Status::error(what +
                         ": the preset needs a tensor scale, which the format "
                         "does not have");
  for (const std::string &layer : *layers)
    recipe.overrides.emplace(layer, preset->options);
  return Status::success();
}

Status keepLayers(Recipe &recipe, const ModelConfig &config,
                  const std::vector<std::string> &patterns) {
  for (const std::string &pattern : patterns) {
    auto layers = matchLayers(config, pattern, "keep '" + pattern + "'");
    if (!layers.ok())
      return layers.status();
    recipe.kept.insert(layers->begin(), layers->end());
  }
  for (int64_t layer = 0; layer < config.numLayers; ++layer)
    for (const Stage &stage : kStages) {
      std::string first = linearName(layer, kLinears[stage.first]);
      for (size_t i = stage.first + 1; i < stage.first + stage.count; ++i)
        if (std::string name = linearName(layer, kLinears[i]);
            recipe.kept.count(first) != recipe.kept.count(name))
          return Status::error("expected " + first + " and " + name +
                               ", which read the same input, both to be kept "
                               "or neither");
    }
  return Status::success();
}

} // namespace fp4::model
