//===- WeightOperand.h - The constant behind a linear layer -----*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finds the constant or parameter that an operand of a contraction is made of,
// following the loop dimensions through the reshapes, transpositions and casts
// that importers leave in between. Changes nothing.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_LINALGTOFP4_WEIGHTOPERAND_H
#define FP4_LIB_CONVERSION_LINALGTOFP4_WEIGHTOPERAND_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace fp4 {

/// Stands for a dimension of extent 1 that belongs to no loop.
inline constexpr int64_t kUnitDim = -1;

/// A constant tensor and the loop dimension that each of its dimensions is.
struct WeightOperand {
  mlir::Operation *source;
  llvm::SmallVector<int64_t> loops;
};

/// `loops` names the loop dimension of every dimension of `value`. Nothing if
/// `value` does not come from an arith.constant or fp4.parameter of f32, bf16
/// or f16.
std::optional<WeightOperand> traceWeight(mlir::Value value,
                                         llvm::SmallVector<int64_t> loops);

/// The vector that `value` repeats along all dimensions but its last, or null.
mlir::Value getBroadcastVector(mlir::Value value);

} // namespace fp4

#endif // FP4_LIB_CONVERSION_LINALGTOFP4_WEIGHTOPERAND_H
