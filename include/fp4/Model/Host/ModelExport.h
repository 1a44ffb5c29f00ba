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
//===----------------------------------------------------------------------===//

#ifndef FP4_MODEL_HOST_MODELEXPORT_H
#define FP4_MODEL_HOST_MODELEXPORT_H

#include "fp4/Model/Host/BlockQuantizer.h"
#include "fp4/Model/QuantizedCheckpoint.h"

namespace fp4::model {

struct ExportOptions {
  Layout layout = Layout::CompressedTensors;
  Recipe recipe;
  /// For the report, and to recognize the run that is continued.
  std::string recipeName;
  CalibrationOptions calibration;
};

/// `output` must not exist.
Status exportModel(mlir::MLIRContext &context, const ModelDirectory &model,
                   const std::vector<int32_t> &tokens,
                   const ExportOptions &options, const std::string &output);

/// Runs the quantized layers of `model`, which must be a quantized checkpoint.
/// Activations are rounded by the rule of the specification.
Recipe recipeOfCheckpoint(const QuantizedConfig &config);

} // namespace fp4::model

#endif // FP4_MODEL_HOST_MODELEXPORT_H
