//===- HeldOutErrorTest.cpp - Recipes compared on inputs never seen -------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The order of the recipes by the error on held-out inputs, on synthetic layers
// (three fixed seeds). The order is what the recipes promise; the numbers are
// printed because they tell how much.
//
//===----------------------------------------------------------------------===//

#include "SyntheticLayer.h"
#include "fp4/Numerics/Hadamard.h"
#include "fp4/Quantization/Hessian.h"
#include "fp4/Quantization/Presets.h"
#include "gtest/gtest.h"
#include <cstdio>
#include <map>

using namespace fp4;
using namespace fp4::quantization;
using namespace fp4::numerics;

static double heldOutError(const SyntheticLayer &layer, const Preset &preset) {
  std::vector<float> weights = layer.weights;
  std::vector<float> hessian = layer.hessian();
  std::vector<float> inputs = layer.heldOut;
  if (preset.hadamardBlock != 0) {
    rotateProblem(weights.data(), layer.rows, layer.cols, hessian.data(),
                  preset.hadamardBlock);
    hadamard(inputs.data(), inputs.size(), preset.hadamardBlock);
  }
  Expected<QuantizedWeight> result = quantizeWeight(
      preset.options, weights, layer.rows, layer.cols, hessian.data());
  EXPECT_TRUE(result.ok()) << result.message();
  if (!result.ok())
    return 0;
  return outputError(
      inputs, weights,
      dequantize(preset.options.format, *result, layer.rows, layer.cols),
      layer.rows, layer.cols);
}

/// Mean over three layers of 64 x 256, 2048 calibration and held-out tokens.
static std::map<std::string, double> heldOutErrors(const BlockFormat &format) {
  std::map<std::string, double> errors;
  for (uint64_t seed : {1, 2, 3}) {
    SyntheticLayer layer(seed, 64, 256, 2048);
    for (std::string_view name : kPresetNames)
      errors[std::string(name)] +=
          heldOutError(layer, *findPreset(name, format)) / 3;
  }
  for (const auto &[name, error] : errors)
    std::printf("%-8s %-13s held-out error %.5f\n",
                std::string(*blockFormatName(format)).c_str(), name.c_str(),
                error);
  return errors;
}

TEST(HeldOutError, MXFP4OrderOfTheRecipes) {
  std::map<std::string, double> errors = heldOutErrors(kMXFP4);
  EXPECT_LT(errors["gptq"], errors["rtn"]);
  EXPECT_LT(errors["mr-gptq"], errors["gptq"]);
  EXPECT_LT(errors["mr-gptq-plus"], errors["mr-gptq"]);
  // A searched exponent against the floored one with the factor 4/3.
  EXPECT_LT(errors["mr-gptq"], errors["fp-quant"]);
}

TEST(HeldOutError, NVFP4OrderOfTheRecipes) {
  std::map<std::string, double> errors = heldOutErrors(kNVFP4);
  EXPECT_LT(errors["gptq"], errors["rtn"]);
  EXPECT_LT(errors["mr-gptq"], errors["gptq"]);
  EXPECT_LT(errors["mr-gptq-plus"], errors["mr-gptq"]);
}
