//===- BlockQuantizer.h - Calibrated quantization of a model ----*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Quantizes a model block by block: the inputs of a block are what the already
// quantized blocks before it, weights and activations, make of the calibration
// tokens. With `sequentialStages` the same holds inside a block: o_proj is
// calibrated behind quantized q/k/v, and so on. Kept for all tokens are hidden
// states and inputs of o_proj; everything else goes from a batch into sums
// (second moments) at once. The result depends on model, recipe and tokens
// alone, not on the number of threads.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_MODEL_HOST_BLOCKQUANTIZER_H
#define FP4_MODEL_HOST_BLOCKQUANTIZER_H

#include "fp4/Model/Host/ModelProgram.h"
#include "fp4/Model/Host/ProgressLine.h"
#include "fp4/Model/QuantizedBlock.h"
#include "fp4/Model/Recipe.h"

namespace fp4::model {

/// Makes the linear layers of block 0 execute `recipe`: transform, quantize,
/// multiply with decoded weights. Values for the new parameters, which are
/// called "<first layer of the stage>.transform" and ".input_scale", and for
/// the weights come from `toParameters`.
ModuleRewrite quantizedBlockRewrite(const Recipe &recipe);
Parameters toParameters(const ModelConfig &config, const Recipe &recipe,
                        int64_t layer, const QuantizedBlock &block);
/// Those of one stage of kStages.
Parameters stageParameters(const ModelConfig &config, const Recipe &recipe,
                           int64_t layer, const QuantizedBlock &block,
                           size_t stage);

class BlockParts;

/// Moves hidden states through blocks that `recipe` has quantized. The bits are
/// those of `quantizedBlockRewrite` up to the order of float32 sums; inputs of
/// layers are rounded by Numerics, which is faster for the rules that search.
class QuantizedModelRun {
public:
  /// `model` outlives the result.
  static Expected<QuantizedModelRun> create(mlir::MLIRContext &context,
                                            const ModelDirectory &model,
                                            const Recipe &recipe);
  QuantizedModelRun(const ModelDirectory &model, const Recipe &recipe,
                    std::shared_ptr<const BlockParts> parts)
      : model(model), recipe(recipe), parts(std::move(parts)) {}

  Status runBlock(int64_t layer, const QuantizedBlock &block, Batches &states,
                  unsigned threads, const Progress &progress) const;

private:
  const ModelDirectory &model;
  Recipe recipe;
  std::shared_ptr<const BlockParts> parts;
};

struct CalibrationOptions {
  size_t sequenceLength = 512;
  size_t sequences = 128;
  size_t sequencesPerBatch = 4;
  unsigned threads = 1;
  ReportProgress progress;
};

class BlockQuantizer {
public:
  /// Embeds the calibration tokens; fails if there are too few.
  static Expected<BlockQuantizer> create(mlir::MLIRContext &context,
                                         const ModelDirectory &model,
                                         const Recipe &recipe,
                                         const std::vector<int32_t> &tokens,
                                         const CalibrationOptions &options);

  /// The block that comes next.
  int64_t nextLayer() const { return layer; }
  /// All that the next block needs from those before it.
  TensorMap saveStates() const;
  /// Goes on before block `next` with what `saveStates` gave there.
  Status restoreStates(int64_t next, const CheckpointReader &saved);

  /// Quantizes the next block and moves the hidden states behind it.
  Expected<QuantizedBlock> quantizeNext();

private:
  struct Statistics;

  BlockQuantizer(const ModelDirectory &model, const Recipe &recipe,
                 const CalibrationOptions &options,
                 std::shared_ptr<const BlockParts> parts)
      : model(model), recipe(recipe), options(options),
        parts(std::move(parts)) {}

  std::string stageName(size_t stage) const;

  Status runStage(Statistics &statistics, size_t stage);
  Status keepStage(Statistics &statistics, size_t stage);
  Status collectMoments(Statistics &statistics, size_t stage);
  Status chooseTransform(Statistics &statistics, size_t stage);
  Status chooseInputScale(Statistics &statistics, size_t stage);
  Status collectTargets(Statistics &statistics, size_t stage);
  Status quantizeStage(Statistics &statistics, size_t stage);
  Status leaveStage(Statistics &statistics, size_t stage);
  /// `first` and `last`: the part of a stage's time that the step is for.
  Progress report(const char *step, size_t stage, double first,
                  double last) const;

  const ModelDirectory &model;
  Recipe recipe;
  CalibrationOptions options;
  std::shared_ptr<const BlockParts> parts;
  Batches states;
  /// Of the float model, if the recipe needs them.
  Batches floatStates;
  int64_t layer = 0;
};

} // namespace fp4::model

#endif // FP4_MODEL_HOST_BLOCKQUANTIZER_H
