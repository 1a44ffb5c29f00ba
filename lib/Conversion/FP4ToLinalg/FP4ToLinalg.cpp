//===- FP4ToLinalg.cpp - The pass -----------------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Type conversion (one microscaled value to its plain parts, also across
// functions, scf and cf) and the pass. The patterns are in the files of their
// op families.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "fp4/Conversion/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/ControlFlow/Transforms/StructuralTypeConversions.h"
#include "mlir/Dialect/Func/Transforms/FuncConversions.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace fp4 {
#define GEN_PASS_DEF_CONVERTFP4TOLINALG
#include "fp4/Conversion/Passes.h.inc"
} // namespace fp4

using namespace mlir;
using namespace fp4;

/// Plain types stay; a microscaled tensor becomes its parts.
static void addConversions(TypeConverter &converter) {
  converter.addConversion([](Type type) { return type; });
  converter.addConversion(
      [](MicroscaledTensorType type, SmallVectorImpl<Type> &results) {
        Type i8 = IntegerType::get(type.getContext(), 8);
        results.push_back(type.getElementsType().clone(i8));
        results.push_back(type.getScalesType().clone(i8));
        if (type.getFormat().hasTensorScale())
          results.push_back(Float32Type::get(type.getContext()));
        return success();
      });
}

namespace {
struct ConvertFP4ToLinalg
    : public fp4::impl::ConvertFP4ToLinalgBase<ConvertFP4ToLinalg> {
  using ConvertFP4ToLinalgBase::ConvertFP4ToLinalgBase;

  void runOnOperation() override;

private:
  /// A parameter has no bytes yet; says so once for each.
  LogicalResult checkParameters();
};
} // namespace

LogicalResult ConvertFP4ToLinalg::checkParameters() {
  bool found = false;
  getOperation().walk([&](ParameterOp op) {
    op.emitOpError() << "expected the value of \"" << op.getName()
                     << "\" to be loaded; run --fp4-load-parameters first";
    found = true;
  });
  return failure(found);
}

void ConvertFP4ToLinalg::runOnOperation() {
  if (failed(checkParameters()))
    return signalPassFailure();
  getOperation().walk([&](Operation *op) {
    numConverted += isa_and_present<FP4Dialect>(op->getDialect());
  });

  TypeConverter converter;
  addConversions(converter);
  MLIRContext *context = &getContext();
  RewritePatternSet patterns(context);
  ConversionTarget target(*context);
  target.addIllegalDialect<FP4Dialect>();
  target.addDynamicallyLegalOp<func::FuncOp>([&](func::FuncOp op) {
    return converter.isSignatureLegal(op.getFunctionType());
  });
  target.markUnknownOpDynamicallyLegal(
      [&](Operation *op) { return converter.isLegal(op); });
  scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                       target);
  cf::populateCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                     target);
  populateFunctionOpInterfaceTypeConversionPattern<func::FuncOp>(patterns,
                                                                 converter);
  populateCallOpTypeConversionPattern(patterns, converter);
  populateReturnOpTypeConversionPattern(patterns, converter);
  populatePackPatterns(converter, patterns);
  populateQuantizePatterns(converter, patterns);
  populateHadamardPatterns(converter, patterns);
  populateMatmulPatterns(converter, patterns);

  // Folding would evaluate constants here, at float32 size.
  ConversionConfig config;
  config.foldingMode = DialectConversionFoldingMode::Never;
  if (failed(applyFullConversion(getOperation(), target, std::move(patterns),
                                 config)))
    signalPassFailure();
}
