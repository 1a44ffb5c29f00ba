//===- ContentsDifference.cpp - Two states of global memory ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compares byte by byte and names the first difference, for
// Device::compareAsyncModes.
//
//===----------------------------------------------------------------------===//

#include "ContentsDifference.h"
#include "Machine.h"
#include <algorithm>

namespace fp4::ptx {

std::string firstDifference(const GlobalMemory::Contents &one,
                            const GlobalMemory::Contents &other) {
  for (const auto &[base, bytes] : one) {
    const std::vector<uint8_t> &others = other.at(base);
    auto [at, otherAt] =
        std::mismatch(bytes.begin(), bytes.end(), others.begin());
    if (at != bytes.end())
      return "the byte at " + hex(base + uint64_t(at - bytes.begin())) +
             " is " + hex(*at) + " and " + hex(*otherAt);
  }
  return "";
}

} // namespace fp4::ptx
