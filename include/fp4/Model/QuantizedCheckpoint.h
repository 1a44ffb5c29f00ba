//===- QuantizedCheckpoint.h - FP4 layers in checkpoints --------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Three ways to store an NVFP4 or MXFP4 linear layer, as vLLM, transformers and
// TensorRT-LLM read them; for a layer X of [N, K]:
//
//                  compressed-tensors     fp_quant              modelopt
//   codes, low     X.weight_packed        X.qweight             X.weight
//   nibble first   U8 [N, K/2]            U8 [N, K/2]           U8 [N, K/2]
//   block scales   X.weight_scale         X.scales U8           X.weight_scale
//                  F8_E4M3, or U8                               F8_E4M3
//                  (E8M0)
//   tensor scale   X.weight_global_scale  same, for MXFP4 too X.weight_scale_2
//                  1 / scale, NVFP4 only                        scale
//   input scale    X.input_global_scale   X.act_global_scale    X.input_scale
//   rotation       transform_config in    X.forward_hadamard_   none
//                  config.json            matrix [b, b]
//
// Every layout stores float32 scales of one element. In fp_quant the consumer
// multiplies by 1 / (weight_global_scale * act_global_scale), and its MXFP4
// activations carry a factor 3 that act_global_scale = 3 takes out.
//
// Sources: compressed-tensors (nvfp4_quantized.py, transform_config.py),
// FP-Quant (qconfig.py, model_quant.py), NVIDIA Model-Optimizer (nvfp4_tensor).
//
//===----------------------------------------------------------------------===//

#ifndef FP4_MODEL_QUANTIZEDCHECKPOINT_H
#define FP4_MODEL_QUANTIZEDCHECKPOINT_H

#include "fp4/Model/ModelConfig.h"
#include "fp4/Model/QuantizedBlock.h"
#include "fp4/Model/Recipe.h"
#include "fp4/TensorIO/Safetensors.h"

namespace fp4::model {

enum class Layout : uint8_t { CompressedTensors, FPQuant, ModelOpt };

/// "compressed-tensors", "fp_quant", "modelopt": also the quant_method.
std::string_view layoutName(Layout layout);
std::optional<Layout> parseLayout(std::string_view name);

/// Whether `layout` can hold what `recipe` makes; the error says what it lacks.
Status checkLayout(Layout layout, const Recipe &recipe);

/// The tensors of the quantized linear layers of one block.
TensorMap exportBlock(Layout layout, const ModelConfig &config,
                      const Recipe &recipe, int64_t layer,
                      const QuantizedBlock &block);

/// config.json of the float model with the `quantization_config` added. The
/// layers that the recipe keeps are on the layout's list of those to ignore.
Expected<std::string> exportConfig(Layout layout, const Recipe &recipe,
                                   const std::string &configText);

/// What the `quantization_config` of a config.json says.
struct QuantizedConfig {
  Layout layout;
  numerics::BlockFormat format;
  /// Block of the Hadamard transform; 0: none.
  size_t hadamardBlock = 0;
  /// Whether it stands before down_proj only, as in models with fused
  /// rotations.
  bool transformsOnlyDown = false;
  /// The layout's list of modules that are not quantized.
  std::vector<std::string> ignored;

  /// Whether that list has the layer `name`. compressed-tensors lists names,
  /// and after "re:" POSIX extended regular expressions that match from the
  /// beginning; modelopt names with shell wildcards; fp_quant names, or the
  /// beginnings or ends of names.
  bool ignores(const std::string &name) const;
};

/// Nothing for the configuration of a float model.
Expected<std::optional<QuantizedConfig>>
parseQuantizedConfig(const std::string &configText);

/// The linear layers of one block, from the tensors of a checkpoint. Fails if
/// some but not all layers that read one input are on the list of those to
/// ignore.
Expected<QuantizedBlock> importBlock(const QuantizedConfig &quantized,
                                     const ModelConfig &config, int64_t layer,
                                     const CheckpointReader &reader);

} // namespace fp4::model

#endif // FP4_MODEL_QUANTIZEDCHECKPOINT_H
