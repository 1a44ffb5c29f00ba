//===- ExposeLinearInputs.cpp - Return the inputs of linear layers --------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The first half of calibration; the second, running the function and summing
// X^T X, is in Runtime/Host/Calibration.h.
//
//===----------------------------------------------------------------------===//

#include "fp4/Dialect/FP4/IR/FP4Ops.h"
#include "fp4/Dialect/FP4/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/MapVector.h"

namespace fp4 {
#define GEN_PASS_DEF_EXPOSELINEARINPUTS
#include "fp4/Dialect/FP4/Transforms/Passes.h.inc"
} // namespace fp4

using namespace mlir;
using namespace fp4;

/// The values to return, each with the names of the layers that read it.
using LinearInputs = llvm::MapVector<Value, SmallVector<Attribute>>;

/// The lhs of `op` without the rotations in front of it.
static Value getUnrotatedInput(MatmulOp op) {
  Value input = op.getLhs();
  while (auto rotation = input.getDefiningOp<HadamardOp>())
    input = rotation.getInput();
  return input;
}

static FailureOr<LinearInputs> collectInputs(func::FuncOp func) {
  LinearInputs inputs;
  int64_t position = 0;
  WalkResult walked = func.walk([&](MatmulOp op) {
    if (isa<MicroscaledTensorType>(op.getRhs().getType()) ||
        isa<MicroscaledTensorType>(op.getLhs().getType()))
      return WalkResult::advance();
    if (op->getBlock() != &func.front()) {
      op.emitOpError() << "expected to be directly in '" << func.getName()
                       << "' to have its input exposed, got it inside '"
                       << op->getParentOp()->getName() << "'";
      return WalkResult::interrupt();
    }
    auto name = op->getAttrOfType<StringAttr>("fp4.layer");
    if (!name)
      name =
          StringAttr::get(op.getContext(), "linear" + std::to_string(position));
    ++position;
    inputs[getUnrotatedInput(op)].push_back(name);
    return WalkResult::advance();
  });
  if (walked.wasInterrupted())
    return failure();
  return inputs;
}

namespace {
struct ExposeLinearInputs
    : public fp4::impl::ExposeLinearInputsBase<ExposeLinearInputs> {
  using ExposeLinearInputsBase::ExposeLinearInputsBase;

  void runOnOperation() override {
    if (failed(expose()))
      signalPassFailure();
  }

private:
  LogicalResult expose();
};
} // namespace

static void returnInputs(func::FuncOp func, const LinearInputs &inputs) {
  SmallVector<Value> values;
  SmallVector<DictionaryAttr> attributes;
  Builder b(func.getContext());
  for (const auto &[value, layers] : inputs) {
    values.push_back(value);
    attributes.push_back(b.getDictionaryAttr(
        b.getNamedAttr("fp4.layers", b.getArrayAttr(layers))));
  }
  auto terminator = cast<func::ReturnOp>(func.front().getTerminator());
  terminator.getOperandsMutable().assign(values);
  func.setFunctionType(b.getFunctionType(func.getArgumentTypes(),
                                         ValueRange(values).getTypes()));
  func.setAllResultAttrs(attributes);
}

LogicalResult ExposeLinearInputs::expose() {
  ModuleOp module = getOperation();
  auto func = dyn_cast_if_present<func::FuncOp>(
      SymbolTable::lookupSymbolIn(module, entry));
  if (!func || func.isExternal())
    return module.emitError()
           << "expected a function with a body called '" << entry << "'";
  if (!llvm::hasSingleElement(func.getBody()))
    return func.emitError()
           << "expected one block, got " << func.getBody().getBlocks().size();
  if (!SymbolTable::symbolKnownUseEmpty(func, module))
    return func.emitError()
           << "expected no calls, since the results of the function change";
  FailureOr<LinearInputs> inputs = collectInputs(func);
  if (failed(inputs))
    return failure();
  if (inputs->empty())
    return func.emitError()
           << "expected fp4.matmul operations with a float weight, got none; "
              "run --convert-linalg-to-fp4 first";
  numExposed += inputs->size();
  returnInputs(func, *inputs);
  return success();
}
