//===- Compiler.h - Modules and passes without mlir-c -------------*- C -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The compiler as a library, in terms of text: parse a module, run passes,
// print it. A program that wants to walk the IR includes fp4-c/Dialect/FP4.h
// and uses the mlir* functions, which libFP4.so exports too.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_C_COMPILER_H
#define FP4_C_COMPILER_H

#include "fp4-c/Support.h"

#ifdef __cplusplus
extern "C" {
#endif

/// An MLIR module with a context of its own. One thread at a time may use it.
typedef struct FP4Module FP4Module;

/// Parses and verifies MLIR text or bytecode of `length` bytes. `name` stands
/// for the file name in diagnostics. Returns null on failure.
FP4_CAPI_EXPORTED FP4Module *fp4ModuleParse(const char *source, size_t length,
                                            const char *name,
                                            char **diagnostics);

/// Parses and verifies a file of text or bytecode.
FP4_CAPI_EXPORTED FP4Module *fp4ModuleParseFile(const char *path,
                                                char **diagnostics);

/// Null is allowed.
FP4_CAPI_EXPORTED void fp4ModuleDestroy(FP4Module *module);

/// Runs `pipeline`, in the syntax of mlir-opt --pass-pipeline; the enclosing
/// "builtin.module(...)" may be left out. If a pass fails the module is what it
/// was before.
FP4_CAPI_EXPORTED bool fp4ModuleRun(FP4Module *module, const char *pipeline,
                                    char **diagnostics);

/// The module as MLIR text, to be freed with fp4StringFree. Constants of more
/// than `elideAbove` elements (resources: characters) are replaced by a
/// placeholder, and the text is then for reading only; 0 prints everything.
FP4_CAPI_EXPORTED char *fp4ModulePrint(const FP4Module *module,
                                       size_t elideAbove);

/// The module as MLIR bytecode of `*length` bytes, to be freed with
/// fp4StringFree.
FP4_CAPI_EXPORTED char *fp4ModuleToBytecode(const FP4Module *module,
                                            size_t *length);

//===----------------------------------------------------------------------===//
// To GPU kernels
//===----------------------------------------------------------------------===//

/// Strings live at least as long as the call that takes the options.
typedef struct FP4CompileOptions {
  /// GPU, as ptxas spells it: "sm_120a".
  const char *target;
  /// Block format of the weights, and of the activations unless they have
  /// their own: "nvfp4".
  const char *format;
  /// Block format of the activations, "none" to keep them float; or null.
  const char *activations;
  /// Scale rule of the activations; null: the best that one pass can compute.
  const char *activationScaleRule;
  /// How constant weights are quantized: "rtn", "gptq", "mr-gptq", ...
  const char *algorithm;
  /// Values per Hadamard rotation; 0: none; negative: what the algorithm asks
  /// for.
  int64_t rotation;
  /// safetensors file, index or folder with the weights that the module names;
  /// null if it names none.
  const char *weights;
  /// safetensors file of calibration Hessians, which all algorithms but "rtn"
  /// need; or null.
  const char *hessians;
} FP4CompileOptions;

FP4_CAPI_EXPORTED FP4CompileOptions fp4CompileOptionsGetDefault(void);

/// The names of the phases in order, null after the last; not to be freed.
FP4_CAPI_EXPORTED const char *fp4PhaseGetName(size_t index);

/// Runs the phases up to the one called `phase`. On failure the module is what
/// it was before.
FP4_CAPI_EXPORTED bool fp4ModuleCompileTo(FP4Module *module,
                                          const FP4CompileOptions *options,
                                          const char *phase,
                                          char **diagnostics);

/// The PTX of the module's kernels, to be freed with fp4StringFree; null on
/// failure. The module stays as it is.
FP4_CAPI_EXPORTED char *fp4ModuleCompileToPTX(const FP4Module *module,
                                              const FP4CompileOptions *options,
                                              char **diagnostics);

/// Writes the directory `path` with PTX, manifest and prepacked weights, or
/// nothing at all. The module stays as it is.
FP4_CAPI_EXPORTED bool
fp4ModuleCompileToArtifact(const FP4Module *module,
                           const FP4CompileOptions *options, const char *path,
                           char **diagnostics);

#ifdef __cplusplus
}
#endif

#endif // FP4_C_COMPILER_H
