//===- Presets.cpp - Named quantization recipes ---------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See Presets.h for the table.
//
//===----------------------------------------------------------------------===//

#include "fp4/Quantization/Presets.h"
#include <string>

namespace fp4::quantization {

/// The settings of a published tool, down to its roundings.
static Expected<Preset> toolPreset(std::string_view name,
                                   const numerics::BlockFormat &format) {
  if (format.element != numerics::ElementFormat::E2M1)
    return Status::error(
        "quantization preset '" + std::string(name) +
        "' is for E2M1 elements, got " +
        std::string(numerics::elementFormatName(format.element)));
  bool isMX = format.scale == numerics::ScaleFormat::E8M0;
  Preset preset;
  WeightOptions &options = preset.options;
  options.format = format;
  if (name == "modelopt") {
    options.arithmetic = Arithmetic::ModelOpt;
    options.scaleRule = isMX ? WeightScaleRule::RCeil : WeightScaleRule::AbsMax;
    return preset;
  }
  options.algorithm = Algorithm::GPTQ;
  options.order = ColumnOrder::ActOrder;
  if (name == "llmcompressor") {
    options.arithmetic = Arithmetic::LLMCompressor;
    options.scaleRule = isMX ? WeightScaleRule::Even : WeightScaleRule::AbsMax;
    return preset;
  }
  options.arithmetic = Arithmetic::FPQuant;
  options.scaleRule = isMX ? WeightScaleRule::FourThirds : WeightScaleRule::Mse;
  options.format.hasTensorScale = true;
  preset.hadamardBlock = format.blockCols;
  return preset;
}

static WeightScaleRule specificationRule(const numerics::BlockFormat &format) {
  return numerics::defaultScaleRule(format) == numerics::ScaleRule::Floor
             ? WeightScaleRule::Floor
             : WeightScaleRule::AbsMax;
}

Expected<Preset> findPreset(std::string_view name,
                            const numerics::BlockFormat &format) {
  Preset preset;
  WeightOptions &options = preset.options;
  options.format = format;
  options.scaleRule = specificationRule(format);
  if (name == "rtn")
    return preset;

  options.algorithm = Algorithm::GPTQ;
  options.order = ColumnOrder::ActOrder;
  if (name == "gptq")
    return preset;

  preset.hadamardBlock = format.blockCols;
  if (name == "mr-gptq") {
    options.scaleRule = format.scale == numerics::ScaleFormat::E8M0
                            ? WeightScaleRule::Search
                            : WeightScaleRule::Mse;
    return preset;
  }
  if (name == "mr-gptq-plus") {
    options.scaleRule = WeightScaleRule::InLoop;
    options.tensorScaleRule = TensorScaleRule::Headroom;
    options.order = ColumnOrder::Group;
    options.polishSweeps = 2;
    return preset;
  }
  if (name == "fp-quant" || name == "llmcompressor" || name == "modelopt")
    return toolPreset(name, format);

  std::string known;
  for (std::string_view preset : kPresetNames)
    known += (known.empty() ? "" : ", ") + std::string(preset);
  return Status::error("unknown quantization preset '" + std::string(name) +
                       "', expected one of " + known);
}

Preset withoutCalibration(const Preset &preset) {
  Preset result = preset;
  WeightOptions &options = result.options;
  options.algorithm = Algorithm::RTN;
  options.order = ColumnOrder::Natural;
  options.polishSweeps = 0;
  if (options.scaleRule == WeightScaleRule::InLoop ||
      options.scaleRule == WeightScaleRule::WeightedMse ||
      options.scaleRule == WeightScaleRule::LocalHessian)
    options.scaleRule = WeightScaleRule::Search;
  return result;
}

} // namespace fp4::quantization
