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

#include "fp4/Model/Host/BlockQuantizer.h"
#include "fp4/Quantization/ActivationTarget.h"
#include "fp4/Quantization/Hessian.h"

namespace fp4::model {

using quantization::CrossMomentAccumulator;
using quantization::HessianAccumulator;
using Matrix = std::vector<float>;

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

struct BlockQuantizer::Statistics {
  std::vector<NDArray> parameters;
  std::vector<StageSums> sums;
  QuantizedBlock block;
  Batches floatOutputs;
};

} // namespace fp4::model

#endif // FP4_LIB_MODEL_HOST_BLOCKSTATISTICS_H
