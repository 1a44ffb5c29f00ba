//===- ExportReport.h - report.json and report.html -------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// report.json:
//   recipe, format, layout
//   bits_per_weight            of the quantized layers
//   bits_per_weight_of_model   with everything that stays as it is
//   mean_relative_error        of the quantized layers
//   worst_layers               names, largest relative error first
//   perplexity                 float32, quantized, gap, predictions; only with
//                              validation tokens
//   layers                     name, relative_error, relative_error_rtn,
//                              damping, dead_columns
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_MODEL_HOST_EXPORTREPORT_H
#define FP4_LIB_MODEL_HOST_EXPORTREPORT_H

#include "fp4/Model/Host/ModelExport.h"
#include "llvm/Support/JSON.h"

namespace fp4::model {

/// The entries of `layers` for one block.
llvm::json::Array blockReport(int64_t layer, const QuantizedBlock &block);

/// Writes both files to `directory`, which holds the complete checkpoint.
/// `layers`: those of all blocks.
Status writeReport(mlir::MLIRContext &context, const ModelDirectory &model,
                   const ExportOptions &options, const std::string &directory,
                   llvm::json::Array layers);

} // namespace fp4::model

#endif // FP4_LIB_MODEL_HOST_EXPORTREPORT_H
