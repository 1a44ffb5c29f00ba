//===- RotationModels.cpp - Rotations through upstream ops ----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// External models, one per kind of operation. A cast to bf16 or f16 rounds
// rotated values instead of plain ones, which changes results within that
// rounding.
//
//===----------------------------------------------------------------------===//

#include "RotationModels.h"
#include "LinearBody.h"
#include "WeightSource.h"
#include "fp4/Dialect/FP4/IR/ConstantData.h"
#include "fp4/Dialect/FP4/IR/LayerAttributes.h"
#include "fp4/Dialect/FP4/IR/RotationOpInterface.h"
#include "fp4/Numerics/Hadamard.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace fp4;

namespace {
template <typename Model, typename Op>
using RotationModel = RotationOpInterface::ExternalModel<Model, Op>;
} // namespace

//===----------------------------------------------------------------------===//
// arith
//===----------------------------------------------------------------------===//

namespace {
/// Sums and casts: every operand has to be rotated.
template <typename Op>
struct ElementwiseModel : RotationModel<ElementwiseModel<Op>, Op> {
  LogicalResult getRotatedOperands(Operation *op, const Rotation &,
                                   SmallVectorImpl<OpOperand *> &out) const {
    for (OpOperand &operand : op->getOpOperands())
      out.push_back(&operand);
    return success();
  }
};

/// A product or quotient by something constant along the last dimension.
template <typename Op>
struct ScalingModel : RotationModel<ScalingModel<Op>, Op> {
  LogicalResult getRotatedOperands(Operation *op, const Rotation &,
                                   SmallVectorImpl<OpOperand *> &out) const {
    if (isConstantAlongLastDim(op->getOperand(1)))
      out.push_back(&op->getOpOperand(0));
    else if (isa<arith::MulFOp>(op) &&
             isConstantAlongLastDim(op->getOperand(0)))
      out.push_back(&op->getOpOperand(1));
    return success(!out.empty());
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// tensor
//===----------------------------------------------------------------------===//

namespace {
/// Reshapes and casts. Blocks stay whole exactly if the last dimension of both
/// sides is a multiple of the block, since elements keep their order; and the
/// caller makes sure of that.
template <typename Op>
struct ReshapeModel : RotationModel<ReshapeModel<Op>, Op> {
  LogicalResult getRotatedOperands(Operation *op, const Rotation &,
                                   SmallVectorImpl<OpOperand *> &out) const {
    out.push_back(&op->getOpOperand(0));
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// linalg
//===----------------------------------------------------------------------===//

namespace {
template <typename Op> struct LinalgModel : RotationModel<LinalgModel<Op>, Op> {
  LogicalResult getRotatedOperands(Operation *op, const Rotation &,
                                   SmallVectorImpl<OpOperand *> &out) const {
    return getLinearOperands(cast<linalg::LinalgOp>(op), /*ignored=*/nullptr,
                             out);
  }
  bool acceptsRotated(Operation *, OpOperand &operand, const Rotation &) const {
    return isSumOfSquares(operand);
  }
};

/// For operations that are not structured ones, which the linalg op list has
/// too.
template <typename Op> static void attachLinalg(MLIRContext *context) {
  if constexpr (std::is_base_of_v<linalg::LinalgOp::Trait<Op>, Op>)
    Op::template attachInterface<LinalgModel<Op>>(*context);
}
template <typename... Ops> static void attachAllLinalg(MLIRContext *context) {
  (attachLinalg<Ops>(context), ...);
}
} // namespace

//===----------------------------------------------------------------------===//
// fp4.matmul
//===----------------------------------------------------------------------===//

/// Rows [first, first + block) of a rows x cols matrix become R^T times them:
/// columns are transformed one by one, through a contiguous copy.
static void rotateRowBlock(float *values, int64_t cols,
                           const Rotation &rotation) {
  int64_t block = rotation.block;
  const int8_t *signs =
      rotation.signs ? rotation.signs.asArrayRef().data() : nullptr;
  constexpr int64_t strip = 64;
  std::vector<float> columns(strip * block);
  for (int64_t first = 0; first < cols; first += strip) {
    int64_t count = std::min(strip, cols - first);
    for (int64_t row = 0; row < block; ++row)
      for (int64_t col = 0; col < count; ++col)
        columns[col * block + row] = values[row * cols + first + col];
    if (rotation.isInverse)
      numerics::inverseHadamard(columns.data(), count * block, block, signs);
    else
      numerics::hadamard(columns.data(), count * block, block, signs);
    for (int64_t row = 0; row < block; ++row)
      for (int64_t col = 0; col < count; ++col)
        values[row * cols + first + col] = columns[col * block + row];
  }
}

/// The weight R^T W, so that x (R^T W)^T = x W^T R. Null if W is unreadable.
static ElementsAttr rotateRows(const WeightSource &weight,
                               const Rotation &rotation) {
  auto type =
      RankedTensorType::get({weight.rows(), weight.cols()},
                            Float32Type::get(weight.constant().getContext()));
  ConstantBuffer buffer(type);
  for (int64_t row = 0; row < weight.rows(); row += rotation.block) {
    float *values = buffer.floats() + row * weight.cols();
    weight.readRows(row, rotation.block, values);
    rotateRowBlock(values, weight.cols(), rotation);
  }
  return buffer.finish(weight.keyWith(".rotated_rows"));
}

/// `value` in float32, in which rotated constants are kept.
static Value widen(OpBuilder &builder, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getElementType().isF32())
    return value;
  return arith::ExtFOp::create(builder, value.getLoc(),
                               type.clone(builder.getF32Type()), value);
}

namespace {
/// A linear layer over a readable constant absorbs a rotation of its result in
/// the rows of the weight and the bias, and one of its input in the columns.
struct MatmulModel : RotationModel<MatmulModel, MatmulOp> {
  LogicalResult getRotatedOperands(Operation *op, const Rotation &rotation,
                                   SmallVectorImpl<OpOperand *> &) const {
    auto matmul = cast<MatmulOp>(op);
    Value bias = matmul.getBias();
    return success(!isActive(matmul) && hasReadableWeight(matmul) &&
                   (!bias || rotation.fits(bias.getType())));
  }

  void rotateResult(Operation *op, OpBuilder &builder,
                    const Rotation &rotation) const {
    auto matmul = cast<MatmulOp>(op);
    Operation *old = matmul.getRhs().getDefiningOp();
    ElementsAttr weight =
        rotateRows(*WeightSource::match(matmul.getRhs()), rotation);
    builder.setInsertionPointAfter(old);
    matmul.getRhsMutable().assign(
        arith::ConstantOp::create(builder, old->getLoc(), weight));
    if (Value bias = matmul.getBias()) {
      builder.setInsertionPointAfterValue(bias);
      matmul.getBiasMutable().assign(
          rotation.apply(builder, bias.getLoc(), widen(builder, bias)));
    }
  }

  bool acceptsRotated(Operation *op, OpOperand &operand,
                      const Rotation &rotation) const {
    auto matmul = cast<MatmulOp>(op);
    return operand.getOperandNumber() == 0 && rotation.isPlain() &&
           !matmul->hasAttr(kInputRotationAttr) && hasReadableWeight(matmul);
  }

  void rotateOperand(Operation *op, OpBuilder &builder, OpOperand &,
                     const Rotation &rotation) const {
    auto matmul = cast<MatmulOp>(op);
    Value weight = matmul.getRhs();
    builder.setInsertionPointAfterValue(weight);
    matmul.getRhsMutable().assign(
        rotation.apply(builder, weight.getLoc(), widen(builder, weight)));
    matmul->setAttr(kInputRotationAttr,
                    builder.getI64IntegerAttr(rotation.block));
  }

private:
  static bool isActive(MatmulOp matmul) {
    return matmul.getActivation().value_or(Activation::None) !=
           Activation::None;
  }
  static bool hasReadableWeight(MatmulOp matmul) {
    if (!isa<RankedTensorType>(matmul.getRhs().getType()))
      return false;
    std::optional<WeightSource> weight = WeightSource::match(matmul.getRhs());
    float probe;
    return weight && weight->rows() > 0 && weight->cols() > 0 &&
           readFloatRange(weight->constant(), 0, 1, &probe);
  }
};
} // namespace

void fp4::registerRotationModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, FP4Dialect *) {
    MatmulOp::attachInterface<MatmulModel>(*context);
  });
  registry.addExtension(+[](MLIRContext *context, arith::ArithDialect *) {
    arith::AddFOp::attachInterface<ElementwiseModel<arith::AddFOp>>(*context);
    arith::SubFOp::attachInterface<ElementwiseModel<arith::SubFOp>>(*context);
    arith::NegFOp::attachInterface<ElementwiseModel<arith::NegFOp>>(*context);
    arith::ExtFOp::attachInterface<ElementwiseModel<arith::ExtFOp>>(*context);
    arith::TruncFOp::attachInterface<ElementwiseModel<arith::TruncFOp>>(
        *context);
    arith::MulFOp::attachInterface<ScalingModel<arith::MulFOp>>(*context);
    arith::DivFOp::attachInterface<ScalingModel<arith::DivFOp>>(*context);
  });
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    tensor::CastOp::attachInterface<ReshapeModel<tensor::CastOp>>(*context);
    tensor::CollapseShapeOp::attachInterface<
        ReshapeModel<tensor::CollapseShapeOp>>(*context);
    tensor::ExpandShapeOp::attachInterface<ReshapeModel<tensor::ExpandShapeOp>>(
        *context);
  });
  registry.addExtension(+[](MLIRContext *context, linalg::LinalgDialect *) {
    attachAllLinalg<
#define GET_OP_LIST
#include "mlir/Dialect/Linalg/IR/LinalgStructuredOps.cpp.inc"
        >(context);
  });
}
