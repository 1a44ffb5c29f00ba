//===- ExportReport.cpp - report.json and report.html ---------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Collects what fp4-quantize says of a finished run: errors by layer, bits per
// weight, and perplexity if there are validation tokens.
//
//===----------------------------------------------------------------------===//

#include "ExportReport.h"
#include "fp4/Model/ReportPage.h"
#include "fp4/TensorIO/AtomicFile.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

namespace json = llvm::json;

namespace fp4::model {

json::Array blockReport(int64_t layer, const QuantizedBlock &block) {
  json::Array layers;
  for (size_t i = 0; i < block.weights.size(); ++i) {
    if (block.weights[i].codes.empty())
      continue; // kept
    const quantization::LayerReport &report = block.weights[i].report;
    layers.push_back(
        json::Object{{"name", linearName(layer, kLinears[i])},
                     {"relative_error", report.objectiveAfter},
                     {"relative_error_rtn", report.objectiveRTN},
                     {"damping", report.dampingUsed},
                     {"dead_columns", int64_t(report.deadColumns)}});
  }
  return layers;
}

static std::string text(const char *format, double value) {
  std::string result;
  llvm::raw_string_ostream(result) << llvm::format(format, value);
  return result;
}

/// All bits of the checkpoint over the number of weights of the float model.
static Expected<double> bitsOfModel(const ModelDirectory &model,
                                    const ModelDirectory &checkpoint) {
  double weights = 0, bits = 0;
  std::vector<TensorSpec> specs = outerTensors(model.config());
  for (int64_t layer = 0; layer < model.config().numLayers; ++layer)
    for (TensorSpec &spec : blockTensors(model.config(), layer))
      specs.push_back(std::move(spec));
  for (const TensorSpec &spec : specs) {
    double count = 1;
    for (int64_t size : spec.shape)
      count *= double(size);
    weights += count;
  }
  for (const std::string &name : checkpoint.weights().tensors()) {
    Expected<NDArray> tensor = checkpoint.tensor(name);
    if (!tensor.ok())
      return tensor.status();
    bits += 8 * double(tensor->byteSize());
  }
  return bits / weights;
}

namespace {
struct Perplexities {
  PerplexityResult exact, quantized;
};
} // namespace

static Expected<Perplexities> measure(mlir::MLIRContext &context,
                                      const ModelDirectory &model,
                                      const ModelDirectory &checkpoint,
                                      const ExportOptions &options) {
  PerplexityOptions measurement;
  measurement.sequenceLength = options.calibration.sequenceLength;
  measurement.sequencesPerBatch = options.calibration.sequencesPerBatch;
  measurement.threads = options.calibration.threads;
  auto exact =
      measurePerplexity(context, model, options.validation, measurement);
  if (!exact.ok())
    return exact.status();
  Expected<BlockVariant> variant = checkpointVariant(context, checkpoint);
  if (!variant.ok())
    return variant.status();
  auto quantized = measurePerplexity(context, checkpoint, options.validation,
                                     measurement, *variant);
  if (!quantized.ok())
    return quantized.status();
  return Perplexities{*exact, *quantized};
}

static json::Array namesOf(const std::vector<LayerError> &layers) {
  json::Array names;
  for (size_t index : worstFirst(layers))
    names.push_back(layers[index].name);
  return names;
}

Status writeReport(mlir::MLIRContext &context, const ModelDirectory &model,
                   const ExportOptions &options, const std::string &directory,
                   json::Array layers) {
  Expected<ModelDirectory> checkpoint = ModelDirectory::open(directory);
  if (!checkpoint.ok())
    return checkpoint.status();
  Expected<double> bits = bitsOfModel(model, *checkpoint);
  if (!bits.ok())
    return bits.status();

  const numerics::BlockFormat &format = options.recipe.weights.format;
  std::string formatName = format.blockCols == 16 ? "nvfp4" : "mxfp4";
  std::string layout(layoutName(options.layout));
  ReportPage page;
  page.title = model.path() + " in " + formatName;
  double sum = 0;
  for (const json::Value &value : layers) {
    const json::Object &entry = *value.getAsObject();
    page.layers.push_back({entry.getString("name")->str(),
                           entry.getNumber("relative_error").value_or(0),
                           entry.getNumber("relative_error_rtn").value_or(0)});
    sum += page.layers.back().error;
  }
  double mean = layers.empty() ? 0 : sum / double(layers.size());
  double bitsPerWeight = numerics::bitsPerElement(format);
  page.facts = {
      {"recipe", options.recipeName},
      {"layout", layout},
      {"bits per weight of the quantized layers", text("%.3f", bitsPerWeight)},
      {"bits per weight of the model", text("%.3f", *bits)},
      {"mean relative error", text("%.3e", mean)}};
  json::Object report{{"recipe", options.recipeName},
                      {"format", formatName},
                      {"layout", layout},
                      {"bits_per_weight", bitsPerWeight},
                      {"bits_per_weight_of_model", *bits},
                      {"mean_relative_error", mean},
                      {"kept_layers", json::Array(options.recipe.kept)},
                      {"worst_layers", namesOf(page.layers)},
                      {"layers", std::move(layers)}};
  if (!options.validation.empty()) {
    Expected<Perplexities> measured =
        measure(context, model, *checkpoint, options);
    if (!measured.ok())
      return measured.status();
    double exact = measured->exact.perplexity;
    double quantized = measured->quantized.perplexity;
    report["perplexity"] =
        json::Object{{"float32", exact},
                     {"quantized", quantized},
                     {"gap", quantized - exact},
                     {"predictions", int64_t(measured->exact.predictions)}};
    page.facts.push_back({"perplexity", text("%.4f", quantized) + " (float32 " +
                                            text("%.4f", exact) + ")"});
  }
  Status status = writeFileAtomically(
      directory + "/report.json",
      llvm::formatv("{0:2}\n", json::Value(std::move(report))).str());
  return status.ok()
             ? writeFileAtomically(directory + "/report.html", toHTML(page))
             : status;
}

} // namespace fp4::model
