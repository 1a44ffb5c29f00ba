//===- PassOptions.h - Option values that several passes read ---*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Formats and layer filters as pass options spell them, and layer names.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_DIALECT_FP4_TRANSFORMS_PASSOPTIONS_H
#define FP4_LIB_DIALECT_FP4_TRANSFORMS_PASSOPTIONS_H

#include "fp4/Dialect/FP4/IR/FP4Ops.h"
#include "fp4/Dialect/FP4/IR/LayerAttributes.h"
#include "fp4/TensorIO/Safetensors.h"
#include "llvm/Support/Regex.h"

namespace fp4 {

/// The format called `name`, or an error at `op`.
mlir::FailureOr<FormatAttr> parseFormatOption(mlir::Operation *op,
                                              llvm::StringRef name);

/// A regular expression over whole layer names; the empty one matches all.
class LayerFilter {
public:
  /// An error at `op`, which names the pass option, if `pattern` is not a
  /// regular expression.
  static mlir::FailureOr<LayerFilter> parse(mlir::Operation *op,
                                            llvm::StringRef pattern,
                                            llvm::StringRef option = "layers");
  bool matches(MatmulOp matmul) const;

private:
  llvm::Regex regex;
};

/// The value of `fp4.layer`, or nothing.
llvm::StringRef getLayerName(MatmulOp matmul);

/// "layer 'name'" or "layer" for messages.
std::string describeLayer(MatmulOp matmul);

/// An error unless the matmul's K is static and a multiple of the format's
/// block columns.
mlir::LogicalResult checkBlocked(MatmulOp matmul, FormatAttr format);

/// The name in the file that is closest to `name`.
std::string findNearestTensor(const CheckpointReader &file,
                              llvm::StringRef name);

} // namespace fp4

#endif // FP4_LIB_DIALECT_FP4_TRANSFORMS_PASSOPTIONS_H
