//===- ExecConvert.h - The two halves of cvt --------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the two files of cvt share.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_EXECCONVERT_H
#define FP4_LIB_EMULATOR_PTX_EXECCONVERT_H

#include "Exec.h"

namespace fp4::ptx {

/// Decodes a cvt from or to a format of 8 bits or less, whose modifiers and
/// types are taken already. False if this is not one.
bool decodeNarrowCvt(Decoder &d);

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_EXECCONVERT_H
