//===- Compilation.cpp - Run the phases over a module ---------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See the header. Calibration runs after the phase `input`, when the program is
// still in float, on the CPU path.
//
//===----------------------------------------------------------------------===//

#include "fp4/Pipelines/Compilation.h"
#include "fp4/Runtime/Arrays/ArrayFile.h"
#include "fp4/Runtime/Host/Calibration.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;

static LogicalResult dumpModule(ModuleOp module, const std::string &directory,
                                StringRef phase) {
  if (std::error_code error = llvm::sys::fs::create_directories(directory))
    return module.emitError() << "cannot create directory '" << directory
                              << "': " << error.message();
  std::string error;
  std::unique_ptr<llvm::ToolOutputFile> file =
      openOutputFile(directory + "/" + phase.str() + ".mlir", &error);
  if (!file)
    return module.emitError() << error;
  // Unlike operator<<, with the resources that hold the weights.
  module->print(file->os());
  file->os() << "\n";
  file->keep();
  return success();
}

/// The function to calibrate: "main", or the only public one with a body.
static FailureOr<func::FuncOp> findProgram(ModuleOp module) {
  SmallVector<func::FuncOp> programs;
  for (auto func : module.getOps<func::FuncOp>())
    if (func.isPublic() && !func.isExternal())
      programs.push_back(func);
  for (func::FuncOp func : programs)
    if (func.getName() == "main" || programs.size() == 1)
      return func;
  return module.emitError() << "expected a function 'main' or only one public "
                               "function to calibrate, got "
                            << programs.size();
}

/// Runs the program on the calibration inputs and writes the Hessians of its
/// layers to `path`.
static LogicalResult calibrate(ModuleOp module,
                               const fp4::CompileOptions &options,
                               const std::string &path) {
  FailureOr<func::FuncOp> program = findProgram(module);
  if (failed(program))
    return failure();
  std::vector<fp4::NDArray> inputs;
  for (const std::string &text : options.calibration) {
    fp4::Expected<fp4::NDArray> array =
        fp4::readArray(fp4::ArrayFile::parse(text));
    if (!array.ok())
      return module.emitError() << array.message();
    inputs.push_back(*array);
  }
  if (inputs.size() != program->getNumArguments())
    return program->emitError()
           << "expected " << program->getNumArguments()
           << " calibration inputs, one per argument, got " << inputs.size();
  OwningOpRef<ModuleOp> copy = module.clone();
  fp4::Expected<fp4::TensorMap> hessians =
      fp4::collectHessians(*copy, program->getName().str(), inputs);
  if (!hessians.ok())
    return module.emitError() << "calibration failed: " << hessians.message();
  fp4::Status status = fp4::writeSafetensors(path, *hessians);
  if (!status.ok())
    return module.emitError() << status.message();
  return success();
}

LogicalResult fp4::runPhases(ModuleOp module, const CompileOptions &request,
                             const Phase &last) {
  CompileOptions options = request;
  llvm::FileRemover remover;
  for (const Phase &phase : getPhases()) {
    if (!phase.build)
      break;
    PassManager pm(module.getContext());
    phase.build(pm, options);
    if (failed(pm.run(module)))
      return failure();
    if (!options.dumpDirectory.empty() &&
        failed(dumpModule(module, options.dumpDirectory, phase.name)))
      return failure();
    if (&phase == &last)
      break;
    if (&phase == &getPhases().front() && !options.calibration.empty()) {
      llvm::SmallString<128> path;
      if (std::error_code error = llvm::sys::fs::createTemporaryFile(
              "fp4-hessians", "safetensors", path))
        return module.emitError()
               << "cannot create a temporary file: " << error.message();
      remover.setFile(path);
      options.hessians = std::string(path);
      if (failed(calibrate(module, options, options.hessians)))
        return failure();
    }
  }
  return success();
}

FailureOr<std::string> fp4::translateToPTX(ModuleOp module) {
  auto devices = module.getOps<mlir::gpu::GPUModuleOp>();
  if (devices.empty())
    return module.emitError("expected at least one linear layer over a "
                            "constant weight, got none");
  return emitPTX(*devices.begin());
}

LogicalResult fp4::compileToArtifact(ModuleOp module,
                                     const CompileOptions &options,
                                     StringRef path) {
  const gpu::GPUArch *arch = gpu::findGPUArch(options.target);
  if (!arch)
    return module.emitError() << "unsupported target '" << options.target
                              << "'; supported: " << gpu::listGPUArchs();
  if (failed(runPhases(module, options, getPhases().back())))
    return failure();
  FailureOr<std::string> ptx = translateToPTX(module);
  if (failed(ptx))
    return failure();
  return writeArtifact(module, *arch, *ptx, path);
}
