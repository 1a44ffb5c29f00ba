//===- FP4.cpp - The dialect through mlir-c -------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Implements fp4-c/Dialect/FP4.h.
//
//===----------------------------------------------------------------------===//

#include "fp4-c/Dialect/FP4.h"
#include "../Formats.h"
#include "fp4/InitAllDialects.h"
#include "fp4/InitAllPasses.h"
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Registration.h"
#include "mlir/InitAllPasses.h"

using namespace mlir;
using namespace fp4;

MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(FP4, fp4, ::fp4::FP4Dialect)

void fp4RegisterAllDialects(MlirDialectRegistry registry) {
  fp4::registerAllDialects(*unwrap(registry));
}

void fp4RegisterAllPasses(void) {
  static const bool once = [] {
    mlir::registerAllPasses();
    fp4::registerAllPasses();
    return true;
  }();
  (void)once;
}

//===----------------------------------------------------------------------===//
// Format
//===----------------------------------------------------------------------===//

MlirAttribute fp4FormatAttrGet(MlirContext context,
                               const FP4BlockFormat *format) {
  MLIRContext *unwrapped = unwrap(context);
  return wrap(FormatAttr::getChecked(
      [&] { return emitError(UnknownLoc::get(unwrapped)); }, unwrapped,
      capi::unwrapFormat(*format)));
}

bool fp4AttributeIsAFormat(MlirAttribute attribute) {
  return isa<FormatAttr>(unwrap(attribute));
}

FP4BlockFormat fp4FormatAttrGetBlockFormat(MlirAttribute attribute) {
  return capi::wrapFormat(cast<FormatAttr>(unwrap(attribute)).getBlockFormat());
}

//===----------------------------------------------------------------------===//
// Microscaled tensor
//===----------------------------------------------------------------------===//

static MicroscaledTensorType unwrapTensor(MlirType type) {
  return cast<MicroscaledTensorType>(unwrap(type));
}

MlirType fp4MicroscaledTensorTypeGetChecked(MlirLocation location,
                                            intptr_t rank, const int64_t *shape,
                                            MlirAttribute format) {
  Location unwrapped = unwrap(location);
  return wrap(MicroscaledTensorType::getChecked(
      [&] { return emitError(unwrapped); }, unwrapped.getContext(),
      ArrayRef<int64_t>(shape, rank), cast<FormatAttr>(unwrap(format))));
}

bool fp4TypeIsAMicroscaledTensor(MlirType type) {
  return isa<MicroscaledTensorType>(unwrap(type));
}

intptr_t fp4MicroscaledTensorTypeGetRank(MlirType type) {
  return unwrapTensor(type).getRank();
}

int64_t fp4MicroscaledTensorTypeGetDimSize(MlirType type, intptr_t dim) {
  return unwrapTensor(type).getShape()[dim];
}

MlirAttribute fp4MicroscaledTensorTypeGetFormat(MlirType type) {
  return wrap(unwrapTensor(type).getFormat());
}

MlirType fp4MicroscaledTensorTypeGetElementsType(MlirType type) {
  return wrap(unwrapTensor(type).getElementsType());
}

MlirType fp4MicroscaledTensorTypeGetScalesType(MlirType type) {
  return wrap(unwrapTensor(type).getScalesType());
}
