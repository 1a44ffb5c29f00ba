//===- fp4-perplexity.cpp - How well a model predicts text ----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parses the command line and calls measurePerplexity.
//
//===----------------------------------------------------------------------===//

#include "fp4/Model/Host/Perplexity.h"
#include "fp4/Model/ModelText.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

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
static cl::opt<unsigned> threads("jobs", cl::init(1),
                                 cl::desc("Batches at a time; default 1"),
                                 cl::cat(category));

/// Overwrites one line of the terminal.
static void showProgress(const std::string &step, double part) {
  llvm::errs() << "\r" << step << ": " << llvm::format("%3.0f", 100 * part)
               << " %  ";
}

static Status run() {
  if (length < 2 || batch < 1 || threads < 1)
    return Status::error("expected --length of at least 2 and --batch and "
                         "--jobs of at least 1");
  Expected<model::ModelDirectory> model =
      model::ModelDirectory::open(directory);
  if (!model.ok())
    return model.status();
  Expected<std::vector<int32_t>> tokens =
      model::readTokens(tokenFile, model->config().vocabularySize);
  if (!tokens.ok())
    return tokens.status();
  model::PerplexityOptions options;
  options.sequenceLength = length;
  options.sequences = sequences;
  options.sequencesPerBatch = batch;
  options.threads = threads;
  bool isTerminal = llvm::sys::Process::StandardErrIsDisplayed();
  if (isTerminal)
    options.progress = showProgress;
  std::unique_ptr<mlir::MLIRContext> context = model::makeModelContext();
  Expected<model::PerplexityResult> result =
      model::measurePerplexity(*context, *model, *tokens, options);
  if (isTerminal)
    llvm::errs() << "\r\x1b[K";
  if (!result.ok())
    return result.status();
  llvm::outs() << "perplexity: " << llvm::format("%.4f", result->perplexity)
               << " (" << result->sequences << " sequences of " << length
               << " tokens, " << result->predictions << " predictions)\n";
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
