//===- Recipe.cpp - How a whole model is quantized ------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "fp4/Model/Recipe.h"
#include "fp4/Quantization/Presets.h"

using fp4::numerics::ScaleRule;

namespace fp4::model {

static Status unknownRecipe(std::string_view name) {
  std::string known;
  for (std::string_view recipe : kRecipeNames)
    known += (known.empty() ? "" : ", ") + std::string(recipe);
  return Status::error("unknown recipe '" + std::string(name) +
                       "', expected one of " + known);
}

/// Weights by a preset, activations by the rule of the specification.
static Expected<Recipe> fromPreset(std::string_view name,
                                   const numerics::BlockFormat &format) {
  Expected<quantization::Preset> preset =
      quantization::findPreset(name, format);
  if (!preset.ok())
    return preset.status();
  Recipe recipe;
  recipe.weights = preset->options;
  recipe.transformBlock = preset->hadamardBlock;
  recipe.transform =
      preset->hadamardBlock ? TransformKind::Hadamard : TransformKind::None;
  recipe.activationRule = numerics::defaultScaleRule(format);
  return recipe;
}

Expected<Recipe> findRecipe(std::string_view name,
                            const numerics::BlockFormat &format) {
  if (!(format == numerics::kNVFP4) && !(format == numerics::kMXFP4))
    return Status::error("models are quantized to nvfp4 or mxfp4 only");
  bool isNVFP4 = format == numerics::kNVFP4;
  if (name == "rtn" || name == "gptq" || name == "mr-gptq")
    return fromPreset(name, format);
  if (name == "rtn-rotated") {
    Expected<Recipe> recipe = fromPreset("rtn", format);
    recipe->transform = TransformKind::Hadamard;
    recipe->transformBlock = format.blockCols;
    return recipe;
  }
  if (name != "mr-gptq-plus" && name != "hadamard-128" && name != "best")
    return unknownRecipe(name);

  Expected<Recipe> recipe = fromPreset("mr-gptq-plus", format);
  recipe->activationRule = isNVFP4 ? ScaleRule::FourOverSix : ScaleRule::Even;
  recipe->sequentialStages = true;
  if (name == "mr-gptq-plus")
    return recipe;
  recipe->activationRule = ScaleRule::Search;
  recipe->transformBlock = 128;
  recipe->retarget = true;
  recipe->retargetDamping = 0.05;
  recipe->floatShare = 0.3;
  recipe->residualShare = 0.3;
  if (name == "best")
    recipe->transform = TransformKind::WUSH;
  return recipe;
}

} // namespace fp4::model
