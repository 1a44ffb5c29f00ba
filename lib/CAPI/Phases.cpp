//===- Phases.cpp - From a module to PTX through C ------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Implements the second half of fp4-c/Compiler.h: the phases of
// the compiler, PTX text and the artifact.
//
//===----------------------------------------------------------------------===//

#include "DiagnosticText.h"
#include "Module.h"
#include "fp4-c/Compiler.h"
#include "fp4/Pipelines/Compilation.h"

using namespace mlir;
using namespace fp4;

const char *fp4PhaseGetName(size_t index) {
  ArrayRef<Phase> phases = getPhases();
  return index < phases.size() ? phases[index].name.data() : nullptr;
}

FP4CompileOptions fp4CompileOptionsGetDefault(void) {
  static const CompileOptions defaults;
  FP4CompileOptions options = {};
  options.target = defaults.target.c_str();
  options.format = defaults.format.c_str();
  options.algorithm = defaults.algorithm.c_str();
  options.rotation = defaults.rotation;
  return options;
}

static std::string textOrEmpty(const char *text) { return text ? text : ""; }

static CompileOptions unwrapOptions(const FP4CompileOptions &options) {
  CompileOptions result;
  result.target = options.target;
  result.format = options.format;
  result.activations = textOrEmpty(options.activations);
  result.activationScaleRule = textOrEmpty(options.activationScaleRule);
  result.algorithm = options.algorithm;
  result.rotation = options.rotation;
  result.weights = textOrEmpty(options.weights);
  result.hessians = textOrEmpty(options.hessians);
  return result;
}

static std::string listPhases() {
  std::string text;
  for (const Phase &phase : getPhases())
    text += (text.empty() ? "" : ", ") + phase.name.str();
  return text;
}

/// Gives a copy of the module to `compile` and stores what it reports. The copy
/// is returned on success; constants live in the context, so it is small.
static OwningOpRef<ModuleOp>
compileCopy(const FP4Module *module, const FP4CompileOptions *options,
            char **diagnostics,
            llvm::function_ref<LogicalResult(ModuleOp, const CompileOptions &)>
                compile) {
  if (!fp4::gpu::findGPUArch(options->target)) {
    capi::fail(diagnostics, "unsupported target '" +
                                std::string(options->target) +
                                "'; supported: " + fp4::gpu::listGPUArchs());
    return {};
  }
  ModuleOp original = *module->op;
  OwningOpRef<ModuleOp> copy = original.clone();
  capi::DiagnosticText text(module->context.get());
  LogicalResult result = compile(*copy, unwrapOptions(*options));
  text.moveTo(diagnostics);
  return succeeded(result) ? std::move(copy) : OwningOpRef<ModuleOp>();
}

bool fp4ModuleCompileTo(FP4Module *module, const FP4CompileOptions *options,
                        const char *phaseName, char **diagnostics) {
  const Phase *phase = findPhase(phaseName);
  if (!phase)
    return capi::fail(diagnostics, "unknown phase '" + std::string(phaseName) +
                                       "', expected one of " + listPhases());
  auto run = [&](ModuleOp copy, const CompileOptions &unwrapped) {
    return runPhases(copy, unwrapped, *phase);
  };
  OwningOpRef<ModuleOp> compiled =
      compileCopy(module, options, diagnostics, run);
  if (!compiled)
    return false;
  module->op = std::move(compiled);
  return true;
}

char *fp4ModuleCompileToPTX(const FP4Module *module,
                            const FP4CompileOptions *options,
                            char **diagnostics) {
  char *text = nullptr;
  auto translate = [&](ModuleOp copy, const CompileOptions &unwrapped) {
    if (failed(runPhases(copy, unwrapped, getPhases().back())))
      return failure();
    FailureOr<std::string> ptx = translateToPTX(copy);
    if (succeeded(ptx))
      text = capi::copyText(*ptx);
    return LogicalResult(ptx);
  };
  compileCopy(module, options, diagnostics, translate);
  return text;
}

bool fp4ModuleCompileToArtifact(const FP4Module *module,
                                const FP4CompileOptions *options,
                                const char *path, char **diagnostics) {
  auto write = [&](ModuleOp copy, const CompileOptions &unwrapped) {
    return compileToArtifact(copy, unwrapped, path);
  };
  return bool(compileCopy(module, options, diagnostics, write));
}
