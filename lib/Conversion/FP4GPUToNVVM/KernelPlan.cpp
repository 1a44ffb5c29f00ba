//===- KernelPlan.cpp - A kernel taken apart for lowering -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Recognizes the one shape of kernel that the families lower: a persistent
// loop over tiles of a pipelined block-scaled product with an epilogue.
// Everything else verifier-valid gets a diagnostic that names the part.
//
//===----------------------------------------------------------------------===//

#include "KernelPlan.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace fp4::gpu {

/// The only operation of type `OpTy` in `block`, which must have one.
template <typename OpTy>
static FailureOr<OpTy> findOnly(Operation *parent, Block &block) {
  auto ops = block.getOps<OpTy>();
  if (llvm::hasSingleElement(ops))
    return *ops.begin();
  return parent->emitOpError()
         << "expected one " << OpTy::getOperationName() << ", got "
         << std::distance(ops.begin(), ops.end());
}

/// Scalars of the kernel may be computed ahead of the loop.
static LogicalResult checkScalarPart(KernelOp kernel) {
  for (Operation &op : kernel.getBody().front()) {
    auto load = dyn_cast<memref::LoadOp>(op);
    bool isScalarLoad = load && load.getMemRefType().getRank() == 0;
    if (isa<ForTilesOp, ReturnOp>(op) || isScalarLoad ||
        isa<arith::ArithDialect>(op.getDialect()))
      continue;
    return op.emitOpError() << "expected only arith operations and loads of "
                               "scalars ahead of fp4gpu.for_tiles";
  }
  return success();
}

/// Checks the parts of the tile loop for operations that are not planned for.
static LogicalResult checkTileBody(ForTilesOp forTiles) {
  for (Operation &op : forTiles.getBody().front())
    if (!isa<ZeroOp, PipelineOp, EpilogueOp>(op))
      return op.emitOpError()
             << "expected only zero, pipeline and epilogue in a tile loop";
  return success();
}

FailureOr<TilePlan> planTile(KernelPlan &plan, Operation *product, Value value,
                             ProductSide side, bool isElements) {
  auto argument = dyn_cast<BlockArgument>(value);
  Block &consume = plan.pipeline.getConsume().front();
  if (!argument || argument.getOwner() != &consume)
    return product->emitOpError()
           << "expected tiles that are arguments of 'consume'";
  auto yield = cast<YieldOp>(plan.pipeline.getProduce().front().back());
  auto copy =
      yield.getValues()[argument.getArgNumber() - 1].getDefiningOp<CopyOp>();
  if (!copy)
    return yield.emitOpError() << "expected tiles from fp4gpu.copy";
  auto source = dyn_cast<BlockArgument>(copy.getSource());
  if (!source || source.getOwner() != &plan.kernel.getBody().front())
    return copy.emitOpError() << "expected a kernel argument as source";
  Block &tiles = plan.forTiles.getBody().front();
  Value steps = plan.pipeline.getProduce().getArgument(0);
  if (copy.getIndices().size() != 2 || copy.getIndices()[1] != steps ||
      !llvm::is_contained(tiles.getArguments(), copy.getIndices()[0]))
    return copy.emitOpError() << "expected an index of the tile loop and the "
                                 "index of the pipeline";
  int64_t sharedBy = copy.getSharedBy().value_or(1);
  int64_t expected = side.part && !isElements ? kScaleTileRows / side.rows : 1;
  if (sharedBy != expected)
    return copy.emitOpError() << "expected a tile that is shared by "
                              << expected << ", got " << sharedBy;
  if (side.part && side.part != copy.getIndices()[0])
    return product->emitOpError()
           << "expected 'part' to be the index that the tile was copied at";
  TilePlan tile{};
  tile.sharedBy = sharedBy;
  tile.type = copy.getTile().getType();
  tile.source = source;
  tile.followsRows = copy.getIndices()[0] == tiles.getArgument(0);
  tile.isElements = isElements;
  tile.bits = tile.getSourceBits();
  return tile;
}

static LogicalResult planTiles(KernelPlan &plan) {
  MmaOp mma = plan.mma;
  ProductSide left{plan.getAccRows(), mma.getLhsPart()};
  ProductSide right{plan.getAccColumns(), mma.getRhsPart()};
  FailureOr<TilePlan> lhs = planTile(plan, mma, mma.getLhs(), left, true);
  FailureOr<TilePlan> rhs = planTile(plan, mma, mma.getRhs(), right, true);
  FailureOr<TilePlan> lhsScales =
      planTile(plan, mma, mma.getLhsScales(), left, false);
  FailureOr<TilePlan> rhsScales =
      planTile(plan, mma, mma.getRhsScales(), right, false);
  if (failed(lhs) || failed(rhs) || failed(lhsScales) || failed(rhsScales))
    return failure();
  plan.lhs = *lhs;
  plan.rhs = *rhs;
  plan.lhsScales = *lhsScales;
  plan.rhsScales = *rhsScales;
  bool isSwapped = plan.schedule.getSwapped();
  for (TilePlan *tile : plan.getTiles()) {
    bool isLhs = tile == &plan.lhs || tile == &plan.lhsScales;
    if (tile->followsRows != (isLhs != isSwapped))
      return plan.mma.emitOpError() << "expected '" << (isLhs ? "lhs" : "rhs")
                                    << "' tiles that follow the "
                                    << (isLhs != isSwapped ? "first" : "second")
                                    << " index of the tile loop";
  }
  if (plan.epilogue.getTransposed() != isSwapped)
    return plan.epilogue.emitOpError()
           << "expected 'transposed' iff the schedule is swapped";
  if (plan.lhs.getBits() != 4 || plan.rhs.getBits() != 4)
    plan.lhs.bits = plan.rhs.bits = 8;
  for (TilePlan *tile : {&plan.lhs, &plan.rhs})
    tile->isCopiedByLanes =
        tile->getSourcePitch() % kRowAlignment != 0 ||
        (tile->isSpread() && tile->getSourceType().getDimSize(1) % 128 != 0);
  // Elements come first: their swizzle wants tiles at multiples of 1024 bytes.
  int64_t offset = 0;
  plan.copiedBytes = 0;
  for (TilePlan *tile : plan.getTiles()) {
    tile->offset = offset;
    offset += tile->getBytes();
    plan.copiedBytes += tile->isCopiedByLanes ? 0 : tile->getCountedBytes();
  }
  plan.stageBytes = llvm::alignTo(offset, 1024);
  return success();
}

LogicalResult checkGated(KernelPlan &plan, int64_t columns) {
  if (!plan.epilogue.getGated() ||
      (columns % 16 == 0 && !plan.epilogue.getDest().getType().isDynamicDim(1)))
    return success();
  return plan.epilogue.emitOpError() << "expected a gated product with a tile "
                                        "of a multiple of 16 columns and a "
                                        "static number of columns";
}

static LogicalResult checkSchedule(KernelPlan &plan) {
  ScheduleAttr schedule = plan.schedule;
  int64_t rows = plan.getAccRows(), columns = plan.getAccColumns();
  if (schedule.getSwapped())
    std::swap(rows, columns);
  int64_t depth = plan.lhs.getShape()[1];
  if (rows != schedule.getTileM() || columns != schedule.getTileN() ||
      depth != schedule.getTileK())
    return plan.kernel.emitOpError()
           << "expected a schedule with the tile of the body, " << rows << "x"
           << columns << "x" << depth << ", got " << schedule;
  for (int64_t extent : {rows, columns})
    if (extent > kScaleTileRows && extent % kScaleTileRows != 0)
      return plan.kernel.emitOpError()
             << "expected a tile of multiples or divisors of " << kScaleTileRows
             << " rows and columns, got " << rows << "x" << columns;
  // Rows of 32, 64 or 128 bytes, the widths of swizzles.
  int64_t perByte = 8 / plan.lhs.getBits();
  if (!llvm::is_contained({32, 64, 128}, plan.lhs.getRowBytes()))
    return plan.kernel.emitOpError()
           << "expected a tile depth of " << 32 * perByte << ", "
           << 64 * perByte << " or " << 128 * perByte << ", got " << depth;
  for (TilePlan *tile : {&plan.lhs, &plan.rhs})
    if (tile->isCopiedByLanes &&
        tile->getSourceType().getDimSize(1) % kLaneCopyElements != 0)
      return plan.kernel.emitOpError()
             << "expected rows of a multiple of " << kLaneCopyElements
             << " elements, got " << tile->getSourceType();
  return checkGated(plan, columns);
}

LogicalResult checkPlainEpilogue(KernelPlan &plan) {
  if (!plan.epilogue.getScales())
    return success();
  return plan.epilogue.emitOpError()
         << "expected no scaled results but from fp4gpu.mma on sm_120a, "
            "sm_120f or sm_121a, got "
         << plan.arch->name;
}

LogicalResult checkTensorMaps(KernelPlan &plan) {
  for (TilePlan *tile : {&plan.lhs, &plan.rhs})
    if (tile->isCopiedByLanes)
      return plan.kernel.emitOpError()
             << "expected rows of a multiple of " << kRowAlignment
             << " bytes for " << plan.arch->name << ", got "
             << tile->getSourceType();
  return success();
}

LogicalResult checkPlainTiles(KernelPlan &plan) {
  if (!plan.schedule.getBalanced() && !plan.schedule.getPromotion())
    return success();
  return plan.kernel.emitOpError()
         << "expected 'balanced' and 'promotion' only for decoded weights and "
            "at least 4 warps on sm_90a, and 'balanced' for fp4gpu.mma on "
            "sm_120a, sm_120f and sm_121a, got "
         << plan.schedule;
}

FailureOr<KernelPlan> planParts(KernelOp kernel, const GPUArch &arch) {
  KernelPlan plan{};
  plan.kernel = kernel;
  plan.arch = &arch;
  plan.schedule = kernel.getSchedule();
  Block &body = kernel.getBody().front();
  FailureOr<ForTilesOp> forTiles = findOnly<ForTilesOp>(kernel, body);
  if (failed(forTiles) || failed(checkScalarPart(kernel)) ||
      failed(checkTileBody(*forTiles)))
    return failure();
  plan.forTiles = *forTiles;
  Block &tileBody = forTiles->getBody().front();
  FailureOr<PipelineOp> pipeline = findOnly<PipelineOp>(*forTiles, tileBody);
  FailureOr<EpilogueOp> epilogue = findOnly<EpilogueOp>(*forTiles, tileBody);
  if (failed(pipeline) || failed(epilogue))
    return failure();
  plan.pipeline = *pipeline;
  plan.epilogue = *epilogue;
  if (!pipeline->getInit().getDefiningOp<ZeroOp>() ||
      epilogue->getAcc() != pipeline->getResult() ||
      !llvm::equal(epilogue->getIndices(), tileBody.getArguments()))
    return epilogue->emitOpError()
           << "expected the sum of a pipeline from zero, stored at the indices "
              "of the tile loop";
  return plan;
}

FailureOr<KernelPlan> planKernel(KernelOp kernel, const GPUArch &arch) {
  FailureOr<KernelPlan> plan = planParts(kernel, arch);
  if (failed(plan))
    return failure();
  PipelineOp pipeline = plan->pipeline;
  FailureOr<MmaOp> mma =
      findOnly<MmaOp>(pipeline, pipeline.getConsume().front());
  if (failed(mma))
    return failure();
  plan->mma = *mma;
  plan->scaleKind =
      mma->getBlockSize() == 16 ? ScaleKind::UE4M3 : ScaleKind::UE8M0;
  if (failed(planTiles(*plan)) || failed(checkSchedule(*plan)))
    return failure();
  return plan;
}

} // namespace fp4::gpu
