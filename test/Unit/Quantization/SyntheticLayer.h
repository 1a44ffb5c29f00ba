//===- SyntheticLayer.h - Random layers for the tests -----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights and activations with the properties that separate the algorithms:
// heavy tails, correlated channels, channels of very different size and a few
// outlier channels. Also the double-precision arithmetic that results are
// measured with.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TEST_UNIT_QUANTIZATION_SYNTHETICLAYER_H
#define FP4_TEST_UNIT_QUANTIZATION_SYNTHETICLAYER_H

#include "fp4/Quantization/WeightQuantizer.h"
#include <random>

namespace fp4::quantization {

/// Distributions written out, so that a seed means the same everywhere.
class Random {
public:
  explicit Random(uint64_t seed) : engine(seed) {}
  /// In (0, 1).
  double uniform();
  double normal();
  /// Unit variance.
  double laplace();

private:
  std::mt19937_64 engine;
};

struct SyntheticLayer {
  size_t rows, cols;
  std::vector<float> weights;
  /// tokens x cols, to calibrate on and to measure on.
  std::vector<float> calibration, heldOut;

  SyntheticLayer(uint64_t seed, size_t rows, size_t cols, size_t tokens);
  /// X^T X / tokens of the calibration inputs.
  std::vector<float> hessian() const;
};

std::vector<float> dequantize(const numerics::BlockFormat &format,
                              const QuantizedWeight &weight, size_t rows,
                              size_t cols);

/// tr(D H D^T) in double.
double quadraticLoss(const std::vector<float> &weights,
                     const std::vector<float> &quantized,
                     const std::vector<float> &hessian, size_t cols);

/// `hessian` plus `damping` times its mean diagonal.
std::vector<float> damped(std::vector<float> hessian, size_t cols,
                          double damping);

/// ||X (W - Q)^T||^2 / ||X W^T||^2.
double outputError(const std::vector<float> &activations,
                   const std::vector<float> &weights,
                   const std::vector<float> &quantized, size_t rows,
                   size_t cols);

} // namespace fp4::quantization

#endif // FP4_TEST_UNIT_QUANTIZATION_SYNTHETICLAYER_H
