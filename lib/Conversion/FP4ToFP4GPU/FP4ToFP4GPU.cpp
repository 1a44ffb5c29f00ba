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

#include "ActivationKernel.h"
#include "KernelReuse.h"
#include "KernelWriter.h"
#include "WidenedInput.h"
#include "fp4/Conversion/Passes.h"
#include "fp4/Dialect/FP4/IR/DeadOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace fp4 {
#define GEN_PASS_DEF_CONVERTFP4TOFP4GPU
#include "fp4/Conversion/Passes.h.inc"
} // namespace fp4

using namespace fp4::gpu;

namespace {
/// The kernel of a launch, and those that run in its place for at most so many
/// rows.
struct KernelChoice {
  FlatSymbolRefAttr any;
  SmallVector<Attribute> alternatives;
  SmallVector<int64_t> limits;
};

struct ConvertFP4ToFP4GPU
    : fp4::impl::ConvertFP4ToFP4GPUBase<ConvertFP4ToFP4GPU> {
  using ConvertFP4ToFP4GPUBase::ConvertFP4ToFP4GPUBase;
  void runOnOperation() override;

private:
  FlatSymbolRefAttr getKernel(const MatmulProblem &problem,
                              const ScheduleChoice &choice, FusedMatmul &fused);
  KernelChoice getKernels(const MatmulProblem &problem, FusedMatmul &fused);
  fp4::QuantizeOp getQuantization(const MatmulProblem &problem,
                                  FusedMatmul &fused);
  SmallVector<Value> prepareDecodeOperands(OpBuilder &builder,
                                           const MatmulProblem &problem,
                                           FusedMatmul &fused);
  void launch(const MatmulProblem &problem, FusedMatmul &fused);
  bool launchAll(ArrayRef<fp4::MatmulOp> matmuls, bool inPairs);

  const GPUArch *arch = nullptr;
  std::optional<InputWidener> widener;
  /// Matmuls that are launched already.
  llvm::DenseSet<Operation *> done;
};
} // namespace

static std::string print(Attribute attribute) {
  std::string text;
  llvm::raw_string_ostream(text) << attribute;
  return text;
}

//===----------------------------------------------------------------------===//
// Kernels and launches
//===----------------------------------------------------------------------===//

FlatSymbolRefAttr ConvertFP4ToFP4GPU::getKernel(const MatmulProblem &problem,
                                                const ScheduleChoice &choice,
                                                FusedMatmul &fused) {
  ModuleOp module = getOperation();
  auto builder = OpBuilder::atBlockEnd(module.getBody());
  auto create = problem.decodesWeight ? createDecodeKernel : createMatmulKernel;
  auto [kernel, isNew] =
      reuseKernel(module, create(builder, fused, problem, choice.schedule));
  auto symbol = FlatSymbolRefAttr::get(kernel.getSymNameAttr());
  if (!isNew)
    return symbol;
  ++numKernels;
  remark::passed(fused.matmul.getLoc(),
                 remark::RemarkOpts::name("schedule").category("fp4gpu"))
      << kernel.getSymName() << ": " << print(choice.schedule) << ", "
      << choice.reason;
  return symbol;
}

/// The elements, scales and tensor scale of a matrix.
static void appendParts(OpBuilder &builder, Value matrix,
                        SmallVectorImpl<Value> &parts) {
  builder.createOrFold<PrepackOp>(parts, matrix.getLoc(), matrix);
}

/// The arrays of a product of two microscaled matrices. `sources` made the
/// parts of the weight.
static SmallVector<Value>
prepareOperands(OpBuilder &builder, FusedMatmul &fused,
                SmallVectorImpl<Operation *> &sources) {
  Location loc = fused.matmul.getLoc();
  SmallVector<Value> lhs, rhs, second, operands;
  appendParts(builder, fused.matmul.getLhs(), lhs);
  appendParts(builder, fused.matmul.getRhs(), rhs);
  SmallVector<Value> weight = {rhs[0], rhs[1]};
  if (fused.second) {
    appendParts(builder, fused.second.getRhs(), second);
    weight.clear();
    builder.createOrFold<InterleaveOp>(weight, loc, rhs[0], rhs[1], second[0],
                                       second[1]);
  }
  operands = {lhs[0], lhs[1], weight[0], weight[1]};
  for (ArrayRef<Value> parts : {lhs, rhs, second})
    llvm::append_range(operands,
                       parts.drop_front(std::min<size_t>(2, parts.size())));
  for (Value part : llvm::concat<Value>(rhs, second))
    sources.push_back(part.getDefiningOp());
  return operands;
}

/// The arrays of a product with a decoded weight.
SmallVector<Value> ConvertFP4ToFP4GPU::prepareDecodeOperands(
    OpBuilder &builder, const MatmulProblem &problem, FusedMatmul &fused) {
  fp4::MatmulOp matmul = fused.matmul;
  WidenedInput lhs = {matmul.getLhs(), Value()};
  if (problem.isWidened)
    lhs = widener->widen(matmul.getLhs());
  if (!problem.fallback.empty())
    remark::missed(matmul.getLoc(),
                   remark::RemarkOpts::name("fallback").category("fp4gpu"))
        << "multiplied as bf16, not as f8E4M3FN: " + problem.fallback;
  SmallVector<Value> operands = {lhs.matrix}, fragments;
  Value second = fused.second ? fused.second.getRhs() : Value();
  builder.createOrFold<ToFragmentsOp>(
      fragments, matmul.getLoc(), matmul.getRhs(), second, problem.isFolded);
  llvm::append_range(operands, fragments);
  if (lhs.factor)
    operands.push_back(lhs.factor);
  return operands;
}

/// The dynamic number of rows of `matrix`. A launch that made it knows them:
/// its only index.
static Value getRows(OpBuilder &builder, Location loc, Value matrix) {
  if (auto launch = matrix.getDefiningOp<LaunchOp>())
    for (Value input : launch.getInputs())
      if (input.getType().isIndex())
        return input;
  return tensor::DimOp::create(builder, loc, matrix, 0);
}

/// Makes `parts` the result of a quantization that a kernel does.
static void replaceQuantization(OpBuilder &builder, fp4::QuantizeOp quantize,
                                ValueRange parts, Value rows) {
  if (!llvm::all_of(quantize->getUsers(), llvm::IsaPred<PrepackOp>)) {
    auto joined = UnprepackOp::create(builder, quantize.getLoc(),
                                      quantize.getType(), parts[0], parts[1],
                                      parts.size() == 3 ? parts[2] : Value());
    quantize->getResult(0).replaceUsesWithIf(
        joined, [](OpOperand &use) { return !isa<PrepackOp>(use.getOwner()); });
  }
  replacePrepacked(quantize, parts, rows);
}

/// Whether each warp of that schedule has whole blocks of results.
static bool hasWholeBlocks(ScheduleAttr schedule, const MatmulProblem &problem,
                           fp4::QuantizeOp quantize) {
  int64_t columns =
      schedule.getTileN() / schedule.getWarpsN() / (problem.isGated ? 2 : 1);
  int64_t block = quantize.getType().getFormat().getBlockCols();
  return columns > 0 && columns % block == 0;
}

/// The quantization of the result, if the kernel can do it, or null.
fp4::QuantizeOp
ConvertFP4ToFP4GPU::getQuantization(const MatmulProblem &problem,
                                    FusedMatmul &fused) {
  if (problem.decodesWeight || arch->family != GPUFamily::SM120)
    return {};
  fp4::QuantizeOp quantize = findQuantization(fused);
  bool canQuantize =
      quantize && hasWholeBlocks(chooseSchedule(problem, *arch).schedule,
                                 problem, quantize);
  return canQuantize ? quantize : fp4::QuantizeOp();
}

KernelChoice ConvertFP4ToFP4GPU::getKernels(const MatmulProblem &problem,
                                            FusedMatmul &fused) {
  KernelChoice kernels;
  kernels.any = getKernel(problem, chooseSchedule(problem, *arch), fused);
  for (const RowRange &range : chooseRowRanges(problem, *arch)) {
    if (fused.quantize &&
        !hasWholeBlocks(range.choice.schedule, problem, fused.quantize))
      continue;
    MatmulProblem few = problem;
    few.mostRows = range.mostRows;
    kernels.alternatives.push_back(getKernel(few, range.choice, fused));
    kernels.limits.push_back(range.mostRows);
  }
  return kernels;
}

/// What the epilogue reads: biases, and what the tail has from elsewhere.
static void appendEpilogueOperands(const FusedMatmul &fused,
                                   SmallVectorImpl<Value> &operands) {
  for (fp4::MatmulOp matmul : {fused.matmul, fused.second})
    if (matmul && matmul.getBias())
      operands.push_back(matmul.getBias());
  llvm::append_range(operands, fused.columns);
  llvm::append_range(operands, fused.matrices);
}

void ConvertFP4ToFP4GPU::launch(const MatmulProblem &problem,
                                FusedMatmul &fused) {
  fused.quantize = getQuantization(problem, fused);
  KernelChoice kernels = getKernels(problem, fused);
  Operation *last = fused.getLast();
  OpBuilder builder(fused.quantize ? fused.quantize.getOperation() : last);
  Location loc = fused.matmul.getLoc();
  SmallVector<Operation *> sources;
  SmallVector<Value> operands =
      problem.decodesWeight ? prepareDecodeOperands(builder, problem, fused)
                            : prepareOperands(builder, fused, sources);
  appendEpilogueOperands(fused, operands);
  SmallVector<Value> scale;
  if (fused.quantize && fused.quantize.getTensorScale())
    scale.push_back(
        makeScaleArray(builder, loc, fused.quantize.getTensorScale()));
  llvm::append_range(operands, scale);
  Value rows;
  if (problem.hasDynamicRows())
    operands.push_back(rows = getRows(builder, loc, operands[0]));
  SmallVector<Type> results = {fused.getType()};
  if (fused.quantize)
    results = {getPrepackedElementsType(fused.quantize.getType()),
               getPrepackedScalesType(fused.quantize.getType())};
  auto launch = LaunchOp::create(builder, loc, results, kernels.any, operands);
  if (!kernels.alternatives.empty()) {
    launch.setAlternativesAttr(builder.getArrayAttr(kernels.alternatives));
    launch.setLimits(kernels.limits);
  }
  launch->setDiscardableAttrs(
      llvm::to_vector(fused.matmul->getDiscardableAttrs()));
  launch->removeDiscardableAttr(kScheduleAttrName);
  SmallVector<Value> parts(launch.getOutputs());
  llvm::append_range(parts, scale);
  if (fused.quantize)
    replaceQuantization(builder, fused.quantize, parts, rows);
  else
    last->getResult(0).replaceAllUsesWith(parts[0]);
  // Parts of a pair live on only in the joined weight.
  SmallVector<Operation *> dead = std::move(sources);
  llvm::append_range(dead, fused.tail);
  for (fp4::MatmulOp matmul : {fused.matmul, fused.second})
    if (matmul) {
      done.insert(matmul);
      dead.push_back(matmul);
    }
  fp4::eraseDeadOps(dead);
  ++numLaunches;
}

/// Launches pairs, or the matmuls that are left.
bool ConvertFP4ToFP4GPU::launchAll(ArrayRef<fp4::MatmulOp> matmuls,
                                   bool inPairs) {
  for (fp4::MatmulOp matmul : matmuls) {
    if (done.contains(matmul))
      continue;
    std::string reason;
    FailureOr<MatmulProblem> problem = getProblem(matmul, *arch, reason);
    if (failed(problem) && (inPairs || !requireKernels))
      continue;
    if (failed(problem)) {
      matmul.emitOpError() << "has no kernel for " << target << ": " << reason;
      return false;
    }
    FusedMatmul fused = fuseTail(matmul, [&](fp4::MatmulOp a, fp4::MatmulOp b) {
      return inPairs && isGatedPair(a, b, *arch);
    });
    if (inPairs && !fused.second)
      continue;
    if (fused.second)
      problem =
          getGatedProblem(*problem, *getProblem(fused.second, *arch, reason));
    launch(*problem, fused);
  }
  return true;
}

void ConvertFP4ToFP4GPU::runOnOperation() {
  arch = findGPUArch(target);
  if (!arch) {
    getOperation().emitError() << "unsupported target '" << target
                               << "'; supported: " << listGPUArchs();
    return signalPassFailure();
  }
  widener.emplace(getOperation());
  SmallVector<fp4::MatmulOp> matmuls;
  // A launch finds its kernel in the nearest module.
  getOperation().walk([&](fp4::MatmulOp op) {
    if (op->getParentOfType<ModuleOp>() == getOperation())
      matmuls.push_back(op);
  });
  // Pairs first: a product that is half of one could also be a mere operand.
  if (!launchAll(matmuls, /*inPairs=*/true) ||
      !launchAll(matmuls, /*inPairs=*/false))
    return signalPassFailure();
  ConversionCounts counts =
      convertQuantizations(getOperation(), computeTensorScales);
  numKernels += counts.kernels + widener->getNumKernels();
  numLaunches += counts.launches;
}
