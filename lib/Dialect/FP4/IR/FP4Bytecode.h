//===- FP4Bytecode.h - Bytecode of packed constants -------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Called once by the dialect's initialization.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_DIALECT_FP4_IR_FP4BYTECODE_H
#define FP4_LIB_DIALECT_FP4_IR_FP4BYTECODE_H

namespace fp4 {
class FP4Dialect;

void addBytecodeInterface(FP4Dialect *dialect);

} // namespace fp4

#endif // FP4_LIB_DIALECT_FP4_IR_FP4BYTECODE_H
