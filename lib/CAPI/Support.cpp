//===- Support.cpp - Version and strings ----------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Implements fp4-c/Support.h and the string helpers of the other files.
//
//===----------------------------------------------------------------------===//

#include "fp4-c/Support.h"
#include "Text.h"
#include <cstdlib>
#include <cstring>

using namespace fp4;

char *capi::copyText(std::string_view text) {
  char *copy = static_cast<char *>(std::malloc(text.size() + 1));
  if (!copy)
    std::abort();
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return copy;
}

bool capi::fail(char **error, std::string_view message) {
  if (error)
    *error = copyText(message);
  return false;
}

bool capi::succeed(char **error) {
  if (error)
    *error = nullptr;
  return true;
}

bool capi::report(char **error, const Status &status) {
  return status.ok() ? succeed(error) : fail(error, status.message());
}

const char *fp4GetVersion(void) { return FP4_VERSION; }

void fp4StringFree(char *string) { std::free(string); }
