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
#include "KernelWriter.h"
#include "fp4/Conversion/Passes.h"
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
struct ConvertFP4ToFP4GPU
    : fp4::impl::ConvertFP4ToFP4GPUBase<ConvertFP4ToFP4GPU> {
  using ConvertFP4ToFP4GPUBase::ConvertFP4ToFP4GPUBase;
  void runOnOperation() override;

private:
  KernelOp getKernel(const MatmulProblem &problem, FusedMatmul &fused);
  void launch(const MatmulProblem &problem, FusedMatmul &fused);
  bool launchAll(ArrayRef<fp4::MatmulOp> matmuls, bool inPairs);

  const GPUArch *arch = nullptr;
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
// Pairs
//===----------------------------------------------------------------------===//

static bool isConstantWeight(Value weight) {
  Operation *source = weight.getDefiningOp();
  if (isa_and_present<fp4::ConstantOp>(source))
    return true;
  return isa_and_present<UnprepackOp>(source) &&
         llvm::all_of(source->getOperands(), [](Value part) {
           return matchPattern(part, m_Constant());
         });
}

/// Whether two matmuls read the same input through constant weights of the same
/// shape, so that one kernel can do both.
static bool isPair(fp4::MatmulOp first, fp4::MatmulOp second) {
  std::string reason;
  return first != second && first.getLhs() == second.getLhs() &&
         first->getBlock() == second->getBlock() &&
         first.getRhs().getType() == second.getRhs().getType() &&
         first.getType() == second.getType() &&
         first->getAttr(kScheduleAttrName) ==
             second->getAttr(kScheduleAttrName) &&
         isConstantWeight(first.getRhs()) &&
         isConstantWeight(second.getRhs()) &&
         succeeded(getMatmulProblem(first, reason)) &&
         succeeded(getMatmulProblem(second, reason));
}

//===----------------------------------------------------------------------===//
// Kernels and launches
//===----------------------------------------------------------------------===//

/// A kernel that does the same under its own name, or null.
static KernelOp findEquivalent(ModuleOp module, KernelOp kernel) {
  StringAttr name = kernel.getSymNameAttr();
  KernelOp found;
  for (auto other : module.getOps<KernelOp>()) {
    if (other == kernel || !other.getSymName().starts_with(name.getValue()))
      continue;
    kernel.setSymNameAttr(other.getSymNameAttr());
    if (OperationEquivalence::isEquivalentTo(
            kernel, other, OperationEquivalence::IgnoreLocations))
      found = other;
    kernel.setSymNameAttr(name);
    if (found)
      return found;
  }
  return {};
}

KernelOp ConvertFP4ToFP4GPU::getKernel(const MatmulProblem &problem,
                                       FusedMatmul &fused) {
  ModuleOp module = getOperation();
  bool isDecode = problem.decodesWeight;
  ScheduleChoice choice = isDecode ? chooseDecodeSchedule(problem, *arch)
                                   : chooseSchedule(problem, *arch);
  auto builder = OpBuilder::atBlockEnd(module.getBody());
  KernelOp kernel = (isDecode ? createDecodeKernel : createMatmulKernel)(
      builder, fused, problem, choice.schedule);
  if (KernelOp equivalent = findEquivalent(module, kernel)) {
    kernel.erase();
    return equivalent;
  }
  std::string name = kernel.getSymName().str();
  for (unsigned i = 1;
       SymbolTable(module).lookup(kernel.getSymName()) != kernel; ++i)
    kernel.setSymName(name + "_" + std::to_string(i));
  ++numKernels;
  remark::passed(fused.matmul.getLoc(),
                 remark::RemarkOpts::name("schedule").category("fp4gpu"))
      << kernel.getSymName() << ": " << print(choice.schedule) << ", "
      << choice.reason;
  return kernel;
}

/// The elements, scales and tensor scale of a matrix.
static void appendParts(OpBuilder &builder, Value matrix,
                        SmallVectorImpl<Value> &parts) {
  builder.createOrFold<PrepackOp>(parts, matrix.getLoc(), matrix);
}

/// The arrays of a product of two microscaled matrices. `parts` are what those
/// of the weight were made from.
static SmallVector<Value>
prepareOperands(OpBuilder &builder, FusedMatmul &fused,
                llvm::SmallSetVector<Operation *, 6> &parts) {
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
    if (Operation *op = part.getDefiningOp())
      parts.insert(op);
  return operands;
}

/// The arrays of a product with a decoded weight.
static SmallVector<Value>
prepareDecodeOperands(OpBuilder &builder, FusedMatmul &fused, bool isFolded) {
  fp4::MatmulOp matmul = fused.matmul;
  SmallVector<Value> operands = {matmul.getLhs()}, fragments;
  builder.createOrFold<ToFragmentsOp>(fragments, matmul.getLoc(),
                                      matmul.getRhs(), isFolded);
  llvm::append_range(operands, fragments);
  return operands;
}

void ConvertFP4ToFP4GPU::launch(const MatmulProblem &problem,
                                FusedMatmul &fused) {
  KernelOp kernel = getKernel(problem, fused);
  Operation *last = fused.getLast();
  OpBuilder builder(last);
  Location loc = fused.matmul.getLoc();
  llvm::SmallSetVector<Operation *, 6> parts;
  SmallVector<Value> operands =
      problem.decodesWeight
          ? prepareDecodeOperands(builder, fused, problem.isFolded)
          : prepareOperands(builder, fused, parts);
  for (fp4::MatmulOp matmul : {fused.matmul, fused.second})
    if (matmul && matmul.getBias())
      operands.push_back(matmul.getBias());
  llvm::append_range(operands, fused.columns);
  llvm::append_range(operands, fused.matrices);
  if (problem.hasDynamicRows())
    operands.push_back(tensor::DimOp::create(builder, loc, operands[0], 0));
  auto launch = LaunchOp::create(
      builder, loc, TypeRange(fused.getType()),
      FlatSymbolRefAttr::get(kernel.getSymNameAttr()), operands);
  launch->setDiscardableAttrs(
      llvm::to_vector(fused.matmul->getDiscardableAttrs()));
  launch->removeDiscardableAttr(kScheduleAttrName);
  last->getResult(0).replaceAllUsesWith(launch.getOutputs()[0]);
  for (Operation *op : llvm::reverse(fused.tail))
    op->erase();
  for (fp4::MatmulOp matmul : {fused.matmul, fused.second}) {
    if (!matmul)
      continue;
    Operation *source = matmul.getRhs().getDefiningOp();
    done.insert(matmul);
    matmul.erase();
    if (source && isOpTriviallyDead(source))
      source->erase();
  }
  // Parts of a pair that live on only in the joined weight.
  for (Operation *op : parts)
    if (isOpTriviallyDead(op))
      op->erase();
  ++numLaunches;
}

/// The problem of `matmul` if `arch` has a kernel for it.
static FailureOr<MatmulProblem>
getProblem(fp4::MatmulOp matmul, const GPUArch &arch, std::string &reason) {
  if (isDecodeMatmul(matmul)) {
    FailureOr<MatmulProblem> problem = getDecodeProblem(matmul, reason);
    bool isServed = arch.family == GPUFamily::SM90 ||
                    (arch.family == GPUFamily::SM120 &&
                     (failed(problem) || !problem->isFolded));
    if (isServed)
      return problem;
    reason = arch.family == GPUFamily::SM120
                 ? "expected a bf16 left side or two microscaled operands"
                 : "expected two microscaled operands";
    return failure();
  }
  if (arch.family != GPUFamily::SM90)
    return getMatmulProblem(matmul, reason);
  reason = "expected a bf16 left side and a microscaled right side";
  return failure();
}

/// Launches pairs, or the matmuls that are left.
bool ConvertFP4ToFP4GPU::launchAll(ArrayRef<fp4::MatmulOp> matmuls,
                                   bool inPairs) {
  for (fp4::MatmulOp matmul : matmuls) {
    if (done.contains(matmul) || (inPairs && isDecodeMatmul(matmul)))
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
      return inPairs && isPair(a, b);
    });
    if (inPairs && !fused.second)
      continue;
    if (fused.second)
      problem =
          getGatedProblem(*problem, *getMatmulProblem(fused.second, reason));
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
  numKernels += counts.kernels;
  numLaunches += counts.launches;
}
