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
#include "KernelReuse.h"
#include "fp4/Dialect/FP4/IR/DeadOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
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

bool replacePrepacked(Operation *op, ValueRange parts, Value rows) {
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
  if (!op->use_empty())
    return false;
  op->erase();
  return true;
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
                    const QuantizeProblem &problem, Creator create,
                    TypeRange results, ValueRange operands);

  ModuleOp module;
};
} // namespace

/// What the kernel does beside quantizing.
static void report(KernelOp kernel, Operation *op,
                   const QuantizeProblem &problem) {
  const FusedInput &source = problem.source;
  std::string text = kernel.getSymName().str() + ": one launch";
  if (problem.rotation)
    text += ", rotates by " + std::to_string(problem.rotation.getInt());
  if (problem.matrix)
    text += ", multiplies blocks of " +
            std::to_string(problem.getMatrixBlock()) + " with given matrices";
  if (source.factor)
    text += ", normalizes rows";
  if (size_t count = source.body.size() + source.row.size())
    text += ", fuses " + std::to_string(count) + " operations ahead";
  remark::passed(op->getLoc(),
                 remark::RemarkOpts::name("activation").category("fp4gpu"))
      << text;
}

ValueRange QuantizationConverter::launch(OpBuilder &builder, Operation *op,
                                         const QuantizeProblem &problem,
                                         Creator create, TypeRange results,
                                         ValueRange operands) {
  auto atEnd = OpBuilder::atBlockEnd(module.getBody());
  auto [kernel, isNew] =
      reuseKernel(module, create(atEnd, op->getLoc(), problem));
  if (isNew) {
    ++counts.kernels;
    report(kernel, op, problem);
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
    rows =
        tensor::DimOp::create(builder, loc, problem.source.inputs.front(), 0);
  SmallVector<Value> operands(problem.source.inputs.getArrayRef());
  llvm::append_range(operands, problem.source.columns);
  if (problem.matrix)
    operands.push_back(problem.matrix);
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
    Value found =
        launch(builder, op, problem, createAmaxKernel, maxima, withRows())[0];
    operands.push_back(found);
    results.push_back(scaleType);
  } else if (problem.tensorScale) {
    operands.push_back(makeScaleArray(builder, loc, problem.tensorScale));
  }
  SmallVector<Value> parts(
      launch(builder, op, problem, createQuantizeKernel, results, withRows()));
  if (problem.tensorScale)
    parts.push_back(operands.back());
  Operation *source = op->getOperand(0).getDefiningOp();
  if (replacePrepacked(op, parts, rows))
    eraseDeadOps(source);
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
    if (succeeded(problem) && problem->computesTensorScale() &&
        !computeTensorScales) {
      reason = "expected a tensor scale, or compute-tensor-scales";
      problem = failure();
    }
    if (succeeded(problem))
      converter.convert(op, *problem);
    else
      remark::missed(op->getLoc(),
                     remark::RemarkOpts::name("activation").category("fp4gpu"))
          << "no kernel: " + reason;
  }
  return converter.counts;
}

} // namespace fp4::gpu
