//===- Support.h - What every C header needs ----------------------*- C -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The C API of fp4, in the shared library libFP4.so. Rules that hold in all its
// headers:
//
// - A function that can fail returns false or null and, if its last argument
//   (`error` or `diagnostics`) is not null, stores a text there that the caller
//   frees with fp4StringFree. On success it stores null, or the warnings.
// - `error` is one line in lower case without a final period; `diagnostics` has
//   one or more lines in the form of mlir-opt.
// - Arrays are row-major and belong to the caller; nothing keeps a pointer to
//   them. Pointers are not null unless the comment says so.
// - Functions on different objects may run in parallel.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_C_SUPPORT_H
#define FP4_C_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FP4_CAPI_EXPORTED __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

/// The version of the library, "major.minor.patch"; not to be freed.
FP4_CAPI_EXPORTED const char *fp4GetVersion(void);

/// Frees a string that a function of this API returned; null is allowed.
FP4_CAPI_EXPORTED void fp4StringFree(char *string);

#ifdef __cplusplus
}
#endif

#endif // FP4_C_SUPPORT_H
