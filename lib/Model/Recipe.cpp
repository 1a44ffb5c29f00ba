//===- Recipe.cpp - How a whole model is quantized ------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of recipes that --recipe and --preset name.
//
//===----------------------------------------------------------------------===//

#include "fp4/Model/Recipe.h"
#include "fp4/Numerics/Hadamard.h"
#include "fp4/Quantization/Presets.h"

using fp4::numerics::ScaleRule;

namespace fp4::model {

std::string recipeNameList() {
  std::string known;
  for (std::string_view recipe : kRecipeNames)
    known += (known.empty() ? "" : ", ") + std::string(recipe);
  return known;
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
  if (name == "rtn" || name == "gptq" || name == "mr-gptq" ||
      name == "llmcompressor" || name == "modelopt" ||
      (name == "fp-quant" && isNVFP4))
    return fromPreset(name, format);
  if (name == "fp-quant")
    return Status::error("recipe fp-quant is for nvfp4: mxfp4 has no tensor "
                         "scale for its factor 4/3; use mr-gptq");
  if (name == "rtn-rotated") {
    Expected<Recipe> recipe = fromPreset("rtn", format);
    recipe->transform = TransformKind::Hadamard;
    recipe->transformBlock = format.blockCols;
    return recipe;
  }
  if (name != "mr-gptq-plus" && name != "hadamard-128" && name != "best")
    return Status::error("unknown recipe '" + std::string(name) +
                         "', expected one of " + recipeNameList());

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
  if (name == "best") {
    recipe->transform = TransformKind::WUSH;
    recipe->transformBlock = 512;
  }
  return recipe;
}

Status setTransform(Recipe &recipe, std::string_view text) {
  if (text == "none") {
    recipe.transform = TransformKind::None;
    recipe.transformBlock = 0;
    return Status::success();
  }
  size_t dash = text.rfind('-');
  std::string_view name = text.substr(0, dash);
  std::string digits(dash == text.npos ? "" : text.substr(dash + 1));
  std::optional<quantization::OrthogonalKind> kind =
      quantization::parseOrthogonalKind(name);
  bool isNumber = !digits.empty() && digits.size() < 6 &&
                  digits.find_first_not_of("0123456789") == digits.npos;
  if (!isNumber || std::stoul(digits) == 0 || (!kind && name != "wush"))
    return Status::error("expected a transform none, hadamard-N, gsr-N, dct-N, "
                         "dst-N or wush-N, got '" +
                         std::string(text) + "'");
  recipe.transformBlock = std::stoul(digits);
  bool isHadamard = !kind || *kind == quantization::OrthogonalKind::Hadamard ||
                    *kind == quantization::OrthogonalKind::GSR;
  if (isHadamard && !numerics::isHadamardBlockLegal(recipe.transformBlock))
    return Status::error("transform '" + std::string(text) +
                         "', expected a power of two in 2..1024");
  recipe.transform = !kind ? TransformKind::WUSH
                     : *kind == quantization::OrthogonalKind::Hadamard
                         ? TransformKind::Hadamard
                         : TransformKind::Orthogonal;
  recipe.orthogonal = kind.value_or(quantization::OrthogonalKind::Hadamard);
  return Status::success();
}

Status setHessian(Recipe &recipe, std::string_view text) {
  if (text == "full")
    recipe.hessian = HessianSource::Full;
  else if (text == "diagonal")
    recipe.hessian = HessianSource::Diagonal;
  else if (text == "gain")
    recipe.hessian = HessianSource::Gain;
  else
    return Status::error("expected a Hessian full, diagonal or gain, got '" +
                         std::string(text) + "'");
  if (recipe.retarget && recipe.hessian != HessianSource::Full)
    return Status::error(
        "a recipe with a target needs the full Hessian, got '" +
        std::string(text) + "'; use mr-gptq-plus");
  return Status::success();
}

} // namespace fp4::model
