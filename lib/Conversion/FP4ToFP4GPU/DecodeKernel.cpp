//===- DecodeKernel.cpp - Products with a decoded weight ------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operands and pipeline of the kernels of bf16, f16 or e4m3 activations and FP4
// weights. The weight is interleaved (fp4gpu.to_fragments), so that a tile of
// it is a run of whole units.
//
//===----------------------------------------------------------------------===//

#include "KernelWriter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace fp4::gpu {

namespace {
class DecodeKernelWriter : public KernelWriter {
public:
  using KernelWriter::KernelWriter;

protected:
  void declareOperands() override;
  void emitFactors() override;
  Value emitPipeline(Value m, Value n) override;
  void describeOperands(NamedAttrList &meaning) override;

private:
  unsigned lhs, rhs, rhsFactors[2], lhsFactor;
};
} // namespace

void DecodeKernelWriter::declareOperands() {
  auto matrix = MicroscaledTensorType::get(
      b.getContext(), {problem.getProductColumns(), problem.depth},
      problem.format);
  auto part = MicroscaledTensorType::get(
      b.getContext(), {problem.columns, problem.depth}, problem.format);
  lhs = declare(
      "lhs", MemRefType::get({problem.rows, problem.depth}, problem.lhsType));
  auto declareTensor = [&](StringRef name, RankedTensorType type) {
    return declare(name,
                   MemRefType::get(type.getShape(), type.getElementType()));
  };
  rhs = declareTensor("rhs", getFragmentsType(matrix, problem.isFolded));
  for (unsigned i = 0; i < getProducts(); ++i) {
    rhsFactors[i] =
        declareTensor(i == 0 ? "rhs_factor" : "second_factor",
                      getFragmentFactorType(part, problem.isFolded));
    if (problem.isFolded)
      columnFactors[i] = rhsFactors[i];
  }
  if (problem.hasLhsFactor)
    lhsFactor =
        declare("lhs_tensor_scale", MemRefType::get({}, b.getF32Type()));
}

void DecodeKernelWriter::emitFactors() {
  if (problem.isFolded)
    return;
  for (unsigned i = 0; i < getProducts(); ++i) {
    factors[i] =
        memref::LoadOp::create(b, argument(rhsFactors[i]), ValueRange());
    if (problem.hasLhsFactor)
      factors[i] = arith::MulFOp::create(
          b, factors[i],
          memref::LoadOp::create(b, argument(lhsFactor), ValueRange()));
  }
}

Value DecodeKernelWriter::emitPipeline(Value m, Value n) {
  auto acc =
      AccType::get(b.getContext(), schedule.getTileM(), schedule.getTileN());
  auto copy = [&](unsigned source, Value index, Value step,
                  ArrayRef<int64_t> shape) -> Value {
    Type element =
        cast<MemRefType>(argument(source).getType()).getElementType();
    auto tile = TileType::get(b.getContext(), shape, element);
    return CopyOp::create(b, tile, argument(source), ValueRange{index, step});
  };
  int64_t depth = schedule.getTileK();
  int64_t units[] = {schedule.getTileN() / kUnit,
                     depth / getFragmentUnitDepth(problem.isFolded),
                     getFragmentUnitBytes(problem.format, problem.isFolded)};
  return emitSteps(
      acc,
      [&](Value step) -> SmallVector<Value> {
        return {copy(lhs, m, step, {schedule.getTileM(), depth}),
                copy(rhs, n, step, units)};
      },
      [&](Value sum, ValueRange tiles) -> Value {
        return MmaDecodeOp::create(b, acc, sum, tiles[0], tiles[1],
                                   problem.format);
      });
}

void DecodeKernelWriter::describeOperands(NamedAttrList &meaning) {
  meaning.set("rhs_format", b.getStringAttr(problem.format.getName()));
  meaning.set("rhs_layout",
              b.getStringAttr(problem.isFolded ? "folded" : "fragments"));
}

KernelOp createDecodeKernel(OpBuilder &builder, FusedMatmul &fused,
                            const MatmulProblem &problem,
                            ScheduleAttr schedule) {
  ImplicitLocOpBuilder located(fused.matmul.getLoc(), builder);
  return DecodeKernelWriter(located, fused, problem, schedule).create();
}

} // namespace fp4::gpu
