//===- Patterns.h - Pieces of FP4ToLinalg -----------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Private to FP4ToLinalg: the pattern sets per op family, and what they share:
// the plain parts of a microscaled value and the loop nests over its blocks.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4TOLINALG_PATTERNS_H
#define FP4_LIB_CONVERSION_FP4TOLINALG_PATTERNS_H

#include "FormatArith.h"
#include "fp4/Dialect/FP4/IR/FP4Ops.h"
#include "mlir/Transforms/DialectConversion.h"

namespace fp4 {

/// A microscaled value after type conversion. `tensorScale` is null in formats
/// without one.
struct PlainParts {
  static PlainParts get(mlir::ValueRange values);
  llvm::SmallVector<mlir::Value> toVector() const;

  mlir::Value codes;  // tensor<shape x i8>, one code each
  mlir::Value scales; // tensor<blocks x i8>
  mlir::Value tensorScale;
};

/// Loop nests over the blocks of a tensor. With `lead` the dimensions in front
/// of the blocked ones, the loops are (lead, block rows, block columns, row in
/// block, column in block), without the row loops where blocks have one row.
class BlockLoops {
public:
  BlockLoops(mlir::MLIRContext *context, int64_t rank, FormatAttr format);

  /// The tensor with the blocked dimensions split in two; and the inverse, to
  /// the shape of `type`.
  mlir::Value split(mlir::OpBuilder &b, mlir::Location loc,
                    mlir::Value tensor) const;
  mlir::Value join(mlir::OpBuilder &b, mlir::Location loc, mlir::Value split,
                   mlir::RankedTensorType type) const;

  /// Indexing map of a split tensor.
  mlir::AffineMap elementMap() const;
  /// Indexing map of a tensor with one entry per block.
  mlir::AffineMap blockMap() const;
  /// All loops parallel, or those inside a block reductions.
  llvm::SmallVector<mlir::utils::IteratorType> parallel() const;
  llvm::SmallVector<mlir::utils::IteratorType> reduceBlocks() const;
  unsigned numLoops() const { return rank + inBlock(); }
  /// Loops inside a block: 1 or 2.
  unsigned inBlock() const { return blockRows == 1 ? 1 : 2; }

private:
  llvm::SmallVector<mlir::ReassociationIndices> reassociation() const;

  mlir::MLIRContext *context;
  unsigned rank;
  int64_t blockRows;
  int64_t blockCols;
};

/// Makes a linalg.generic with one result. `body` gets the emitter and the
/// region's arguments (inputs, then the initial value) and returns the value
/// to yield.
using GenericBody =
    llvm::function_ref<mlir::Value(ScalarEmitter &, mlir::ValueRange)>;
mlir::Value makeGeneric(mlir::OpBuilder &b, mlir::Location loc,
                        mlir::ValueRange inputs, mlir::Value init,
                        llvm::ArrayRef<mlir::AffineMap> maps,
                        llvm::ArrayRef<mlir::utils::IteratorType> iterators,
                        GenericBody body);

/// An uninitialized tensor of the sizes of `like`.
mlir::Value makeEmptyLike(mlir::OpBuilder &b, mlir::Location loc,
                          mlir::Value like, mlir::Type elementType);
/// A tensor of the sizes of `like` filled with the constant `value`.
mlir::Value makeFilledLike(mlir::OpBuilder &b, mlir::Location loc,
                           mlir::Value like, mlir::TypedAttr value);
/// A generic over all elements of tensors of one shape.
mlir::Value makeElementwise(mlir::OpBuilder &b, mlir::Location loc,
                            mlir::ValueRange inputs, mlir::Type elementType,
                            GenericBody body);

/// `tensor` as `type`, which has a compatible shape.
mlir::Value castTo(mlir::OpBuilder &b, mlir::Location loc, mlir::Value tensor,
                   mlir::Type type);

/// The float32 tensor element * (scale * tensorScale); without `tensorScale`
/// where that is null.
mlir::Value emitDequantize(mlir::OpBuilder &b, mlir::Location loc,
                           FormatAttr format, const PlainParts &parts);

/// A float tensor as float32.
mlir::Value emitWiden(mlir::OpBuilder &b, mlir::Location loc,
                      mlir::Value tensor);
/// A float32 tensor rounded to `elementType`.
mlir::Value emitNarrow(mlir::OpBuilder &b, mlir::Location loc,
                       mlir::Value tensor, mlir::Type elementType);

struct HadamardParameters {
  int64_t block;
  std::optional<llvm::ArrayRef<int8_t>> signs;
  bool inverse;
};
/// Transforms a float32 tensor.
mlir::Value emitHadamard(mlir::OpBuilder &b, mlir::Location loc,
                         mlir::Value tensor,
                         const HadamardParameters &parameters);

struct QuantizeParameters {
  FormatAttr format;
  numerics::ScaleRule rule;
  numerics::NaNPolicy nanPolicy;
  mlir::Value tensorScale; // null: computed from the input
  mlir::Value random;      // null: round to nearest
};
/// Quantizes a float32 tensor.
PlainParts emitQuantize(mlir::OpBuilder &b, mlir::Location loc,
                        mlir::Value tensor,
                        const QuantizeParameters &parameters);

void populatePackPatterns(const mlir::TypeConverter &converter,
                          mlir::RewritePatternSet &patterns);
void populateQuantizePatterns(const mlir::TypeConverter &converter,
                              mlir::RewritePatternSet &patterns);
void populateHadamardPatterns(const mlir::TypeConverter &converter,
                              mlir::RewritePatternSet &patterns);
void populateMatmulPatterns(const mlir::TypeConverter &converter,
                            mlir::RewritePatternSet &patterns);

} // namespace fp4

#endif // FP4_LIB_CONVERSION_FP4TOLINALG_PATTERNS_H
