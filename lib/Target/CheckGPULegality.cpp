//===- CheckGPULegality.cpp - Refuse what the target lacks ----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of operations is NVVMLegality.def; the combinations of block-scaled
// products are here (PTX ISA, "Block Scaling for mma.sync", table of kind,
// scale_vec and stype; "tcgen05.mma", table of kind and block size).
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
constexpr unsigned SM100 = 1u << unsigned(GPUFamily::SM100);
constexpr unsigned SM120 = 1u << unsigned(GPUFamily::SM120);
constexpr unsigned BOTH = SM100 | SM120;

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

/// A word holds 4 scales; one instruction reads `count` of them from byte 0 or,
/// for 2, also from byte 2, for 1 from any.
static LogicalResult checkByte(Operation *op, StringRef what, Value byteId,
                               int64_t count) {
  std::optional<int64_t> byte = getConstant(byteId);
  if (byte && *byte >= 0 && *byte < 4 && *byte % count == 0)
    return success();
  InFlightDiagnostic diag = op->emitOpError()
                            << "expected the byte id of " << what
                            << " to be a constant multiple of " << count
                            << " below 4";
  if (byte)
    diag << ", got " << *byte;
  return diag;
}

static LogicalResult checkCombination(NVVM::MmaBlockScaleOp op) {
  using Kind = NVVM::MMABlockScaleKind;
  using Format = NVVM::BlockScaleFormat;
  using Size = NVVM::ScaleVecSize;
  struct Row {
    Kind kind;
    Size size;
    Format format;
    int64_t count;
  };
  static constexpr Row rows[] = {
      {Kind::MXF4NVF4, Size::X4, Format::UE4M3, 4},
      {Kind::MXF4NVF4, Size::X2, Format::UE8M0, 2},
      {Kind::MXF4, Size::X2, Format::UE8M0, 2},
      {Kind::MXF8F6F4, Size::X1, Format::UE8M0, 1},
  };
  const Row *row = llvm::find_if(rows, [&](const Row &r) {
    return r.kind == op.getKind() && r.size == op.getScaleVecSize() &&
           r.format == op.getBlockScaleFormat();
  });
  if (row == std::end(rows))
    return op.emitOpError()
           << "expected mxf4nvf4 with x4 ue4m3 or x2 ue8m0, mxf4 with x2 ue8m0 "
              "or mxf8f6f4 with x1 ue8m0, got "
           << NVVM::stringifyMMABlockScaleKind(op.getKind()) << " with "
           << NVVM::stringifyScaleVecSize(op.getScaleVecSize()) << " "
           << NVVM::stringifyBlockScaleFormat(op.getBlockScaleFormat());
  return success(
      succeeded(checkByte(op, "scale A", op.getByteIdA(), row->count)) &&
      succeeded(checkByte(op, "scale B", op.getByteIdB(), row->count)));
}

static LogicalResult checkCombination(NVVM::Tcgen05MMABlockScaleOp op) {
  using Kind = NVVM::MMABlockScaleKind;
  using Block = NVVM::Tcgen05MMABlockScale;
  Kind kind = op.getKind();
  Block block = op.getBlockScale();
  bool isLegal = kind == Kind::MXF4NVF4 ? block != Block::DEFAULT
                                        : block != Block::BLOCK16;
  if (isLegal)
    return success();
  return op.emitOpError()
         << "expected mxf4nvf4 with block16 or block32, mxf4 or mxf8f6f4 with "
            "block32, got "
         << NVVM::stringifyMMABlockScaleKind(kind) << " with "
         << NVVM::stringifyTcgen05MMABlockScale(block);
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
    if (auto mma = dyn_cast<NVVM::MmaBlockScaleOp>(op))
      return checkCombination(mma);
    if (auto mma = dyn_cast<NVVM::Tcgen05MMABlockScaleOp>(op))
      return checkCombination(mma);
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    signalPassFailure();
}
