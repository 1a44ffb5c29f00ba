//===- NormGain.cpp - Gains of normalization layers -----------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The gain is found as a factor of what the body yields, wherever it stands in
// the product, so an RMSNorm may be one operation or several.
//
//===----------------------------------------------------------------------===//

#include "NormGain.h"
#include "WeightSource.h"
#include "fp4/Dialect/FP4/IR/ConstantData.h"
#include "fp4/Dialect/FP4/IR/LayerAttributes.h"
#include "fp4/Dialect/FP4/IR/RotationOpInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace fp4 {

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

/// The constant vector along the last dimension that `operand` reads.
static ElementsAttr getGainVector(linalg::LinalgOp op, OpOperand &operand) {
  auto type = dyn_cast<RankedTensorType>(operand.get().getType());
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  AffineMap map = op.getMatchingIndexingMap(&operand);
  if (!type || !out.isIdentity() || out.getNumResults() == 0)
    return {};
  Value vector = operand.get();
  if (map == out) {
    auto broadcast = vector.getDefiningOp<linalg::BroadcastOp>();
    if (!broadcast || llvm::is_contained(broadcast.getDimensions(),
                                         int64_t(out.getNumResults()) - 1))
      return {};
    vector = broadcast.getInput();
  } else if (map != out.getMinorSubMap(1)) {
    return {};
  }
  auto constant = vector.getDefiningOp<arith::ConstantOp>();
  auto vectorType = dyn_cast<RankedTensorType>(vector.getType());
  if (!constant || !vectorType || vectorType.getRank() != 1)
    return {};
  auto attr = cast<ElementsAttr>(constant.getValue());
  float probe;
  return vectorType.getNumElements() > 0 && readFloatRange(attr, 0, 1, &probe)
             ? attr
             : ElementsAttr();
}

/// The multiplication by `argument` if what the body yields is a product with
/// that as one factor.
static arith::MulFOp findFactor(BlockArgument argument, unsigned &gainSide) {
  Value value = argument;
  arith::MulFOp product;
  while (value.hasOneUse()) {
    OpOperand &use = *value.use_begin();
    Operation *user = use.getOwner();
    if (isa<linalg::YieldOp>(user))
      return product;
    if (auto mul = dyn_cast<arith::MulFOp>(user)) {
      if (!product) {
        product = mul;
        gainSide = use.getOperandNumber();
      }
    } else if (!isa<arith::ExtFOp, arith::TruncFOp, arith::NegFOp>(user) &&
               !(isa<arith::DivFOp>(user) && use.getOperandNumber() == 0)) {
      return {};
    }
    // Between the gain and its product only widening is allowed: the gain is
    // read from the constant.
    if (!product && !isa<arith::ExtFOp>(user))
      return {};
    value = user->getResult(0);
  }
  return {};
}

/// Whether a reshape leaves the last dimension alone.
static bool keepsLastDim(Operation *op) {
  if (!isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op))
    return false;
  auto before = cast<RankedTensorType>(op->getOperand(0).getType());
  auto after = cast<RankedTensorType>(op->getResult(0).getType());
  return before.getRank() > 0 && after.getRank() > 0 &&
         before.getShape().back() == after.getShape().back();
}

/// Adds the layers that read `value`; `rotations` lie between it and the norm.
static bool collectLayers(Value value, SmallVector<HadamardOp> &rotations,
                          int64_t size, SmallVectorImpl<MatmulOp> &layers) {
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (auto hadamard = dyn_cast<HadamardOp>(user)) {
      rotations.push_back(hadamard);
      bool ok = collectLayers(hadamard, rotations, size, layers);
      rotations.pop_back();
      if (!ok)
        return false;
      continue;
    }
    if (keepsLastDim(user)) {
      if (!collectLayers(user->getResult(0), rotations, size, layers))
        return false;
      continue;
    }
    auto matmul = dyn_cast<MatmulOp>(user);
    if (!matmul || use.getOperandNumber() != 0)
      return false;
    std::optional<WeightSource> weight = WeightSource::match(matmul.getRhs());
    if (!weight || weight->cols() != size ||
        weight->rotations().size() != rotations.size())
      return false;
    for (auto [x, w] : llvm::zip_equal(rotations, weight->rotations()))
      if (!x.isSameTransform(w))
        return false;
    layers.push_back(matmul);
  }
  return true;
}

/// The operand that is the whole result but for the gain, or null.
static OpOperand *getRest(linalg::LinalgOp op, Value other, Value product) {
  auto argument = dyn_cast<BlockArgument>(other);
  if (!argument || argument.getOwner() != op.getBlock() ||
      op.getBlock()->getTerminator()->getOperand(0) != product)
    return {};
  OpOperand *source = op.getMatchingOpOperand(argument);
  bool isSame = op.getMatchingIndexingMap(source).isIdentity() &&
                source->get().getType() == op->getResult(0).getType();
  return isSame ? source : nullptr;
}

std::optional<NormGain> matchNormGain(Operation *operation) {
  auto op = dyn_cast<linalg::LinalgOp>(operation);
  if (!op || op->getNumResults() != 1 || !op.hasPureTensorSemantics() ||
      op.getNumLoops() != op.getNumParallelLoops())
    return std::nullopt;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    NormGain norm;
    norm.op = op;
    norm.operand = operand;
    norm.gain = getGainVector(op, *operand);
    if (!norm.gain)
      continue;
    norm.product =
        findFactor(op.getMatchingBlockArgument(operand), norm.gainSide);
    if (!norm.product)
      continue;
    norm.rest =
        getRest(op, norm.product->getOperand(1 - norm.gainSide), norm.product);
    // Bodies of named operations cannot be changed.
    SmallVector<HadamardOp> rotations;
    if ((norm.rest || isa<linalg::GenericOp>(operation)) &&
        collectLayers(op->getResult(0), rotations, norm.gain.getNumElements(),
                      norm.layers))
      return norm;
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Folding
//===----------------------------------------------------------------------===//

/// The weight before its rotations, times the gain, in float32.
static ElementsAttr scaleColumns(const WeightSource &weight,
                                 ArrayRef<float> gain) {
  ElementsAttr constant = weight.constant();
  ConstantBuffer buffer(RankedTensorType::get(
      {weight.rows(), weight.cols()}, Float32Type::get(constant.getContext())));
  for (int64_t row = 0; row < weight.rows(); ++row) {
    float *values = buffer.floats() + row * weight.cols();
    readFloatRange(constant, row * weight.cols(), weight.cols(), values);
    for (int64_t col = 0; col < weight.cols(); ++col)
      values[col] *= gain[col];
  }
  return buffer.finish(weight.keyWith(".gain"));
}

static void foldIntoLayer(OpBuilder &builder, MatmulOp matmul,
                          ArrayRef<float> gain) {
  WeightSource weight = *WeightSource::match(matmul.getRhs());
  Location loc = weight.constantOp().getLoc();
  builder.setInsertionPointAfterValue(matmul.getRhs());
  Value scaled =
      arith::ConstantOp::create(builder, loc, scaleColumns(weight, gain));
  for (HadamardOp rotation : weight.rotations())
    scaled = Rotation::of(rotation).apply(builder, loc, scaled);
  matmul.getRhsMutable().assign(scaled);

  std::vector<float> total(gain);
  if (auto earlier = matmul->getAttrOfType<ElementsAttr>(kInputGainAttr))
    if (std::optional<std::vector<float>> values = readFloats(earlier);
        values && values->size() == total.size())
      for (size_t i = 0; i < total.size(); ++i)
        total[i] *= (*values)[i];
  auto type = RankedTensorType::get({static_cast<int64_t>(total.size())},
                                    builder.getF32Type());
  matmul->setAttr(kInputGainAttr, makeFloatConstant(type, total, "gain"));
}

void NormGain::foldIntoLayers() const {
  std::vector<float> values = *readFloats(gain);
  OpBuilder builder(gain.getContext());
  for (MatmulOp matmul : layers)
    foldIntoLayer(builder, matmul, values);
}

void NormGain::remove() const {
  if (rest) {
    rest->getOwner()->getResult(0).replaceAllUsesWith(rest->get());
    return;
  }
  arith::MulFOp mul = product;
  Value factor = mul->getOperand(gainSide);
  mul.replaceAllUsesWith(mul->getOperand(1 - gainSide));
  mul.erase();
  while (Operation *extend = factor.getDefiningOp()) {
    factor = extend->getOperand(0);
    extend->erase();
  }
  // The operand has no reader left in the body.
  auto generic = cast<linalg::GenericOp>(operand->getOwner());
  unsigned index = operand->getOperandNumber();
  SmallVector<Attribute> maps(generic.getIndexingMaps().getValue());
  maps.erase(maps.begin() + index);
  generic.setIndexingMapsAttr(ArrayAttr::get(generic.getContext(), maps));
  generic.getBody()->eraseArgument(index);
  generic.getInputsMutable().erase(index);
}

} // namespace fp4
