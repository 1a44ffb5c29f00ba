//===- Perplexity.h - How well a model predicts text ------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Perplexity = exp(mean of -log p(next token)) over sequences that are cut from
// a stream of tokens without overlap. Each position predicts its successor in
// the stream; the last one of all may have none.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_MODEL_HOST_PERPLEXITY_H
#define FP4_MODEL_HOST_PERPLEXITY_H

#include "fp4/Model/Host/ModelProgram.h"
#include "fp4/Model/Host/ProgressLine.h"

namespace fp4::model {

struct PerplexityOptions {
  size_t sequenceLength = 512;
  /// 0: as many as there are.
  size_t sequences = 0;
  size_t sequencesPerBatch = 4;
  unsigned threads = 1;
  ReportProgress progress;
};

struct PerplexityResult {
  double perplexity = 0;
  size_t sequences = 0;
  size_t predictions = 0;
};

/// How blocks differ from the float32 model; nothing by default.
struct BlockVariant {
  ModuleRewrite rewrite;
  /// Values of parameters of one layer that are not those of the model.
  std::function<Expected<Parameters>(int64_t layer)> parameters;
  /// If there is one, it runs the blocks, and the members above are not used.
  std::function<Status(int64_t layer, Batches &states, unsigned threads,
                       const Progress &progress)>
      runBlock;
};

Expected<PerplexityResult> measurePerplexity(mlir::MLIRContext &context,
                                             const ModelDirectory &model,
                                             const std::vector<int32_t> &tokens,
                                             const PerplexityOptions &options,
                                             const BlockVariant &variant = {});

} // namespace fp4::model

#endif // FP4_MODEL_HOST_PERPLEXITY_H
