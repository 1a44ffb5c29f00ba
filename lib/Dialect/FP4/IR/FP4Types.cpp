//===- FP4Types.cpp - The microscaled tensor type -------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parsing, printing, verification and the plain tensor types that belong to a
// microscaled tensor type.
//
//===----------------------------------------------------------------------===//

#include "fp4/Dialect/FP4/IR/FP4Dialect.h"
#include "fp4/Numerics/Packing.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fp4;

#define GET_TYPEDEF_CLASSES
#include "fp4/Dialect/FP4/IR/FP4Types.cpp.inc"

void FP4Dialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "fp4/Dialect/FP4/IR/FP4Types.cpp.inc"
      >();
}

Type MicroscaledTensorType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  FormatAttr format;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() ||
      parser.parseDimensionList(shape, /*allowDynamic=*/true,
                                /*withTrailingX=*/false) ||
      parser.parseComma() || parser.parseAttribute(format) ||
      parser.parseGreater())
    return {};
  return parser.getChecked<MicroscaledTensorType>(loc, parser.getContext(),
                                                  shape, format);
}

void MicroscaledTensorType::print(AsmPrinter &printer) const {
  printer << "<";
  printer.printDimensionList(getShape());
  printer << ", " << getFormat() << ">";
}

/// Checks that dimension `dim` is static and a multiple of `extent`.
static LogicalResult verifyBlocked(function_ref<InFlightDiagnostic()> emitError,
                                   ArrayRef<int64_t> shape, size_t dim,
                                   unsigned extent) {
  if (ShapedType::isDynamic(shape[dim]))
    return emitError() << "expected dimension " << dim
                       << ", along which blocks run, to be static";
  if (shape[dim] % extent != 0)
    return emitError() << "expected dimension " << dim
                       << " to be a multiple of the block size " << extent
                       << ", got " << shape[dim];
  return success();
}

LogicalResult
MicroscaledTensorType::verify(function_ref<InFlightDiagnostic()> emitError,
                              ArrayRef<int64_t> shape, FormatAttr format) {
  size_t minRank = format.getBlockRows() == 1 ? 1 : 2;
  if (shape.size() < minRank) // C1
    return emitError() << "expected a rank of at least " << minRank << ", got "
                       << shape.size();
  if (failed(verifyBlocked(emitError, shape, shape.size() - 1,
                           format.getBlockCols()))) // C2
    return failure();
  if (format.getBlockRows() == 1)
    return success();
  return verifyBlocked(emitError, shape, shape.size() - 2,
                       format.getBlockRows()); // C3
}

RankedTensorType MicroscaledTensorType::getElementsType() const {
  return RankedTensorType::get(getShape(), getFormat().getElementStorageType());
}

RankedTensorType MicroscaledTensorType::getScalesType() const {
  SmallVector<int64_t> shape(getShape());
  shape.back() /= getFormat().getBlockCols();
  if (getFormat().getBlockRows() != 1)
    shape[shape.size() - 2] /= getFormat().getBlockRows();
  return RankedTensorType::get(shape, getFormat().getScaleStorageType());
}

RankedTensorType MicroscaledTensorType::getPackedBytesType() const {
  SmallVector<int64_t> shape(getShape());
  shape.back() = numerics::packedRowBytes(getFormat().getBlockFormat().element,
                                          shape.back());
  return RankedTensorType::get(shape, IntegerType::get(getContext(), 8));
}
