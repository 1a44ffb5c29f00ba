//===- SyntheticLayer.cpp - Random layers for the tests -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Activations are z A diag(c) t with z Laplace, A half a random orthogonal
// matrix with a decaying spectrum and half the identity, c log-normal channel
// sizes with six outliers of 12 times the size, and t a log-normal size of the
// token.
//
//===----------------------------------------------------------------------===//

#include "SyntheticLayer.h"
#include "fp4/Quantization/Hessian.h"
#include <cmath>

namespace fp4::quantization {

double Random::uniform() {
  return (static_cast<double>(engine() >> 11) + 0.5) * 0x1p-53;
}

double Random::normal() {
  // Box-Muller.
  constexpr double kTwoPi = 6.283185307179586;
  double radius = std::sqrt(-2 * std::log(uniform()));
  return radius * std::cos(kTwoPi * uniform());
}

double Random::laplace() {
  double value = -std::log(uniform()) / std::sqrt(2.0);
  return uniform() < 0.5 ? -value : value;
}

/// Rows are an orthonormal basis: Gram-Schmidt on random vectors.
static std::vector<double> randomOrthogonal(Random &random, size_t n) {
  std::vector<double> basis(n * n);
  for (size_t i = 0; i < n; ++i) {
    double *row = &basis[i * n];
    for (size_t k = 0; k < n; ++k)
      row[k] = random.normal();
    for (size_t j = 0; j < i; ++j) {
      double dot = 0;
      for (size_t k = 0; k < n; ++k)
        dot += row[k] * basis[j * n + k];
      for (size_t k = 0; k < n; ++k)
        row[k] -= dot * basis[j * n + k];
    }
    double norm = 0;
    for (size_t k = 0; k < n; ++k)
      norm += row[k] * row[k];
    for (size_t k = 0; k < n; ++k)
      row[k] /= std::sqrt(norm);
  }
  return basis;
}

/// A diag(c) of the file comment.
static std::vector<float> mixingMatrix(Random &random, size_t n) {
  std::vector<double> basis = randomOrthogonal(random, n);
  std::vector<double> spectrum(n), channel(n);
  double mean = 0;
  for (size_t i = 0; i < n; ++i) {
    spectrum[i] = std::pow(1.0 + static_cast<double>(i), -0.6);
    mean += spectrum[i] / static_cast<double>(n);
    channel[i] = std::exp(0.7 * random.normal());
  }
  constexpr size_t kOutliers = 6;
  for (size_t i = 0; i < kOutliers; ++i)
    channel[i * n / kOutliers + n / 17] *= 12;
  std::vector<float> mixing(n * n);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j) {
      double value = 0.5 * std::sqrt(spectrum[i] / mean) * basis[i * n + j] +
                     (i == j ? 0.5 : 0.0);
      mixing[i * n + j] = static_cast<float>(value * channel[j]);
    }
  return mixing;
}

static std::vector<float> sample(Random &random,
                                 const std::vector<float> &mixing, size_t n,
                                 size_t tokens) {
  std::vector<float> result(tokens * n);
  for (size_t token = 0; token < tokens; ++token) {
    float *row = &result[token * n];
    double size = std::exp(0.4 * random.normal());
    for (size_t i = 0; i < n; ++i) {
      auto z = static_cast<float>(size * random.laplace());
      for (size_t j = 0; j < n; ++j)
        row[j] += z * mixing[i * n + j];
    }
  }
  return result;
}

SyntheticLayer::SyntheticLayer(uint64_t seed, size_t rows, size_t cols,
                               size_t tokens)
    : rows(rows), cols(cols), weights(rows * cols) {
  Random random(seed);
  std::vector<float> mixing = mixingMatrix(random, cols);
  calibration = sample(random, mixing, cols, tokens);
  heldOut = sample(random, mixing, cols, tokens);
  std::vector<double> channel(cols);
  for (double &value : channel)
    value = std::exp(0.2 * random.normal()) / std::sqrt(double(cols));
  for (size_t row = 0; row < rows; ++row) {
    double size = std::exp(0.3 * random.normal());
    for (size_t col = 0; col < cols; ++col)
      weights[row * cols + col] =
          static_cast<float>(random.laplace() * size * channel[col]);
  }
}

std::vector<float> SyntheticLayer::hessian() const {
  HessianAccumulator accumulator(cols);
  Status status =
      accumulator.add(calibration.data(), calibration.size() / cols);
  return status.ok() ? *accumulator.finish() : std::vector<float>();
}

std::vector<float> dequantize(const numerics::BlockFormat &format,
                              const QuantizedWeight &weight, size_t rows,
                              size_t cols) {
  std::vector<float> result(rows * cols);
  numerics::dequantizeBlocks(format, weight.codes.data(), weight.scales.data(),
                             rows, cols, weight.tensorScale, result.data());
  return result;
}

double quadraticLoss(const std::vector<float> &weights,
                     const std::vector<float> &quantized,
                     const std::vector<float> &hessian, size_t cols) {
  double total = 0;
  for (size_t first = 0; first < weights.size(); first += cols)
    for (size_t i = 0; i < cols; ++i) {
      double product = 0;
      for (size_t j = 0; j < cols; ++j)
        product += double(hessian[i * cols + j]) *
                   (double(weights[first + j]) - quantized[first + j]);
      total += product * (double(weights[first + i]) - quantized[first + i]);
    }
  return total;
}

std::vector<float> damped(std::vector<float> hessian, size_t cols,
                          double damping) {
  double mean = 0;
  for (size_t i = 0; i < cols; ++i)
    mean += double(hessian[i * (cols + 1)]) / double(cols);
  for (size_t i = 0; i < cols; ++i)
    hessian[i * (cols + 1)] += static_cast<float>(damping * mean);
  return hessian;
}

double outputError(const std::vector<float> &activations,
                   const std::vector<float> &weights,
                   const std::vector<float> &quantized, size_t rows,
                   size_t cols) {
  double error = 0, signal = 0;
  for (size_t token = 0; token < activations.size() / cols; ++token)
    for (size_t row = 0; row < rows; ++row) {
      float difference = 0, output = 0;
      for (size_t col = 0; col < cols; ++col) {
        float x = activations[token * cols + col];
        float w = weights[row * cols + col];
        difference += x * (w - quantized[row * cols + col]);
        output += x * w;
      }
      error += double(difference) * difference;
      signal += double(output) * output;
    }
  return error / signal;
}

} // namespace fp4::quantization
