//===- QuantizationBenchmark.cpp - Time per layer and recipe --------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// fp4-benchmark-quantization [ROWS COLS [PRESET]]      (default 1024 4096, all)
//
// Times the recipes on one random layer and sets them against the machine's
// sgemm rate. Both are also taken per second of processor time, which other
// programs on the machine disturb less. The floor of GPTQ is taken as rows *
// cols^2 flops (one triangular product, in float32) plus cols^3 / 3 (the
// factorization, in float64, which counts double); the report's three quadratic
// forms cost as much as three more triangular products and are part of the
// measured time.
//
// "gptq alone" is that floor and no more: the factorization, and the recursion
// with frozen scales over all tiles of rows, one tile per thread at a time.
//
//===----------------------------------------------------------------------===//

#include "../../lib/Quantization/Factor.h"
#include "../../lib/Quantization/GPTQ.h"
#include "../../lib/Quantization/Parallel.h"
#include "fp4/Quantization/Hessian.h"
#include "fp4/Quantization/Presets.h"
#include <cblas.h>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>

using namespace fp4;
using namespace fp4::quantization;

static double now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// Of all threads.
static double processorTime() { return double(std::clock()) / CLOCKS_PER_SEC; }

/// Gflop/s by the clock on the wall, and per second of processor time.
struct Rate {
  double wall = 0;
  double processor = 0;
};

static std::vector<float> normalValues(size_t count, uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float &value : values)
    value = normal(engine);
  return values;
}

/// The rate of a square product large enough to hide all overheads, on all
/// threads of the machine.
static Rate sgemmRate() {
  constexpr int kSize = 2048;
  std::vector<float> a = normalValues(size_t(kSize) * kSize, 1);
  std::vector<float> c(a.size());
  Rate best;
  for (int i = 0; i < 3; ++i) {
    double start = now(), processorStart = processorTime();
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, kSize, kSize, kSize,
                1.0f, a.data(), kSize, a.data(), kSize, 0.0f, c.data(), kSize);
    double flops = 2 * std::pow(kSize, 3) * 1e-9;
    best.wall = std::max(best.wall, flops / (now() - start));
    best.processor =
        std::max(best.processor, flops / (processorTime() - processorStart));
  }
  return best;
}

/// Correlated inputs: every channel shares a part of the channel before it.
static Expected<std::vector<float>> randomHessian(size_t cols) {
  constexpr size_t kTokens = 1024;
  std::vector<float> inputs = normalValues(kTokens * cols, 2);
  for (size_t i = 0; i < inputs.size(); ++i)
    if (i % cols != 0)
      inputs[i] += 0.7f * inputs[i - 1];
  HessianAccumulator accumulator(cols);
  double start = now();
  if (Status status = accumulator.add(inputs.data(), kTokens); !status.ok())
    return status;
  double seconds = now() - start;
  // The upper triangle alone is computed.
  std::printf("hessian of %zu tokens: %.2f s, %.1f Gflop/s\n", kTokens, seconds,
              double(kTokens) * double(cols) * double(cols) / seconds * 1e-9);
  return accumulator.finish();
}

static double floorOf(size_t rows, size_t cols) {
  double n = double(rows), k = double(cols);
  return (n * k * k + 2 * k * k * k / 3) * 1e-9;
}

static void timeGPTQAlone(size_t rows, size_t cols,
                          const std::vector<float> &hessian, Rate rate) {
  WeightOptions options;
  options.algorithm = Algorithm::GPTQ;
  std::vector<float> weights = normalValues(rows * cols, 3);
  std::vector<uint8_t> codes(rows * cols);
  std::vector<uint8_t> scales(rows * cols / options.format.blockCols,
                              numerics::encodeScale(options.format.scale, 1));
  HessianView view(hessian.data(), cols);
  SingleThreadedBlas singleThreaded;
  double start = now(), processorStart = processorTime();
  Expected<HessianFactor> factor = factorHessian(
      view, visitOrder(view, ColumnOrder::Natural, options.format.blockCols),
      options.damping, options.threads);
  if (!factor.ok()) {
    std::printf("%s\n", factor.message().c_str());
    return;
  }
  double between = now() - start;
  double processorBetween = processorTime() - processorStart;
  LayerView layer{options.format, rows,         cols,
                  weights.data(), codes.data(), scales.data()};
  ScaleTable table(options.format, 1);
  parallelFor(layer.tiles(), options.threads, [&](size_t index) {
    Tile tile(layer, table, index);
    quantizeTileGPTQ(options, *factor, tile);
    tile.store();
  });
  double seconds = now() - start, processor = processorTime() - processorStart;
  double flops = floorOf(rows, cols);
  std::printf("gptq alone: %.2f s (factor %.2f), %.2f s of processor time "
              "(factor %.2f) = %.0f %% and %.0f %% of the rate of sgemm\n",
              seconds, between, processor, processorBetween,
              100 * flops / (seconds * rate.wall),
              100 * flops / (processor * rate.processor));
}

static void timePreset(std::string_view name,
                       const numerics::BlockFormat &format, size_t rows,
                       size_t cols, const std::vector<float> &hessian,
                       Rate rate) {
  Expected<Preset> preset = findPreset(name, format);
  if (!preset.ok()) {
    std::printf("%s\n", preset.message().c_str());
    return;
  }
  std::vector<float> weights = normalValues(rows * cols, 3);
  double start = processorTime();
  Expected<QuantizedWeight> result = quantizeWeight(
      preset->options, std::move(weights), rows, cols, hessian.data());
  double processor = processorTime() - start;
  if (!result.ok()) {
    std::printf("%s\n", result.message().c_str());
    return;
  }
  double flops = floorOf(rows, cols);
  const LayerReport &report = result->report;
  std::printf("%-6s %-13s %8.2f s, %8.2f s of processor time",
              std::string(*numerics::blockFormatName(format)).c_str(),
              std::string(name).c_str(), report.seconds, processor);
  if (preset->options.algorithm == Algorithm::GPTQ)
    std::printf(" = %5.2f x floor, %5.2f x", report.seconds * rate.wall / flops,
                processor * rate.processor / flops);
  else
    std::printf("                         ");
  std::printf("   objective %.5f (rtn %.5f)\n", report.objectiveAfter,
              report.objectiveRTN);
}

int main(int argc, char **argv) {
  size_t rows = argc > 2 ? std::strtoul(argv[1], nullptr, 10) : 1024;
  size_t cols = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 4096;
  std::string only = argc > 3 ? argv[3] : "";
  Rate rate = sgemmRate();
  std::printf("sgemm: %.1f Gflop/s, %.1f per second of processor time\n"
              "layer: %zu x %zu\n",
              rate.wall, rate.processor, rows, cols);
  Expected<std::vector<float>> hessian = randomHessian(cols);
  if (!hessian.ok()) {
    std::printf("%s\n", hessian.message().c_str());
    return 1;
  }
  timeGPTQAlone(rows, cols, *hessian, rate);
  for (numerics::BlockFormat format : {numerics::kNVFP4, numerics::kMXFP4})
    for (std::string_view name : kPresetNames)
      if (only.empty() || only == name)
        timePreset(name, format, rows, cols, *hessian, rate);
  return 0;
}
