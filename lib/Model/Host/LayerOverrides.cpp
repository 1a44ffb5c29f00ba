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

Status addOverride(Recipe &recipe, const ModelConfig &config,
                   const std::string &text) {
  auto [pattern, name] = llvm::StringRef(text).rsplit('=');
  if (pattern.empty() || name.empty())
    return Status::error("expected an override PATTERN=PRESET, got '" + text +
                         "'");
  llvm::Regex regex(("^(" + pattern + ")$").str());
  std::string error;
  if (!regex.isValid(error))
    return Status::error("override '" + text + "': " + error);
  Expected<quantization::Preset> preset =
      quantization::findPreset(name.str(), recipe.weights.format);
  if (!preset.ok())
    return preset.status();
  if (!(preset->options.format == recipe.weights.format))
    return Status::error("override '" + text +
                         "': the preset needs a tensor scale, which the format "
                         "does not have");
  size_t matches = 0;
  for (int64_t layer = 0; layer < config.numLayers; ++layer)
    for (Linear linear : kLinears)
      if (std::string layerName = linearName(layer, linear);
          regex.match(layerName)) {
        recipe.overrides.emplace(layerName, preset->options);
        ++matches;
      }
  return matches > 0 ? Status::success()
                     : Status::error("override '" + text +
                                     "' matches no layer of the model");
}

} // namespace fp4::model
