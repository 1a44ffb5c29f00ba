//===- FP4Attributes.cpp - Formats in text and in MLIR types --------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parsing, printing and verification of #fp4.format, whose known members print
// by name, and the registration of all attributes.
//
//===----------------------------------------------------------------------===//

#include "fp4/Dialect/FP4/IR/FP4Dialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace fp4;
using numerics::BlockFormat;
using numerics::ElementFormat;
using numerics::ScaleFormat;

#include "fp4/Dialect/FP4/IR/FP4Enums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "fp4/Dialect/FP4/IR/FP4Attributes.cpp.inc"

// The IR enumerations are converted to those of Numerics by value.
static_assert(int(ScaleRule::Floor) == int(numerics::ScaleRule::Floor) &&
              int(ScaleRule::RCeil) == int(numerics::ScaleRule::RCeil) &&
              int(ScaleRule::Even) == int(numerics::ScaleRule::Even) &&
              int(ScaleRule::AbsMax) == int(numerics::ScaleRule::AbsMax) &&
              int(ScaleRule::FourOverSix) ==
                  int(numerics::ScaleRule::FourOverSix) &&
              int(ScaleRule::Search) == int(numerics::ScaleRule::Search));
static_assert(int(NaNPolicy::Propagate) ==
                  int(numerics::NaNPolicy::Propagate) &&
              int(NaNPolicy::SaturateInf) ==
                  int(numerics::NaNPolicy::SaturateInf));

void FP4Dialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "fp4/Dialect/FP4/IR/FP4Attributes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

namespace {
struct ElementKeyword {
  StringLiteral keyword;
  ElementFormat format;
};
struct ScaleKeyword {
  StringLiteral keyword;
  ScaleFormat format;
};
} // namespace

static constexpr ElementKeyword elementKeywords[] = {
    {"f4E2M1FN", ElementFormat::E2M1}, {"f6E2M3FN", ElementFormat::E2M3},
    {"f6E3M2FN", ElementFormat::E3M2}, {"f8E4M3FN", ElementFormat::E4M3},
    {"f8E5M2", ElementFormat::E5M2},   {"i8", ElementFormat::MXINT8}};
static constexpr ScaleKeyword scaleKeywords[] = {
    {"f8E8M0FNU", ScaleFormat::E8M0},
    {"f8E4M3FN", ScaleFormat::UE4M3},
    {"ue5m3fnu", ScaleFormat::UE5M3FNU},
    {"ue5m3gc", ScaleFormat::UE5M3GC}};

template <typename Table> static std::string listKeywords(const Table &table) {
  std::string text;
  for (const auto &entry : table)
    text += (text.empty() ? "" : ", ") + entry.keyword.str();
  return text;
}

/// Parses `name = keyword` where the keyword is one of `table`.
template <typename Table, typename Format>
static ParseResult parseEnumerator(AsmParser &parser, StringRef name,
                                   const Table &table, Format &result) {
  SMLoc loc;
  StringRef keyword;
  if (parser.parseKeyword(name) || parser.parseEqual() ||
      parser.getCurrentLocation(&loc) || parser.parseKeyword(&keyword))
    return failure();
  for (const auto &entry : table) {
    if (entry.keyword == keyword) {
      result = entry.format;
      return success();
    }
  }
  return parser.emitError(loc) << "expected " << name << " to be one of "
                               << listKeywords(table) << ", got " << keyword;
}

template <typename Table, typename Format>
static StringRef keywordOf(const Table &table, Format format) {
  for (const auto &entry : table)
    if (entry.format == format)
      return entry.keyword;
  llvm_unreachable("format without a keyword");
}

//===----------------------------------------------------------------------===//
// #fp4.format
//===----------------------------------------------------------------------===//

/// Parses `32` or `16x16`.
static ParseResult parseBlockShape(AsmParser &parser, BlockFormat &format) {
  SmallVector<int64_t, 2> dims;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseDimensionList(dims, /*allowDynamic=*/false,
                                /*withTrailingX=*/false))
    return failure();
  if (dims.empty() || dims.size() > 2 ||
      llvm::any_of(dims, [](int64_t d) { return d > 1024; }))
    return parser.emitError(loc)
           << "expected block to be columns or rows x columns of at most 1024";
  format.blockRows = dims.size() == 2 ? dims[0] : 1;
  format.blockCols = dims.back();
  return success();
}

Attribute FormatAttr::parse(AsmParser &parser, Type) {
  BlockFormat format = {};
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() ||
      parseEnumerator(parser, "element", elementKeywords, format.element) ||
      parser.parseComma() ||
      parseEnumerator(parser, "scale", scaleKeywords, format.scale) ||
      parser.parseComma() || parser.parseKeyword("block") ||
      parser.parseEqual() || parseBlockShape(parser, format))
    return {};
  if (succeeded(parser.parseOptionalComma())) {
    if (parser.parseKeyword("tensor_scale"))
      return {};
    format.hasTensorScale = true;
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<FormatAttr>(loc, parser.getContext(), format);
}

void FormatAttr::print(AsmPrinter &printer) const {
  const BlockFormat &format = getBlockFormat();
  printer << "<element = " << keywordOf(elementKeywords, format.element)
          << ", scale = " << keywordOf(scaleKeywords, format.scale)
          << ", block = ";
  if (format.blockRows != 1)
    printer << format.blockRows << "x";
  printer << format.blockCols;
  if (format.hasTensorScale)
    printer << ", tensor_scale";
  printer << ">";
}

LogicalResult FormatAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 BlockFormat format) {
  if (!llvm::isPowerOf2_32(format.blockCols) || format.blockCols < 4 ||
      format.blockCols > 1024) // C1
    return emitError() << "expected block columns to be a power of two in "
                          "4..1024, got "
                       << format.blockCols;
  if (!llvm::isPowerOf2_32(format.blockRows) || format.blockRows > 1024) // C2
    return emitError() << "expected block rows to be a power of two in "
                          "1..1024, got "
                       << format.blockRows;
  return success();
}

StringRef FormatAttr::getName() const {
  return numerics::blockFormatName(getBlockFormat()).value_or("");
}

Type FormatAttr::getElementStorageType() const {
  Builder builder(getContext());
  switch (getBlockFormat().element) {
  case ElementFormat::E2M1:
    return Float4E2M1FNType::get(getContext());
  case ElementFormat::E2M3:
    return Float6E2M3FNType::get(getContext());
  case ElementFormat::E3M2:
    return Float6E3M2FNType::get(getContext());
  case ElementFormat::E4M3:
    return Float8E4M3FNType::get(getContext());
  case ElementFormat::E5M2:
    return Float8E5M2Type::get(getContext());
  case ElementFormat::MXINT8:
    return builder.getI8Type();
  }
  llvm_unreachable("unknown element format");
}

Type FormatAttr::getScaleStorageType() const {
  switch (getBlockFormat().scale) {
  case ScaleFormat::E8M0:
    return Float8E8M0FNUType::get(getContext());
  case ScaleFormat::UE4M3:
    return Float8E4M3FNType::get(getContext());
  case ScaleFormat::UE5M3FNU:
  case ScaleFormat::UE5M3GC:
    return IntegerType::get(getContext(), 8);
  }
  llvm_unreachable("unknown scale format");
}

//===----------------------------------------------------------------------===//
// Dialect hooks: formats by name
//===----------------------------------------------------------------------===//

Attribute FP4Dialect::parseAttribute(DialectAsmParser &parser,
                                     Type type) const {
  SMLoc loc = parser.getCurrentLocation();
  StringRef mnemonic;
  Attribute attr;
  OptionalParseResult result =
      generatedAttributeParser(parser, &mnemonic, type, attr);
  if (result.has_value())
    return attr;
  if (std::optional<BlockFormat> format =
          numerics::parseBlockFormat(std::string_view(mnemonic)))
    return FormatAttr::get(getContext(), *format);
  parser.emitError(loc)
      << "unknown attribute '" << mnemonic
      << "' in dialect 'fp4'; known formats are nvfp4, mxfp4, "
         "mxfp6e2m3, mxfp6e3m2, mxfp8e4m3, mxfp8e5m2, mxint8";
  return {};
}

void FP4Dialect::printAttribute(Attribute attr,
                                DialectAsmPrinter &printer) const {
  if (auto format = dyn_cast<FormatAttr>(attr)) {
    if (StringRef name = format.getName(); !name.empty()) {
      printer << name;
      return;
    }
  }
  if (failed(generatedAttributePrinter(attr, printer)))
    llvm_unreachable("attribute without a printer");
}
