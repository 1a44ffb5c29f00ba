//===- fp4-run.cpp - Run a program on arrays ------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parses the command line and hands it to a device.
//
//===----------------------------------------------------------------------===//

#include "Devices.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

namespace cl = llvm::cl;

static cl::OptionCategory category("fp4-run options");
static cl::opt<std::string> program(cl::Positional, cl::Required,
                                    cl::desc("<module.mlir>"),
                                    cl::cat(category));
static cl::opt<std::string> device("device", cl::init("host"),
                                   cl::desc("Where to run: host"),
                                   cl::value_desc("name"), cl::cat(category));
static cl::opt<std::string>
    entry("entry", cl::desc("Function to run (default: main, or the only one)"),
          cl::value_desc("name"), cl::cat(category));
static cl::list<std::string>
    inputs("input",
           cl::desc("An argument, once for each: [name=]file.npy or "
                    "[name=]file.safetensors:tensor; without names in order"),
           cl::value_desc("file"), cl::cat(category));
static cl::list<std::string>
    outputs("output", cl::desc("Where to write a result, once for each"),
            cl::value_desc("file.npy"), cl::cat(category));
static cl::list<std::string>
    checks("check",
           cl::desc("A reference to compare a result with, once for each; the "
                    "exit status is 1 if they differ"),
           cl::value_desc("file"), cl::cat(category));
static cl::opt<double>
    tolerance("tolerance", cl::init(0),
              cl::desc("Relative error (Frobenius norm) that --check allows; "
                       "default 0"),
              cl::value_desc("number"), cl::cat(category));
static cl::opt<bool> timeRun("time",
                             cl::desc("Print the time to compile and to run"),
                             cl::cat(category));
static cl::opt<std::string> hessiansOut(
    "hessians-out",
    cl::desc("Collect X^T X of the input of every linear layer and write one "
             "tensor per layer"),
    cl::value_desc("file.safetensors"), cl::cat(category));

static cl::list<std::string>
    sharedLibs("shared-libs", cl::CommaSeparated,
               cl::desc("Libraries with functions that the program calls"),
               cl::value_desc("file.so,..."), cl::cat(category));
static cl::opt<bool>
    useBLAS("blas",
            cl::desc("Let OpenBLAS compute float32 products: faster, with "
                     "another order of addition"),
            cl::cat(category));

int main(int argc, char **argv) {
  llvm::InitLLVM initialize(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "Run an fp4 program on arrays\n");

  fp4::RunRequest request{program,   entry,   inputs,      outputs,    checks,
                          tolerance, timeRun, hessiansOut, sharedLibs, useBLAS};
  fp4::Expected<const fp4::Device *> found = fp4::findDevice(device);
  fp4::Status status = found.ok() ? (*found)->run(request) : found.status();
  llvm::outs().flush(); // what was printed comes before the error
  if (status.ok())
    return 0;
  llvm::WithColor::error(llvm::errs(), "fp4-run") << status.message() << "\n";
  return 1;
}
