//===- BlockParts.h - A block that is run in pieces -------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs the programs of BlockPart over batches. Inputs of quantized layers are
// transformed and rounded between them by Numerics, whose bits are those of
// fp4.quantize. Kept for all batches are hidden states and inputs of o_proj;
// what is wider, the inputs of down_proj, is computed anew for each use.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_MODEL_HOST_BLOCKPARTS_H
#define FP4_LIB_MODEL_HOST_BLOCKPARTS_H

#include "fp4/Model/Host/BlockQuantizer.h"
#include "fp4/Model/ModelText.h"
#include <array>

namespace fp4::model {

using Matrix = std::vector<float>;

/// x T^T, block by block.
Matrix transformRows(const quantization::BlockTransform &transform,
                     const NDArray &x);
/// What the quantization of activations leaves of `x`.
Matrix roundRows(const Recipe &recipe, const Matrix &x, size_t cols,
                 float scale);

/// The compiled parts, which serve all blocks.
class BlockParts {
public:
  static Expected<BlockParts> compile(mlir::MLIRContext &context,
                                      const ModelDirectory &model);

  const ModelProgram &operator[](BlockPart part) const {
    return programs[static_cast<size_t>(part)];
  }

private:
  std::vector<ModelProgram> programs;
};

/// One copy of the model inside a block.
class BlockPosition {
public:
  /// Before the block.
  BlockPosition(const BlockParts &parts, Batches states)
      : parts(&parts), states(std::move(states)), attended(this->states) {}

  /// All layers as they are in the model.
  Status bindExact(const ModelDirectory &model, int64_t layer);
  /// All layers as `block` has them.
  Status bindBlock(const ModelDirectory &model, const Recipe &recipe,
                   int64_t layer, const QuantizedBlock &block);
  /// After `bindExact`, those of `stage` as `block` has them.
  Status bindStage(const ModelDirectory &model, const Recipe &recipe,
                   int64_t layer, const QuantizedBlock &block, size_t stage);

  /// x up to the second stage, then middle, then y.
  const Batches &hiddenStates() const { return states; }
  /// The inputs of the linear layers of `stage`, for one batch, which has been
  /// brought there.
  Expected<NDArray> stageInput(size_t stage, size_t batch) const;
  /// Goes on with one batch, from before `stage` to before the next. The inputs
  /// of the stage are computed if they are not given.
  Status leaveStage(size_t stage, size_t batch,
                    std::optional<NDArray> input = std::nullopt);

private:
  /// `weights`: those of all linear layers.
  Status bindParts(const ModelDirectory &model, int64_t layer,
                   const Parameters &weights);
  Expected<NDArray> run(BlockPart part, std::vector<NDArray> inputs) const;
  NDArray roundInput(size_t stage, const NDArray &input) const;

  const BlockParts *parts;
  Batches states;
  /// Inputs of o_proj, once they are known.
  Batches attended;
  /// By BlockPart.
  std::array<std::vector<NDArray>, kNumBlockParts> parameters;
  /// What is done to the inputs of quantized stages.
  struct Rounding {
    Recipe recipe;
    StageInput input;
  };
  std::array<std::optional<Rounding>, kNumStages> roundings;
};

} // namespace fp4::model

#endif // FP4_LIB_MODEL_HOST_BLOCKPARTS_H
