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

#ifdef __cplusplus
}
#endif

#endif // FP4_C_COMPILER_H
