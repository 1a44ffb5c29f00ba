//===- DecodeKernel.cpp - Products with a decoded weight ------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes the fp4gpu.kernel of a product of bf16 activations and FP4 weights,
// and chooses its schedule. The weight is interleaved (fp4gpu.interleave), so
// that a tile of it is a run of whole units.
//
//===----------------------------------------------------------------------===//

#include "DecodeKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace fp4::gpu {

/// Rows and depth of a unit of fp4gpu.interleave.
static constexpr int64_t kUnit = 64;

//===----------------------------------------------------------------------===//
// Problems
//===----------------------------------------------------------------------===//

bool isDecodeMatmul(MatmulOp matmul) {
  return isa<RankedTensorType>(matmul.getLhs().getType()) &&
         isa<MicroscaledTensorType>(matmul.getRhs().getType());
}

std::string getDecodeKernelName(const MatmulProblem &problem) {
  return problem.getName() + "_bf16";
}

FailureOr<MatmulProblem> getDecodeProblem(MatmulOp matmul,
                                          std::string &reason) {
  auto fail = [&](const Twine &text) {
    reason = text.str();
    return failure();
  };
  auto lhs = cast<RankedTensorType>(matmul.getLhs().getType());
  auto rhs = cast<MicroscaledTensorType>(matmul.getRhs().getType());
  if (!lhs.getElementType().isBF16() || !hasFragments(rhs.getFormat())) {
    std::string got;
    llvm::raw_string_ostream(got) << lhs << " and " << rhs;
    return fail("expected a bf16 left side and a right side of #fp4.nvfp4 or "
                "#fp4.mxfp4, got " +
                Twine(got));
  }
  MatmulProblem problem;
  problem.format = rhs.getFormat();
  problem.rows = lhs.getShape()[0];
  problem.columns = rhs.getShape()[0];
  problem.depth = rhs.getNumCols();
  problem.resultType = matmul.getType().getElementType();
  if (matmul.getBias())
    problem.biasType =
        cast<RankedTensorType>(matmul.getBias().getType()).getElementType();
  problem.activation = matmul.getActivation().value_or(Activation::None);
  problem.schedule = matmul->getAttrOfType<ScheduleAttr>(kScheduleAttrName);
  if (ShapedType::isDynamic(problem.columns) || problem.columns % 8 != 0)
    return fail("expected N to be a static multiple of 8, got " +
                (ShapedType::isDynamic(problem.columns)
                     ? Twine("?")
                     : Twine(problem.columns)));
  if (problem.activation == Activation::GELU)
    return fail("expected an activation among none, relu, silu, got gelu");
  if (problem.schedule && (problem.schedule.getTileK() % kUnit != 0 ||
                           problem.schedule.getTileN() % kUnit != 0))
    return fail("expected a schedule whose tile is a multiple of 64 columns "
                "and 64 of the depth");
  if (isOutsideFragmentRange(matmul.getRhs()))
    return fail("expected scales of the weight that are no NaN and span at "
                "most 60 binades");
  return problem;
}

//===----------------------------------------------------------------------===//
// Schedules
//===----------------------------------------------------------------------===//

/// The schedule for few rows: every warp takes a unit of the depth in turn.
static ScheduleAttr chooseDecodeSchedule(const MatmulProblem &problem,
                                         const GPUArch &arch) {
  bool isOneTile = !problem.hasDynamicRows() && problem.rows <= 8;
  int64_t units = llvm::divideCeil(problem.depth, kUnit);
  int64_t tileM = isOneTile ? 8 : 16;
  // Two blocks share a tile where there are fewer tiles than half of the 132
  // multiprocessors of an H200.
  constexpr int64_t kMultiprocessors = 132;
  int64_t tiles = llvm::divideCeil(problem.columns, kUnit);
  int64_t split =
      arch.family == GPUFamily::SM90 && 2 * tiles <= kMultiprocessors &&
              units > 1
          ? 2
          : 1;
  int64_t warps = tileM == 8 && arch.family == GPUFamily::SM90 ? 16 : 8;
  while (warps > 1 && warps > units / split)
    warps /= 2;
  int64_t unitBytes = getFragmentUnitBytes(problem.format);
  int64_t stageBytes =
      llvm::alignTo(warps * (tileM * 2 * kUnit + unitBytes), 1024);
  // The sums of all warps meet in shared memory.
  int64_t sumBytes = warps * tileM * 68 * 4 + 2 * tileM * kUnit * 4 + 1024;
  int64_t stages = std::min<int64_t>(
      4, (arch.sharedBytes - sumBytes) / stageBytes);
  return ScheduleAttr::get(problem.format.getContext(), tileM, kUnit,
                           warps * kUnit, stages, 1, 1, split);
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

namespace {
class DecodeKernelBuilder {
public:
  DecodeKernelBuilder(ImplicitLocOpBuilder &builder,
                      const MatmulProblem &problem, ScheduleAttr schedule)
      : b(builder), problem(problem), schedule(schedule) {}

  KernelOp create();

private:
  unsigned declare(StringRef name, Type type) {
    names.push_back(name);
    types.push_back(type);
    return types.size() - 1;
  }
  void declareArguments();
  Value argument(unsigned index) { return kernel.getBody().getArgument(index); }
  Value emitPipeline(Value m, Value n);

  ImplicitLocOpBuilder &b;
  const MatmulProblem &problem;
  ScheduleAttr schedule;
  KernelOp kernel;
  SmallVector<Type> types;
  SmallVector<StringRef> names;
  unsigned lhs, rhs, factor, bias, rows, out;
};
} // namespace

void DecodeKernelBuilder::declareArguments() {
  auto matrix = MicroscaledTensorType::get(
      b.getContext(), {problem.columns, problem.depth}, problem.format);
  lhs = declare("lhs", MemRefType::get({problem.rows, problem.depth},
                                       b.getBF16Type()));
  RankedTensorType fragments = getFragmentsType(matrix);
  rhs = declare("rhs", MemRefType::get(fragments.getShape(),
                                       fragments.getElementType()));
  factor = declare("rhs_factor", MemRefType::get({}, b.getF32Type()));
  if (problem.biasType)
    bias = declare("bias", MemRefType::get({problem.columns}, problem.biasType));
  if (problem.hasDynamicRows())
    rows = declare("rows", b.getIndexType());
  out = declare("out", MemRefType::get({problem.rows, problem.columns},
                                       problem.resultType));
}

Value DecodeKernelBuilder::emitPipeline(Value m, Value n) {
  auto acc =
      AccType::get(b.getContext(), schedule.getTileM(), schedule.getTileN());
  Value zero = ZeroOp::create(b, acc);
  int64_t steps = llvm::divideCeil(problem.depth, schedule.getTileK());
  auto pipeline = PipelineOp::create(b, acc, steps, zero);
  OpBuilder::InsertionGuard guard(b);
  Block *produce = b.createBlock(&pipeline.getProduce());
  Value step = produce->addArgument(b.getIndexType(), b.getLoc());
  auto copy = [&](unsigned source, Value index, ArrayRef<int64_t> shape) {
    Type element =
        cast<MemRefType>(argument(source).getType()).getElementType();
    auto tile = TileType::get(b.getContext(), shape, element);
    return CopyOp::create(b, tile, argument(source), ValueRange{index, step});
  };
  SmallVector<Value> tiles = {
      copy(lhs, m, {schedule.getTileM(), schedule.getTileK()}),
      copy(rhs, n,
           {schedule.getTileN() / kUnit, schedule.getTileK() / kUnit,
            getFragmentUnitBytes(problem.format)})};
  YieldOp::create(b, tiles);
  Block *consume = b.createBlock(&pipeline.getConsume());
  Value sum = consume->addArgument(acc, b.getLoc());
  for (Value tile : tiles)
    consume->addArgument(tile.getType(), b.getLoc());
  Value next =
      MmaDecodeOp::create(b, acc, sum, consume->getArgument(1),
                          consume->getArgument(2), problem.format);
  YieldOp::create(b, next);
  return pipeline.getResult();
}

KernelOp DecodeKernelBuilder::create() {
  declareArguments();
  kernel = KernelOp::create(b, getDecodeKernelName(problem), schedule,
                            b.getStrArrayAttr(names));
  OpBuilder::InsertionGuard guard(b);
  Block *body = b.createBlock(&kernel.getBody());
  body->addArguments(types, SmallVector<Location>(types.size(), b.getLoc()));
  Value alpha = memref::LoadOp::create(b, argument(factor), ValueRange());
  SmallVector<Value> dynamicSizes;
  if (problem.hasDynamicRows())
    dynamicSizes.push_back(argument(rows));
  int64_t sizes[] = {problem.rows, problem.columns};
  auto forTiles = ForTilesOp::create(b, dynamicSizes, sizes);
  ReturnOp::create(b);
  Block *tile = b.createBlock(&forTiles.getBody());
  Value m = tile->addArgument(b.getIndexType(), b.getLoc());
  Value n = tile->addArgument(b.getIndexType(), b.getLoc());
  createMatmulEpilogue(b, problem, emitPipeline(m, n), argument(out), {m, n},
                       problem.biasType ? argument(bias) : Value(), alpha);
  return kernel;
}

KernelOp createDecodeKernel(OpBuilder &builder, Location loc,
                            const MatmulProblem &problem, const GPUArch &arch) {
  ImplicitLocOpBuilder located(loc, builder);
  ScheduleAttr schedule = problem.schedule
                              ? problem.schedule
                              : chooseDecodeSchedule(problem, arch);
  return DecodeKernelBuilder(located, problem, schedule).create();
}

} // namespace fp4::gpu
