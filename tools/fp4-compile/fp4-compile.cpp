//===- fp4-compile.cpp - From a module to PTX and weights -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The compiler driver: options, and one line on standard error per diagnostic.
// The work is in Pipelines/Compilation.h.
//
//===----------------------------------------------------------------------===//

#include "fp4/InitAllDialects.h"
#include "fp4/Pipelines/Compilation.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
namespace cl = llvm::cl;

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

static cl::OptionCategory category("Compilation");
static cl::opt<std::string> input(cl::Positional, cl::desc("<module.mlir>"),
                                  cl::init("-"), cl::cat(category));
static cl::opt<std::string> output("o", cl::cat(category),
                                   cl::value_desc("directory"),
                                   cl::desc("Write PTX, launch manifest and "
                                            "prepacked weights there"));
static cl::opt<std::string> compileTo(
    "compile-to", cl::cat(category), cl::value_desc("phase"),
    cl::desc("Stop after a phase and write the module, or for 'ptx' the text, "
             "to standard output"));
static cl::opt<std::string> remarks(
    "remarks", cl::cat(category), cl::ValueOptional,
    cl::value_desc("categories"),
    cl::desc("Print what passes chose and why to standard error; with a "
             "regular expression only remarks of matching categories"));

namespace {
/// Options that are CompileOptions.
struct Flags {
  fp4::CompileOptions options;
  cl::opt<std::string, true> target{
      "target", cl::cat(category), cl::location(options.target),
      cl::value_desc("gpu"), cl::desc("GPU to compile for (sm_120a)")};
  cl::opt<std::string, true> format{
      "format", cl::cat(category), cl::location(options.format),
      cl::value_desc("name"), cl::desc("Block format, nvfp4 or mxfp4 (nvfp4)")};
  cl::opt<std::string, true> algorithm{
      "algorithm", cl::cat(category), cl::location(options.algorithm),
      cl::value_desc("name"),
      cl::desc("How weights are quantized: rtn, gptq, mr-gptq or mr-gptq-plus "
               "(mr-gptq)")};
  cl::opt<int64_t, true> rotation{
      "rotation", cl::cat(category), cl::location(options.rotation),
      cl::value_desc("values"),
      cl::desc("Values per Hadamard rotation, 0 for none (the format's block "
               "for mr-gptq, else 0)")};
  cl::opt<std::string, true> activations{
      "activations", cl::cat(category), cl::location(options.activations),
      cl::value_desc("name"),
      cl::desc("Block format of the activations, or none (as the weights)")};
  cl::opt<std::string, true> activationScaleRule{
      "activation-scale-rule", cl::cat(category),
      cl::location(options.activationScaleRule), cl::value_desc("name"),
      cl::desc("floor, rceil, even, absmax, four_over_six or search "
               "(four_over_six for nvfp4, even for mxfp4)")};
  cl::opt<std::string, true> weights{
      "weights", cl::cat(category), cl::location(options.weights),
      cl::value_desc("file"),
      cl::desc("safetensors file, index or folder with the weights that the "
               "module names")};
  cl::opt<std::string, true> hessians{
      "hessians", cl::cat(category), cl::location(options.hessians),
      cl::value_desc("file"),
      cl::desc("safetensors file of calibration Hessians")};
  cl::list<std::string, std::vector<std::string>> calibrate{
      "calibrate", cl::cat(category), cl::location(options.calibration),
      cl::value_desc("file"),
      cl::desc("Calibration input, .npy or .safetensors[:tensor]; once per "
               "argument of the program")};
  cl::opt<std::string, true> dump{
      "dump", cl::cat(category), cl::location(options.dumpDirectory),
      cl::value_desc("directory"),
      cl::desc("Also write the module after every phase there")};
};
} // namespace
static Flags flags;

/// The overview for `--help`.
static std::string describePhases() {
  std::string text = "from a module of linear layers to FP4 kernels\n\n"
                     "PHASES:\n";
  for (const fp4::Phase &phase : fp4::getPhases())
    text += "  " + phase.name.str() + std::string(10 - phase.name.size(), ' ') +
            phase.description.str() + "\n";
  text += "\nTARGETS: " + fp4::gpu::listGPUArchs() +
          "\n\nEXAMPLE:\n"
          "  fp4-compile layer.mlir --target=sm_120a --calibrate=x.npy "
          "-o layer.fp4\n";
  return text;
}

//===----------------------------------------------------------------------===//
// Diagnostics
//===----------------------------------------------------------------------===//

static int fail(const llvm::Twine &message) {
  llvm::errs() << "fp4-compile: error: " << message << "\n";
  return 1;
}

static StringRef getSeverityName(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Note:
    return "note";
  case DiagnosticSeverity::Warning:
    return "warning";
  case DiagnosticSeverity::Error:
    return "error";
  case DiagnosticSeverity::Remark:
    return "remark";
  }
  return "";
}

/// "file:line:column: severity: text", a line each for it and its notes.
static void printDiagnostic(Diagnostic &diagnostic) {
  auto place = diagnostic.getLocation()->findInstanceOf<FileLineColLoc>();
  if (place && place.getLine() == 0)
    llvm::errs() << place.getFilename().getValue() << ": ";
  else if (place)
    llvm::errs() << place.getFilename().getValue() << ":" << place.getLine()
                 << ":" << place.getColumn() << ": ";
  llvm::errs() << getSeverityName(diagnostic.getSeverity()) << ": "
               << diagnostic << "\n";
  for (Diagnostic &note : diagnostic.getNotes())
    printDiagnostic(note);
}

/// `--remarks`: they become diagnostics.
static LogicalResult enableRemarks(MLIRContext &context) {
  if (!remarks.getNumOccurrences())
    return success();
  std::string pattern = remarks.empty() ? std::string(".*") : remarks;
  std::string error;
  if (!llvm::Regex(pattern).isValid(error)) {
    fail("expected --remarks to be a regular expression, got '" + pattern +
         "': " + error);
    return failure();
  }
  // Each kind of remark has a filter of its own; without one it is off.
  remark::RemarkCategories categories{pattern, pattern, pattern, pattern,
                                      pattern};
  return remark::enableOptimizationRemarks(
      context, /*streamer=*/nullptr,
      std::make_unique<remark::RemarkEmittingPolicyAll>(), categories,
      /*printAsEmitRemarks=*/true);
}

//===----------------------------------------------------------------------===//
// Driver
//===----------------------------------------------------------------------===//

/// Reads `input` by that name.
static OwningOpRef<ModuleOp> parseInput(MLIRContext &context) {
  std::string error;
  std::unique_ptr<llvm::MemoryBuffer> buffer = openInputFile(input, &error);
  if (!buffer) {
    fail(error);
    return nullptr;
  }
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(buffer), llvm::SMLoc());
  return parseSourceFile<ModuleOp>(sources, ParserConfig(&context));
}

/// `--compile-to`: the module or the text on standard output.
static LogicalResult compileToStdout(ModuleOp module, const fp4::Phase &last) {
  if (failed(fp4::runPhases(module, flags.options, last)))
    return failure();
  if (last.build) {
    // Unlike operator<<, with the resources that hold the weights.
    module->print(llvm::outs());
    llvm::outs() << "\n";
    return success();
  }
  FailureOr<std::string> ptx = fp4::translateToPTX(module);
  if (succeeded(ptx))
    llvm::outs() << *ptx;
  return ptx;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, describePhases());
  const fp4::CompileOptions &options = flags.options;
  if (!fp4::gpu::findGPUArch(options.target))
    return fail("unsupported target '" + options.target +
                "'; supported: " + fp4::gpu::listGPUArchs());
  if (compileTo.empty() == output.empty())
    return fail("expected -o <directory> or --compile-to=<phase>, got " +
                llvm::Twine(output.empty() ? "neither" : "both"));
  if (!options.hessians.empty() && !options.calibration.empty())
    return fail("expected --hessians or --calibrate, got both");
  const fp4::Phase *last = fp4::findPhase(compileTo);
  if (!compileTo.empty() && !last)
    return fail("unknown phase '" + compileTo +
                "'; fp4-compile --help lists them");

  DialectRegistry registry;
  fp4::registerAllDialects(registry);
  fp4::registerPTXTranslation(registry);
  MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  ScopedDiagnosticHandler handler(&context, [](Diagnostic &diagnostic) {
    printDiagnostic(diagnostic);
    return success();
  });
  if (failed(enableRemarks(context)))
    return 1;
  OwningOpRef<ModuleOp> module = parseInput(context);
  if (!module)
    return 1;
  return failed(last ? compileToStdout(*module, *last)
                     : fp4::compileToArtifact(*module, options, output));
}
