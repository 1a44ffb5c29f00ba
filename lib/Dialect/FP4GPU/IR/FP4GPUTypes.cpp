//===- FP4GPUTypes.cpp - Tiles, accumulators, schedules in text -----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parsing, printing and verification of the types and of #fp4gpu.schedule.
//
//===----------------------------------------------------------------------===//

#include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fp4::gpu;

#define GET_ATTRDEF_CLASSES
#include "fp4/Dialect/FP4GPU/IR/FP4GPUAttributes.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "fp4/Dialect/FP4GPU/IR/FP4GPUTypes.cpp.inc"

void FP4GPUDialect::registerAttributesAndTypes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "fp4/Dialect/FP4GPU/IR/FP4GPUAttributes.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "fp4/Dialect/FP4GPU/IR/FP4GPUTypes.cpp.inc"
      >();
}

static LogicalResult checkPositive(function_ref<InFlightDiagnostic()> emitError,
                                   StringRef what, int64_t value) {
  if (value > 0)
    return success();
  return emitError() << "expected " << what << " to be positive, got " << value;
}

/// Parses `AxB...`, `count` numbers.
static ParseResult parseSizes(AsmParser &parser, unsigned count,
                              SmallVectorImpl<int64_t> &sizes) {
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseDimensionList(sizes, /*allowDynamic=*/false,
                                /*withTrailingX=*/false))
    return failure();
  if (sizes.size() == count)
    return success();
  return parser.emitError(loc) << "expected " << count
                               << " sizes joined by 'x', got " << sizes.size();
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

Type TileType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type elementType;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() ||
      parser.parseDimensionList(shape, /*allowDynamic=*/false,
                                /*withTrailingX=*/true) ||
      parser.parseType(elementType) || parser.parseGreater())
    return {};
  return parser.getChecked<TileType>(loc, parser.getContext(), shape,
                                     elementType);
}

void TileType::print(AsmPrinter &printer) const {
  printer << "<";
  for (int64_t extent : getShape())
    printer << extent << "x";
  printer << getElementType() << ">";
}

LogicalResult TileType::verify(function_ref<InFlightDiagnostic()> emitError,
                               ArrayRef<int64_t> shape, Type elementType) {
  for (int64_t extent : shape)
    if (failed(checkPositive(emitError, "tile extents", extent))) // C1
      return failure();
  if (!elementType.isIntOrFloat())
    return emitError() << "expected a float or integer element type, got "
                       << elementType;
  return success();
}

int64_t TileType::getByteSize() const {
  int64_t bits = getElementType().getIntOrFloatBitWidth();
  for (int64_t extent : getShape())
    bits *= extent;
  return bits / 8;
}

Type AccType::parse(AsmParser &parser) {
  SmallVector<int64_t> sizes;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parseSizes(parser, 2, sizes) ||
      parser.parseGreater())
    return {};
  return parser.getChecked<AccType>(loc, parser.getContext(), sizes[0],
                                    sizes[1]);
}

void AccType::print(AsmPrinter &printer) const {
  printer << "<" << getRows() << "x" << getCols() << ">";
}

LogicalResult AccType::verify(function_ref<InFlightDiagnostic()> emitError,
                              int64_t rows, int64_t cols) {
  return success(succeeded(checkPositive(emitError, "rows", rows)) &&
                 succeeded(checkPositive(emitError, "columns", cols))); // C1
}

//===----------------------------------------------------------------------===//
// Schedule
//===----------------------------------------------------------------------===//

Attribute ScheduleAttr::parse(AsmParser &parser, Type) {
  SmallVector<int64_t> tile, warps;
  int64_t stages, split = 1, promotion = 0;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseKeyword("tile") ||
      parser.parseEqual() || parseSizes(parser, 3, tile) ||
      parser.parseComma() || parser.parseKeyword("stages") ||
      parser.parseEqual() || parser.parseInteger(stages) ||
      parser.parseComma() || parser.parseKeyword("warps") ||
      parser.parseEqual() || parseSizes(parser, 2, warps))
    return {};
  bool swapped = false, balanced = false;
  while (succeeded(parser.parseOptionalComma())) {
    if (succeeded(parser.parseOptionalKeyword("swapped")))
      swapped = true;
    else if (succeeded(parser.parseOptionalKeyword("balanced")))
      balanced = true;
    else if (succeeded(parser.parseOptionalKeyword("promotion"))) {
      if (parser.parseEqual() || parser.parseInteger(promotion))
        return {};
    } else if (parser.parseKeyword("split") || parser.parseEqual() ||
               parser.parseInteger(split))
      return {};
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<ScheduleAttr>(
      loc, parser.getContext(), tile[0], tile[1], tile[2], stages, warps[0],
      warps[1], swapped, split, promotion, balanced);
}

void ScheduleAttr::print(AsmPrinter &printer) const {
  printer << "<tile = " << getTileM() << "x" << getTileN() << "x" << getTileK()
          << ", stages = " << getStages() << ", warps = " << getWarpsM() << "x"
          << getWarpsN();
  if (getSwapped())
    printer << ", swapped";
  if (getSplit() != 1)
    printer << ", split = " << getSplit();
  if (getPromotion() != 0)
    printer << ", promotion = " << getPromotion();
  if (getBalanced())
    printer << ", balanced";
  printer << ">";
}

LogicalResult ScheduleAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   int64_t tileM, int64_t tileN, int64_t tileK,
                                   int64_t stages, int64_t warpsM,
                                   int64_t warpsN, bool swapped, int64_t split,
                                   int64_t promotion, bool balanced) {
  for (int64_t extent : {tileM, tileN, tileK})
    if (failed(checkPositive(emitError, "'tile'", extent))) // C1
      return failure();
  if (promotion < 0)
    return emitError() << "expected 'promotion' to be at least 0, got "
                       << promotion;
  return success(succeeded(checkPositive(emitError, "'stages'", stages)) &&
                 succeeded(checkPositive(emitError, "'warps'", warpsM)) &&
                 succeeded(checkPositive(emitError, "'warps'", warpsN)) &&
                 succeeded(checkPositive(emitError, "'split'", split)));
}
