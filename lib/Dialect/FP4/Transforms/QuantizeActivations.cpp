//===- QuantizeActivations.cpp - Quantize inputs of linear layers ---------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pass --fp4-quantize-activations.
//
//===----------------------------------------------------------------------===//

#include "PassOptions.h"
#include "WeightSource.h"
#include "fp4/Dialect/FP4/Transforms/Passes.h"
#include "mlir/IR/Builders.h"

namespace fp4 {
#define GEN_PASS_DEF_QUANTIZEACTIVATIONS
#include "fp4/Dialect/FP4/Transforms/Passes.h.inc"
} // namespace fp4

using namespace mlir;
using namespace fp4;

/// The rule called `name`, null for the empty name, or an error at `op`.
static FailureOr<ScaleRuleAttr> parseRuleOption(Operation *op, StringRef name,
                                                FormatAttr format) {
  if (name.empty())
    return ScaleRuleAttr();
  std::optional<ScaleRule> rule = symbolizeScaleRule(name);
  if (!rule)
    return emitError(op->getLoc())
           << "expected 'scale-rule' to be one of floor, rceil, even, absmax, "
              "four_over_six, search, got '"
           << name << "'";
  if (!numerics::isScaleRuleLegal(static_cast<numerics::ScaleRule>(*rule),
                                  format.getBlockFormat()))
    return emitError(op->getLoc()) << "expected a 'scale-rule' that " << format
                                   << " can use, got '" << name << "'";
  return ScaleRuleAttr::get(op->getContext(), *rule);
}

/// f8E4M3FN is what someone has quantized to already.
static bool isCandidate(MatmulOp matmul) {
  auto lhs = dyn_cast<RankedTensorType>(matmul.getLhs().getType());
  return lhs && !isa<Float8E4M3FNType>(lhs.getElementType()) &&
         (matmul.getRhs().getDefiningOp<fp4::ConstantOp>() ||
          isConstantWeight(matmul.getRhs()));
}

namespace {
struct QuantizeActivations
    : fp4::impl::QuantizeActivationsBase<QuantizeActivations> {
  using QuantizeActivationsBase::QuantizeActivationsBase;

  void runOnOperation() override {
    if (failed(quantizeAll()))
      signalPassFailure();
  }

private:
  LogicalResult quantizeAll() {
    Operation *root = getOperation();
    FailureOr<FormatAttr> formatAttr = parseFormatOption(root, format);
    if (failed(formatAttr))
      return failure();
    FailureOr<ScaleRuleAttr> rule =
        parseRuleOption(root, scaleRule, *formatAttr);
    FailureOr<LayerFilter> filter = LayerFilter::parse(root, layers);
    FailureOr<LayerFilter> kept = LayerFilter::parse(root, keep, "keep");
    if (failed(rule) || failed(filter) || failed(kept))
      return failure();

    SmallVector<MatmulOp> matmuls;
    root->walk([&](MatmulOp matmul) {
      if (isCandidate(matmul) && filter->matches(matmul) &&
          (keep.empty() || !kept->matches(matmul)))
        matmuls.push_back(matmul);
    });
    for (MatmulOp matmul : matmuls)
      if (failed(checkBlocked(matmul, *formatAttr)))
        return failure();
    DenseMap<Value, Value> quantized;
    for (MatmulOp matmul : matmuls) {
      Value &result = quantized[matmul.getLhs()];
      if (!result)
        result = quantize(matmul.getLhs(), *formatAttr, *rule);
      matmul.getLhsMutable().assign(result);
      ++numQuantized;
    }
    return success();
  }

  /// Quantizes right behind the definition, which dominates every user.
  static Value quantize(Value value, FormatAttr format, ScaleRuleAttr rule) {
    OpBuilder builder(value.getContext());
    builder.setInsertionPointAfterValue(value);
    auto type = MicroscaledTensorType::get(
        value.getContext(), cast<RankedTensorType>(value.getType()).getShape(),
        format);
    return QuantizeOp::create(builder, value.getLoc(), type, value,
                              /*tensorScale=*/{}, /*random=*/{}, rule,
                              /*nan_policy=*/{});
  }
};
} // namespace
