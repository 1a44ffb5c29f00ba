//===- FP4Dialect.h - Dialect, attributes and types -------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declares the fp4 dialect, its attributes and its type. Operations are in
// FP4Ops.h.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4_IR_FP4DIALECT_H
#define FP4_DIALECT_FP4_IR_FP4DIALECT_H

#include "fp4/Numerics/BlockFormat.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "llvm/ADT/Hashing.h"

namespace fp4::numerics {
/// Found by argument-dependent lookup when a format is uniqued in a context.
inline llvm::hash_code hash_value(const BlockFormat &format) {
  return llvm::hash_combine(format.element, format.scale, format.blockRows,
                            format.blockCols, format.hasTensorScale);
}
} // namespace fp4::numerics

#include "fp4/Dialect/FP4/IR/FP4Enums.h.inc"

#include "fp4/Dialect/FP4/IR/FP4Dialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "fp4/Dialect/FP4/IR/FP4Attributes.h.inc"

#define GET_TYPEDEF_CLASSES
#include "fp4/Dialect/FP4/IR/FP4Types.h.inc"

#endif // FP4_DIALECT_FP4_IR_FP4DIALECT_H
