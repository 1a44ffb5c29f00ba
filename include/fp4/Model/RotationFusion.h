//===- RotationFusion.h - Rotations inside a model's weights ----*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A Llama-style model computes the same if its residual stream is rotated: the
// embedding starts x R instead of x, every layer that reads the stream undoes
// R, and every layer that adds to it applies R. R is orthogonal, so norms
// without gain commute with it; gains move into the layers that read. With
// block-diagonal Hadamard matrices R (of the stream) and S (of each head), both
// symmetric:
//
//   embedding  E R               q, k, gate, up   W diag(g) R
//   v          S (W diag(g) R)   o                R (W S)
//   down       R W               head             W diag(g) R
//
// and all gains g become 1. The inputs of q, k, v, o, gate and up, and of the
// head, then are rotated without any work at run time, which is what FP4 wants
// of them (QuaRot, arXiv 2404.00456, section 4); only the input of down_proj,
// a product of two outputs, is not.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_MODEL_ROTATIONFUSION_H
#define FP4_MODEL_ROTATIONFUSION_H

#include "fp4/Model/ModelDirectory.h"

namespace fp4::model {

/// The block of S: the largest power of two, `block` at most, that divides the
/// size of a head.
size_t headRotationBlock(const ModelConfig &config, size_t block);

/// Fails if `block` is no legal Hadamard block or does not divide the width of
/// the residual stream, and on a model that is quantized or fused already.
Status checkFusion(const ModelDirectory &model, size_t block);

/// The tensors of one block, or of what is around the blocks (`layer` = number
/// of layers): float32, under the names of an untied checkpoint. Holds one
/// block in memory. Fails on NaN and infinity.
Expected<TensorMap> fuseRotations(const ModelDirectory &model, int64_t layer,
                                  size_t block);

/// config.json of the fused model: float32, an untied head, and the key
/// "fp4_fused_rotation" with the block, which tells fp4-quantize that only
/// down_proj needs a rotation.
Expected<std::string> fusedConfig(const std::string &configText, size_t block);

} // namespace fp4::model

#endif // FP4_MODEL_ROTATIONFUSION_H
