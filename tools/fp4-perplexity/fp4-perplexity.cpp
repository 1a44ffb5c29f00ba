//===- fp4-perplexity.cpp - How well a model predicts text ----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parses the command line, quantizes the model in memory once for each recipe,
// and measures.
//
//===----------------------------------------------------------------------===//

#include "../RecipeFlags.h"
#include "fp4/Model/Host/Perplexity.h"
#include "fp4/Model/ModelText.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>

using namespace fp4;
namespace cl = llvm::cl;

static cl::OptionCategory category("fp4-perplexity options");
static cl::opt<std::string> directory(cl::Positional, cl::Required,
                                      cl::desc("<model directory>"),
                                      cl::cat(category));
static cl::opt<std::string>
    tokenFile("tokens", cl::Required,
              cl::desc("Token ids: *.u16 or *.u32, little-endian"),
              cl::value_desc("file"), cl::cat(category));
static cl::opt<unsigned> length("length", cl::init(512),
                                cl::desc("Tokens per sequence; default 512"),
                                cl::cat(category));
static cl::opt<unsigned> sequences("sequences", cl::init(0),
                                   cl::desc("How many; default: all"),
                                   cl::cat(category));
static cl::opt<unsigned>
    batch("batch", cl::init(4),
          cl::desc("Sequences per call of a block; default 4"),
          cl::cat(category));
static cl::opt<unsigned> jobs("jobs", cl::init(1),
                              cl::desc("Batches at a time; default 1"),
                              cl::cat(category));

static cl::opt<std::string>
    calibration("calibration",
                cl::desc("Token ids to calibrate with, not those to measure"),
                cl::value_desc("file"), cl::cat(category));
static cl::opt<unsigned>
    calibrationSequences("calibration-sequences", cl::init(128),
                         cl::desc("How many of them; default 128"),
                         cl::cat(category));
static const std::string recipeText =
    "Quantize blocks first: " + model::recipeNameList();
static cl::list<std::string> recipes("recipe", cl::CommaSeparated,
                                     cl::desc(recipeText),
                                     cl::value_desc("name,..."),
                                     cl::cat(category));
static cl::list<std::string> formats("format", cl::CommaSeparated,
                                     cl::desc("nvfp4, mxfp4; default nvfp4"),
                                     cl::value_desc("name,..."),
                                     cl::cat(category));
static const RecipeFlags flags(category);
static cl::opt<bool> weightsOnly("weights-only",
                                 cl::desc("Leave activations in float32"),
                                 cl::cat(category));

static bool isTerminal() {
  return llvm::sys::Process::StandardErrIsDisplayed();
}

static model::PerplexityOptions measureOptions() {
  model::PerplexityOptions options;
  options.sequenceLength = length;
  options.sequences = sequences;
  options.sequencesPerBatch = batch;
  options.threads = jobs;
  if (isTerminal())
    options.progress = model::ProgressLine();
  return options;
}

static Expected<model::Recipe> getRecipe(const std::string &name,
                                         const std::string &formatName) {
  Expected<model::Recipe> recipe = flags.makeRecipe(name, formatName);
  if (recipe.ok() && weightsOnly)
    recipe->quantizeActivations = false;
  return recipe;
}

/// All quantized blocks, and the mean relative error of their layers.
static Expected<std::vector<model::QuantizedBlock>>
quantizeBlocks(mlir::MLIRContext &context, const model::ModelDirectory &model,
               const model::Recipe &recipe,
               const std::vector<int32_t> &calibrationTokens, double &error) {
  model::CalibrationOptions options;
  options.sequenceLength = length;
  options.sequences = calibrationSequences;
  options.sequencesPerBatch = batch;
  options.threads = jobs;
  if (isTerminal())
    options.progress = model::ProgressLine();
  auto quantizer = model::BlockQuantizer::create(context, model, recipe,
                                                 calibrationTokens, options);
  if (!quantizer.ok())
    return quantizer.status();
  std::vector<model::QuantizedBlock> blocks;
  double sum = 0;
  for (int64_t layer = 0; layer < model.config().numLayers; ++layer) {
    Expected<model::QuantizedBlock> block = quantizer->quantizeNext();
    if (!block.ok())
      return block.status();
    for (const quantization::QuantizedWeight &weight : block->weights)
      sum += weight.report.objectiveAfter / double(block->weights.size());
    blocks.push_back(std::move(*block));
  }
  error = sum / double(blocks.size());
  return blocks;
}

static void printResult(const std::string &what,
                        const model::PerplexityResult &result) {
  if (isTerminal())
    model::ProgressLine::clear();
  llvm::outs() << what
               << "perplexity: " << llvm::format("%.4f", result.perplexity)
               << " (" << result.sequences << " sequences of " << length
               << " tokens, " << result.predictions << " predictions)\n";
  llvm::outs().flush();
}

static Status measureRecipe(mlir::MLIRContext &context,
                            const model::ModelDirectory &model,
                            const std::string &name, const std::string &format,
                            const std::vector<int32_t> &calibrationTokens,
                            const std::vector<int32_t> &tokens) {
  Expected<model::Recipe> recipe = getRecipe(name, format);
  if (!recipe.ok())
    return recipe.status();
  if (Status status = flags.applyToLayers(*recipe, model.config());
      !status.ok())
    return status;
  double error = 0;
  auto start = std::chrono::steady_clock::now();
  auto blocks =
      quantizeBlocks(context, model, *recipe, calibrationTokens, error);
  if (!blocks.ok())
    return blocks.status();
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  // Not with the results, which are the same each time.
  llvm::errs() << format << " " << name << ": quantized in "
               << llvm::format("%.0f", seconds.count()) << " s\n";
  auto run = model::QuantizedModelRun::create(context, model, *recipe);
  if (!run.ok())
    return run.status();
  model::BlockVariant variant;
  variant.runBlock = [&](int64_t layer, model::Batches &states,
                         unsigned threads, const model::Progress &progress) {
    return run->runBlock(layer, (*blocks)[size_t(layer)], states, threads,
                         progress);
  };
  Expected<model::PerplexityResult> result = model::measurePerplexity(
      context, model, tokens, measureOptions(), variant);
  if (!result.ok())
    return result.status();
  std::string line;
  llvm::raw_string_ostream(line)
      << format << " " << flags.nameOf(name)
      << (weightsOnly ? " (weights only)" : "") << ": mean layer error "
      << llvm::format("%.5f", error) << ", ";
  printResult(line, *result);
  return Status::success();
}

static Status run() {
  if (length < 2 || batch < 1 || jobs < 1)
    return Status::error("expected --length of at least 2 and --batch and "
                         "--jobs of at least 1");
  if (!recipes.empty() && calibration.empty())
    return Status::error("--recipe needs --calibration=FILE with tokens that "
                         "are not those to measure");
  if (formats.empty())
    formats.push_back("nvfp4");
  for (const std::string &format : formats)
    for (const std::string &name : recipes)
      if (Expected<model::Recipe> recipe = getRecipe(name, format);
          !recipe.ok())
        return recipe.status();
  Expected<model::ModelDirectory> model =
      model::ModelDirectory::open(directory);
  if (!model.ok())
    return model.status();
  int64_t vocabulary = model->config().vocabularySize;
  Expected<std::vector<int32_t>> tokens =
      model::readTokens(tokenFile, vocabulary);
  if (!tokens.ok())
    return tokens.status();
  std::unique_ptr<mlir::MLIRContext> context = model::makeModelContext();
  if (!recipes.empty() && model->quantization())
    return Status::error("'" + directory + "' is quantized already");
  if (recipes.empty()) {
    Expected<model::BlockVariant> variant =
        model::checkpointVariant(*context, *model, !weightsOnly);
    if (!variant.ok())
      return variant.status();
    Expected<model::PerplexityResult> result = model::measurePerplexity(
        *context, *model, *tokens, measureOptions(), *variant);
    if (!result.ok())
      return result.status();
    printResult("", *result);
    return Status::success();
  }
  Expected<std::vector<int32_t>> calibrationTokens =
      model::readTokens(calibration, vocabulary);
  if (!calibrationTokens.ok())
    return calibrationTokens.status();
  for (const std::string &format : formats)
    for (const std::string &name : recipes)
      if (Status status = measureRecipe(*context, *model, name, format,
                                        *calibrationTokens, *tokens);
          !status.ok())
        return status;
  return Status::success();
}

int main(int argc, char **argv) {
  llvm::InitLLVM initialize(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv,
                              "Measure the perplexity of a language model\n");
  Status status = run();
  if (status.ok())
    return 0;
  llvm::WithColor::error(llvm::errs(), "fp4-perplexity")
      << status.message() << "\n";
  return 1;
}
