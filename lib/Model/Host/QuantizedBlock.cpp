//===- QuantizedBlock.cpp - The program of a quantized block --------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights are decoded once and not in every run: the products and sums are
// those of fp4.matmul on microscaled operands.
//
//===----------------------------------------------------------------------===//

#include "fp4/Dialect/FP4/IR/FP4Ops.h"
#include "fp4/Dialect/FP4/IR/LayerAttributes.h"
#include "fp4/Model/Host/BlockQuantizer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using utils::IteratorType;

namespace fp4::model {

/// y[m, g, i] = sum_j x[m, g, j] matrices[g, i, j], x [M, K] cut into blocks.
static Value applyMatrices(OpBuilder &b, Location loc, Value x,
                           const std::string &name, int64_t block) {
  auto type = cast<RankedTensorType>(x.getType());
  int64_t groups = type.getDimSize(1) / block;
  SmallVector<ReassociationIndices> cut = {{0}, {1, 2}};
  auto cutType =
      type.clone(ArrayRef<int64_t>{type.getDimSize(0), groups, block});
  Value rows = tensor::DimOp::create(b, loc, x, 0);
  SmallVector<OpFoldResult> sizes = {rows, b.getIndexAttr(groups),
                                     b.getIndexAttr(block)};
  Value blocks = tensor::ExpandShapeOp::create(b, loc, cutType, x, cut, sizes);
  Value matrices = ParameterOp::create(
      b, loc, RankedTensorType::get({groups, block, block}, b.getF32Type()),
      name);
  Value empty = tensor::EmptyOp::create(b, loc, sizes, b.getF32Type());
  Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
  Value init = linalg::FillOp::create(b, loc, zero, empty).getResult(0);
  auto map = [&](ArrayRef<unsigned> loops) {
    return AffineMap::getMultiDimMapWithTargets(4, loops, b.getContext());
  };
  auto product = linalg::GenericOp::create(
      b, loc, cutType, ValueRange{blocks, matrices}, init,
      ArrayRef<AffineMap>{map({0, 1, 3}), map({1, 2, 3}), map({0, 1, 2})},
      ArrayRef<IteratorType>{IteratorType::parallel, IteratorType::parallel,
                             IteratorType::parallel, IteratorType::reduction},
      [](OpBuilder &inner, Location at, ValueRange args) {
        Value term = arith::MulFOp::create(inner, at, args[0], args[1]);
        Value sum = arith::AddFOp::create(inner, at, args[2], term);
        linalg::YieldOp::create(inner, at, sum);
      });
  return tensor::CollapseShapeOp::create(b, loc, type, product.getResult(0),
                                         cut);
}

static Value quantizeInput(OpBuilder &b, Location loc, Value x,
                           const std::string &layer, size_t stage,
                           const Recipe &recipe) {
  auto type = cast<RankedTensorType>(x.getType());
  if (recipe.transformOf(stage) != TransformKind::None)
    x = applyMatrices(b, loc, x, layer + ".transform",
                      static_cast<int64_t>(recipe.transformBlockFor(
                          static_cast<size_t>(type.getDimSize(1)))));
  if (!recipe.quantizeActivations)
    return x;
  numerics::BlockFormat blockFormat = recipe.weights.format;
  FormatAttr format = FormatAttr::get(b.getContext(), blockFormat);
  Value scale;
  if (blockFormat.hasTensorScale) {
    Value stored =
        ParameterOp::create(b, loc, RankedTensorType::get({1}, b.getF32Type()),
                            layer + ".input_scale");
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    scale = tensor::ExtractOp::create(b, loc, stored, ValueRange{zero});
  }
  auto quantized =
      MicroscaledTensorType::get(b.getContext(), type.getShape(), format);
  auto rule = ScaleRuleAttr::get(b.getContext(),
                                 static_cast<ScaleRule>(recipe.activationRule));
  return QuantizeOp::create(b, loc, quantized, x, scale, /*random=*/Value(),
                            rule,
                            /*nan_policy=*/{});
}

ModuleRewrite quantizedBlockRewrite(const Recipe &recipe) {
  return [recipe](ModuleOp module) -> Status {
    SmallVector<MatmulOp> matmuls;
    module.walk([&](MatmulOp op) { matmuls.push_back(op); });
    if (matmuls.size() != std::size(kLinears))
      return Status::error("expected 7 linear layers in a block, got " +
                           std::to_string(matmuls.size()));
    for (const Stage &stage : kStages) {
      Value input;
      for (size_t i = 0; i < stage.count; ++i) {
        MatmulOp op = matmuls[stage.first + i];
        std::string name =
            op->getAttrOfType<StringAttr>(kLayerAttr).getValue().str();
        OpBuilder b(op);
        Location loc = op.getLoc();
        if (!input)
          input = quantizeInput(b, loc, op.getLhs(), name,
                                size_t(&stage - kStages), recipe);
        Operation *old = op.getRhs().getDefiningOp();
        auto type = cast<RankedTensorType>(op.getRhs().getType());
        Value weight = ParameterOp::create(b, loc, type.clone(b.getF32Type()),
                                           name + ".weight");
        op.getLhsMutable().assign(input);
        op.getRhsMutable().assign(weight);
        old->erase();
      }
    }
    return Status::success();
  };
}

Parameters stageParameters(const ModelConfig &config, const Recipe &recipe,
                           int64_t layer, const QuantizedBlock &block,
                           size_t stage) {
  Parameters parameters;
  size_t first = kStages[stage].first;
  for (size_t i = first; i < first + kStages[stage].count; ++i) {
    const quantization::QuantizedWeight &weight = block.weights[i];
    LinearShape shape = linearShape(config, kLinears[i]);
    NDArray values(DType::F32, {shape.rows, shape.cols});
    numerics::dequantizeBlocks(
        recipe.weights.format, weight.codes.data(), weight.scales.data(),
        size_t(shape.rows), size_t(shape.cols), weight.tensorScale,
        reinterpret_cast<float *>(values.mutableBytes()));
    parameters.emplace(linearName(layer, kLinears[i]) + ".weight", values);
  }
  const StageInput &input = block.inputs[stage];
  std::string name = linearName(layer, kLinears[first]);
  parameters.emplace(name + ".input_scale",
                     NDArray::fromFloats({1}, {input.scale}));
  auto size = static_cast<int64_t>(input.transform.block);
  if (size)
    parameters.emplace(
        name + ".transform",
        NDArray::fromFloats(
            {linearShape(config, kLinears[first]).cols / size, size, size},
            input.transform.activations));
  return parameters;
}

Parameters toParameters(const ModelConfig &config, const Recipe &recipe,
                        int64_t layer, const QuantizedBlock &block) {
  Parameters parameters;
  for (size_t stage = 0; stage < kNumStages; ++stage)
    parameters.merge(stageParameters(config, recipe, layer, block, stage));
  return parameters;
}

} // namespace fp4::model
