//===- fp4-quantize.cpp - Models of Hugging Face to FP4 -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parses the command line and hands it to the Model libraries.
//
//===----------------------------------------------------------------------===//

#include "../RecipeFlags.h"
#include "fp4/Model/ModelText.h"
#include "fp4/TensorIO/AtomicFile.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

using namespace fp4;
namespace cl = llvm::cl;

static cl::OptionCategory category("fp4-quantize options");
static cl::opt<std::string> directory(cl::Positional, cl::Required,
                                      cl::desc("<model directory>"),
                                      cl::cat(category));
static cl::opt<bool> emitMLIR("emit-mlir",
                              cl::desc("Write the float model as MLIR, with "
                                       "its weights as parameters"),
                              cl::cat(category));
static cl::opt<std::string>
    output("o",
           cl::desc("Where to write: a new directory, or with --emit-mlir "
                    "a file (default stdout)"),
           cl::value_desc("path"), cl::cat(category));
static cl::opt<std::string> formatName("format", cl::init("nvfp4"),
                                       cl::desc("nvfp4 (default) or mxfp4"),
                                       cl::value_desc("name"),
                                       cl::cat(category));
static const std::string recipeText =
    "The recipe (default hadamard-128): " + model::recipeNameList() +
    "; best is for fp4-perplexity";
static cl::opt<std::string> recipeName("preset", cl::init("hadamard-128"),
                                       cl::desc(recipeText),
                                       cl::value_desc("name"),
                                       cl::cat(category));
static const RecipeFlags flags(category);
static cl::opt<unsigned> fuseRotations(
    "fuse-rotations",
    cl::desc("Only write the float model to -o, with rotations of that many "
             "channels in its weights"),
    cl::value_desc("channels"), cl::cat(category));
static cl::opt<std::string> calibration("calibration",
                                        cl::desc("Token ids: *.u16 or *.u32"),
                                        cl::value_desc("file"),
                                        cl::cat(category));
static cl::opt<unsigned> sequences("sequences", cl::init(128),
                                   cl::desc("How many; default 128"),
                                   cl::cat(category));
static cl::opt<unsigned> length("length", cl::init(512),
                                cl::desc("Tokens per sequence; default 512"),
                                cl::cat(category));
static cl::opt<unsigned> jobs("jobs", cl::init(1),
                              cl::desc("Batches at a time; default 1"),
                              cl::cat(category));
static cl::opt<std::string>
    layoutText("export", cl::init("compressed-tensors"),
               cl::desc("compressed-tensors (default), fp_quant or modelopt"),
               cl::value_desc("layout"), cl::cat(category));

static cl::opt<std::string> validation(
    "validation",
    cl::desc("Token ids; the report then tells the perplexity of the "
             "float32 and of the quantized model on them"),
    cl::value_desc("file"), cl::cat(category));
static cl::opt<bool>
    showProgress("progress",
                 cl::desc("Show progress and the time left even if standard "
                          "error is no terminal"),
                 cl::cat(category));

static Status writeText(const model::ModelDirectory &model) {
  std::string text = model::wholeModule(model);
  if (!output.empty())
    return writeFileAtomically(output, text);
  llvm::outs() << text;
  return Status::success();
}

static Expected<model::ExportOptions> parseOptions() {
  Expected<model::Recipe> recipe = flags.makeRecipe(recipeName, formatName);
  if (!recipe.ok())
    return recipe.status();
  std::optional<model::Layout> layout = model::parseLayout(layoutText);
  if (!layout)
    return Status::error("expected --export of compressed-tensors, fp_quant or "
                         "modelopt, got '" +
                         layoutText + "'");
  if (output.empty() || calibration.empty())
    return Status::error("expected -o DIRECTORY and --calibration=FILE");
  if (length < 1 || sequences < 1 || jobs < 1)
    return Status::error("expected --length, --sequences and --jobs of at "
                         "least 1");
  model::ExportOptions options;
  options.layout = *layout;
  options.recipe = *recipe;
  options.recipeName = flags.nameOf(recipeName);
  options.overrides.assign(flags.overrides.begin(), flags.overrides.end());
  options.calibration.sequences = sequences;
  options.calibration.sequenceLength = length;
  options.calibration.threads = jobs;
  if (showProgress || llvm::sys::Process::StandardErrIsDisplayed())
    options.calibration.progress = model::ProgressLine();
  return options;
}

static Status readValidation(const model::ModelDirectory &model,
                             const std::vector<int32_t> &calibrationTokens,
                             model::ExportOptions &options) {
  if (validation.empty())
    return Status::success();
  Expected<std::vector<int32_t>> tokens =
      model::readTokens(validation, model.config().vocabularySize);
  if (!tokens.ok())
    return tokens.status();
  if (*tokens == calibrationTokens)
    return Status::error("--validation has the tokens of --calibration; "
                         "perplexity on those says nothing");
  if (tokens->size() < length)
    return Status::error("expected at least " + std::to_string(length) +
                         " validation tokens, got " +
                         std::to_string(tokens->size()));
  options.validation = std::move(*tokens);
  return Status::success();
}

static Status run() {
  Expected<model::ModelDirectory> model =
      model::ModelDirectory::open(directory);
  if (!model.ok())
    return model.status();
  if (emitMLIR)
    return writeText(*model);
  if (fuseRotations.getNumOccurrences()) {
    if (output.empty())
      return Status::error("expected -o DIRECTORY");
    return model::exportFusedModel(*model, fuseRotations, output);
  }
  Expected<model::ExportOptions> options = parseOptions();
  if (!options.ok())
    return options.status();
  if (Status status = flags.applyToLayers(options->recipe, model->config());
      !status.ok())
    return status;
  Expected<std::vector<int32_t>> tokens =
      model::readTokens(calibration, model->config().vocabularySize);
  if (!tokens.ok())
    return tokens.status();
  if (Status status = readValidation(*model, *tokens, *options); !status.ok())
    return status;
  std::unique_ptr<mlir::MLIRContext> context = model::makeModelContext();
  Status status =
      model::exportModel(*context, *model, *tokens, *options, output);
  if (options->calibration.progress)
    model::ProgressLine::clear();
  return status;
}

int main(int argc, char **argv) {
  llvm::InitLLVM initialize(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "Quantize a language model to FP4\n");
  Status status = run();
  if (status.ok())
    return 0;
  llvm::WithColor::error(llvm::errs(), "fp4-quantize")
      << status.message() << "\n";
  return 1;
}
