//===- BlockStatistics.h - Sums over calibration inputs ---------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What BlockQuantizer collects about one block before it quantizes it.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_MODEL_HOST_BLOCKSTATISTICS_H
#define FP4_LIB_MODEL_HOST_BLOCKSTATISTICS_H

#include "BlockParts.h"
#include "fp4/Model/Host/BlockQuantizer.h"
#include "fp4/Quantization/ActivationTarget.h"
#include "fp4/Quantization/Hessian.h"
#include <optional>

namespace fp4::model {

using quantization::CrossMomentAccumulator;
using quantization::HessianAccumulator;

/// Sums for one stage.
struct StageSums {
  int64_t cols;
  HessianAccumulator exact;
  HessianAccumulator quantized;
  CrossMomentAccumulator cross;
  /// (error of the residual stream)^T X_q, [hidden, cols].
  Matrix residual;

  StageSums(int64_t cols, unsigned threads)
      : cols(cols), exact(size_t(cols), threads),
        quantized(size_t(cols), threads), cross(size_t(cols), threads) {}
};

/// Of one block.
struct BlockQuantizer::Statistics {
  /// Where the inputs of layers come from while the block is calibrated: the
  /// model as far as it is quantized, or, if the stages are calibrated
  /// together, exact layers behind quantized blocks.
  BlockPosition own;
  /// The float model, if the recipe needs it.
  BlockPosition floating;
  QuantizedBlock block;
  /// Of the stage at hand.
  std::optional<StageSums> sums;
};

} // namespace fp4::model

#endif // FP4_LIB_MODEL_HOST_BLOCKSTATISTICS_H
