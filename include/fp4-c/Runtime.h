//===- Runtime.h - Running modules on this CPU --------------------*- C -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles a module for this CPU and runs it on arrays: the executable meaning
// of the fp4 dialect. Microscaled tensors are passed as two or three arrays in
// a row: codes (I8, one per element), scale codes (I8) and, if the format has
// one, the tensor scale (F32).
//
//===----------------------------------------------------------------------===//

#ifndef FP4_C_RUNTIME_H
#define FP4_C_RUNTIME_H

#include "fp4-c/Compiler.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A row-major array that belongs to somebody else.
typedef struct FP4Array {
  /// As in safetensors: "F32", "BF16", "I8", ...
  const char *dtype;
  size_t rank;
  /// `rank` extents; in an argument's type, -1 is a dynamic one.
  const int64_t *shape;
  /// Null in an argument's type.
  const void *data;
} FP4Array;

/// Arrays that this library returned, with names where they have any.
typedef struct FP4Arrays FP4Arrays;

FP4_CAPI_EXPORTED void fp4ArraysDestroy(FP4Arrays *arrays);
FP4_CAPI_EXPORTED size_t fp4ArraysGetSize(const FP4Arrays *arrays);
/// Valid as long as `arrays`.
FP4_CAPI_EXPORTED FP4Array fp4ArraysGet(const FP4Arrays *arrays, size_t index);
/// The name of an array, "" if it has none; valid as long as `arrays`.
FP4_CAPI_EXPORTED const char *fp4ArraysGetName(const FP4Arrays *arrays,
                                               size_t index);

/// One function of a module, compiled. It may outlive the module.
typedef struct FP4Program FP4Program;

/// Compiles the public function `entry` and what it calls; the module stays as
/// it is. Returns null on failure.
FP4_CAPI_EXPORTED FP4Program *
fp4ProgramCompile(const FP4Module *module, const char *entry, char **error);
FP4_CAPI_EXPORTED void fp4ProgramDestroy(FP4Program *program);

FP4_CAPI_EXPORTED size_t fp4ProgramGetNumArguments(const FP4Program *program);
/// dtype and shape of an argument; valid as long as `program`.
FP4_CAPI_EXPORTED FP4Array fp4ProgramGetArgumentType(const FP4Program *program,
                                                     size_t index);

/// Runs the program. Fails and returns null if number, types or shapes of the
/// arguments differ from what the function takes.
FP4_CAPI_EXPORTED FP4Arrays *fp4ProgramRun(const FP4Program *program,
                                           const FP4Array *arguments,
                                           size_t numArguments, char **error);

/// Runs the float program `entry` on calibration inputs and returns
/// X^T X / rows of the inputs X of each linear layer, by the layer's name:
/// float32, K x K. Inputs whose first dimension is dynamic in the program are
/// cut into batches of rows, which must not depend on each other.
FP4_CAPI_EXPORTED FP4Arrays *fp4CollectHessians(const FP4Module *module,
                                                const char *entry,
                                                const FP4Array *inputs,
                                                size_t numInputs, char **error);

#ifdef __cplusplus
}
#endif

#endif // FP4_C_RUNTIME_H
