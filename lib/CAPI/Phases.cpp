//===- Phases.cpp - From a module to PTX through C ------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Implements the second half of fp4-c/Compiler.h: the phases of
// Pipelines/Phases.h, PTX text and the artifact.
//
//===----------------------------------------------------------------------===//

#include "fp4/Pipelines/Phases.h"
#include "DiagnosticText.h"
#include "Module.h"
#include "fp4-c/Compiler.h"
#include "fp4/Target/Artifact.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace fp4;

const char *fp4PhaseGetName(size_t index) {
  ArrayRef<Phase> phases = getPhases();
  return index < phases.size() ? phases[index].name.data() : nullptr;
}

FP4CompileOptions fp4CompileOptionsGetDefault(void) {
  static const CompileOptions defaults;
  return {defaults.target.c_str(),
          defaults.format.c_str(),
          defaults.algorithm.c_str(),
          defaults.rotation,
          nullptr,
          nullptr};
}

static CompileOptions unwrapOptions(const FP4CompileOptions &options) {
  CompileOptions result;
  result.target = options.target;
  result.format = options.format;
  result.algorithm = options.algorithm;
  result.rotation = options.rotation;
  result.weights = options.weights ? options.weights : "";
  result.hessians = options.hessians ? options.hessians : "";
  return result;
}

static std::string listPhases() {
  std::string text;
  for (const Phase &phase : getPhases())
    text += (text.empty() ? "" : ", ") + phase.name.str();
  return text;
}

/// Runs the phases up to `last`; the translation to text is none of them.
static LogicalResult runPhases(ModuleOp module, const CompileOptions &options,
                               const Phase &last) {
  for (const Phase &phase : getPhases()) {
    if (phase.build) {
      PassManager passes(module.getContext());
      phase.build(passes, options);
      if (failed(passes.run(module)))
        return failure();
    }
    if (&phase == &last)
      break;
  }
  return success();
}

bool fp4ModuleCompileTo(FP4Module *module, const FP4CompileOptions *options,
                        const char *phaseName, char **diagnostics) {
  const Phase *phase = findPhase(phaseName);
  if (!phase)
    return capi::fail(diagnostics, "unknown phase '" + std::string(phaseName) +
                                       "', expected one of " + listPhases());
  if (!fp4::gpu::findGPUArch(options->target))
    return capi::fail(diagnostics,
                      "unsupported target '" + std::string(options->target) +
                          "'; supported: " + fp4::gpu::listGPUArchs());
  ModuleOp original = *module->op;
  OwningOpRef<ModuleOp> copy = original.clone();
  capi::DiagnosticText text(module->context.get());
  LogicalResult result = runPhases(*copy, unwrapOptions(*options), *phase);
  text.moveTo(diagnostics);
  if (failed(result))
    return false;
  module->op = std::move(copy);
  return true;
}

/// Lowers a copy of the module; what is left is its translation to text.
static std::unique_ptr<FP4Module> lower(const FP4Module *module,
                                        const FP4CompileOptions *options,
                                        char **diagnostics) {
  ModuleOp original = *module->op;
  auto lowered = std::make_unique<FP4Module>(module->context);
  lowered->op = original.clone();
  if (!fp4ModuleCompileTo(lowered.get(), options, "ptx", diagnostics))
    return nullptr;
  return lowered;
}

static FailureOr<std::string> translate(ModuleOp module) {
  auto devices = module.getOps<mlir::gpu::GPUModuleOp>();
  if (devices.empty())
    return module.emitError("expected at least one linear layer over a "
                            "constant weight, got none");
  return emitPTX(*devices.begin());
}

/// Lowers the module and hands it and its PTX to `use`. Warnings of the
/// lowering are dropped if the translation has something to say.
static bool
compile(const FP4Module *module, const FP4CompileOptions *options,
        char **diagnostics,
        llvm::function_ref<LogicalResult(ModuleOp, StringRef)> use) {
  std::unique_ptr<FP4Module> lowered = lower(module, options, diagnostics);
  if (!lowered)
    return false;
  capi::DiagnosticText text(lowered->context.get());
  FailureOr<std::string> ptx = translate(*lowered->op);
  bool ok = succeeded(ptx) && succeeded(use(*lowered->op, *ptx));
  if (!ok && diagnostics) {
    fp4StringFree(*diagnostics);
    text.moveTo(diagnostics);
  }
  return ok;
}

char *fp4ModuleCompileToPTX(const FP4Module *module,
                            const FP4CompileOptions *options,
                            char **diagnostics) {
  char *result = nullptr;
  auto copyPTX = [&](ModuleOp, StringRef ptx) {
    result = capi::copyText(ptx);
    return success();
  };
  compile(module, options, diagnostics, copyPTX);
  return result;
}

bool fp4ModuleCompileToArtifact(const FP4Module *module,
                                const FP4CompileOptions *options,
                                const char *path, char **diagnostics) {
  auto write = [&](ModuleOp lowered, StringRef ptx) {
    return writeArtifact(lowered, *fp4::gpu::findGPUArch(options->target), ptx,
                         path);
  };
  return compile(module, options, diagnostics, write);
}
