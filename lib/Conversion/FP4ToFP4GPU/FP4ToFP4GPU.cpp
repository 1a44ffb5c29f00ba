//===- FP4ToFP4GPU.cpp - Matmuls to kernels and launches ------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pass: finds matmuls that a kernel serves, makes one kernel per problem,
// and launches it on prepacked operands.
//
//===----------------------------------------------------------------------===//

#include "MatmulKernel.h"
#include "fp4/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace fp4 {
#define GEN_PASS_DEF_CONVERTFP4TOFP4GPU
#include "fp4/Conversion/Passes.h.inc"
} // namespace fp4

using namespace fp4::gpu;

namespace {
struct ConvertFP4ToFP4GPU
    : fp4::impl::ConvertFP4ToFP4GPUBase<ConvertFP4ToFP4GPU> {
  using ConvertFP4ToFP4GPUBase::ConvertFP4ToFP4GPUBase;
  void runOnOperation() override;

private:
  KernelOp getKernel(const MatmulProblem &problem, Location loc);
  void launch(fp4::MatmulOp matmul, const MatmulProblem &problem);

  const GPUArch *arch = nullptr;
};
} // namespace

static std::string print(Attribute attribute) {
  std::string text;
  llvm::raw_string_ostream(text) << attribute;
  return text;
}

KernelOp ConvertFP4ToFP4GPU::getKernel(const MatmulProblem &problem,
                                       Location loc) {
  ModuleOp module = getOperation();
  if (auto kernel = module.lookupSymbol<KernelOp>(problem.getName()))
    return kernel;
  auto builder = OpBuilder::atBlockEnd(module.getBody());
  ++numKernels;
  ScheduleChoice choice = chooseSchedule(problem, *arch);
  remark::passed(loc, remark::RemarkOpts::name("schedule").category("fp4gpu"))
      << problem.getName() << ": " << print(choice.schedule) << ", "
      << choice.reason;
  return createMatmulKernel(builder, loc, problem, choice.schedule);
}

void ConvertFP4ToFP4GPU::launch(fp4::MatmulOp matmul,
                                const MatmulProblem &problem) {
  KernelOp kernel = getKernel(problem, matmul.getLoc());
  OpBuilder builder(matmul);
  Location loc = matmul.getLoc();
  SmallVector<Value> operands, tensorScales;
  for (Value matrix : {matmul.getLhs(), matmul.getRhs()}) {
    SmallVector<Value> parts;
    builder.createOrFold<PrepackOp>(parts, loc, matrix);
    operands.append({parts[0], parts[1]});
    tensorScales.append(parts.begin() + 2, parts.end());
  }
  operands.append(tensorScales);
  if (matmul.getBias())
    operands.push_back(matmul.getBias());
  if (problem.hasDynamicRows())
    operands.push_back(tensor::DimOp::create(builder, loc, operands[0], 0));
  auto launch = LaunchOp::create(
      builder, loc, matmul.getType(),
      FlatSymbolRefAttr::get(kernel.getSymNameAttr()), operands);
  launch->setDiscardableAttrs(llvm::to_vector(matmul->getDiscardableAttrs()));
  launch->removeDiscardableAttr(kScheduleAttrName);
  matmul.replaceAllUsesWith(launch.getOutputs()[0]);
  Operation *weight = matmul.getRhs().getDefiningOp();
  matmul.erase();
  if (weight && isOpTriviallyDead(weight))
    weight->erase();
  ++numLaunches;
}

void ConvertFP4ToFP4GPU::runOnOperation() {
  arch = findGPUArch(target);
  if (!arch) {
    getOperation().emitError() << "unsupported target '" << target
                               << "'; supported: " << listGPUArchs();
    return signalPassFailure();
  }
  SmallVector<fp4::MatmulOp> matmuls;
  getOperation().walk([&](fp4::MatmulOp op) { matmuls.push_back(op); });
  for (fp4::MatmulOp matmul : matmuls) {
    std::string reason;
    FailureOr<MatmulProblem> problem = getMatmulProblem(matmul, reason);
    if (succeeded(problem)) {
      launch(matmul, *problem);
      continue;
    }
    if (!requireKernels)
      continue;
    matmul.emitOpError() << "has no kernel for " << target << ": " << reason;
    return signalPassFailure();
  }
}
