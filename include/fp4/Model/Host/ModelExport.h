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
  CalibrationOptions calibration;
  /// If there are some, the report tells the perplexity of both models on them.
  std::vector<int32_t> validation;
};

/// `output` must not exist.
Status exportModel(mlir::MLIRContext &context, const ModelDirectory &model,
                   const std::vector<int32_t> &tokens,
                   const ExportOptions &options, const std::string &output);

/// How the quantized layers of a checkpoint are run: activations are rounded by
/// the rule of the specification. The variant of a float model is empty.
Recipe recipeOfCheckpoint(const QuantizedConfig &config);
BlockVariant checkpointVariant(const ModelDirectory &model,
                               bool quantizesActivations = true);

} // namespace fp4::model

#endif // FP4_MODEL_HOST_MODELEXPORT_H
