//===- LinalgToFP4.cpp - Import of linear layers --------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pass --convert-linalg-to-fp4. A contraction is first described by loop
// dimensions (which of them the weight, the activation and the result have),
// independently of the operation that spells it; the rewrite looks at that
// description only.
//
//===----------------------------------------------------------------------===//

#include "WeightOperand.h"
#include "fp4/Conversion/Passes.h"
#include "fp4/Dialect/FP4/IR/ConstantData.h"
#include "fp4/Dialect/FP4/IR/DeadOps.h"
#include "fp4/Dialect/FP4/IR/FP4Ops.h"
#include "fp4/Dialect/FP4/IR/LayerAttributes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

namespace fp4 {
#define GEN_PASS_DEF_CONVERTLINALGTOFP4
#include "fp4/Conversion/Passes.h.inc"
} // namespace fp4

using namespace mlir;
using namespace fp4;

namespace {
using Loops = SmallVector<int64_t>;

/// A contraction y[..., n] = sum_k x[..., k] * w[n, k].
struct LinearLayer {
  linalg::LinalgOp op;
  Value activation;
  Operation *weightSource;
  /// Whether the weight is stored as [K, N].
  bool isTransposed;
  int64_t n, k;
  /// A vector to add, and the operation that adds it if that is not the
  /// contraction itself.
  Value bias;
  Operation *biasAdd = nullptr;
  /// What to add to the product afterwards.
  Value accumulator;
};
} // namespace

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

static bool isSupportedFloat(Type type) {
  return type.isF32() || type.isBF16() || type.isF16();
}

/// The loop dimension of every dimension of an operand. Contractions have
/// projected permutations only.
static Loops getLoops(AffineMap map) {
  Loops loops;
  for (unsigned i = 0; i < map.getNumResults(); ++i)
    loops.push_back(map.getDimPosition(i));
  return loops;
}

static bool isZero(Value value) {
  if (auto fill = value.getDefiningOp<linalg::FillOp>())
    value = fill.getInputs()[0];
  return matchPattern(value, m_AnyZeroFloat());
}

/// Describes `op` with operand `weightIndex` as the weight.
static std::optional<LinearLayer> matchOperands(linalg::LinalgOp op,
                                                unsigned weightIndex) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  Loops activation = getLoops(maps[1 - weightIndex]);
  Loops result = getLoops(maps[2]);
  if (result.empty() || activation.empty() || op.getNumReductionLoops() != 1)
    return std::nullopt;
  int64_t n = result.back(), k = activation.back();
  if (ArrayRef(activation).drop_back() != ArrayRef(result).drop_back() ||
      llvm::is_contained(activation, n) || llvm::is_contained(result, k))
    return std::nullopt;

  std::optional<WeightOperand> weight = traceWeight(
      op.getDpsInputOperand(weightIndex)->get(), getLoops(maps[weightIndex]));
  if (!weight)
    return std::nullopt;
  auto type = cast<RankedTensorType>(weight->source->getResult(0).getType());
  Loops dims;
  for (auto [loop, extent] : llvm::zip_equal(weight->loops, type.getShape()))
    if (loop == n || loop == k || extent != 1)
      dims.push_back(loop);
  if (dims != Loops{n, k} && dims != Loops{k, n})
    return std::nullopt;

  LinearLayer layer;
  layer.op = op;
  layer.activation = op.getDpsInputOperand(1 - weightIndex)->get();
  layer.weightSource = weight->source;
  layer.isTransposed = dims.front() == k;
  for (auto [loop, extent] : llvm::zip_equal(weight->loops, type.getShape())) {
    if (loop == n)
      layer.n = extent;
    if (loop == k)
      layer.k = extent;
  }
  return layer;
}

/// The other summand if `user` computes only `value` + summand of one type.
static Value getSummand(Operation *user, Value value) {
  if (auto add = dyn_cast<arith::AddFOp>(user))
    return add.getLhs() == value ? add.getRhs() : add.getLhs();
  if (auto add = dyn_cast<linalg::AddOp>(user)) {
    if (add.getOutputs()[0] == value)
      return {};
    return add.getInputs()[add.getInputs()[0] == value ? 1 : 0];
  }
  return {};
}

/// The vector b if `user` is a linalg.generic that adds b[n] to value[.., n].
static Value getGenericBias(Operation *user, Value value) {
  auto generic = dyn_cast<linalg::GenericOp>(user);
  if (!generic || generic.getNumDpsInputs() != 2 ||
      generic.getNumDpsInits() != 1 ||
      generic.getNumLoops() != generic.getNumParallelLoops() ||
      generic.getDpsInits()[0] == value)
    return {};
  unsigned self = generic.getDpsInputs()[0] == value ? 0 : 1;
  Value other = generic.getDpsInputs()[1 - self];
  SmallVector<AffineMap> maps = generic.getIndexingMapsArray();
  if (!maps[self].isIdentity() || !maps[2].isIdentity() ||
      maps[1 - self] != maps[2].getMinorSubMap(1))
    return {};
  Block &body = *generic.getBody();
  auto add = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!add || body.getOperations().size() != 2 ||
      add.getLhs() == add.getRhs() ||
      llvm::is_contained(add.getOperands(), body.getArgument(2)))
    return {};
  return other;
}

/// Finds a bias in the accumulator or in an addition behind the contraction.
static void matchBias(LinearLayer &layer) {
  Value init = layer.op.getDpsInits()[0];
  if (!isZero(init)) {
    layer.bias = getBroadcastVector(init);
    if (!layer.bias)
      layer.accumulator = init;
    return;
  }
  Value product = layer.op->getResult(0);
  if (!product.hasOneUse())
    return;
  Operation *user = *product.getUsers().begin();
  if (user->getBlock() != layer.op->getBlock() || user->getNumResults() != 1 ||
      user->getResult(0).getType() != product.getType())
    return;
  Value bias = getGenericBias(user, product);
  if (!bias)
    if (Value summand = getSummand(user, product))
      bias = getBroadcastVector(summand);
  if (!bias || !isSupportedFloat(getElementTypeOrSelf(bias)))
    return;
  layer.bias = bias;
  layer.biasAdd = user;
}

/// A contraction of floats with tensor semantics.
static bool isFloatContraction(linalg::LinalgOp op) {
  return linalg::isaContractionOpInterface(op) && op.hasPureTensorSemantics() &&
         llvm::all_of(op->getOperandTypes(), [](Type type) {
           return isSupportedFloat(getElementTypeOrSelf(type));
         });
}

static std::optional<LinearLayer> matchLayer(linalg::LinalgOp op) {
  std::optional<LinearLayer> layer = matchOperands(op, 1);
  if (!layer)
    layer = matchOperands(op, 0);
  if (layer)
    matchBias(*layer);
  return layer;
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

/// The activation as a matrix with K columns.
static Value collapseActivation(OpBuilder &builder, Location loc, Value value,
                                int64_t k) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getShape().back() != k) {
    SmallVector<int64_t> shape(type.getShape());
    shape.back() = k;
    type = type.clone(shape);
    value = tensor::CastOp::create(builder, loc, type, value);
  }
  int64_t rank = type.getRank();
  if (rank == 2)
    return value;
  if (rank == 1)
    return tensor::ExpandShapeOp::create(
        builder, loc, type.clone(ArrayRef<int64_t>{1, k}), value,
        SmallVector<ReassociationIndices>{{0, 1}});
  SmallVector<ReassociationIndices> groups(2);
  groups[0] = llvm::to_vector(llvm::seq<int64_t>(0, rank - 1));
  groups[1] = {rank - 1};
  return tensor::CollapseShapeOp::create(builder, loc, value, groups);
}

/// The inverse for the [M, N] result: gives it the leading dimensions of
/// `activation` and then the type `type`.
static Value expandResult(OpBuilder &builder, Location loc, Value matrix,
                          Value activation, RankedTensorType type) {
  int64_t rank = type.getRank();
  int64_t n = cast<RankedTensorType>(matrix.getType()).getDimSize(1);
  if (rank == 1) {
    matrix = tensor::CollapseShapeOp::create(
        builder, loc, matrix, SmallVector<ReassociationIndices>{{0, 1}});
  } else if (rank > 2) {
    SmallVector<ReassociationIndices> groups(2);
    groups[0] = llvm::to_vector(llvm::seq<int64_t>(0, rank - 1));
    groups[1] = {rank - 1};
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(builder, loc, activation);
    sizes.back() = builder.getIndexAttr(n);
    SmallVector<int64_t> shape(
        cast<RankedTensorType>(activation.getType()).getShape());
    shape.back() = n;
    matrix = tensor::ExpandShapeOp::create(builder, loc, type.clone(shape),
                                           matrix, groups, sizes);
  }
  if (matrix.getType() != type)
    matrix = tensor::CastOp::create(builder, loc, type, matrix);
  return matrix;
}

static std::string getLayerName(Operation *source, unsigned index) {
  StringRef name;
  if (auto parameter = dyn_cast<ParameterOp>(source))
    name = parameter.getName();
  else if (auto value = dyn_cast<ElementsAttr>(
               cast<arith::ConstantOp>(source).getValue()))
    name = getResourceKey(value);
  name.consume_back(".weight");
  return name.empty() ? "linear" + std::to_string(index) : name.str();
}

namespace {
struct ConvertLinalgToFP4
    : fp4::impl::ConvertLinalgToFP4Base<ConvertLinalgToFP4> {
  using ConvertLinalgToFP4Base::ConvertLinalgToFP4Base;

  void runOnOperation() override {
    weights.clear();
    numLayers = 0;
    SmallVector<linalg::LinalgOp> contractions;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (isFloatContraction(op))
        contractions.push_back(op);
    });
    // One at a time: a rewrite changes the activation of the next layer.
    for (linalg::LinalgOp op : contractions) {
      std::optional<LinearLayer> layer = matchLayer(op);
      if (layer && failed(convert(*layer)))
        return signalPassFailure();
      if (!layer && requireConstant) {
        emitError(op.getLoc()) << "weight is not a constant";
        return signalPassFailure();
      }
    }
  }

private:
  LogicalResult convert(LinearLayer &layer);
  Value getWeight(LinearLayer &layer);
  Value makeWeight(LinearLayer &layer);

  /// The weight as [N, K], by source and whether that is stored as [K, N].
  DenseMap<llvm::PointerIntPair<Operation *, 1, bool>, Value> weights;
  unsigned numLayers = 0;
};
} // namespace

/// The weight as an [N, K] value, made once for all users of a source.
Value ConvertLinalgToFP4::getWeight(LinearLayer &layer) {
  auto [it, isNew] =
      weights.try_emplace({layer.weightSource, layer.isTransposed});
  if (isNew)
    it->second = makeWeight(layer);
  return it->second;
}

Value ConvertLinalgToFP4::makeWeight(LinearLayer &layer) {
  Operation *source = layer.weightSource;
  OpBuilder builder(source->getContext());
  builder.setInsertionPointAfter(source);
  Value value = source->getResult(0);
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> stored = {layer.n, layer.k};
  if (layer.isTransposed)
    std::swap(stored[0], stored[1]);
  RankedTensorType matrixType = type.clone(stored);
  if (type == matrixType && !layer.isTransposed)
    return value;

  if (auto constant = dyn_cast<arith::ConstantOp>(source)) {
    auto attr = cast<ElementsAttr>(constant.getValue());
    if (type != matrixType)
      attr = reshapeConstant(attr, matrixType);
    if (layer.isTransposed) {
      attr = transposeConstant(attr);
      ++numTransposed;
    }
    if (!attr)
      return {};
    return arith::ConstantOp::create(builder, source->getLoc(), attr);
  }
  // The dimensions dropped all have extent 1.
  if (type != matrixType)
    value = tensor::CollapseShapeOp::create(
        builder, source->getLoc(), matrixType, value,
        *getReassociationIndicesForReshape(type, matrixType));
  if (!layer.isTransposed)
    return value;
  auto transposed = matrixType.clone(ArrayRef<int64_t>{layer.n, layer.k});
  Value empty =
      tensor::EmptyOp::create(builder, source->getLoc(), transposed.getShape(),
                              transposed.getElementType());
  return linalg::TransposeOp::create(builder, source->getLoc(), value, empty,
                                     ArrayRef<int64_t>{1, 0})
      ->getResult(0);
}

LogicalResult ConvertLinalgToFP4::convert(LinearLayer &layer) {
  Value weight = getWeight(layer);
  if (!weight)
    return emitError(layer.op.getLoc()) << "cannot read the weight's resource";
  Location loc = layer.op.getLoc();
  Operation *replaced = layer.biasAdd ? layer.biasAdd : layer.op;
  OpBuilder builder(replaced);
  Value activation = layer.activation;
  Value matrix = collapseActivation(builder, loc, activation, layer.k);
  auto type = cast<RankedTensorType>(layer.op->getResult(0).getType());
  auto productType = RankedTensorType::get(
      {cast<RankedTensorType>(matrix.getType()).getDimSize(0), layer.n},
      type.getElementType());
  auto matmul = MatmulOp::create(builder, loc, productType, matrix, weight,
                                 layer.bias, /*activation=*/nullptr);
  matmul->setAttr(kLayerAttr, builder.getStringAttr(getLayerName(
                                  layer.weightSource, numLayers++)));
  ++numConverted;
  numBiases += bool(layer.bias);
  Value result = expandResult(builder, loc, matmul, activation, type);
  if (layer.accumulator)
    result = linalg::AddOp::create(builder, loc,
                                   ValueRange{result, layer.accumulator},
                                   ValueRange{layer.accumulator})
                 ->getResult(0);
  replaced->getResult(0).replaceAllUsesWith(result);
  eraseDeadOps({layer.op, layer.biasAdd});
  return success();
}
