//===- MatmulToLinalg.cpp - Matrix products -------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// fp4.matmul in three steps: decode the operands to float32 (the right one
// transposed, so that the innermost loop runs along rows of the result and
// vectorizes), contract with fused multiply-adds in ascending k, and apply
// tensor scales, bias and activation to the finished sum.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace fp4;
using utils::IteratorType;

namespace {
/// One side of the product: decoded without its tensor scale.
struct Operand {
  Value matrix; // of any float type
  Value tensorScale;
};
} // namespace

static Operand decodeOperand(OpBuilder &b, Location loc, Type type,
                             ValueRange values) {
  auto microscaled = dyn_cast<MicroscaledTensorType>(type);
  if (!microscaled)
    return {values.front(), Value()};
  PlainParts parts = PlainParts::get(values);
  Value tensorScale = parts.tensorScale;
  parts.tensorScale = Value();
  return {emitDequantize(b, loc, microscaled.getFormat(), parts), tensorScale};
}

/// The float32 transpose of an [N, K] matrix.
static Value transpose(OpBuilder &b, Location loc, Value matrix) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, matrix);
  std::swap(sizes[0], sizes[1]);
  Value init = tensor::EmptyOp::create(b, loc, sizes, b.getF32Type());
  AffineMap identity = b.getMultiDimIdentityMap(2);
  AffineMap swapped =
      AffineMap::getPermutationMap(ArrayRef<unsigned>{1, 0}, b.getContext());
  return makeGeneric(
      b, loc, matrix, init, {identity, swapped},
      {IteratorType::parallel, IteratorType::parallel},
      [](ScalarEmitter &e, ValueRange args) { return e.widen(args[0]); });
}

/// lhs [M, K] times rhs [K, N] in float32, one fused multiply-add per step.
static Value contract(OpBuilder &b, Location loc, Value lhs, Value rhs) {
  SmallVector<OpFoldResult> sizes = {tensor::getMixedSize(b, loc, lhs, 0),
                                     tensor::getMixedSize(b, loc, rhs, 1)};
  Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0.0f));
  Value init = tensor::EmptyOp::create(b, loc, sizes, b.getF32Type());
  init = linalg::FillOp::create(b, loc, zero, init).getResult(0);
  auto map = [&](unsigned row, unsigned col) {
    return AffineMap::getMultiDimMapWithTargets(3, {row, col}, b.getContext());
  };
  // Loops (m, k, n): the innermost one adds a multiple of a row of rhs to a
  // row of the result.
  return makeGeneric(
      b, loc, {lhs, rhs}, init, {map(0, 1), map(1, 2), map(0, 2)},
      {IteratorType::parallel, IteratorType::reduction, IteratorType::parallel},
      [](ScalarEmitter &e, ValueRange args) -> Value {
        return math::FmaOp::create(e.b, e.widen(args[0]), args[1], args[2]);
      });
}

/// 2 * sqrt(2 / pi), and the factor of the cube in the tanh form of gelu.
static constexpr float kGELUTanhLinear = 1.59576912160573071176f;
static constexpr float kGELUTanhCubic = 0.044715f;

static Value activate(ScalarEmitter &e, Value x, Activation activation) {
  switch (activation) {
  case Activation::None:
    return x;
  case Activation::ReLU:
    return arith::MaximumFOp::create(e.b, x, e.f32(0.0f));
  case Activation::GELU: {
    Value half = arith::MulFOp::create(e.b, x, e.f32(0.5f));
    // 1 / sqrt(2)
    Value scaled = arith::MulFOp::create(e.b, x, e.f32(0.70710678118654752f));
    Value erf = math::ErfOp::create(e.b, scaled);
    return arith::MulFOp::create(e.b, half,
                                 arith::AddFOp::create(e.b, e.f32(1.0f), erf));
  }
  case Activation::GELUTanh: {
    // (1 + tanh(u)) / 2 = 1 / (1 + exp(-2u)), with u = c * (x + d * x^3).
    Value square = arith::MulFOp::create(e.b, x, x);
    Value factor = arith::AddFOp::create(
        e.b, arith::MulFOp::create(e.b, square, e.f32(kGELUTanhCubic)),
        e.f32(1.0f));
    Value u = arith::MulFOp::create(e.b, arith::MulFOp::create(e.b, x, factor),
                                    e.f32(-kGELUTanhLinear));
    Value exp = math::ExpOp::create(e.b, u);
    return arith::DivFOp::create(e.b, x,
                                 arith::AddFOp::create(e.b, e.f32(1.0f), exp));
  }
  case Activation::SiLU: {
    Value exp = math::ExpOp::create(e.b, arith::NegFOp::create(e.b, x));
    return arith::DivFOp::create(e.b, x,
                                 arith::AddFOp::create(e.b, e.f32(1.0f), exp));
  }
  }
  llvm_unreachable("unknown activation");
}

/// What happens to the finished sums.
static Value finish(OpBuilder &b, Location loc, MatmulOp op, Value sums,
                    Value factor, Value bias) {
  SmallVector<Value> inputs = {sums};
  AffineMap identity = b.getMultiDimIdentityMap(2);
  SmallVector<AffineMap> maps = {identity};
  if (bias) {
    inputs.push_back(bias);
    maps.push_back(
        AffineMap::getMultiDimMapWithTargets(2, {1}, b.getContext()));
  }
  maps.push_back(identity);
  Type elementType = op.getType().getElementType();
  Value init = makeEmptyLike(b, loc, sums, elementType);
  return makeGeneric(b, loc, inputs, init, maps,
                     {IteratorType::parallel, IteratorType::parallel},
                     [&](ScalarEmitter &e, ValueRange args) {
                       Value x = args[0];
                       if (factor)
                         x = arith::MulFOp::create(e.b, x, factor);
                       if (bias)
                         x = arith::AddFOp::create(e.b, x, e.widen(args[1]));
                       x = activate(
                           e, x, op.getActivation().value_or(Activation::None));
                       return e.narrow(x, elementType);
                     });
}

namespace {
struct MatmulToLinalg : OpConversionPattern<MatmulOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(MatmulOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Operand lhs =
        decodeOperand(rewriter, loc, op.getLhs().getType(), adaptor.getLhs());
    Operand rhs =
        decodeOperand(rewriter, loc, op.getRhs().getType(), adaptor.getRhs());
    Value sums = contract(rewriter, loc, lhs.matrix,
                          transpose(rewriter, loc, rhs.matrix));
    Value factor = lhs.tensorScale ? lhs.tensorScale : rhs.tensorScale;
    if (lhs.tensorScale && rhs.tensorScale)
      factor = arith::MulFOp::create(rewriter, loc, lhs.tensorScale,
                                     rhs.tensorScale);
    Value bias = op.getBias() ? adaptor.getBias().front() : Value();
    Value result = finish(rewriter, loc, op, sums, factor, bias);
    rewriter.replaceOp(op, castTo(rewriter, loc, result, op.getType()));
    return success();
  }
};
} // namespace

void fp4::populateMatmulPatterns(const TypeConverter &converter,
                                 RewritePatternSet &patterns) {
  patterns.add<MatmulToLinalg>(converter, patterns.getContext());
}
