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

KernelBuilder::Values waitForTensorLoad(KernelBuilder &b,
                                        ValueRange registers) {
  std::string constraints;
  for (size_t i = 0; i < registers.size(); ++i)
    constraints += "=r,";
  for (size_t i = 0; i < registers.size(); ++i)
    constraints += std::to_string(i) + (i + 1 < registers.size() ? "," : "");
  Type result = LLVM::LLVMStructType::getLiteral(
      b.getContext(), llvm::to_vector(registers.getTypes()));
  auto wait = LLVM::InlineAsmOp::create(
      b, result, registers, "tcgen05.wait::ld.sync.aligned;", constraints,
      /*has_side_effects=*/true, /*is_align_stack=*/false,
      LLVM::tailcallkind::TailCallKind::None,
      LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT),
      /*operand_attrs=*/ArrayAttr());
  KernelBuilder::Values values;
  for (int64_t i = 0, e = registers.size(); i < e; ++i)
    values.push_back(LLVM::ExtractValueOp::create(b, wait.getResult(0), i));
  return values;
}

} // namespace fp4::gpu
