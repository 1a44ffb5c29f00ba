//===- BlockTransform.h - Products with block-diagonal matrices -*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Recognizes a transform of blocks of columns by given matrices, as WUSH (arXiv
// 2512.00956) has them.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4TOFP4GPU_BLOCKTRANSFORM_H
#define FP4_LIB_CONVERSION_FP4TOFP4GPU_BLOCKTRANSFORM_H

#include "mlir/IR/Value.h"

namespace fp4::gpu {

struct BlockTransform {
  /// What is transformed, and the only operation that may use it.
  mlir::Value input;
  mlir::Operation *user;
  /// tensor<C / B x B x B x f32>, or tensor<B x B x f32> for all blocks.
  mlir::Value matrix;
};

/// Recognizes `value` as T x for each block x of the columns of a matrix: a
/// contraction of its columns, which are split for it and joined again behind.
/// Nothing but `user` may use `value`, and nothing else what lies between.
std::optional<BlockTransform> matchBlockTransform(mlir::Value value,
                                                  mlir::Operation *user);

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4TOFP4GPU_BLOCKTRANSFORM_H
