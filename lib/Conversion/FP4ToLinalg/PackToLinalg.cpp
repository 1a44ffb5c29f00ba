//===- PackToLinalg.cpp - pack, unpack, constant, dequantize --------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operations that move or decode bits. Constants keep their packed bytes, which
// may be a mapped file; the loop that spreads them to one code per byte is
// part of the program.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace fp4;
using utils::IteratorType;

//===----------------------------------------------------------------------===//
// Packed bytes to codes
//===----------------------------------------------------------------------===//

/// Splits the last dimension of `tensor` into runs of `run`.
static Value splitLast(OpBuilder &b, Location loc, Value tensor, int64_t run) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape.back() /= run;
  shape.push_back(run);
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    groups.push_back({dim});
  groups.back().push_back(type.getRank());
  return tensor::ExpandShapeOp::create(b, loc, type.clone(shape), tensor,
                                       groups);
}

/// Spreads rows of bytes to one code of `codeBits` bits per byte: `codes`
/// codes lie in `bytes` bytes, the first in the lowest bits.
static Value spreadCodes(OpBuilder &b, Location loc, Value packed,
                         unsigned codeBits, RankedTensorType resultType) {
  unsigned bytes = codeBits == 6 ? 3 : 1;
  unsigned codes = 8 * bytes / codeBits;
  Value groups = splitLast(b, loc, packed, bytes);
  auto groupsType = cast<RankedTensorType>(groups.getType());
  unsigned loops = groupsType.getRank();

  // One input per byte of the group, all views of the same tensor.
  SmallVector<AffineMap> maps;
  for (unsigned byte = 0; byte < bytes; ++byte) {
    SmallVector<AffineExpr> results = llvm::map_to_vector(
        llvm::seq<unsigned>(0, loops - 1),
        [&](unsigned dim) { return b.getAffineDimExpr(dim); });
    results.push_back(b.getAffineConstantExpr(byte));
    maps.push_back(AffineMap::get(loops, 0, results, b.getContext()));
  }
  maps.push_back(b.getMultiDimIdentityMap(loops));

  SmallVector<int64_t> shape(groupsType.getShape());
  shape.back() = codes;
  Value init = tensor::EmptyOp::create(b, loc, shape, b.getI8Type());
  SmallVector<IteratorType> iterators(loops, IteratorType::parallel);
  Value spread = makeGeneric(
      b, loc, SmallVector<Value>(bytes, groups), init, maps, iterators,
      [&](ScalarEmitter &e, ValueRange args) -> Value {
        Value word = e.widenCode(args[0]);
        for (unsigned byte = 1; byte < bytes; ++byte)
          word = arith::OrIOp::create(
              e.b, word,
              arith::ShLIOp::create(e.b, e.widenCode(args[byte]),
                                    e.i32(8 * byte)));
        Value index = linalg::IndexOp::create(e.b, loops - 1);
        Value position =
            arith::IndexCastOp::create(e.b, e.b.getI32Type(), index);
        Value shift = arith::MulIOp::create(e.b, position, e.i32(codeBits));
        Value code = arith::ShRUIOp::create(e.b, word, shift);
        return e.narrowCode(
            arith::AndIOp::create(e.b, code, e.i32((1 << codeBits) - 1)));
      });
  SmallVector<ReassociationIndices> reassociation;
  for (unsigned dim = 0; dim + 1 < loops; ++dim)
    reassociation.push_back({dim});
  reassociation.back().push_back(loops - 1);
  return tensor::CollapseShapeOp::create(b, loc, resultType, spread,
                                         reassociation);
}

namespace {
struct ConstantToLinalg : OpConversionPattern<ConstantOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(ConstantOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    MicroscaledTensorType type = op.getType();
    PackedAttr value = op.getValue();
    PlainParts parts;
    parts.codes = arith::ConstantOp::create(rewriter, loc, value.getElements());
    unsigned bits =
        numerics::elementBits(type.getFormat().getBlockFormat().element);
    if (bits != 8)
      parts.codes =
          spreadCodes(rewriter, loc, parts.codes, bits,
                      type.getElementsType().clone(rewriter.getI8Type()));
    parts.scales = arith::ConstantOp::create(rewriter, loc, value.getScales());
    if (FloatAttr tensorScale = value.getTensorScale())
      parts.tensorScale = arith::ConstantOp::create(rewriter, loc, tensorScale);
    rewriter.replaceOpWithMultiple(op, {parts.toVector()});
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Plain tensors
//===----------------------------------------------------------------------===//

/// The codes of a tensor of narrow floats, one per i8.
static Value toCodes(OpBuilder &b, Location loc, Value tensor) {
  if (cast<RankedTensorType>(tensor.getType()).getElementType().isInteger(8))
    return tensor;
  return makeElementwise(b, loc, tensor, b.getI8Type(),
                         [](ScalarEmitter &e, ValueRange args) {
                           return e.narrowCode(e.widenCode(args[0]));
                         });
}

/// The inverse of toCodes; bits above the width are dropped.
static Value fromCodes(OpBuilder &b, Location loc, Value codes, Type type) {
  if (type.isInteger(8))
    return codes;
  auto floatType = cast<FloatType>(type);
  return makeElementwise(
      b, loc, codes, type, [&](ScalarEmitter &e, ValueRange args) -> Value {
        Value code = args[0];
        if (floatType.getWidth() < 8)
          code = arith::TruncIOp::create(
              e.b, e.b.getIntegerType(floatType.getWidth()), code);
        return arith::BitcastOp::create(e.b, floatType, code);
      });
}

namespace {
struct PackToLinalg : OpConversionPattern<PackOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(PackOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Type i8 = rewriter.getI8Type();
    Value codes = toCodes(rewriter, loc, adaptor.getElements());
    Value scales = toCodes(rewriter, loc, adaptor.getScales());
    PlainParts parts{
        castTo(rewriter, loc, codes, op.getType().getElementsType().clone(i8)),
        castTo(rewriter, loc, scales, op.getType().getScalesType().clone(i8)),
        adaptor.getTensorScale()};
    rewriter.replaceOpWithMultiple(op, {parts.toVector()});
    return success();
  }
};

struct UnpackToLinalg : OpConversionPattern<UnpackOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(UnpackOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    PlainParts parts = PlainParts::get(adaptor.getInput());
    FormatAttr format = op.getInput().getType().getFormat();
    parts.codes =
        fromCodes(rewriter, loc, parts.codes, format.getElementStorageType());
    parts.codes =
        castTo(rewriter, loc, parts.codes, op.getElements().getType());
    parts.scales =
        fromCodes(rewriter, loc, parts.scales, format.getScaleStorageType());
    parts.scales =
        castTo(rewriter, loc, parts.scales, op.getScales().getType());
    rewriter.replaceOp(op, parts.toVector());
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

Value fp4::emitDequantize(OpBuilder &b, Location loc, FormatAttr format,
                          const PlainParts &parts) {
  auto type = cast<RankedTensorType>(parts.codes.getType());
  NarrowFormat element = NarrowFormat::get(format.getBlockFormat().element);
  NarrowFormat scale = NarrowFormat::get(format.getBlockFormat().scale);
  BlockLoops loops(b.getContext(), type.getRank(), format);
  Value codes = loops.split(b, loc, parts.codes);
  Value init = makeEmptyLike(b, loc, codes, b.getF32Type());
  Value values = makeGeneric(
      b, loc, {codes, parts.scales}, init,
      {loops.elementMap(), loops.blockMap(), loops.elementMap()},
      loops.parallel(), [&](ScalarEmitter &e, ValueRange args) -> Value {
        Value real = e.decode(element, e.widenCode(args[0]));
        Value factor = e.decode(scale, e.widenCode(args[1]));
        if (parts.tensorScale)
          factor = arith::MulFOp::create(e.b, factor, parts.tensorScale);
        return arith::MulFOp::create(e.b, real, factor);
      });
  return loops.join(b, loc, values, type.clone(b.getF32Type()));
}

namespace {
struct DequantizeToLinalg : OpConversionPattern<DequantizeOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(DequantizeOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value values =
        emitDequantize(rewriter, loc, op.getInput().getType().getFormat(),
                       PlainParts::get(adaptor.getInput()));
    values = emitNarrow(rewriter, loc, values, op.getType().getElementType());
    rewriter.replaceOp(op, castTo(rewriter, loc, values, op.getType()));
    return success();
  }
};
} // namespace

void fp4::populatePackPatterns(const TypeConverter &converter,
                               RewritePatternSet &patterns) {
  patterns
      .add<ConstantToLinalg, PackToLinalg, UnpackToLinalg, DequantizeToLinalg>(
          converter, patterns.getContext());
}
