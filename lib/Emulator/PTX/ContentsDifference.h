//===- ContentsDifference.h - Two states of global memory -------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What two runs of a kernel left in global memory, compared.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_CONTENTSDIFFERENCE_H
#define FP4_LIB_EMULATOR_PTX_CONTENTSDIFFERENCE_H

#include "Memory.h"

namespace fp4::ptx {

/// "the byte at 0x.. is 0x1 and 0x0", or nothing if `one` and `other`, which
/// have the same allocations, are equal.
std::string firstDifference(const GlobalMemory::Contents &one,
                            const GlobalMemory::Contents &other);

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_CONTENTSDIFFERENCE_H
