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

#include "fp4/Model/ModelText.h"
#include "fp4/TensorIO/AtomicFile.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
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
static cl::opt<std::string> output("o", cl::init("-"),
                                   cl::desc("Where to write; default stdout"),
                                   cl::value_desc("file"), cl::cat(category));

static Status run() {
  Expected<model::ModelDirectory> model =
      model::ModelDirectory::open(directory);
  if (!model.ok())
    return model.status();
  if (!emitMLIR)
    return Status::error("expected --emit-mlir");
  std::string text = model::wholeModule(*model);
  if (output != "-")
    return writeFileAtomically(output, text);
  llvm::outs() << text;
  return Status::success();
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
