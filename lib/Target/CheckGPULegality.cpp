//===- CheckGPULegality.cpp - Refuse what the target lacks ----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of operations is NVVMLegality.def; here is what NVVM's own verifier
// leaves open about block-scaled products (PTX ISA, "Block Scaling for
// mma.sync").
//
//===----------------------------------------------------------------------===//

#include "fp4/Dialect/FP4GPU/IR/GPUArch.h"
#include "fp4/Target/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace fp4 {
#define GEN_PASS_DEF_CHECKGPULEGALITY
#include "fp4/Target/Passes.h.inc"
} // namespace fp4

using fp4::gpu::GPUArch;
using fp4::gpu::GPUFamily;

namespace {
constexpr unsigned SM90 = 1u << unsigned(GPUFamily::SM90);
constexpr unsigned SM100 = 1u << unsigned(GPUFamily::SM100);
constexpr unsigned SM120 = 1u << unsigned(GPUFamily::SM120);
constexpr unsigned ALL = SM90 | SM100 | SM120;

struct OpRow {
  unsigned families;
  unsigned ptx;
};

struct CheckGPULegality : fp4::impl::CheckGPULegalityBase<CheckGPULegality> {
  using CheckGPULegalityBase::CheckGPULegalityBase;
  void runOnOperation() override;
};
} // namespace

static const llvm::StringMap<OpRow> &getTable() {
  static const llvm::StringMap<OpRow> table = {
#define FP4_NVVM_OP(name, families, ptx) {name, {families, ptx}},
#include "NVVMLegality.def"
  };
  return table;
}

static std::string printVersion(unsigned ptx) {
  return std::to_string(ptx / 10) + "." + std::to_string(ptx % 10);
}

/// Which targets have an operation, for messages.
static std::string listTargets(unsigned families) {
  std::string text;
  for (const GPUArch &arch : fp4::gpu::getGPUArchs())
    if (families & (1u << unsigned(arch.family)))
      text += (text.empty() ? "" : ", ") + arch.name.str();
  return text;
}

static LogicalResult checkOp(Operation *op, const GPUArch &arch, unsigned ptx) {
  auto row = getTable().find(op->getName().getStringRef());
  if (row == getTable().end())
    return op->emitOpError() << "is not known to be legal on " << arch.name;
  if (!(row->second.families & (1u << unsigned(arch.family))))
    return op->emitOpError()
           << "does not exist on " << arch.name
           << "; targets that have it: " << listTargets(row->second.families);
  if (ptx < row->second.ptx)
    return op->emitOpError()
           << "expected PTX version " << printVersion(row->second.ptx)
           << " or later, got " << printVersion(ptx);
  return success();
}

static std::optional<int64_t> getConstant(Value value) {
  if (auto constant = value.getDefiningOp<LLVM::ConstantOp>())
    if (auto integer = dyn_cast<IntegerAttr>(constant.getValue()))
      return integer.getInt();
  return std::nullopt;
}

/// Checks that `value` is a constant multiple of `step` below `limit`.
static LogicalResult checkSelector(Operation *op, StringRef what, Value value,
                                   int64_t step, int64_t limit) {
  std::optional<int64_t> id = getConstant(value);
  if (id && *id >= 0 && *id < limit && *id % step == 0)
    return success();
  InFlightDiagnostic diag = op->emitOpError()
                            << "expected " << what
                            << " to be a constant multiple of " << step
                            << " below " << limit;
  if (id)
    diag << ", got " << *id;
  return diag;
}

/// NVVM's verifier knows which kinds go with which scales, but not which part
/// of the scale registers an instruction may select: of the 4 bytes of a word
/// it reads 4, the lower or upper 2, or any one; scale A is in either half of
/// each quad of lanes, scale B in any of its four.
static LogicalResult checkSelectors(NVVM::MmaBlockScaleOp op) {
  int64_t bytes = int64_t(1) << unsigned(op.getScaleVecSize());
  return success(
      succeeded(checkSelector(op, "byte id A", op.getByteIdA(), bytes, 4)) &&
      succeeded(checkSelector(op, "byte id B", op.getByteIdB(), bytes, 4)) &&
      succeeded(checkSelector(op, "thread id A", op.getThreadIdA(), 1, 2)) &&
      succeeded(checkSelector(op, "thread id B", op.getThreadIdB(), 1, 4)));
}

void CheckGPULegality::runOnOperation() {
  mlir::gpu::GPUModuleOp module = getOperation();
  auto targets = module.getTargetsAttr();
  auto target = targets && targets.size() == 1
                    ? dyn_cast<NVVM::NVVMTargetAttr>(targets[0])
                    : NVVM::NVVMTargetAttr();
  if (!target) {
    module.emitOpError("expected one #nvvm.target");
    return signalPassFailure();
  }
  const GPUArch *arch = fp4::gpu::findGPUArch(target.getChip());
  if (!arch) {
    module.emitOpError() << "has the unsupported target '" << target.getChip()
                         << "'; supported: " << fp4::gpu::listGPUArchs();
    return signalPassFailure();
  }
  unsigned ptx = 0;
  StringRef features = target.getFeatures();
  if (!features.consume_front("+ptx") || features.getAsInteger(10, ptx)) {
    module.emitOpError() << "expected the feature '+ptx" << arch->ptxVersion
                         << "' or later, got '" << target.getFeatures() << "'";
    return signalPassFailure();
  }
  WalkResult result = module.walk([&](Operation *op) -> WalkResult {
    if (!isa_and_present<NVVM::NVVMDialect>(op->getDialect()))
      return WalkResult::advance();
    if (failed(checkOp(op, *arch, ptx)))
      return WalkResult::interrupt();
    auto mma = dyn_cast<NVVM::MmaBlockScaleOp>(op);
    return mma ? checkSelectors(mma) : success();
  });
  if (result.wasInterrupted())
    signalPassFailure();
}
