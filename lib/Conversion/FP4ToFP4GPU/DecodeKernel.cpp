//===- DecodeKernel.cpp - Products with a decoded weight ------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes the fp4gpu.kernel of a product of bf16 activations and FP4 weights,
// and chooses its schedule. The weight is interleaved (fp4gpu.to_fragments), so
// that a tile of it is a run of whole units.
//
//===----------------------------------------------------------------------===//

#include "DecodeKernel.h"
#include "Activations.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace fp4::gpu {

/// Rows and depth of a unit of fp4gpu.to_fragments.
static constexpr int64_t kUnit = 64;

//===----------------------------------------------------------------------===//
// Problems
//===----------------------------------------------------------------------===//

bool isDecodeMatmul(MatmulOp matmul) {
  return isa<RankedTensorType>(matmul.getLhs().getType()) &&
         isa<MicroscaledTensorType>(matmul.getRhs().getType());
}

static std::string getDecodeKernelName(const MatmulProblem &problem) {
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
  problem.format = problem.weightFormat = rhs.getFormat();
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

/// Bytes of shared memory that the sums of all warps take, and what else stands
/// behind the ring.
static int64_t getSumBytes(int64_t rows, int64_t warps) {
  return warps * rows * (kUnit + 4) * 4 + rows * kUnit * 4 + 1024;
}

/// Multiprocessors of an H200, on which the choices below were measured
/// (docs/Performance.md).
static constexpr int64_t kMultiprocessors = 132;

/// mma.sync: every warp takes a unit of the depth in turn. Eight warps are as
/// fast as sixteen; two blocks share a tile where the multiprocessors would
/// otherwise be half idle.
static ScheduleAttr chooseStream(const MatmulProblem &problem,
                                 const GPUArch &arch) {
  constexpr int64_t kMaxStages = 6;
  int64_t rows = problem.hasDynamicRows() ? 16
                 : problem.rows <= 8      ? 8
                 : problem.rows <= 16     ? 16
                                          : 32;
  int64_t units = llvm::divideCeil(problem.depth, kUnit);
  int64_t tiles = llvm::divideCeil(problem.columns, kUnit);
  bool isSplit = arch.family == GPUFamily::SM90 && units > 1 &&
                 2 * tiles <= kMultiprocessors;
  int64_t split = isSplit ? 2 : 1, warps = 8, stages = 0;
  while (warps > 1 && warps > units / split)
    warps /= 2;
  for (;; warps /= 2) {
    int64_t stageBytes = llvm::alignTo(
        warps * (rows * 2 * kUnit + getFragmentUnitBytes(problem.format)),
        1024);
    stages = std::min(
        kMaxStages, (arch.sharedBytes - getSumBytes(rows, warps)) / stageBytes);
    if (stages >= 2 || warps == 1)
      break;
  }
  return ScheduleAttr::get(problem.format.getContext(), rows, kUnit,
                           warps * kUnit, stages, 1, 1, /*swapped=*/false,
                           split);
}

/// wgmma: the largest tile of which there are enough, without a split.
static ScheduleAttr chooseWarpgroups(const MatmulProblem &problem,
                                     const GPUArch &arch) {
  struct Tile {
    int64_t rows, columns;
  };
  static constexpr Tile tiles[] = {
      {256, 128}, {128, 128}, {64, 256}, {64, 128}};
  constexpr int64_t kDepth = 2 * kUnit, kMaxStages = 8, kReservedBytes = 1024;
  const Tile *tile = llvm::find_if(tiles, [&](const Tile &t) {
    int64_t count = llvm::divideCeil(problem.rows, t.rows) *
                    llvm::divideCeil(problem.columns, t.columns);
    return t.rows < 2 * problem.rows && count > kMultiprocessors / 2 + 20;
  });
  if (tile == std::end(tiles))
    tile = problem.rows > 64 ? &tiles[1] : &tiles[3];
  int64_t stageBytes = llvm::alignTo(
      tile->rows * 2 * kDepth +
          tile->columns / kUnit * 2 * getFragmentUnitBytes(problem.format),
      1024);
  int64_t stages =
      std::min(kMaxStages, (arch.sharedBytes - kReservedBytes) / stageBytes);
  return ScheduleAttr::get(problem.format.getContext(), tile->rows,
                           tile->columns, kDepth, stages, 1, tile->columns / 16,
                           /*swapped=*/false, /*split=*/1);
}

static ScheduleChoice chooseDecodeSchedule(const MatmulProblem &problem,
                                           const GPUArch &arch) {
  constexpr int64_t kFewRows = 32;
  if (problem.schedule)
    return {problem.schedule, "fp4gpu.schedule asks for it"};
  if (arch.family != GPUFamily::SM90 || problem.hasDynamicRows() ||
      problem.rows <= kFewRows)
    return {chooseStream(problem, arch),
            "the weight streams through all warps"};
  return {chooseWarpgroups(problem, arch),
          "more than 32 rows: the weight is decoded ahead of wgmma"};
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
  void emitEpilogue(Value sum, Value m, Value n, Value alpha);
  DictionaryAttr describeMeaning();

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
  lhs = declare(
      "lhs", MemRefType::get({problem.rows, problem.depth}, b.getBF16Type()));
  RankedTensorType fragments = getFragmentsType(matrix);
  rhs = declare(
      "rhs", MemRefType::get(fragments.getShape(), fragments.getElementType()));
  factor = declare("rhs_factor", MemRefType::get({}, b.getF32Type()));
  if (problem.biasType)
    bias =
        declare("bias", MemRefType::get({problem.columns}, problem.biasType));
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
  Value next = MmaDecodeOp::create(b, acc, sum, consume->getArgument(1),
                                   consume->getArgument(2), problem.format);
  YieldOp::create(b, next);
  return pipeline.getResult();
}

void DecodeKernelBuilder::emitEpilogue(Value sum, Value m, Value n,
                                       Value alpha) {
  SmallVector<Value> vectors;
  if (problem.biasType)
    vectors.push_back(argument(bias));
  auto epilogue = EpilogueOp::create(b, sum, argument(out), ValueRange{m, n},
                                     vectors, ValueRange(),
                                     /*transposed=*/false, /*gated=*/false);
  OpBuilder::InsertionGuard guard(b);
  Block *body = b.createBlock(&epilogue.getBody());
  Value x = body->addArgument(b.getF32Type(), b.getLoc());
  x = arith::MulFOp::create(b, x, alpha);
  if (problem.biasType) {
    Value addend = body->addArgument(problem.biasType, b.getLoc());
    if (!problem.biasType.isF32())
      addend = arith::ExtFOp::create(b, b.getF32Type(), addend);
    x = arith::AddFOp::create(b, x, addend);
  }
  x = emitActivation(b, x, problem.activation);
  if (!problem.resultType.isF32())
    x = arith::TruncFOp::create(b, problem.resultType, x);
  YieldOp::create(b, x);
}

/// What the manifest says of the kernel (docs/Manifest.md, "Meaning").
DictionaryAttr DecodeKernelBuilder::describeMeaning() {
  std::optional<std::string_view> format =
      numerics::blockFormatName(problem.format.getBlockFormat());
  auto text = [&](StringRef name, StringRef value) {
    return b.getNamedAttr(name, b.getStringAttr(value));
  };
  return b.getDictionaryAttr(
      {text("kind", "matmul"),
       text("rhs_format", format ? StringRef(*format) : StringRef()),
       text("rhs_layout", "fragments"),
       text("activation", stringifyActivation(problem.activation))});
}

KernelOp DecodeKernelBuilder::create() {
  declareArguments();
  kernel = KernelOp::create(b, getDecodeKernelName(problem), schedule,
                            b.getStrArrayAttr(names));
  kernel->setAttr(kMeaningAttrName, describeMeaning());
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
  emitEpilogue(emitPipeline(m, n), m, n, alpha);
  return kernel;
}

/// The kernel of a problem, made at the end of the module if there is none.
static KernelOp getDecodeKernel(MatmulOp matmul, const MatmulProblem &problem,
                                const GPUArch &arch) {
  auto module = matmul->getParentOfType<ModuleOp>();
  std::string name = getDecodeKernelName(problem);
  if (auto kernel = module.lookupSymbol<KernelOp>(name))
    return kernel;
  ScheduleChoice choice = chooseDecodeSchedule(problem, arch);
  std::string schedule;
  llvm::raw_string_ostream(schedule) << choice.schedule;
  remark::passed(matmul.getLoc(),
                 remark::RemarkOpts::name("schedule").category("fp4gpu"))
      << name << ": " << schedule << ", " << choice.reason;
  auto builder = OpBuilder::atBlockEnd(module.getBody());
  ImplicitLocOpBuilder located(matmul.getLoc(), builder);
  return DecodeKernelBuilder(located, problem, choice.schedule).create();
}

LogicalResult launchDecodeKernel(MatmulOp matmul, const GPUArch &arch,
                                 std::string &reason) {
  if (arch.family == GPUFamily::SM100) {
    reason = "expected two microscaled operands";
    return failure();
  }
  FailureOr<MatmulProblem> problem = getDecodeProblem(matmul, reason);
  if (failed(problem))
    return failure();
  KernelOp kernel = getDecodeKernel(matmul, *problem, arch);
  OpBuilder builder(matmul);
  Location loc = matmul.getLoc();
  SmallVector<Value> operands = {matmul.getLhs()}, fragments;
  builder.createOrFold<ToFragmentsOp>(fragments, loc, matmul.getRhs());
  llvm::append_range(operands, fragments);
  if (matmul.getBias())
    operands.push_back(matmul.getBias());
  if (problem->hasDynamicRows())
    operands.push_back(tensor::DimOp::create(builder, loc, operands[0], 0));
  auto launch = LaunchOp::create(
      builder, loc, TypeRange(matmul.getType()),
      FlatSymbolRefAttr::get(kernel.getSymNameAttr()), operands);
  launch->setDiscardableAttrs(llvm::to_vector(matmul->getDiscardableAttrs()));
  launch->removeDiscardableAttr(kScheduleAttrName);
  matmul.replaceAllUsesWith(launch.getOutputs()[0]);
  Operation *weight = matmul.getRhs().getDefiningOp();
  matmul.erase();
  if (weight && isOpTriviallyDead(weight))
    weight->erase();
  return success();
}

} // namespace fp4::gpu
