//===- LayerHessian.h - Calibration data of a layer -------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A file of Hessians, one float32 [K, K] tensor per layer named by `fp4.layer`:
// X^T X of the inputs that the layer has in the float program. What passes have
// done to the input since is found on the matmul (LayerAttributes.h) and
// applied here.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_DIALECT_FP4_TRANSFORMS_LAYERHESSIAN_H
#define FP4_LIB_DIALECT_FP4_TRANSFORMS_LAYERHESSIAN_H

#include "fp4/Dialect/FP4/IR/FP4Ops.h"
#include "fp4/Status/Status.h"
#include "fp4/TensorIO/Safetensors.h"

namespace fp4 {

/// What a matmul multiplies instead of the layer's original input x:
/// (x / gain) R.
struct InputTransform {
  /// Null: 1.
  mlir::ElementsAttr gain;
  /// 0: no rotation.
  int64_t block = 0;
  llvm::ArrayRef<int8_t> signs;
};

/// From the attributes, or for a matmul without them from the rotation that
/// stands before its left operand. Fails for the inverse of a rotation with
/// signs.
Expected<InputTransform> getInputTransform(MatmulOp matmul);

/// The Hessian of the matmul's left operand.
Expected<std::vector<float>> readHessian(const CheckpointReader &file,
                                         MatmulOp matmul);

} // namespace fp4

#endif // FP4_LIB_DIALECT_FP4_TRANSFORMS_LAYERHESSIAN_H
