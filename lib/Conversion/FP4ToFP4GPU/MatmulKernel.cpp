//===- MatmulKernel.cpp - Products of two microscaled matrices ------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operands and pipeline of the kernels whose tensor cores take block scales.
//
//===----------------------------------------------------------------------===//

#include "KernelWriter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace fp4::gpu {

namespace {
class MatmulKernelWriter : public KernelWriter {
public:
  using KernelWriter::KernelWriter;

protected:
  void declareOperands() override;
  void emitFactors() override;
  Value emitPipeline(Value m, Value n) override;
  void describeOperands(NamedAttrList &meaning) override;

private:
  MemRefType elementsType(FormatAttr format, int64_t rows);
  MemRefType scalesType(FormatAttr format, int64_t rows);
  Value copyTile(unsigned source, Value row, Value step, int64_t rows);

  unsigned lhs, lhsScales, rhs, rhsScales, lhsTensorScale, rhsTensorScales[2];
};
} // namespace

MemRefType MatmulKernelWriter::elementsType(FormatAttr format, int64_t rows) {
  auto matrix =
      MicroscaledTensorType::get(b.getContext(), {rows, problem.depth}, format);
  int64_t bytes = getPrepackedElementsType(matrix).getDimSize(1);
  Type element = format.getElementStorageType();
  return MemRefType::get({rows, bytes * 8 / element.getIntOrFloatBitWidth()},
                         element);
}

MemRefType MatmulKernelWriter::scalesType(FormatAttr format, int64_t rows) {
  auto matrix =
      MicroscaledTensorType::get(b.getContext(), {rows, problem.depth}, format);
  return MemRefType::get(getPrepackedScalesType(matrix).getShape(),
                         format.getScaleStorageType());
}

void MatmulKernelWriter::declareOperands() {
  auto scalar = MemRefType::get({}, b.getF32Type());
  int64_t columns = problem.getProductColumns();
  lhs = declare("lhs", elementsType(problem.format, problem.rows));
  lhsScales = declare("lhs_scales", scalesType(problem.format, problem.rows));
  rhs = declare("rhs", elementsType(problem.weightFormat, columns));
  rhsScales = declare("rhs_scales", scalesType(problem.weightFormat, columns));
  if (!problem.format.hasTensorScale())
    return;
  lhsTensorScale = declare("lhs_tensor_scale", scalar);
  rhsTensorScales[0] = declare("rhs_tensor_scale", scalar);
  if (problem.isGated)
    rhsTensorScales[1] = declare("second_tensor_scale", scalar);
}

/// The products of the tensor scales.
void MatmulKernelWriter::emitFactors() {
  if (!problem.format.hasTensorScale())
    return;
  Value left =
      memref::LoadOp::create(b, argument(lhsTensorScale), ValueRange());
  for (unsigned i = 0; i < getProducts(); ++i) {
    Value right =
        memref::LoadOp::create(b, argument(rhsTensorScales[i]), ValueRange());
    factors[i] = arith::MulFOp::create(b, left, right);
  }
}

Value MatmulKernelWriter::copyTile(unsigned source, Value row, Value step,
                                   int64_t rows) {
  auto type = cast<MemRefType>(argument(source).getType());
  SmallVector<int64_t> shape(type.getShape());
  if (shape.size() == 2) {
    shape = {rows, schedule.getTileK()};
  } else {
    shape[0] = llvm::divideCeil(rows, kScaleTileRows);
    shape[1] =
        schedule.getTileK() / (4 * int64_t(problem.format.getBlockCols()));
  }
  auto tile = TileType::get(b.getContext(), shape, type.getElementType());
  bool isPart = shape.size() != 2 && rows < kScaleTileRows;
  return CopyOp::create(b, tile, argument(source), ValueRange{row, step},
                        isPart ? kScaleTileRows / rows : 1);
}

Value MatmulKernelWriter::emitPipeline(Value m, Value n) {
  int64_t extents[] = {schedule.getTileM(), schedule.getTileN()};
  Value indices[] = {m, n};
  unsigned elements[] = {lhs, rhs}, scales[] = {lhsScales, rhsScales};
  // The side of the product that is operand A.
  unsigned first = schedule.getSwapped() ? 1 : 0;
  auto acc = AccType::get(b.getContext(), extents[first], extents[1 - first]);
  auto part = [&](unsigned side) {
    return extents[side] < kScaleTileRows ? indices[side] : Value();
  };
  return emitSteps(
      acc,
      [&](Value step) {
        SmallVector<Value> tiles;
        for (unsigned side : {first, 1 - first})
          for (unsigned source : {elements[side], scales[side]})
            tiles.push_back(
                copyTile(source, indices[side], step, extents[side]));
        return tiles;
      },
      [&](Value sum, ValueRange tiles) -> Value {
        return MmaOp::create(b, acc, sum, tiles[0], tiles[1], part(first),
                             tiles[2], tiles[3], part(1 - first));
      });
}

void MatmulKernelWriter::describeOperands(NamedAttrList &meaning) {
  meaning.set("lhs_format", b.getStringAttr(problem.format.getName()));
  meaning.set("rhs_format", b.getStringAttr(problem.weightFormat.getName()));
}

KernelOp createMatmulKernel(OpBuilder &builder, FusedMatmul &fused,
                            const MatmulProblem &problem,
                            ScheduleAttr schedule) {
  ImplicitLocOpBuilder located(fused.matmul.getLoc(), builder);
  return MatmulKernelWriter(located, fused, problem, schedule).create();
}

} // namespace fp4::gpu
