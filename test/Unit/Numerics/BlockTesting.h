//===- BlockTesting.h - Quantize, decode and measure ------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TEST_UNIT_NUMERICS_BLOCKTESTING_H
#define FP4_TEST_UNIT_NUMERICS_BLOCKTESTING_H

#include "TestFloats.h"
#include "fp4/Numerics/BlockFormat.h"

namespace fp4::numerics::test {

struct Quantized {
  std::vector<uint8_t> codes;
  std::vector<uint8_t> scales;
  std::vector<float> values; // decoded
};

/// Quantizes and decodes a matrix of `cols` columns.
inline Quantized quantize(const BlockFormat &format,
                          const QuantizeOptions &options,
                          const std::vector<float> &data, size_t cols,
                          float tensorScale) {
  size_t rows = data.size() / cols;
  Quantized result;
  result.codes.resize(data.size());
  result.scales.resize(data.size() / (format.blockRows * format.blockCols));
  result.values.resize(data.size());
  quantizeBlocks(format, options, data.data(), rows, cols, tensorScale,
                 result.codes.data(), result.scales.data());
  dequantizeBlocks(format, result.codes.data(), result.scales.data(), rows,
                   cols, tensorScale, result.values.data());
  return result;
}

/// One row with the tensor scale of its own largest magnitude.
inline Quantized quantizeRow(const BlockFormat &format, ScaleRule rule,
                             const std::vector<float> &data) {
  QuantizeOptions options;
  options.rule = rule;
  float amax = absMax(data.data(), data.size());
  return quantize(format, options, data, data.size(),
                  tensorScaleFor(format, amax, rule));
}

/// Squared error of values[begin..end).
inline double squaredError(const std::vector<float> &data,
                           const std::vector<float> &values, size_t begin,
                           size_t end) {
  double sum = 0;
  for (size_t i = begin; i < end; ++i) {
    double error = static_cast<double>(data[i]) - values[i];
    sum += error * error;
  }
  return sum;
}

inline double squaredError(const std::vector<float> &data,
                           const Quantized &quantized) {
  return squaredError(data, quantized.values, 0, data.size());
}

inline std::vector<float> normalSamples(size_t count, uint64_t seed) {
  SplitMix64 random(seed);
  std::vector<float> samples(count);
  for (float &sample : samples)
    sample = static_cast<float>(random.normal());
  return samples;
}

} // namespace fp4::numerics::test

#endif // FP4_TEST_UNIT_NUMERICS_BLOCKTESTING_H
