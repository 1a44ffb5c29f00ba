//===- LayerAttributes.h - Names of discardable attributes ------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What passes write on an fp4.matmul so that a layer can be found again, and so
// that calibration data of its original input x can be used after the input has
// become (x / gain) R:
//
//   fp4.layer = "mlp.up"                          set by the import
//   fp4.input_gain = dense<...> : tensor<Kxf32>   the gain, where it was folded
//   fp4.input_rotation = 32 : i64                 R is a Hadamard transform of
//                                                 such blocks, without signs
//
// Every pass keeps them; none needs them to be there.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4_IR_LAYERATTRIBUTES_H
#define FP4_DIALECT_FP4_IR_LAYERATTRIBUTES_H

#include "llvm/ADT/StringRef.h"

namespace fp4 {

inline constexpr llvm::StringLiteral kLayerAttr = "fp4.layer";
inline constexpr llvm::StringLiteral kInputGainAttr = "fp4.input_gain";
inline constexpr llvm::StringLiteral kInputRotationAttr = "fp4.input_rotation";

} // namespace fp4

#endif // FP4_DIALECT_FP4_IR_LAYERATTRIBUTES_H
