//===- QuantizeToLinalg.cpp - Rounding to blocks --------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// fp4.quantize as a chain of loops over blocks: largest magnitudes, tensor
// scale, scale codes (with squared errors of the candidates where a rule
// compares them), elements. fp4.rotate_quantize transforms first.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "ScaleChoice.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace fp4;
using arith::CmpFPredicate;
using arith::CmpIPredicate;
using utils::IteratorType;

static constexpr int64_t kInfBits = 0x7F800000;

namespace {
/// Emits the quantization of one split tensor.
class Quantizer {
public:
  Quantizer(OpBuilder &b, Location loc, RankedTensorType type,
            const QuantizeParameters &parameters)
      : b(b), loc(loc), type(type), parameters(parameters),
        loops(b.getContext(), type.getRank(), parameters.format),
        chooser(parameters.format.getBlockFormat(), parameters.rule),
        tensorScale(parameters.tensorScale) {}

  PlainParts emit(Value tensor);

private:
  Value emitBlockMaxima();
  Value emitTensorScale(Value maxima);
  Value emitScales(Value maxima);
  Value emitErrors(Value maxima);
  Value emitBestCodes(Value maxima, Value errors);
  Value emitCodes(Value scales);
  Value saturateInfinity(ScalarEmitter &e, Value real);

  OpBuilder &b;
  Location loc;
  RankedTensorType type;
  const QuantizeParameters &parameters;
  BlockLoops loops;
  ScaleChooser chooser;
  Value tensorScale;
  Value input; // split into blocks
};
} // namespace

/// The largest float for an infinity, with its sign.
static Value replaceInfinity(ScalarEmitter &e, Value real) {
  Value bits = e.asBits(real);
  Value isInf =
      e.compare(CmpIPredicate::eq, e.magnitudeBits(real), e.i32(kInfBits));
  // The bits below infinity's are those of the largest float.
  Value below = arith::SubIOp::create(e.b, bits, e.i32(1));
  return e.asFloat(e.select(isInf, below, bits));
}

Value Quantizer::saturateInfinity(ScalarEmitter &e, Value real) {
  return parameters.nanPolicy == numerics::NaNPolicy::SaturateInf
             ? replaceInfinity(e, real)
             : real;
}

/// The bits of the largest magnitude of each block. As integers the magnitudes
/// are ordered as the floats are, and NaN is above infinity.
Value Quantizer::emitBlockMaxima() {
  auto splitType = cast<RankedTensorType>(input.getType());
  AffineMap map = loops.elementMap();
  SmallVector<OpFoldResult> splitSizes = tensor::getMixedSizes(b, loc, input);
  SmallVector<OpFoldResult> sizes(type.getRank());
  for (int64_t dim = 0; dim < splitType.getRank(); ++dim)
    if (map.getDimPosition(dim) < sizes.size())
      sizes[map.getDimPosition(dim)] = splitSizes[dim];
  Value zero = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(0));
  Value init = tensor::EmptyOp::create(b, loc, sizes, b.getI32Type());
  init = linalg::FillOp::create(b, loc, zero, init).getResult(0);
  return makeGeneric(
      b, loc, input, init, {map, loops.blockMap()}, loops.reduceBlocks(),
      [&](ScalarEmitter &e, ValueRange args) -> Value {
        Value real = saturateInfinity(e, args[0]);
        return arith::MaxSIOp::create(e.b, e.magnitudeBits(real), args[1]);
      });
}

/// numerics::tensorScaleFor of the largest of `maxima`.
Value Quantizer::emitTensorScale(Value maxima) {
  int64_t rank = type.getRank();
  Value zero = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(0));
  Value init =
      tensor::EmptyOp::create(b, loc, ArrayRef<int64_t>{}, b.getI32Type());
  init = linalg::FillOp::create(b, loc, zero, init).getResult(0);
  SmallVector<IteratorType> iterators(rank, IteratorType::reduction);
  Value largest = makeGeneric(
      b, loc, maxima, init,
      {b.getMultiDimIdentityMap(rank), AffineMap::get(rank, 0, b.getContext())},
      iterators, [](ScalarEmitter &e, ValueRange args) -> Value {
        return arith::MaxSIOp::create(e.b, args[0], args[1]);
      });
  ScalarEmitter e(b, loc);
  Value amax = e.asFloat(tensor::ExtractOp::create(b, loc, largest));
  const numerics::BlockFormat &format = chooser.blockFormat;
  bool headroom = parameters.rule == numerics::ScaleRule::FourOverSix ||
                  parameters.rule == numerics::ScaleRule::Search;
  float maxScale = headroom && format.scale == numerics::ScaleFormat::UE4M3
                       ? 256.0f
                       : numerics::scaleMaxFinite(format.scale);
  float divisor = numerics::elementMaxFinite(format.element) * maxScale;
  Value scale = arith::DivFOp::create(b, loc, amax, e.f32(divisor));
  Value isZero = e.compare(CmpFPredicate::OEQ, scale, e.f32(0.0f));
  return e.select(isZero, e.f32(1.0f), scale);
}

/// The squared error of each candidate for each block, summed in double in
/// row-major order: tensor<blocks x candidates x f64>.
Value Quantizer::emitErrors(Value maxima) {
  // One more parallel loop, over candidates, between those over blocks and
  // those inside a block.
  unsigned rank = type.getRank();
  unsigned numLoops = loops.numLoops() + 1;
  auto withCandidateLoop = [&](AffineMap map) {
    SmallVector<AffineExpr> dims;
    for (unsigned dim = 0; dim < loops.numLoops(); ++dim)
      dims.push_back(b.getAffineDimExpr(dim < rank ? dim : dim + 1));
    return map.replaceDimsAndSymbols(dims, {}, numLoops, 0);
  };
  AffineMap blockMap = withCandidateLoop(loops.blockMap());
  AffineMap errorMap = blockMap.insertResult(b.getAffineDimExpr(rank), rank);
  SmallVector<IteratorType> iterators = loops.reduceBlocks();
  iterators.insert(iterators.begin() + rank, IteratorType::parallel);

  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, maxima);
  sizes.push_back(b.getIndexAttr(chooser.numCandidates()));
  Value zero = arith::ConstantOp::create(b, loc, b.getF64FloatAttr(0.0));
  Value init = tensor::EmptyOp::create(b, loc, sizes, b.getF64Type());
  init = linalg::FillOp::create(b, loc, zero, init).getResult(0);
  return makeGeneric(
      b, loc, {input, maxima}, init,
      {withCandidateLoop(loops.elementMap()), blockMap, errorMap}, iterators,
      [&](ScalarEmitter &e, ValueRange args) -> Value {
        Value loop = linalg::IndexOp::create(e.b, rank);
        Value index = arith::IndexCastOp::create(e.b, e.b.getI32Type(), loop);
        Value code = chooser.propose(e, args[1], tensorScale, index).code;
        Value divisor = e.decode(chooser.scale, code);
        if (tensorScale)
          divisor = arith::MulFOp::create(e.b, divisor, tensorScale);
        Value real = saturateInfinity(e, args[0]);
        Value rounded =
            e.decode(chooser.element,
                     e.encode(chooser.element,
                              arith::DivFOp::create(e.b, real, divisor)));
        Value decoded = arith::MulFOp::create(e.b, rounded, divisor);
        Type f64 = e.b.getF64Type();
        Value error =
            arith::SubFOp::create(e.b, arith::ExtFOp::create(e.b, f64, real),
                                  arith::ExtFOp::create(e.b, f64, decoded));
        return arith::AddFOp::create(e.b, args[2],
                                     arith::MulFOp::create(e.b, error, error));
      });
}

/// The code of the first candidate with the least error.
Value Quantizer::emitBestCodes(Value maxima, Value errors) {
  unsigned rank = type.getRank();
  AffineMap blockMap = AffineMap::getMultiDimMapWithTargets(
      rank + 1, llvm::to_vector(llvm::seq<unsigned>(0, rank)), b.getContext());
  AffineMap errorMap = b.getMultiDimIdentityMap(rank + 1);
  SmallVector<IteratorType> iterators(rank, IteratorType::parallel);
  iterators.push_back(IteratorType::reduction);
  Value bestCode = makeFilledLike(b, loc, maxima, b.getI32IntegerAttr(0));
  Value bestError = makeFilledLike(b, loc, maxima, b.getF64FloatAttr(0.0));
  auto generic = linalg::GenericOp::create(
      b, loc, TypeRange{bestCode.getType(), bestError.getType()},
      ValueRange{errors, maxima}, ValueRange{bestCode, bestError},
      ArrayRef<AffineMap>{errorMap, blockMap, blockMap, blockMap}, iterators,
      [&](OpBuilder &builder, Location bodyLoc, ValueRange args) {
        ScalarEmitter e(builder, bodyLoc);
        Value loop = linalg::IndexOp::create(e.b, rank);
        Value index = arith::IndexCastOp::create(e.b, e.b.getI32Type(), loop);
        Candidate candidate = chooser.propose(e, args[1], tensorScale, index);
        Value isBetter = e.compare(CmpFPredicate::OLT, args[0], args[3]);
        if (candidate.isLegal)
          isBetter = arith::AndIOp::create(e.b, isBetter, candidate.isLegal);
        // The first one is taken whatever its error, even a NaN.
        Value isFirst = e.compare(CmpIPredicate::eq, index, e.i32(0));
        Value take = arith::OrIOp::create(e.b, isFirst, isBetter);
        Value code = e.select(take, candidate.code, args[2]);
        Value error = e.select(take, args[0], args[3]);
        linalg::YieldOp::create(builder, bodyLoc, ValueRange{code, error});
      });
  return generic.getResult(0);
}

/// The scale code of each block, as i8.
Value Quantizer::emitScales(Value maxima) {
  if (chooser.numCandidates() == 1)
    return makeElementwise(
        b, loc, maxima, b.getI8Type(), [&](ScalarEmitter &e, ValueRange args) {
          Value code = chooser.propose(e, args[0], tensorScale, Value()).code;
          return e.narrowCode(chooser.finish(e, args[0], code));
        });
  Value best = emitBestCodes(maxima, emitErrors(maxima));
  return makeElementwise(b, loc, {maxima, best}, b.getI8Type(),
                         [&](ScalarEmitter &e, ValueRange args) {
                           return e.narrowCode(
                               chooser.finish(e, args[0], args[1]));
                         });
}

/// The codes of all elements, split into blocks.
Value Quantizer::emitCodes(Value scales) {
  SmallVector<Value> inputs = {input, scales};
  SmallVector<AffineMap> maps = {loops.elementMap(), loops.blockMap()};
  if (parameters.random) {
    inputs.push_back(loops.split(b, loc, parameters.random));
    maps.push_back(loops.elementMap());
  }
  maps.push_back(loops.elementMap());
  Value init = makeEmptyLike(b, loc, input, b.getI8Type());
  return makeGeneric(
      b, loc, inputs, init, maps, loops.parallel(),
      [&](ScalarEmitter &e, ValueRange args) {
        Value divisor = chooser.divisor(e, e.widenCode(args[1]), tensorScale);
        Value real = saturateInfinity(e, args[0]);
        Value quotient = arith::DivFOp::create(e.b, real, divisor);
        Value code = parameters.random ? e.encodeStochastic(chooser.element,
                                                            quotient, args[2])
                                       : e.encode(chooser.element, quotient);
        return e.narrowCode(code);
      });
}

PlainParts Quantizer::emit(Value tensor) {
  input = loops.split(b, loc, tensor);
  Value maxima = emitBlockMaxima();
  if (!parameters.format.hasTensorScale())
    tensorScale = Value();
  else if (!tensorScale)
    tensorScale = emitTensorScale(maxima);
  Value scales = emitScales(maxima);
  Value codes =
      loops.join(b, loc, emitCodes(scales), type.clone(b.getI8Type()));
  return {codes, scales, tensorScale};
}

PlainParts fp4::emitQuantize(OpBuilder &b, Location loc, Value tensor,
                             const QuantizeParameters &parameters) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return Quantizer(b, loc, type, parameters).emit(tensor);
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

/// The parts with the static shapes that `type` promises.
static SmallVector<Value> castParts(OpBuilder &b, Location loc,
                                    PlainParts parts,
                                    MicroscaledTensorType type) {
  Type i8 = b.getI8Type();
  parts.codes = castTo(b, loc, parts.codes, type.getElementsType().clone(i8));
  parts.scales = castTo(b, loc, parts.scales, type.getScalesType().clone(i8));
  return parts.toVector();
}

/// What both operations say about their quantization.
template <typename OpTy>
static QuantizeParameters getParameters(OpTy op, Value tensorScale) {
  return {op.getType().getFormat(), op.getEffectiveScaleRule(),
          op.getEffectiveNaNPolicy(), tensorScale, /*random=*/Value()};
}

namespace {
struct QuantizeToLinalg : OpConversionPattern<QuantizeOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(QuantizeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    QuantizeParameters parameters = getParameters(op, adaptor.getTensorScale());
    if (Value random = adaptor.getRandom())
      parameters.random =
          castTo(rewriter, loc, random,
                 op.getInput().getType().clone(rewriter.getI32Type()));
    Value values = emitWiden(rewriter, loc, adaptor.getInput());
    PlainParts parts = emitQuantize(rewriter, loc, values, parameters);
    rewriter.replaceOpWithMultiple(
        op, {castParts(rewriter, loc, parts, op.getType())});
    return success();
  }
};

struct RotateQuantizeToLinalg : OpConversionPattern<RotateQuantizeOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(RotateQuantizeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value values = emitWiden(rewriter, loc, adaptor.getInput());
    values = emitHadamard(rewriter, loc, values,
                          {static_cast<int64_t>(op.getBlock()), op.getSigns(),
                           /*inverse=*/false});
    PlainParts parts = emitQuantize(
        rewriter, loc, values, getParameters(op, adaptor.getTensorScale()));
    rewriter.replaceOpWithMultiple(
        op, {castParts(rewriter, loc, parts, op.getType())});
    return success();
  }
};
} // namespace

void fp4::populateQuantizePatterns(const TypeConverter &converter,
                                   RewritePatternSet &patterns) {
  patterns.add<QuantizeToLinalg, RotateQuantizeToLinalg>(converter,
                                                         patterns.getContext());
}
