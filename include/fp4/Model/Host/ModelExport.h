//===- ModelExport.h - From model directory to model directory --*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Quantizes a model on disk, one shard per block. Everything is written to
// "<output>.partial" and renamed at the end. Each finished block leaves its
// shard and the hidden states behind it there, so that a second run with the
// same options goes on where the first one was stopped; the result has the same
// bytes. Options that differ are an error.
//
// report.json and report.html say what quantization did to each layer.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_MODEL_HOST_MODELEXPORT_H
#define FP4_MODEL_HOST_MODELEXPORT_H

#include "fp4/Model/Host/BlockQuantizer.h"
#include "fp4/Model/Host/Perplexity.h"
#include "fp4/Model/QuantizedCheckpoint.h"

namespace fp4::model {

struct ExportOptions {
  Layout layout = Layout::CompressedTensors;
  Recipe recipe;
  /// For the report, and to recognize the run that is continued.
  std::string recipeName;
  /// The texts behind `recipe.overrides`, for the same purpose.
  std::vector<std::string> overrides;
  CalibrationOptions calibration;
  /// If there are some, the report tells the perplexity of both models on them.
  std::vector<int32_t> validation;
};

/// Lets the layers whose whole names match a regular expression have their
/// weights quantized by another preset of the Quantization library; `text` is
/// PATTERN=PRESET. The first text that matches a layer counts. Fails on a
/// pattern that matches no layer of the model.
Status addOverride(Recipe &recipe, const ModelConfig &config,
                   const std::string &text);

/// Lets the layers whose whole names match one of some regular expressions stay
/// in high precision. Fails on a pattern that matches no layer, and if only
/// some of the layers that read one input would stay.
Status keepLayers(Recipe &recipe, const ModelConfig &config,
                  const std::vector<std::string> &patterns);

/// Writes the float model with rotations of `block` channels in its weights
/// (RotationFusion.h) as a float32 checkpoint. `output` must not exist.
Status exportFusedModel(const ModelDirectory &model, size_t block,
                        const std::string &output);

/// `output` must not exist.
Status exportModel(mlir::MLIRContext &context, const ModelDirectory &model,
                   const std::vector<int32_t> &tokens,
                   const ExportOptions &options, const std::string &output);

/// How the quantized layers of a checkpoint are run: activations are rounded by
/// the rule of the specification. The variant of a float model is empty.
/// `model` outlives the result.
Recipe recipeOfCheckpoint(const QuantizedConfig &config);
Expected<BlockVariant> checkpointVariant(mlir::MLIRContext &context,
                                         const ModelDirectory &model,
                                         bool quantizesActivations = true);

} // namespace fp4::model

#endif // FP4_MODEL_HOST_MODELEXPORT_H
