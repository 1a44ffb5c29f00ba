//===- fp4-compile.cpp - From a module to PTX and weights -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The compiler driver: runs the phases of Pipelines/Phases.h up to a chosen
// one, and writes the module, the PTX text, or the artifact directory.
//
//===----------------------------------------------------------------------===//

#include "fp4/InitAllDialects.h"
#include "fp4/Pipelines/Phases.h"
#include "fp4/Target/Artifact.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"

using namespace mlir;
namespace cl = llvm::cl;

static cl::OptionCategory category("Compilation");

static cl::opt<std::string> input(cl::Positional, cl::desc("<module.mlir>"),
                                  cl::init("-"), cl::cat(category));
static cl::opt<std::string> output("o", cl::cat(category),
                                   cl::value_desc("directory"),
                                   cl::desc("Write PTX, launch manifest and "
                                            "prepacked weights there"));
static cl::opt<std::string> target("target", cl::cat(category),
                                   cl::init("sm_120a"), cl::value_desc("gpu"),
                                   cl::desc("GPU to compile for (sm_120a)"));
static cl::opt<std::string> format("format", cl::cat(category),
                                   cl::init("nvfp4"), cl::value_desc("name"),
                                   cl::desc("Block format: nvfp4 or mxfp4"));
static cl::opt<std::string>
    algorithm("algorithm", cl::cat(category), cl::init("mr-gptq"),
              cl::value_desc("name"),
              cl::desc("How weights are quantized: rtn, gptq, mr-gptq or "
                       "mr-gptq-plus (mr-gptq)"));
static cl::opt<int64_t>
    rotation("rotation", cl::cat(category), cl::init(-1),
             cl::value_desc("block"),
             cl::desc("Values per Hadamard rotation, 0 for none (32 for "
                      "mr-gptq, else 0)"));
static cl::opt<std::string>
    weights("weights", cl::cat(category), cl::value_desc("file"),
            cl::desc("safetensors file, index or folder with the weights that "
                     "the module names"));
static cl::opt<std::string>
    hessians("hessians", cl::cat(category), cl::value_desc("file"),
             cl::desc("safetensors file of calibration Hessians"));
static cl::opt<std::string>
    compileTo("compile-to", cl::cat(category), cl::value_desc("phase"),
              cl::desc("Stop after a phase and write the module, or for 'ptx' "
                       "the text, to standard output"));
static cl::opt<std::string>
    dump("dump", cl::cat(category), cl::value_desc("directory"),
         cl::desc("Also write the module after every phase there"));

/// The phases, for `--help`.
static std::string describePhases() {
  std::string text = "From a module with linear layers to FP4 kernels.\n\n"
                     "Phases:\n";
  for (const fp4::Phase &phase : fp4::getPhases())
    text += "  " + phase.name.str() + std::string(10 - phase.name.size(), ' ') +
            phase.description.str() + "\n";
  text += "\nExample:\n  fp4-compile layer.mlir --target=sm_120a "
          "--hessians=h.safetensors -o layer.fp4\n";
  return text;
}

static int fail(const llvm::Twine &message) {
  llvm::WithColor::error(llvm::errs(), "fp4-compile") << message << "\n";
  return 1;
}

static std::string listPhases() {
  std::string text;
  for (const fp4::Phase &phase : fp4::getPhases())
    text += (text.empty() ? "" : ", ") + phase.name.str();
  return text;
}

/// Writes `text` to a file of the dump directory or to standard output.
static LogicalResult
writeText(llvm::StringRef path,
          llvm::function_ref<void(llvm::raw_ostream &)> print) {
  std::string error;
  std::unique_ptr<llvm::ToolOutputFile> file = openOutputFile(path, &error);
  if (!file)
    return failure(fail(error) != 0);
  print(file->os());
  file->keep();
  return success();
}

namespace {
/// One run of the compiler over a module.
class Compilation {
public:
  Compilation(MLIRContext &context, const fp4::gpu::GPUArch &arch,
              const fp4::Phase &last)
      : context(context), arch(arch), last(last) {
    options.target = target;
    options.format = format;
    options.algorithm = algorithm;
    options.rotation = rotation;
    options.weights = weights;
    options.hessians = hessians;
  }

  LogicalResult run(ModuleOp module);

private:
  LogicalResult runPhase(ModuleOp module, const fp4::Phase &phase);
  FailureOr<std::string> translate(ModuleOp module);

  MLIRContext &context;
  const fp4::gpu::GPUArch &arch;
  const fp4::Phase &last;
  fp4::CompileOptions options;
};
} // namespace

LogicalResult Compilation::runPhase(ModuleOp module, const fp4::Phase &phase) {
  PassManager pm(&context);
  phase.build(pm, options);
  if (failed(pm.run(module)))
    return failure();
  if (dump.empty())
    return success();
  std::string path = dump + "/" + phase.name.str() + ".mlir";
  return writeText(path, [&](llvm::raw_ostream &os) { os << module << "\n"; });
}

FailureOr<std::string> Compilation::translate(ModuleOp module) {
  auto devices = module.getOps<mlir::gpu::GPUModuleOp>();
  if (devices.empty())
    return module.emitError("expected at least one linear layer over a "
                            "constant weight, got none");
  return fp4::emitPTX(*devices.begin());
}

LogicalResult Compilation::run(ModuleOp module) {
  for (const fp4::Phase &phase : fp4::getPhases()) {
    if (phase.build && failed(runPhase(module, phase)))
      return failure();
    if (&phase == &last)
      break;
  }
  if (last.build)
    return writeText("-", [&](llvm::raw_ostream &os) { os << module << "\n"; });
  FailureOr<std::string> ptx = translate(module);
  if (failed(ptx))
    return failure();
  if (output.empty())
    return writeText("-", [&](llvm::raw_ostream &os) { os << *ptx; });
  return fp4::writeArtifact(module, arch, *ptx, output);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, describePhases());

  const fp4::gpu::GPUArch *arch = fp4::gpu::findGPUArch(target);
  if (!arch)
    return fail("unsupported target '" + target +
                "'; supported: " + fp4::gpu::listGPUArchs());
  const fp4::Phase *last =
      fp4::findPhase(compileTo.empty() ? "ptx" : compileTo.getValue());
  if (!last)
    return fail("unknown phase '" + compileTo + "'; phases: " + listPhases());
  if (compileTo.empty() == output.empty())
    return fail(output.empty()
                    ? "expected -o <directory> or --compile-to=<phase>"
                    : "expected either -o or --compile-to, got both");

  DialectRegistry registry;
  fp4::registerAllDialects(registry);
  fp4::registerPTXTranslation(registry);
  MLIRContext context(registry);
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler handler(sources, &context);
  std::string error;
  std::unique_ptr<llvm::MemoryBuffer> buffer = openInputFile(input, &error);
  if (!buffer)
    return fail(error);
  sources.AddNewSourceBuffer(std::move(buffer), llvm::SMLoc());
  OwningOpRef<ModuleOp> module =
      parseSourceFile<ModuleOp>(sources, ParserConfig(&context));
  if (!module)
    return 1;
  return failed(Compilation(context, *arch, *last).run(*module));
}
