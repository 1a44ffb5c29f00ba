//===- FP4GPUKernelOps.cpp - Kernels: text and verification ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parsing and printing of kernels, and the verifiers of what is in them. The
// number of the documented constraint stands beside each check.
//
//===----------------------------------------------------------------------===//

#include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace fp4::gpu;

#define GET_OP_CLASSES
#include "fp4/Dialect/FP4GPU/IR/FP4GPUOps.cpp.inc"

static std::string printShape(ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::interleave(shape, os, "x");
  return text;
}

//===----------------------------------------------------------------------===//
// kernel
//===----------------------------------------------------------------------===//

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  ScheduleAttr schedule;
  ArrayAttr names;
  MLIRContext *context = parser.getContext();
  if (parser.parseSymbolName(name, "sym_name", result.attributes) ||
      parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren,
                               /*allowType=*/true) ||
      parser.parseKeyword("schedule") ||
      parser.parseCustomAttributeWithFallback(schedule, Type(), "schedule",
                                              result.attributes) ||
      parser.parseKeyword("arguments") ||
      parser.parseAttribute(names, "argument_names", result.attributes) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.parseRegion(*result.addRegion(), arguments))
    return failure();
  OpBuilder builder(context);
  ensureTerminator(*result.regions.front(), builder, result.location);
  return success();
}

void KernelOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printer.printSymbolName(getSymName());
  printer << "(";
  llvm::interleaveComma(
      getBody().getArguments(), printer,
      [&](BlockArgument a) { printer.printRegionArgument(a); });
  printer << ")";
  printer.increaseIndent();
  printer.increaseIndent();
  printer.printNewline();
  printer << "schedule ";
  printer.printStrippedAttrOrType(getScheduleAttr());
  printer.printNewline();
  printer << "arguments " << getArgumentNamesAttr();
  printer.decreaseIndent();
  printer.decreaseIndent();
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(), {"sym_name", "schedule", "argument_names"});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false,
                      /*printBlockTerminators=*/false);
}

StringRef KernelOp::getArgumentName(unsigned index) {
  return cast<StringAttr>(getArgumentNames()[index]).getValue();
}

void KernelOp::getAsmBlockArgumentNames(Region &region,
                                        OpAsmSetValueNameFn setName) {
  for (auto [argument, name] :
       llvm::zip(region.getArguments(), getArgumentNames()))
    setName(argument, cast<StringAttr>(name).getValue());
}

static bool isKernelArgument(Type type) {
  if (auto global = dyn_cast<MemRefType>(type))
    return global.getLayout().isIdentity() && !global.getMemorySpace();
  return type.isF32() || type.isIndex();
}

LogicalResult KernelOp::verify() {
  for (BlockArgument argument : getBody().getArguments()) // C1
    if (!isKernelArgument(argument.getType()))
      return emitOpError() << "expected argument " << argument.getArgNumber()
                           << " to be a memref with identity layout, f32 or "
                              "index, got "
                           << argument.getType();
  if (getArgumentNames().size() != getBody().getNumArguments()) // C2
    return emitOpError() << "expected " << getBody().getNumArguments()
                         << " argument names, got "
                         << getArgumentNames().size();
  llvm::StringSet<> seen;
  for (auto name : getArgumentNames().getAsRange<StringAttr>())
    if (!seen.insert(name).second) // C2
      return emitOpError() << "expected different argument names, got " << name
                           << " twice";
  return success();
}

//===----------------------------------------------------------------------===//
// for_tiles
//===----------------------------------------------------------------------===//

ParseResult ForTilesOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::Argument> indices;
  SmallVector<OpAsmParser::UnresolvedOperand> dynamicSizes;
  DenseI64ArrayAttr staticSizes;
  Type indexType = parser.getBuilder().getIndexType();
  if (parser.parseArgumentList(indices, OpAsmParser::Delimiter::Paren) ||
      parser.parseKeyword("in") ||
      parseDynamicIndexList(parser, dynamicSizes, staticSizes) ||
      parser.resolveOperands(dynamicSizes, indexType, result.operands))
    return failure();
  result.addAttribute("static_sizes", staticSizes);
  for (OpAsmParser::Argument &index : indices)
    index.type = indexType;
  return failure(parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
                 parser.parseRegion(*result.addRegion(), indices));
}

void ForTilesOp::print(OpAsmPrinter &printer) {
  printer << " (";
  llvm::interleaveComma(getBody().getArguments(), printer);
  printer << ") in ";
  printDynamicIndexList(printer, *this, getDynamicSizes(), getStaticSizes());
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {"static_sizes"});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult ForTilesOp::verify() {
  ArrayRef<int64_t> sizes = getStaticSizes();
  if (sizes.size() != 2 || getBody().getNumArguments() != 2) // C1
    return emitOpError() << "expected two indices and two sizes, got "
                         << getBody().getNumArguments() << " and "
                         << sizes.size();
  size_t dynamic = llvm::count_if(sizes, ShapedType::isDynamic);
  if (dynamic != getDynamicSizes().size())
    return emitOpError() << "expected " << dynamic << " dynamic sizes, got "
                         << getDynamicSizes().size();
  for (int64_t size : sizes)
    if (!ShapedType::isDynamic(size) && size <= 0) // C1
      return emitOpError() << "expected sizes to be positive, got " << size;
  for (BlockArgument index : getBody().getArguments())
    if (!index.getType().isIndex()) // C1
      return emitOpError() << "expected indices of type 'index', got "
                           << index.getType();
  return success();
}

//===----------------------------------------------------------------------===//
// pipeline
//===----------------------------------------------------------------------===//

/// The yield of a region, which the verifiers call for by name.
static FailureOr<YieldOp> findYield(Operation *op, Region &region,
                                    StringRef what) {
  if (!region.front().empty())
    if (auto yield = dyn_cast<YieldOp>(region.front().back()))
      return yield;
  return op->emitOpError() << "expected '" << what
                           << "' to end in fp4gpu.yield";
}

LogicalResult PipelineOp::verify() {
  if (static_cast<int64_t>(getSteps()) <= 0) // C1
    return emitOpError() << "expected 'steps' to be positive, got "
                         << static_cast<int64_t>(getSteps());
  FailureOr<YieldOp> produced = findYield(*this, getProduce(), "produce");
  FailureOr<YieldOp> consumed = findYield(*this, getConsume(), "consume");
  if (failed(produced) || failed(consumed))
    return failure();
  if (getProduce().getNumArguments() != 1 ||
      !getProduce().getArgument(0).getType().isIndex()) // C2
    return emitOpError() << "expected 'produce' to have one index argument";
  TypeRange tiles = produced->getValues().getTypes();
  if (tiles.empty() || !llvm::all_of(tiles, llvm::IsaPred<TileType>)) // C2
    return emitOpError() << "expected 'produce' to yield tiles, got " << tiles;
  SmallVector<Type> expected = {getResult().getType()};
  llvm::append_range(expected, tiles);
  TypeRange got = getConsume().getArgumentTypes();
  if (got != TypeRange(expected)) // C3
    return emitOpError() << "expected 'consume' to take " << expected
                         << ", got " << got;
  if (consumed->getValues().getTypes() !=
      TypeRange(getResult().getType())) // C4
    return emitOpError() << "expected 'consume' to yield "
                         << getResult().getType() << ", got "
                         << consumed->getValues().getTypes();
  return success();
}

//===----------------------------------------------------------------------===//
// copy, mma
//===----------------------------------------------------------------------===//

void CopyOp::build(OpBuilder &builder, OperationState &state, TileType tile,
                   Value source, ValueRange indices, int64_t sharedBy) {
  build(builder, state, tile, source, indices,
        sharedBy == 1 ? IntegerAttr() : builder.getI64IntegerAttr(sharedBy));
}

LogicalResult CopyOp::verify() {
  MemRefType source = getSource().getType();
  TileType tile = getTile().getType();
  if (source.getRank() != static_cast<int64_t>(tile.getShape().size()) ||
      source.getElementType() != tile.getElementType()) // C1
    return emitOpError() << "expected a tile of rank " << source.getRank()
                         << " and element type " << source.getElementType()
                         << ", got " << tile;
  if (getIndices().size() > tile.getShape().size()) // C2
    return emitOpError() << "expected at most " << tile.getShape().size()
                         << " indices, got " << getIndices().size();
  for (size_t dim = getIndices().size(); dim < tile.getShape().size(); ++dim)
    if (tile.getShape()[dim] != source.getDimSize(dim)) // C2
      return emitOpError() << "expected a tile of extent "
                           << source.getDimSize(dim) << " in dimension " << dim
                           << ", which has no index, got "
                           << tile.getShape()[dim];
  if (!getSharedBy())
    return success();
  int64_t sharedBy = *getSharedBy();
  if (sharedBy <= 0 || getIndices().empty()) // C3
    return emitOpError() << "expected 'shared_by' to be positive and an index, "
                            "got "
                         << sharedBy << " and " << getIndices().size()
                         << " indices";
  return success();
}

int64_t MmaOp::getBlockSize() {
  return getLhs().getType().getShape()[1] /
         (4 * getLhsScales().getType().getShape()[1]);
}

/// Checks the elements and scales of one side: `rows` of them, and blocks of
/// `block` elements.
static LogicalResult verifySide(MmaOp op, StringRef what, TileType elements,
                                TileType scales, Value part, int64_t rows,
                                int64_t block) {
  int64_t depth = op.getLhs().getType().getShape()[1];
  int64_t expectedElements[] = {rows, depth};
  if (elements.getShape() != ArrayRef<int64_t>(expectedElements)) // C1
    return op.emitOpError() << "expected '" << what << "' of shape "
                            << printShape(expectedElements) << ", got "
                            << printShape(elements.getShape());
  int64_t expectedScales[] = {
      static_cast<int64_t>(llvm::divideCeil(rows, kScaleTileRows)),
      depth / (4 * block), 32, 4, 4};
  if (scales.getShape() != ArrayRef<int64_t>(expectedScales)) // C2
    return op.emitOpError() << "expected '" << what << "_scales' of shape "
                            << printShape(expectedScales) << ", got "
                            << printShape(scales.getShape());
  bool isPart = rows < kScaleTileRows;
  if (isPart && kScaleTileRows % rows != 0) // C4
    return op.emitOpError()
           << "expected '" << what << "' to have at least " << kScaleTileRows
           << " rows or a divisor of it, got " << rows;
  if (isPart != static_cast<bool>(part)) // C4
    return op.emitOpError()
           << "expected " << (isPart ? "a" : "no") << " 'part' of '" << what
           << "' with " << rows << " rows, got " << (part ? "one" : "none");
  return success();
}

LogicalResult MmaOp::verify() {
  TileType lhs = getLhs().getType(), rhs = getRhs().getType();
  TileType lhsScales = getLhsScales().getType();
  Type scale = lhsScales.getElementType();
  int64_t block = isa<Float8E4M3FNType>(scale)    ? 16
                  : isa<Float8E8M0FNUType>(scale) ? 32
                                                  : 0;
  auto isKnown = [&](Type element) {
    return isa<Float4E2M1FNType>(element) ||
           (block == 32 && isa<Float6E2M3FNType, Float6E3M2FNType,
                               Float8E4M3FNType, Float8E5M2Type>(element));
  };
  if (!block || !isKnown(lhs.getElementType()) ||
      !isKnown(rhs.getElementType()) ||
      getRhsScales().getType().getElementType() != scale) // C3
    return emitOpError() << "expected on both sides f4E2M1FN elements with "
                            "f8E4M3FN scales, or elements of 4, 6 or 8 bits "
                            "with f8E8M0FNU scales, got "
                         << lhs.getElementType() << " scaled " << scale
                         << " and " << rhs.getElementType() << " scaled "
                         << getRhsScales().getType().getElementType();
  if (lhs.getShape().size() != 2) // C1
    return emitOpError() << "expected 'lhs' of rank 2, got "
                         << lhs.getShape().size();
  if (lhs.getShape()[1] % (4 * block) != 0) // C2
    return emitOpError() << "expected a depth that is a multiple of "
                         << 4 * block << ", got " << lhs.getShape()[1];
  AccType acc = getAcc().getType();
  return success(
      succeeded(verifySide(*this, "lhs", lhs, lhsScales, getLhsPart(),
                           acc.getRows(), block)) &&
      succeeded(verifySide(*this, "rhs", rhs, getRhsScales().getType(),
                           getRhsPart(), acc.getCols(), block)));
}

//===----------------------------------------------------------------------===//
// epilogue
//===----------------------------------------------------------------------===//

static LogicalResult verifyScaled(EpilogueOp op) {
  bool isScaled = static_cast<bool>(op.getScales());
  if (isScaled != op.getFormat().has_value() ||
      isScaled != op.getRule().has_value() ||
      (op.getTensorScale() && !isScaled)) // C6
    return op.emitOpError("expected 'format' and 'rule' iff the results are "
                          "scaled");
  if (!isScaled)
    return success();
  MemRefType dest = op.getDest().getType();
  if (dest.isDynamicDim(1) || dest.getDimSize(1) % 32 != 0) // C6
    return op.emitOpError() << "expected scaled results of a multiple of 32 "
                               "columns, got "
                            << dest;
  return verifyQuantized(op, *op.getFormat(), *op.getRule(), dest.getShape(),
                         dest, op.getScales().getType(),
                         static_cast<bool>(op.getTensorScale())); // C6
}

LogicalResult EpilogueOp::verify() {
  MemRefType dest = getDest().getType();
  if (dest.getRank() != 2 || getIndices().size() != 2) // C1
    return emitOpError() << "expected 'dest' to be a matrix with two indices, "
                            "got "
                         << dest << " with " << getIndices().size();
  SmallVector<Type> expected(getGated() ? 2 : 1,
                             Float32Type::get(getContext()));
  for (Value column : getColumns()) {
    auto type = cast<MemRefType>(column.getType());
    if (type.getRank() != 1) // C1
      return emitOpError() << "expected 'columns' to be vectors, got " << type;
    expected.push_back(type.getElementType());
  }
  for (Value matrix : getMatrices()) {
    auto type = cast<MemRefType>(matrix.getType());
    if (type.getShape() != dest.getShape()) // C5
      return emitOpError() << "expected 'matrices' of the shape of 'dest', "
                           << dest << ", got " << type;
    expected.push_back(type.getElementType());
  }
  TypeRange got = getBody().getArgumentTypes();
  if (got != TypeRange(expected)) // C2
    return emitOpError() << "expected a body that takes " << expected
                         << ", got " << got;
  FailureOr<YieldOp> yield = findYield(*this, getBody(), "body");
  if (failed(yield))
    return failure();
  Type yielded =
      getScales() ? Float32Type::get(getContext()) : dest.getElementType();
  if (yield->getValues().getTypes() != TypeRange(yielded)) // C3
    return emitOpError() << "expected the body to yield " << yielded << ", got "
                         << yield->getValues().getTypes();
  for (Operation &op : getBody().front().without_terminator())
    if (!isMemoryEffectFree(&op) || op.getNumRegions() != 0) // C4
      return emitOpError() << "expected only operations without side effects "
                              "or regions in the body, got "
                           << op.getName();
  return verifyScaled(*this);
}
