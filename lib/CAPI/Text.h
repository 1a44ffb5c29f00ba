//===- Text.h - Strings that cross the C boundary ---------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Error and result strings of the C API: allocated with malloc, freed by the
// caller with fp4StringFree.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CAPI_TEXT_H
#define FP4_LIB_CAPI_TEXT_H

#include "fp4/Status/Status.h"
#include <string_view>

namespace fp4::capi {

/// A null-terminated copy, to be freed with fp4StringFree.
char *copyText(std::string_view text);

/// Stores a copy of `message` in `error` if that is not null; returns false.
bool fail(char **error, std::string_view message);

/// Stores null in `error` if that is not null; returns true.
bool succeed(char **error);

/// `succeed` or `fail`.
bool report(char **error, const Status &status);

} // namespace fp4::capi

#endif // FP4_LIB_CAPI_TEXT_H
