//===- MatmulKernel.cpp - The kernel of a matmul --------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes the fp4gpu.kernel of a problem: arguments, pipeline, epilogue.
//
//===----------------------------------------------------------------------===//

#include "MatmulKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace fp4::gpu {

//===----------------------------------------------------------------------===//
// Problems
//===----------------------------------------------------------------------===//

std::string MatmulProblem::getName() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  bool isNVFP4 = format.getBlockFormat().scale == numerics::ScaleFormat::UE4M3;
  os << "matmul_" << (isNVFP4 ? "nvfp4" : "mxfp4") << "_"
     << (hasDynamicRows() ? "m" : std::to_string(rows)) << "x" << columns << "x"
     << depth << "_" << resultType;
  if (biasType)
    os << "_bias_" << biasType;
  if (activation != Activation::None)
    os << "_" << stringifyActivation(activation);
  if (schedule)
    os << "_tile" << schedule.getTileM() << "x" << schedule.getTileN() << "x"
       << schedule.getTileK() << "_stages" << schedule.getStages() << "_warps"
       << schedule.getWarpsM() << "x" << schedule.getWarpsN()
       << (schedule.getSwapped() ? "_swapped" : "");
  return text;
}

static std::string printSize(int64_t size) {
  return ShapedType::isDynamic(size) ? "?" : std::to_string(size);
}

static bool isServed(FormatAttr format) {
  numerics::BlockFormat block = format.getBlockFormat();
  unsigned expected = block.scale == numerics::ScaleFormat::UE4M3 ? 16 : 32;
  return isKernelFormat(format) && block.blockCols == expected;
}

FailureOr<MatmulProblem> getMatmulProblem(MatmulOp matmul,
                                          std::string &reason) {
  auto fail = [&](const Twine &text) {
    reason = text.str();
    return failure();
  };
  auto lhs = dyn_cast<MicroscaledTensorType>(matmul.getLhs().getType());
  auto rhs = dyn_cast<MicroscaledTensorType>(matmul.getRhs().getType());
  if (!lhs || !rhs || lhs.getFormat() != rhs.getFormat() ||
      !isServed(lhs.getFormat()))
    return fail("expected two operands of #fp4.nvfp4 or two of #fp4.mxfp4");
  MatmulProblem problem;
  problem.format = lhs.getFormat();
  problem.rows = lhs.getShape()[0];
  problem.columns = rhs.getShape()[0];
  problem.depth = lhs.getNumCols();
  problem.resultType = matmul.getType().getElementType();
  problem.biasType =
      matmul.getBias()
          ? cast<RankedTensorType>(matmul.getBias().getType()).getElementType()
          : Type();
  problem.activation = matmul.getActivation().value_or(Activation::None);
  problem.schedule = matmul->getAttrOfType<ScheduleAttr>(kScheduleAttrName);
  if (problem.schedule &&
      problem.schedule.getTileK() % (4 * problem.format.getBlockCols()) != 0)
    return fail("expected a schedule with a depth that is a multiple of " +
                Twine(4 * problem.format.getBlockCols()) + ", got " +
                Twine(problem.schedule.getTileK()));
  if (ShapedType::isDynamic(problem.columns) || problem.columns % 8 != 0)
    return fail("expected N to be a static multiple of 8, got " +
                printSize(problem.columns));
  if (problem.activation == Activation::GELU)
    return fail("expected an activation among none, relu, silu, got gelu");
  return problem;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

namespace {
/// Collects the arguments of a kernel with their names.
struct Signature {
  SmallVector<Type> types;
  SmallVector<StringRef> names;

  unsigned add(StringRef name, Type type) {
    names.push_back(name);
    types.push_back(type);
    return types.size() - 1;
  }
};

class MatmulKernelBuilder {
public:
  MatmulKernelBuilder(ImplicitLocOpBuilder &builder,
                      const MatmulProblem &problem, ScheduleAttr schedule)
      : b(builder), problem(problem), schedule(schedule) {}

  KernelOp create();

private:
  MemRefType elementsType(int64_t rows);
  MemRefType scalesType(int64_t rows);
  void declareArguments();
  DictionaryAttr describeMeaning();
  Value argument(unsigned index) { return kernel.getBody().getArgument(index); }
  Value emitAlpha();
  Value emitPipeline(Value m, Value n);
  void emitEpilogue(Value sum, Value m, Value n, Value alpha);
  Value emitActivation(Value x);
  Value copyTile(unsigned source, Value row, Value step, int64_t rows);
  Value constant(float value) {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
  }

  ImplicitLocOpBuilder &b;
  const MatmulProblem &problem;
  ScheduleAttr schedule;
  KernelOp kernel;
  Signature signature;
  unsigned lhs, lhsScales, rhs, rhsScales, lhsTensorScale, rhsTensorScale, bias,
      rows, out;
};
} // namespace

MemRefType MatmulKernelBuilder::elementsType(int64_t rows) {
  auto matrix = MicroscaledTensorType::get(
      b.getContext(), {rows, problem.depth}, problem.format);
  int64_t depth = 2 * getPrepackedElementsType(matrix).getDimSize(1);
  return MemRefType::get({rows, depth}, problem.format.getElementStorageType());
}

MemRefType MatmulKernelBuilder::scalesType(int64_t rows) {
  auto matrix = MicroscaledTensorType::get(
      b.getContext(), {rows, problem.depth}, problem.format);
  return MemRefType::get(getPrepackedScalesType(matrix).getShape(),
                         problem.format.getScaleStorageType());
}

void MatmulKernelBuilder::declareArguments() {
  auto scalar = MemRefType::get({}, b.getF32Type());
  lhs = signature.add("lhs", elementsType(problem.rows));
  lhsScales = signature.add("lhs_scales", scalesType(problem.rows));
  rhs = signature.add("rhs", elementsType(problem.columns));
  rhsScales = signature.add("rhs_scales", scalesType(problem.columns));
  if (problem.format.hasTensorScale()) {
    lhsTensorScale = signature.add("lhs_tensor_scale", scalar);
    rhsTensorScale = signature.add("rhs_tensor_scale", scalar);
  }
  if (problem.biasType)
    bias = signature.add("bias",
                         MemRefType::get({problem.columns}, problem.biasType));
  if (problem.hasDynamicRows())
    rows = signature.add("rows", b.getIndexType());
  out = signature.add("out", MemRefType::get({problem.rows, problem.columns},
                                             problem.resultType));
}

/// The product of the tensor scales, or null if the format has none.
Value MatmulKernelBuilder::emitAlpha() {
  if (!problem.format.hasTensorScale())
    return {};
  Value left =
      memref::LoadOp::create(b, argument(lhsTensorScale), ValueRange());
  Value right =
      memref::LoadOp::create(b, argument(rhsTensorScale), ValueRange());
  return arith::MulFOp::create(b, left, right);
}

Value MatmulKernelBuilder::copyTile(unsigned source, Value row, Value step,
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

Value MatmulKernelBuilder::emitPipeline(Value m, Value n) {
  int64_t extents[] = {schedule.getTileM(), schedule.getTileN()};
  Value indices[] = {m, n};
  unsigned elements[] = {lhs, rhs}, scales[] = {lhsScales, rhsScales};
  // The side of the product that is operand A.
  unsigned first = schedule.getSwapped() ? 1 : 0;
  auto acc = AccType::get(b.getContext(), extents[first], extents[1 - first]);
  Value zero = ZeroOp::create(b, acc);
  int64_t steps = llvm::divideCeil(problem.depth, schedule.getTileK());
  auto pipeline = PipelineOp::create(b, acc, steps, zero);
  OpBuilder::InsertionGuard guard(b);
  Block *produce = b.createBlock(&pipeline.getProduce());
  Value step = produce->addArgument(b.getIndexType(), b.getLoc());
  SmallVector<Value> tiles;
  for (unsigned side : {first, 1 - first}) {
    tiles.push_back(
        copyTile(elements[side], indices[side], step, extents[side]));
    tiles.push_back(copyTile(scales[side], indices[side], step, extents[side]));
  }
  YieldOp::create(b, tiles);
  Block *consume = b.createBlock(&pipeline.getConsume());
  Value sum = consume->addArgument(acc, b.getLoc());
  for (Value tile : tiles)
    consume->addArgument(tile.getType(), b.getLoc());
  auto part = [&](unsigned side) {
    return extents[side] < kScaleTileRows ? indices[side] : Value();
  };
  Value next = MmaOp::create(b, acc, sum, consume->getArgument(1),
                             consume->getArgument(2), part(first),
                             consume->getArgument(3), consume->getArgument(4),
                             part(1 - first));
  YieldOp::create(b, next);
  return pipeline.getResult();
}

/// The activation on f32. silu uses the base-2 exponential, which the GPU has
/// as an instruction; `afn` permits it and its division.
Value MatmulKernelBuilder::emitActivation(Value x) {
  if (problem.activation == Activation::ReLU)
    return arith::MaximumFOp::create(b, x, constant(0.0f));
  if (problem.activation != Activation::SiLU)
    return x;
  constexpr float kMinusLog2E = -1.44269504088896340736f;
  auto approximate = arith::FastMathFlags::afn;
  Value scaled = arith::MulFOp::create(b, x, constant(kMinusLog2E));
  Value power = math::Exp2Op::create(b, scaled, approximate);
  Value denominator = arith::AddFOp::create(b, power, constant(1.0f));
  return arith::DivFOp::create(b, x, denominator, approximate);
}

void MatmulKernelBuilder::emitEpilogue(Value sum, Value m, Value n,
                                       Value alpha) {
  SmallVector<Value> columns;
  if (problem.biasType)
    columns.push_back(argument(bias));
  auto epilogue = EpilogueOp::create(b, sum, argument(out), ValueRange{m, n},
                                     columns, schedule.getSwapped());
  OpBuilder::InsertionGuard guard(b);
  Block *body = b.createBlock(&epilogue.getBody());
  Value x = body->addArgument(b.getF32Type(), b.getLoc());
  if (alpha)
    x = arith::MulFOp::create(b, x, alpha);
  if (problem.biasType) {
    Value addend = body->addArgument(problem.biasType, b.getLoc());
    if (!problem.biasType.isF32())
      addend = arith::ExtFOp::create(b, b.getF32Type(), addend);
    x = arith::AddFOp::create(b, x, addend);
  }
  x = emitActivation(x);
  if (!problem.resultType.isF32())
    x = arith::TruncFOp::create(b, problem.resultType, x);
  YieldOp::create(b, x);
}

/// What the manifest says of the kernel (docs/Manifest.md, "Meaning").
DictionaryAttr MatmulKernelBuilder::describeMeaning() {
  std::optional<std::string_view> format =
      numerics::blockFormatName(problem.format.getBlockFormat());
  auto text = [&](StringRef name, StringRef value) {
    return b.getNamedAttr(name, b.getStringAttr(value));
  };
  StringRef name = format ? StringRef(*format) : StringRef();
  return b.getDictionaryAttr(
      {text("kind", "matmul"), text("lhs_format", name),
       text("rhs_format", name),
       text("activation", stringifyActivation(problem.activation))});
}

KernelOp MatmulKernelBuilder::create() {
  declareArguments();
  kernel = KernelOp::create(b, problem.getName(), schedule,
                            b.getStrArrayAttr(signature.names));
  kernel->setAttr(kMeaningAttrName, describeMeaning());
  OpBuilder::InsertionGuard guard(b);
  Block *body = b.createBlock(&kernel.getBody());
  body->addArguments(signature.types,
                     SmallVector<Location>(signature.types.size(), b.getLoc()));
  Value alpha = emitAlpha();
  SmallVector<Value> dynamicSizes;
  if (problem.hasDynamicRows())
    dynamicSizes.push_back(argument(rows));
  int64_t sizes[] = {problem.rows, problem.columns};
  auto forTiles = ForTilesOp::create(b, dynamicSizes, sizes);
  ReturnOp::create(b);
  Block *tile = b.createBlock(&forTiles.getBody());
  Value m = tile->addArgument(b.getIndexType(), b.getLoc());
  Value n = tile->addArgument(b.getIndexType(), b.getLoc());
  emitEpilogue(emitPipeline(m, n), m, n, alpha);
  return kernel;
}

KernelOp createMatmulKernel(OpBuilder &builder, Location loc,
                            const MatmulProblem &problem,
                            ScheduleAttr schedule) {
  ImplicitLocOpBuilder located(loc, builder);
  return MatmulKernelBuilder(located, problem, schedule).create();
}

} // namespace fp4::gpu
