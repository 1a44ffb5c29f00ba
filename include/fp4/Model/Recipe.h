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
//   best          WUSH, <= 512   mr-gptq-plus   search            mixed
//   fp-quant      Hadamard       fp-quant       specification     -
//   llmcompressor none           llmcompressor  specification     -
//   modelopt      none           modelopt       specification     -
//
// The last three do with weights what the tools do (see Arithmetic) and
// calibrate as we do; fp-quant is for NVFP4, since plain MXFP4 lacks its factor
// 4/3.
//
// With the target "mixed", layers are fitted to their quantized inputs (see
// ActivationTarget.h) so that they give what the layer gives for 70 % of its
// own inputs and 30 % of those that the float model has there; o_proj and
// down_proj also make up for 30 % of the error that the blocks before have left
// in the residual stream.
//
// mr-gptq-plus, hadamard-128 and best calibrate the stages of a block one
// behind the other; docs/ModelQuantization.md has the reasons for each option.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_MODEL_RECIPE_H
#define FP4_MODEL_RECIPE_H

#include "fp4/Model/QuantizedBlock.h"
#include <map>
#include <set>
#include <string>

namespace fp4::model {

/// What GPTQ knows of a layer's inputs. Diagonal: their second moments alone.
/// Gain: nothing but the gain of the norm before the layer, squared; 1 for
/// o_proj and down_proj, which follow no norm. Both are rotated like the full
/// matrix.
enum class HessianSource : uint8_t { Full, Diagonal, Gain };

/// Orthogonal: Recipe::orthogonal says which.
enum class TransformKind : uint8_t { None, Hadamard, WUSH, Orthogonal };

struct Recipe {
  quantization::WeightOptions weights;
  TransformKind transform = TransformKind::None;
  quantization::OrthogonalKind orthogonal =
      quantization::OrthogonalKind::Hadamard;
  /// Channels per matrix of the transform; of WUSH, at most: see
  /// `transformBlockFor`.
  size_t transformBlock = 0;
  /// Of the inputs of a block, transform that of down_proj alone: the weights
  /// of the model carry the other rotations (RotationFusion.h).
  bool transformsOnlyDown = false;
  /// Layers, by name, whose weights are quantized in another way.
  std::map<std::string, quantization::WeightOptions> overrides;
  /// Layers, by name, that stay in high precision: all that read one input, or
  /// none of them.
  std::set<std::string> kept;
  /// False leaves activations in float32.
  bool quantizeActivations = true;
  numerics::ScaleRule activationRule = numerics::ScaleRule::AbsMax;
  /// Full with `retarget`.
  HessianSource hessian = HessianSource::Full;
  /// Fit the weights to the quantized inputs.
  bool retarget = false;
  double retargetDamping = 0.01;
  /// The share of the float model's inputs in the target; the rest are the
  /// exact inputs that the quantized model has.
  double floatShare = 0;
  /// The share of the error of the residual stream that the layers which add to
  /// it make up for.
  double residualShare = 0;

  TransformKind transformOf(size_t stage) const {
    // down_proj is the last stage.
    bool isLeftOut = transformsOnlyDown && stage != kNumStages - 1;
    return isLeftOut ? TransformKind::None : transform;
  }

  /// Channels per matrix for an input of `cols` channels. WUSH matrices are
  /// made for each input anyway and are the better the larger they are, so they
  /// take the largest power of two up to `transformBlock` that divides `cols`.
  size_t transformBlockFor(size_t cols) const {
    size_t block = transformBlock;
    while (transform == TransformKind::WUSH && block > 1 && cols % block != 0)
      block /= 2;
    return block;
  }

  /// Calibrate each stage of a block (q/k/v, o, gate/up, down) behind the
  /// quantized ones before it. False calibrates the seven layers together, on
  /// what the exact layers of the block make of its inputs.
  bool sequentialStages = false;

  /// Whether second moments of the exact inputs are needed.
  bool needsExactMoments() const {
    bool isTargeted = retarget && quantizeActivations;
    bool usesGPTQ = weights.algorithm == quantization::Algorithm::GPTQ;
    for (const auto &[name, options] : overrides)
      usesGPTQ |= options.algorithm == quantization::Algorithm::GPTQ;
    return transform == TransformKind::WUSH || (usesGPTQ && !isTargeted);
  }
  bool usesFloatModel() const { return floatShare > 0 || residualShare > 0; }
};

inline constexpr std::string_view kRecipeNames[] = {
    "rtn",          "rtn-rotated", "gptq",     "mr-gptq",       "mr-gptq-plus",
    "hadamard-128", "best",        "fp-quant", "llmcompressor", "modelopt"};

/// The names above, in one text.
std::string recipeNameList();

/// The recipe `name` for NVFP4 or MXFP4. Fails on other formats, and on an
/// unknown name, listing the known ones.
Expected<Recipe> findRecipe(std::string_view name,
                            const numerics::BlockFormat &format);

/// Gives `recipe` the transform that `text` names: "none", "hadamard-N",
/// "gsr-N", "dct-N", "dst-N" or "wush-N" with N channels per matrix (of WUSH,
/// at most N). Fails on other texts.
Status setTransform(Recipe &recipe, std::string_view text);

/// The same for "full", "diagonal" and "gain". Fails on other texts, and on a
/// recipe with a target, which needs the full matrix.
Status setHessian(Recipe &recipe, std::string_view text);

} // namespace fp4::model

#endif // FP4_MODEL_RECIPE_H
