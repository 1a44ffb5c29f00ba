//===- WeightSource.h - Weights known at compile time -----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A weight as passes see it: a constant matrix behind widening casts and
// rotations of its rows. Those are row-local, so a weight can be read a few
// rows at a time without the whole of it ever being float32.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_DIALECT_FP4_TRANSFORMS_WEIGHTSOURCE_H
#define FP4_LIB_DIALECT_FP4_TRANSFORMS_WEIGHTSOURCE_H

#include "fp4/Dialect/FP4/IR/FP4Ops.h"
#include "fp4/Status/Status.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <optional>

namespace fp4 {

/// Whether `value` is an arith.constant or fp4.parameter behind casts,
/// rotations and transpositions.
bool isConstantWeight(mlir::Value value);

class WeightSource {
public:
  /// Nothing unless `value` is an [N, K] arith.constant of f32, bf16 or f16
  /// behind any number of arith.extf and fp4.hadamard.
  static std::optional<WeightSource> match(mlir::Value value);
  /// The same for a constant of any rank, whose rows are all leading dimensions
  /// together.
  static std::optional<WeightSource> matchAnyRank(mlir::Value value);

  int64_t rows() const {
    return mlir::ShapedType::getNumElements(type.getShape().drop_back());
  }
  int64_t cols() const { return type.getShape().back(); }
  /// The constant without casts and rotations.
  mlir::ElementsAttr constant() const { return attr; }
  mlir::arith::ConstantOp constantOp() const { return op; }
  /// A resource key for what is computed from the constant.
  std::string keyWith(llvm::StringRef suffix) const;
  /// The rotations, the first one applied first.
  llvm::ArrayRef<HadamardOp> rotations() const { return hadamards; }

  /// Writes rows [first, first + count) with casts and rotations applied. False
  /// if the constant's resource has no readable bytes.
  bool readRows(int64_t first, int64_t count, float *out) const;
  /// Tells the system that these rows are not needed soon. Pages mapped from a
  /// weight file then leave memory; the values stay readable.
  void releaseRows(int64_t first, int64_t count) const;
  /// Rows that take about 4 MB as float32: the unit of streaming.
  int64_t chunkRows() const;
  /// "cannot read its resource" or "weight is nan at row 3, column 4, ..."
  /// before rotations, or success.
  Status checkValues() const;

private:
  mlir::RankedTensorType type;
  mlir::ElementsAttr attr;
  mlir::arith::ConstantOp op;
  llvm::SmallVector<HadamardOp, 1> hadamards;
};

} // namespace fp4

#endif // FP4_LIB_DIALECT_FP4_TRANSFORMS_WEIGHTSOURCE_H
