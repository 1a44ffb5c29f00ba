//===- Recipe.h - How a whole model is quantized ----------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A recipe adds to a preset of the Quantization library what concerns the
// activations and the order of things in a model.
//
//   name          transform      weights        activations       target
//   rtn           none           rtn            specification     -
//   rtn-rotated   Hadamard       rtn            specification     -
//   gptq          none           gptq           specification     -
//   mr-gptq       Hadamard       mr-gptq        specification     -
//   mr-gptq-plus  Hadamard       mr-gptq-plus   4/6 or even       -
//   hadamard-128  Hadamard 128   mr-gptq-plus   search            mixed
//   best          WUSH 128       mr-gptq-plus   search            mixed
//
// With the target "mixed", layers are fitted to their quantized inputs (see
// ActivationTarget.h) so that they give what the layer gives for 70 % of its
// own inputs and 30 % of those that the float model has there; o_proj and
// down_proj also make up for 30 % of the error that the blocks before have left
// in the residual stream.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_MODEL_RECIPE_H
#define FP4_MODEL_RECIPE_H

#include "fp4/Quantization/WeightQuantizer.h"

namespace fp4::model {

enum class TransformKind : uint8_t { None, Hadamard, WUSH };

struct Recipe {
  quantization::WeightOptions weights;
  TransformKind transform = TransformKind::None;
  /// Channels per matrix of the transform.
  size_t transformBlock = 0;
  /// False leaves activations in float32.
  bool quantizeActivations = true;
  numerics::ScaleRule activationRule = numerics::ScaleRule::AbsMax;
  /// Fit the weights to the quantized inputs.
  bool retarget = false;
  double retargetDamping = 0.01;
  /// The share of the float model's inputs in the target; the rest are the
  /// exact inputs that the quantized model has.
  double floatShare = 0;
  /// The share of the error of the residual stream that the layers which add to
  /// it make up for.
  double residualShare = 0;

  /// Calibrate each stage of a block (q/k/v, o, gate/up, down) behind the
  /// quantized ones before it. False calibrates the seven layers together, on
  /// what the exact layers of the block make of its inputs.
  bool sequentialStages = false;

  /// Whether second moments of the exact inputs are needed.
  bool needsExactMoments() const {
    bool isTargeted = retarget && quantizeActivations;
    return transform == TransformKind::WUSH ||
           (weights.algorithm == quantization::Algorithm::GPTQ && !isTargeted);
  }
  bool usesFloatModel() const { return floatShare > 0 || residualShare > 0; }
};

inline constexpr std::string_view kRecipeNames[] = {
    "rtn",          "rtn-rotated",  "gptq", "mr-gptq",
    "mr-gptq-plus", "hadamard-128", "best"};

/// The recipe `name` for NVFP4 or MXFP4. Fails on other formats, and on an
/// unknown name, listing the known ones.
Expected<Recipe> findRecipe(std::string_view name,
                            const numerics::BlockFormat &format);

} // namespace fp4::model

#endif // FP4_MODEL_RECIPE_H
