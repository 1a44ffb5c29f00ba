//===- ConvertQuantizations.cpp - Quantizations to launches ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The part of --convert-fp4-to-fp4gpu that launches kernels on activations.
//
//===----------------------------------------------------------------------===//

#include "ActivationKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace fp4::gpu {

Value makeScaleArray(OpBuilder &builder, Location loc, Value scale) {
  RankedTensorType type = getPrepackedTensorScaleType(builder.getContext());
  FloatAttr constant;
  if (matchPattern(scale, m_Constant(&constant)))
    return arith::ConstantOp::create(builder, loc,
                                     DenseElementsAttr::get(type, constant));
  return tensor::FromElementsOp::create(builder, loc, type, scale);
}

void replacePrepacked(Operation *op, ValueRange parts, Value rows) {
  for (Operation *user : llvm::make_early_inc_range(op->getUsers()))
    if (isa<PrepackOp>(user)) {
      user->replaceAllUsesWith(parts);
      user->erase();
    }
  if (rows)
    for (Operation *user : llvm::make_early_inc_range(parts[0].getUsers()))
      if (auto dim = dyn_cast<tensor::DimOp>(user))
        if (dim.getConstantIndex() == 0)
          dim.replaceAllUsesWith(rows);
  if (op->use_empty())
    op->erase();
}

namespace {
/// Launches kernels on activations, one kernel per problem.
class QuantizationConverter {
public:
  explicit QuantizationConverter(ModuleOp module) : module(module) {}

  void convert(Operation *op, const QuantizeProblem &problem);

  ConversionCounts counts;

private:
  using Creator = KernelOp (*)(OpBuilder &, Location, const QuantizeProblem &);
  ValueRange launch(OpBuilder &builder, Operation *op,
                    const QuantizeProblem &problem, const std::string &name,
                    Creator create, TypeRange results, ValueRange operands);

  ModuleOp module;
};
} // namespace

ValueRange QuantizationConverter::launch(OpBuilder &builder, Operation *op,
                                         const QuantizeProblem &problem,
                                         const std::string &name,
                                         Creator create, TypeRange results,
                                         ValueRange operands) {
  auto kernel = module.lookupSymbol<KernelOp>(name);
  if (!kernel) {
    auto atEnd = OpBuilder::atBlockEnd(module.getBody());
    kernel = create(atEnd, op->getLoc(), problem);
    ++counts.kernels;
  }
  ++counts.launches;
  auto launch = LaunchOp::create(
      builder, op->getLoc(), results,
      FlatSymbolRefAttr::get(kernel.getSymNameAttr()), operands);
  launch->setDiscardableAttrs(llvm::to_vector(op->getDiscardableAttrs()));
  return launch.getOutputs();
}

void QuantizationConverter::convert(Operation *op,
                                    const QuantizeProblem &problem) {
  OpBuilder builder(op);
  Location loc = op->getLoc();
  Value rows;
  if (problem.hasDynamicRows())
    rows = tensor::DimOp::create(builder, loc, problem.input, 0);
  SmallVector<Value> operands = {problem.input};
  auto withRows = [&] {
    SmallVector<Value> all(operands);
    if (rows)
      all.push_back(rows);
    return all;
  };
  SmallVector<Type> results = {getPrepackedElementsType(problem.type),
                               getPrepackedScalesType(problem.type)};
  RankedTensorType scaleType =
      getPrepackedTensorScaleType(builder.getContext());
  if (problem.computesTensorScale()) {
    auto maxima = RankedTensorType::get(kMaxima, builder.getF32Type());
    Value found = launch(builder, op, problem, problem.getAmaxName(),
                         createAmaxKernel, maxima, withRows())[0];
    operands.push_back(found);
    results.push_back(scaleType);
  } else if (problem.tensorScale) {
    operands.push_back(makeScaleArray(builder, loc, problem.tensorScale));
  }
  SmallVector<Value> parts(launch(builder, op, problem, problem.getName(),
                                  createQuantizeKernel, results, withRows()));
  if (problem.tensorScale)
    parts.push_back(operands[1]);
  replacePrepacked(op, parts, rows);
}

ConversionCounts convertQuantizations(ModuleOp module,
                                      bool computeTensorScales) {
  llvm::SetVector<Operation *> quantizations;
  module.walk([&](PrepackOp prepack) {
    Operation *op = prepack.getInput().getDefiningOp();
    if (isa_and_present<fp4::QuantizeOp, fp4::RotateQuantizeOp>(op) &&
        op->getParentOfType<ModuleOp>() == module)
      quantizations.insert(op);
  });
  QuantizationConverter converter(module);
  for (Operation *op : quantizations) {
    std::string reason;
    FailureOr<QuantizeProblem> problem = getQuantizeProblem(op, reason);
    if (succeeded(problem) &&
        (computeTensorScales || !problem->computesTensorScale()))
      converter.convert(op, *problem);
  }
  return converter.counts;
}

} // namespace fp4::gpu
