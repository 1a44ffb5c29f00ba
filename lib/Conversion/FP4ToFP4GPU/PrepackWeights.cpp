//===- PrepackWeights.cpp - Lay constant weights out for kernels ----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pass is prepack followed by unprepack on each constant weight; the fold
// of prepack does the work.
//
//===----------------------------------------------------------------------===//

#include "EpilogueFusion.h"
#include "MatmulProblem.h"
#include "fp4/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace fp4 {
#define GEN_PASS_DEF_PREPACKWEIGHTS
#include "fp4/Conversion/Passes.h.inc"
} // namespace fp4

using namespace fp4::gpu;

namespace {
struct PrepackWeights : fp4::impl::PrepackWeightsBase<PrepackWeights> {
  using PrepackWeightsBase::PrepackWeightsBase;
  void runOnOperation() override;

private:
  void prepack(fp4::MatmulOp matmul);

  const GPUArch *arch = nullptr;
};
} // namespace

/// Whether the conversion joins the weight with another one.
static bool isInGatedPair(fp4::MatmulOp matmul, const GPUArch &arch) {
  FusedMatmul fused = fuseTail(matmul, [&](fp4::MatmulOp a, fp4::MatmulOp b) {
    return isGatedPair(a, b, arch);
  });
  return static_cast<bool>(fused.second);
}

void PrepackWeights::prepack(fp4::MatmulOp matmul) {
  std::string reason;
  auto weight = matmul.getRhs().getDefiningOp<fp4::ConstantOp>();
  bool decodes = isDecodeMatmul(matmul, *arch);
  FailureOr<MatmulProblem> problem = getProblem(matmul, *arch, reason);
  if (!weight || !weight->hasOneUse() || failed(problem) ||
      (decodes && isInGatedPair(matmul, *arch)))
    return;
  OpBuilder builder(weight);
  Location loc = weight.getLoc();
  SmallVector<Value> parts;
  if (decodes)
    builder.createOrFold<ToFragmentsOp>(parts, loc, weight.getResult(), Value(),
                                        problem->isFolded);
  else
    builder.createOrFold<PrepackOp>(parts, loc, weight.getResult());
  for (Value part : parts) {
    ElementsAttr value;
    if (matchPattern(part, m_Constant(&value)) &&
        value.getElementType().isInteger(8))
      numBytes += value.getNumElements();
  }
  Value matrix;
  if (decodes)
    matrix = FromFragmentsOp::create(builder, loc, weight.getType(), parts[0],
                                     parts[1], problem->isFolded);
  else
    matrix =
        UnprepackOp::create(builder, loc, weight.getType(), parts[0], parts[1],
                            parts.size() > 2 ? parts[2] : Value());
  matmul.getRhsMutable().assign(matrix);
  weight.erase();
  ++numPrepacked;
}

void PrepackWeights::runOnOperation() {
  arch = findGPUArch(target);
  if (!arch) {
    getOperation().emitError() << "unsupported target '" << target
                               << "'; supported: " << listGPUArchs();
    return signalPassFailure();
  }
  getOperation().walk([&](fp4::MatmulOp matmul) { prepack(matmul); });
}
