//===- InlinePTX.cpp - What NVVM cannot say -------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX text, as inline assembly with constraints that carry the data flow.
//
//===----------------------------------------------------------------------===//

#include "InlinePTX.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace fp4::gpu {

static LLVM::InlineAsmOp createAsm(KernelBuilder &b, Type result,
                                   ValueRange operands, StringRef text,
                                   StringRef constraints) {
  return LLVM::InlineAsmOp::create(
      b, result ? TypeRange(result) : TypeRange(), operands, text, constraints,
      /*has_side_effects=*/true, /*is_align_stack=*/false,
      LLVM::tailcallkind::TailCallKind::None,
      LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT),
      /*operand_attrs=*/ArrayAttr());
}

/// Text that returns `registers`, all of constraint `kind`, and reads the other
/// operands, whose constraints are `inputs`, and the old values if `isRead`.
static KernelBuilder::Values createTiedAsm(KernelBuilder &b,
                                           ValueRange registers,
                                           ValueRange others, StringRef text,
                                           StringRef kind, StringRef inputs,
                                           bool isRead = true) {
  std::string constraints;
  for (size_t i = 0; i < registers.size(); ++i)
    constraints += ("=" + kind + ",").str();
  constraints += inputs;
  SmallVector<Value> operands(others);
  if (isRead) {
    for (size_t i = 0; i < registers.size(); ++i)
      constraints += (constraints.back() == ',' ? "" : ",") + std::to_string(i);
    llvm::append_range(operands, registers);
  }
  Type result = LLVM::LLVMStructType::getLiteral(
      b.getContext(), llvm::to_vector(registers.getTypes()));
  auto op = createAsm(b, result, operands, text, constraints);
  KernelBuilder::Values values;
  for (int64_t i = 0, e = registers.size(); i < e; ++i)
    values.push_back(LLVM::ExtractValueOp::create(b, op.getResult(0), i));
  return values;
}

KernelBuilder::Values waitForTensorLoad(KernelBuilder &b,
                                        ValueRange registers) {
  return createTiedAsm(b, registers, {}, "tcgen05.wait::ld.sync.aligned;", "r",
                       "");
}

//===----------------------------------------------------------------------===//
// wgmma
//===----------------------------------------------------------------------===//

KernelBuilder::Values warpgroupMma(KernelBuilder &b, ValueRange a, Value base,
                                   int64_t offset, ValueRange sums,
                                   Type element, bool isFirst) {
  bool isE4M3 = isa<Float8E4M3FNType>(element);
  const char *types = isE4M3             ? "k32.f32.e4m3.e4m3 {"
                      : element.isBF16() ? "k16.f32.bf16.bf16 {"
                                         : "k16.f32.f16.f16 {";
  int64_t count = sums.size();
  std::string text = "{\n\t.reg .b64 descriptor;\n\tadd.s64 descriptor, $" +
                     std::to_string(count + 4) + ", " + std::to_string(offset) +
                     ";\n\twgmma.mma_async.sync.aligned.m64n" +
                     std::to_string(2 * count) + types;
  for (int64_t i = 0; i < count; ++i)
    text += (i ? ", $" : "$") + std::to_string(i);
  text += "}, {";
  for (int64_t i = 0; i < 4; ++i)
    text += (i ? ", $" : "$") + std::to_string(count + i);
  // Added to what there is or not; neither side negated; B as it lies, depth
  // inmost, which is the only way for 8-bit elements.
  text += isFirst ? "}, descriptor, 0, 1, 1" : "}, descriptor, 1, 1, 1";
  text += isE4M3 ? ";\n\t}" : ", 0;\n\t}";
  SmallVector<Value> inputs(a);
  inputs.push_back(base);
  return createTiedAsm(b, sums, inputs, text, "f", "r,r,r,r,l",
                       /*isRead=*/!isFirst);
}

KernelBuilder::Values warpgroupZeros(KernelBuilder &b, int64_t count) {
  KernelBuilder::Values zeros(count, b.f32(0.0f));
  return createTiedAsm(b, zeros, {}, "", "f", "");
}

void warpgroupFence(KernelBuilder &b) {
  createAsm(b, {}, {}, "wgmma.fence.sync.aligned;", "");
}

void warpgroupCommit(KernelBuilder &b) {
  createAsm(b, {}, {}, "wgmma.commit_group.sync.aligned;", "");
}

void warpgroupWaitForPrevious(KernelBuilder &b) {
  createAsm(b, {}, {}, "wgmma.wait_group.sync.aligned 1;", "~{memory}");
}

KernelBuilder::Values warpgroupWait(KernelBuilder &b, ValueRange sums) {
  return createTiedAsm(b, sums, {}, "wgmma.wait_group.sync.aligned 0;", "f",
                       "");
}

Value transpose8x8(KernelBuilder &b, Value pair) {
  return createAsm(b, b.getI32Type(), pair,
                   "movmatrix.sync.aligned.m8n8.trans.b16 $0, $1;", "=r,r")
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Counters in device memory
//===----------------------------------------------------------------------===//

void releaseCounter(KernelBuilder &b, Value pointer) {
  createAsm(b, {}, pointer, "red.release.gpu.global.add.s32 [$0], 1;",
            "l,~{memory}");
}

Value countArrival(KernelBuilder &b, Value pointer) {
  return createAsm(b, b.getI32Type(), pointer,
                   "atom.acq_rel.gpu.global.add.s32 $0, [$1], 1;",
                   "=r,l,~{memory}")
      .getResult(0);
}

Value acquireCounter(KernelBuilder &b, Value pointer) {
  return createAsm(b, b.getI32Type(), pointer,
                   "ld.acquire.gpu.global.s32 $0, [$1];", "=r,l,~{memory}")
      .getResult(0);
}

} // namespace fp4::gpu
