//===- RecipeFlags.h - Options that change a recipe -------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What fp4-quantize and fp4-perplexity say alike about a recipe beyond its
// name.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TOOLS_RECIPEFLAGS_H
#define FP4_TOOLS_RECIPEFLAGS_H

#include "fp4/Model/Host/ModelExport.h"
#include "llvm/Support/CommandLine.h"

namespace fp4 {

/// Make one in static storage: the options register themselves.
struct RecipeFlags {
  explicit RecipeFlags(llvm::cl::OptionCategory &category)
      : transform(
            "transform",
            llvm::cl::desc("Instead of that of the recipe: none, hadamard-N, "
                           "gsr-N, dct-N, dst-N or wush-N, N channels per "
                           "matrix; checkpoints hold the first two"),
            llvm::cl::value_desc("name"), llvm::cl::cat(category)),
        hessian("hessian",
                llvm::cl::desc("What GPTQ knows of the inputs: full (default), "
                               "diagonal (second moments) or gain (of the norm "
                               "before)"),
                llvm::cl::value_desc("name"), llvm::cl::cat(category)),
        overrides("override",
                  llvm::cl::desc("Quantize the weights of layers whose names "
                                 "match a regular expression by another "
                                 "preset; may be repeated"),
                  llvm::cl::value_desc("pattern=preset"),
                  llvm::cl::cat(category)),
        kept("keep",
             llvm::cl::desc("Leave layers whose names match a regular "
                            "expression, and their inputs, in high precision; "
                            "may be repeated"),
             llvm::cl::value_desc("pattern"), llvm::cl::cat(category)) {}

  /// The recipe `name` for the format `formatName`, with transform and Hessian.
  Expected<model::Recipe> makeRecipe(const std::string &name,
                                     const std::string &formatName) const {
    std::optional<numerics::BlockFormat> format =
        numerics::parseBlockFormat(formatName);
    if (!format)
      return Status::error("expected --format of nvfp4 or mxfp4, got '" +
                           formatName + "'");
    Expected<model::Recipe> recipe = model::findRecipe(name, *format);
    Status status = Status::success();
    if (recipe.ok() && !transform.empty())
      status = model::setTransform(*recipe, transform);
    if (recipe.ok() && status.ok() && !hessian.empty())
      status = model::setHessian(*recipe, hessian);
    return status.ok() ? std::move(recipe) : status;
  }

  /// What depends on the layers of the model.
  Status applyToLayers(model::Recipe &recipe,
                       const model::ModelConfig &config) const {
    recipe.transformsOnlyDown = config.fusedRotation != 0;
    for (const std::string &text : overrides)
      if (Status status = model::addOverride(recipe, config, text);
          !status.ok())
        return status;
    return model::keepLayers(recipe, config, {kept.begin(), kept.end()});
  }

  /// The name of a recipe with these options.
  std::string nameOf(const std::string &recipe) const {
    return recipe + (transform.empty() ? "" : " " + transform) +
           (hessian.empty() ? "" : " " + hessian);
  }

  llvm::cl::opt<std::string> transform;
  llvm::cl::opt<std::string> hessian;
  llvm::cl::list<std::string> overrides;
  llvm::cl::list<std::string> kept;
};

} // namespace fp4

#endif // FP4_TOOLS_RECIPEFLAGS_H
