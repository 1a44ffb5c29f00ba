//===- ModelExport.cpp - From model directory to model directory ----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Files of an unfinished run beside those of the model:
//   run.json             what the run is
//   states-N.safetensors hidden states before block N; their presence says that
//                        the shards of all blocks before are complete
//   report-N.json        the layers of block N
//
//===----------------------------------------------------------------------===//

#include "CheckpointFolder.h"
#include "ExportReport.h"
#include "fp4/TensorIO/AtomicFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include <filesystem>

namespace fs = std::filesystem;
namespace json = llvm::json;

namespace fp4::model {

namespace {
class Export {
public:
  Export(const ModelDirectory &model, const ExportOptions &options,
         const std::vector<int32_t> &tokens, const std::string &output)
      : model(model), options(options), tokens(tokens), output(output),
        partial(output + ".partial") {}

  Status run(mlir::MLIRContext &context);

private:
  std::string describe() const;
  Status openPartial();
  Status resume(BlockQuantizer &quantizer);
  Status writeBlock(int64_t layer, const QuantizedBlock &block);
  Status writeOuter();
  Expected<json::Array> readReports() const;
  Status finish();
  std::string at(const std::string &name) const { return partial + "/" + name; }
  std::string shardName(int64_t index) const {
    return checkpointShard(index, model.config().numLayers + 1);
  }
  std::string statesName(int64_t next) const {
    return "states-" + std::to_string(next) + ".safetensors";
  }
  std::string reportName(int64_t layer) const {
    return "report-" + std::to_string(layer) + ".json";
  }

  const ModelDirectory &model;
  const ExportOptions &options;
  const std::vector<int32_t> &tokens;
  std::string output;
  std::string partial;
};
} // namespace

/// FNV-1a, to notice that a file is another one.
static uint64_t hashBytes(const void *data, size_t size) {
  uint64_t hash = 14695981039346656037u;
  for (size_t i = 0; i < size; ++i)
    hash = (hash ^ static_cast<const uint8_t *>(data)[i]) * 1099511628211u;
  return hash;
}

std::string Export::describe() const {
  const CalibrationOptions &calibration = options.calibration;
  auto format =
      options.recipe.weights.format.blockCols == 16 ? "nvfp4" : "mxfp4";
  return toText(json::Object{
      {"model", model.path()},
      {"config", llvm::utohexstr(hashBytes(model.configText().data(),
                                           model.configText().size()))},
      {"tokens", llvm::utohexstr(hashBytes(tokens.data(), tokens.size() * 4))},
      {"recipe", options.recipeName},
      {"overrides", json::Array(options.overrides)},
      {"kept", json::Array(options.recipe.kept)},
      {"format", format},
      {"activations", options.recipe.quantizeActivations},
      {"layout", std::string(layoutName(options.layout))},
      {"sequences", int64_t(calibration.sequences)},
      {"sequence_length", int64_t(calibration.sequenceLength)},
      {"sequences_per_batch", int64_t(calibration.sequencesPerBatch)},
      {"validation",
       llvm::utohexstr(hashBytes(options.validation.data(),
                                 options.validation.size() * 4))}});
}

//===----------------------------------------------------------------------===//
// Beginning and going on
//===----------------------------------------------------------------------===//

Status Export::openPartial() {
  std::error_code error;
  if (fs::exists(output, error))
    return Status::error("'" + output + "' exists; it is not overwritten");
  if (fs::exists(at("run.json"), error)) {
    Expected<std::string> text = readText(at("run.json"));
    if (!text.ok())
      return text.status();
    if (*text != describe())
      return Status::error("'" + partial +
                           "' holds an unfinished run with other options; "
                           "repeat those or remove it");
    return Status::success();
  }
  fs::create_directories(partial, error);
  if (error)
    return Status::error("cannot create '" + partial + "': " + error.message());
  return writeFileAtomically(at("run.json"), describe());
}

Status Export::resume(BlockQuantizer &quantizer) {
  std::error_code error;
  for (int64_t next = model.config().numLayers; next > 0; --next) {
    if (!fs::exists(at(statesName(next)), error))
      continue;
    Expected<CheckpointReader> saved =
        CheckpointReader::open(at(statesName(next)));
    if (!saved.ok())
      return saved.status();
    return quantizer.restoreStates(next, *saved);
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

Status Export::writeBlock(int64_t layer, const QuantizedBlock &block) {
  TensorMap tensors =
      exportBlock(options.layout, model.config(), options.recipe, layer, block);
  std::vector<TensorSpec> specs = blockTensors(model.config(), layer);
  for (size_t i = 0; i < specs.size(); ++i) {
    bool isLinear = i < std::size(kLinears);
    if (isLinear && !options.recipe.kept.count(linearName(layer, kLinears[i])))
      continue;
    Expected<NDArray> tensor = model.tensor(specs[i].name);
    if (!tensor.ok())
      return tensor.status();
    tensors.emplace(specs[i].name, *tensor);
  }
  Status status = writeFileAtomically(at(reportName(layer)),
                                      toText(blockReport(layer, block)));
  return status.ok() ? writeSafetensors(at(shardName(layer)), tensors,
                                        {{"format", "pt"}})
                     : status;
}

Status Export::writeOuter() {
  TensorMap tensors;
  std::vector<TensorSpec> specs = outerTensors(model.config());
  if (Status status = model.checkFinite(specs); !status.ok())
    return status;
  for (const TensorSpec &spec : specs)
    tensors.emplace(spec.name, *model.tensor(spec.name));
  return writeSafetensors(at(shardName(model.config().numLayers)), tensors,
                          {{"format", "pt"}});
}

Expected<json::Array> Export::readReports() const {
  json::Array layers;
  for (int64_t layer = 0; layer < model.config().numLayers; ++layer) {
    Expected<std::string> text = readText(at(reportName(layer)));
    if (!text.ok())
      return text.status();
    llvm::Expected<json::Value> parsed = json::parse(*text);
    if (!parsed || !parsed->getAsArray()) {
      if (!parsed)
        llvm::consumeError(parsed.takeError());
      return Status::error("'" + at(reportName(layer)) + "' is damaged");
    }
    for (json::Value &entry : *parsed->getAsArray())
      layers.push_back(std::move(entry));
  }
  return layers;
}

/// Removes what belongs to the run and gives the directory its name.
Status Export::finish() {
  std::error_code error;
  fs::remove(at(statesName(model.config().numLayers)), error);
  for (int64_t layer = 0; layer < model.config().numLayers; ++layer)
    fs::remove(at(reportName(layer)), error);
  fs::remove(at("run.json"), error);
  return publishCheckpoint(partial, output);
}

Status Export::run(mlir::MLIRContext &context) {
  if (Status status = checkLayout(options.layout, options.recipe); !status.ok())
    return status;
  if (model.quantization())
    return Status::error("'" + model.path() + "' is quantized already");
  Expected<std::string> config =
      exportConfig(options.layout, options.recipe, model.configText());
  if (!config.ok())
    return config.status();
  Expected<BlockQuantizer> quantizer = BlockQuantizer::create(
      context, model, options.recipe, tokens, options.calibration);
  if (!quantizer.ok())
    return quantizer.status();
  Status status = openPartial();
  if (status.ok())
    status = resume(*quantizer);
  while (status.ok() && quantizer->nextLayer() < model.config().numLayers) {
    int64_t layer = quantizer->nextLayer();
    Expected<QuantizedBlock> block = quantizer->quantizeNext();
    if (!block.ok())
      return block.status();
    status = writeBlock(layer, *block);
    if (status.ok())
      status =
          writeSafetensors(at(statesName(layer + 1)), quantizer->saveStates());
    std::error_code ignored;
    if (status.ok())
      fs::remove(at(statesName(layer)), ignored);
  }
  if (status.ok())
    status = writeOuter();
  if (status.ok())
    status = writeCheckpointIndex(partial, model.config().numLayers + 1);
  if (status.ok())
    status = copyTokenizer(model, partial);
  if (status.ok())
    status = writeFileAtomically(at("config.json"), *config);
  if (!status.ok())
    return status;
  Expected<json::Array> layers = readReports();
  if (!layers.ok())
    return layers.status();
  status = writeReport(context, model, options, partial, std::move(*layers));
  return status.ok() ? finish() : status;
}

Status exportModel(mlir::MLIRContext &context, const ModelDirectory &model,
                   const std::vector<int32_t> &tokens,
                   const ExportOptions &options, const std::string &output) {
  return Export(model, options, tokens, output).run(context);
}

Recipe recipeOfCheckpoint(const QuantizedConfig &config) {
  Recipe recipe;
  recipe.weights.format = config.format;
  recipe.transformBlock = config.hadamardBlock;
  recipe.transformsOnlyDown = config.transformsOnlyDown;
  recipe.transform =
      config.hadamardBlock ? TransformKind::Hadamard : TransformKind::None;
  recipe.activationRule = numerics::defaultScaleRule(config.format);
  return recipe;
}

static bool keepsLayers(const ModelDirectory &model) {
  for (int64_t layer = 0; layer < model.config().numLayers; ++layer)
    for (const Stage &stage : kStages)
      if (model.quantization()->ignores(
              linearName(layer, kLinears[stage.first])))
        return true;
  return false;
}

Expected<BlockVariant> checkpointVariant(mlir::MLIRContext &context,
                                         const ModelDirectory &model,
                                         bool quantizesActivations) {
  BlockVariant variant;
  if (!model.quantization())
    return variant;
  Recipe recipe = recipeOfCheckpoint(*model.quantization());
  recipe.quantizeActivations = quantizesActivations;
  auto import = [&model](int64_t layer) {
    return importBlock(*model.quantization(), model.config(), layer,
                       model.weights());
  };
  // One program for all blocks would not do where they keep different layers.
  if (keepsLayers(model)) {
    auto run = QuantizedModelRun::create(context, model, recipe);
    if (!run.ok())
      return run.status();
    variant.runBlock = [run = std::move(*run), import](
                           int64_t layer, Batches &states, unsigned threads,
                           const Progress &progress) -> Status {
      Expected<QuantizedBlock> block = import(layer);
      if (!block.ok())
        return block.status();
      return run.runBlock(layer, *block, states, threads, progress);
    };
    return variant;
  }
  variant.rewrite = quantizedBlockRewrite(recipe);
  variant.parameters = [recipe, import,
                        &model](int64_t layer) -> Expected<Parameters> {
    Expected<QuantizedBlock> block = import(layer);
    if (!block.ok())
      return block.status();
    return toParameters(model.config(), recipe, layer, *block);
  };
  return variant;
}

} // namespace fp4::model
