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

#include "DecodeKernel.h"
#include "fp4/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

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
  KernelOp getKernel(const MatmulProblem &problem, bool decodes, Location loc);
  void launch(fp4::MatmulOp matmul, const MatmulProblem &problem);

  const GPUArch *arch = nullptr;
};
} // namespace

KernelOp ConvertFP4ToFP4GPU::getKernel(const MatmulProblem &problem,
                                       bool decodes, Location loc) {
  ModuleOp module = getOperation();
  std::string name = decodes ? getDecodeKernelName(problem) : problem.getName();
  if (auto kernel = module.lookupSymbol<KernelOp>(name))
    return kernel;
  auto builder = OpBuilder::atBlockEnd(module.getBody());
  ++numKernels;
  return decodes ? createDecodeKernel(builder, loc, problem, *arch)
                 : createMatmulKernel(builder, loc, problem, *arch);
}

/// The operands of a kernel ahead of the bias.
static SmallVector<Value> packOperands(OpBuilder &builder,
                                       fp4::MatmulOp matmul) {
  Location loc = matmul.getLoc();
  SmallVector<Value> operands, tensorScales;
  if (isDecodeMatmul(matmul)) {
    operands.push_back(matmul.getLhs());
    builder.createOrFold<InterleaveOp>(tensorScales, loc, matmul.getRhs());
  } else {
    for (Value matrix : {matmul.getLhs(), matmul.getRhs()}) {
      SmallVector<Value> parts;
      builder.createOrFold<PrepackOp>(parts, loc, matrix);
      operands.append({parts[0], parts[1]});
      tensorScales.append(parts.begin() + 2, parts.end());
    }
  }
  operands.append(tensorScales);
  return operands;
}

void ConvertFP4ToFP4GPU::launch(fp4::MatmulOp matmul,
                                const MatmulProblem &problem) {
  KernelOp kernel = getKernel(problem, isDecodeMatmul(matmul), matmul.getLoc());
  OpBuilder builder(matmul);
  Location loc = matmul.getLoc();
  SmallVector<Value> operands = packOperands(builder, matmul);
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

/// The problem of `matmul` if `arch` has a kernel for it.
static FailureOr<MatmulProblem>
getProblem(fp4::MatmulOp matmul, const GPUArch &arch, std::string &reason) {
  bool decodes = isDecodeMatmul(matmul);
  if (decodes && arch.family == GPUFamily::SM100) {
    reason = "expected two microscaled operands";
    return failure();
  }
  if (!decodes && arch.family == GPUFamily::SM90) {
    reason = "expected a bf16 left side and a microscaled right side";
    return failure();
  }
  return decodes ? getDecodeProblem(matmul, reason)
                 : getMatmulProblem(matmul, reason);
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
    FailureOr<MatmulProblem> problem = getProblem(matmul, *arch, reason);
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
