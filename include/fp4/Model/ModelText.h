//===- ModelText.h - A model as MLIR text -----------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Spells a model in linalg, tensor, arith and math, weights as fp4.parameter:
//
//   @embed   : tensor<?x?xi32>        -> tensor<?x?xDxf32>     token ids
//   @block_N : tensor<?x?xDxf32>      -> tensor<?x?xDxf32>     one per layer
//   @head    : tensor<?x?xDxf32>      -> tensor<?x?xVxf32>     logits
//   @main    : tensor<?x?xi32>        -> tensor<?x?xVxf32>     all of them
//
// with dimensions (sequence, position, channel); every sequence starts at
// position 0 and attends to itself only. Linear layers are linalg.matmul over a
// transposed weight, the form that --convert-linalg-to-fp4 imports. It is text
// because people read it: values have the names of the papers.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_MODEL_MODELTEXT_H
#define FP4_MODEL_MODELTEXT_H

#include "fp4/Model/ModelDirectory.h"

namespace fp4::model {

/// Names of the functions.
inline constexpr char kEmbedFunction[] = "embed";
inline constexpr char kHeadFunction[] = "head";
std::string blockFunction(int64_t layer);

/// A module of one function.
std::string embedModule(const ModelDirectory &model);
std::string blockModule(const ModelDirectory &model, int64_t layer);

/// A block in pieces, between which the inputs of linear layers can be looked
/// at and rounded. "Rows" are matrices with one row per position; x and y are
/// the hidden states before and behind the block, middle those between
/// attention and feed-forward. Weights of linear layers are float32.
enum class BlockPart : uint8_t {
  /// x -> rows of inputs of q/k/v.
  AttentionInput,
  /// x (for its shape), rows of inputs of q/k/v -> rows of inputs of o.
  Attention,
  /// x, rows of inputs of o -> middle.
  AttentionOutput,
  /// middle -> rows of inputs of gate/up.
  FeedForwardInput,
  /// middle (for its shape), rows of inputs of gate/up -> rows of inputs of
  /// down.
  FeedForward,
  /// middle, rows of inputs of down -> y.
  FeedForwardOutput,
};
inline constexpr size_t kNumBlockParts = 6;
std::string blockPartModule(const ModelDirectory &model, int64_t layer,
                            BlockPart part);
std::string headModule(const ModelDirectory &model);

/// A module of all functions.
std::string wholeModule(const ModelDirectory &model);

} // namespace fp4::model

#endif // FP4_MODEL_MODELTEXT_H
