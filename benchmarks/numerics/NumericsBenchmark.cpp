//===- NumericsBenchmark.cpp - Throughput of the host numerics ------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One core, on 16 MiB of float32. "bytes_per_second" counts the float32 side
// only, so that formats and rules compare.
//
//===----------------------------------------------------------------------===//

#include "fp4/Numerics/BlockFormat.h"
#include "fp4/Numerics/Hadamard.h"
#include <benchmark/benchmark.h>
#include <random>
#include <vector>

using namespace fp4::numerics;

static constexpr size_t kRows = 1024, kCols = 4096;

static const std::vector<float> &samples() {
  static const std::vector<float> values = [] {
    std::mt19937 engine(1);
    std::normal_distribution<float> normal;
    std::vector<float> result(kRows * kCols);
    for (float &value : result)
      value = normal(engine);
    return result;
  }();
  return values;
}

static void countBytes(benchmark::State &state) {
  state.SetBytesProcessed(state.iterations() * kRows * kCols * sizeof(float));
}

static void quantize(benchmark::State &state, BlockFormat format,
                     ScaleRule rule) {
  const std::vector<float> &data = samples();
  float tensorScale =
      tensorScaleFor(format, absMax(data.data(), data.size()), rule);
  std::vector<uint8_t> codes(data.size());
  std::vector<uint8_t> scales(data.size() / format.blockCols);
  QuantizeOptions options;
  options.rule = rule;
  for (auto _ : state) {
    quantizeBlocks(format, options, data.data(), kRows, kCols, tensorScale,
                   codes.data(), scales.data());
    benchmark::ClobberMemory();
  }
  countBytes(state);
}

static void dequantize(benchmark::State &state, BlockFormat format) {
  std::vector<uint8_t> codes(kRows * kCols, 3);
  std::vector<uint8_t> scales(codes.size() / format.blockCols, 0x38);
  std::vector<float> values(codes.size());
  for (auto _ : state) {
    dequantizeBlocks(format, codes.data(), scales.data(), kRows, kCols, 1.0f,
                     values.data());
    benchmark::ClobberMemory();
  }
  countBytes(state);
}

static void rotate(benchmark::State &state) {
  std::vector<float> data = samples();
  auto block = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    hadamard(data.data(), data.size(), block);
    benchmark::ClobberMemory();
  }
  countBytes(state);
}

BENCHMARK_CAPTURE(quantize, nvfp4_absmax, kNVFP4, ScaleRule::AbsMax);
BENCHMARK_CAPTURE(quantize, nvfp4_four_over_six, kNVFP4,
                  ScaleRule::FourOverSix);
BENCHMARK_CAPTURE(quantize, nvfp4_search, kNVFP4, ScaleRule::Search);
BENCHMARK_CAPTURE(quantize, mxfp4_floor, kMXFP4, ScaleRule::Floor);
BENCHMARK_CAPTURE(quantize, mxfp4_search, kMXFP4, ScaleRule::Search);
BENCHMARK_CAPTURE(quantize, mxfp8e4m3_rceil, kMXFP8E4M3, ScaleRule::RCeil);
BENCHMARK_CAPTURE(dequantize, nvfp4, kNVFP4);
BENCHMARK_CAPTURE(dequantize, mxfp4, kMXFP4);
BENCHMARK(rotate)->RangeMultiplier(8)->Range(16, 1024);
