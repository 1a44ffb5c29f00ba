//===- TailText.cpp - The tail of a kernel in words -----------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes the scalar operations of an epilogue as the text that the runtime
// evaluates for --check (docs/Manifest.md).
//
//===----------------------------------------------------------------------===//

#include "TailText.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace fp4::gpu {

/// The operations that the runtime can evaluate.
static bool hasWord(Operation &op) {
  return isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp,
             arith::NegFOp, arith::MaximumFOp, arith::MinimumFOp, arith::ExtFOp,
             arith::TruncFOp, math::AbsFOp, math::ErfOp, math::ExpOp,
             math::Exp2Op, math::FmaOp, math::RsqrtOp, math::SqrtOp,
             math::TanhOp>(op);
}

/// A finite float constant in decimal, exactly.
static std::optional<std::string> printConstant(arith::ConstantOp op) {
  auto number = dyn_cast<FloatAttr>(op.getValue());
  if (!number || !number.getValue().isFinite())
    return std::nullopt;
  SmallString<32> text;
  number.getValue().toString(text);
  return text.str().str();
}

std::optional<std::string>
describeTail(Block &block, Block::iterator first,
             llvm::DenseMap<Value, std::string> &names) {
  std::string text;
  unsigned count = 0;
  for (Operation &op :
       llvm::make_range(first, Block::iterator(block.getTerminator()))) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      std::optional<std::string> number = printConstant(constant);
      if (!number)
        return std::nullopt;
      names[constant.getResult()] = *number;
      continue;
    }
    if (!hasWord(op))
      return std::nullopt;
    std::string name = "t" + std::to_string(count++);
    llvm::raw_string_ostream os(text);
    os << (text.empty() ? "" : "; ") << name << " = "
       << op.getName().stripDialect() << ":" << op.getResult(0).getType();
    for (Value operand : op.getOperands()) {
      auto it = names.find(operand);
      if (it == names.end())
        return std::nullopt;
      os << " " << it->second;
    }
    names[op.getResult(0)] = name;
  }
  return text;
}

} // namespace fp4::gpu
