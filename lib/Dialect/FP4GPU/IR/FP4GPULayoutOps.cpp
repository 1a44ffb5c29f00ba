//===- FP4GPULayoutOps.cpp - Prepacked bytes and launches -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Verifiers of the operations on the host's side, and the folding of prepack,
// by which constant weights get their kernel layout at compile time.
//
//===----------------------------------------------------------------------===//

#include "fp4/Dialect/FP4/IR/ConstantData.h"
#include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.h"
#include "fp4/Numerics/Packing.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace fp4::gpu {

bool isKernelFormat(FormatAttr format) {
  numerics::BlockFormat block = format.getBlockFormat();
  return block.element == numerics::ElementFormat::E2M1 &&
         block.blockRows == 1 &&
         (block.scale == numerics::ScaleFormat::E8M0 ||
          block.scale == numerics::ScaleFormat::UE4M3);
}

bool isPrepackedFormat(FormatAttr format) {
  numerics::BlockFormat block = format.getBlockFormat();
  bool isWide = block.element == numerics::ElementFormat::E2M3 ||
                block.element == numerics::ElementFormat::E3M2 ||
                block.element == numerics::ElementFormat::E4M3 ||
                block.element == numerics::ElementFormat::E5M2;
  return isKernelFormat(format) || (isWide && block.blockRows == 1 &&
                                    block.scale == numerics::ScaleFormat::E8M0);
}

RankedTensorType getPrepackedElementsType(MicroscaledTensorType type) {
  int64_t rowBytes = type.getPackedBytesType().getShape().back();
  // Rows of 6-bit elements, whole 24 bytes, stay whole elements.
  if (type.getFormat().getElementStorageType().getIntOrFloatBitWidth() != 6)
    rowBytes = llvm::alignTo(rowBytes, kRowAlignment);
  return RankedTensorType::get({type.getShape()[0], rowBytes},
                               IntegerType::get(type.getContext(), 8));
}

RankedTensorType getPrepackedScalesType(MicroscaledTensorType type) {
  int64_t rows = type.getShape()[0];
  int64_t rowTiles = ShapedType::isDynamic(rows)
                         ? ShapedType::kDynamic
                         : llvm::divideCeil(rows, kScaleTileRows);
  int64_t blocks = type.getNumCols() / type.getFormat().getBlockCols();
  int64_t blockTiles = llvm::divideCeil(blocks, 4);
  return RankedTensorType::get({rowTiles, blockTiles, 32, 4, 4},
                               IntegerType::get(type.getContext(), 8));
}

RankedTensorType getPrepackedTensorScaleType(MLIRContext *context) {
  return RankedTensorType::get({}, Float32Type::get(context));
}

//===----------------------------------------------------------------------===//
// prepack, unpack
//===----------------------------------------------------------------------===//

static LogicalResult checkType(Operation *op, StringRef what, Type expected,
                               Type got) {
  if (expected == got)
    return success();
  return op->emitOpError() << "expected '" << what << "' of type " << expected
                           << ", got " << got;
}

static LogicalResult verifyParts(Operation *op, StringRef what,
                                 MicroscaledTensorType type, Type elements,
                                 Type scales, Value tensorScale) {
  FormatAttr format = type.getFormat();
  if (type.getRank() != 2 || !isPrepackedFormat(format)) // C1
    return op->emitOpError()
           << "expected '" << what
           << "' to be a matrix of f4E2M1FN elements with f8E4M3FN or "
              "f8E8M0FNU scales, or of elements of 6 or 8 bits with "
              "f8E8M0FNU scales, in blocks of one row, got "
           << type;
  if (failed(checkType(op, "elements", getPrepackedElementsType(type),
                       elements)) || // C2
      failed(checkType(op, "scales", getPrepackedScalesType(type),
                       scales))) // C3
    return failure();
  if (format.hasTensorScale() != static_cast<bool>(tensorScale)) // C4
    return op->emitOpError()
           << "expected "
           << (tensorScale ? "no 'tensor_scale' for " : "a 'tensor_scale' for ")
           << format << ", got " << (tensorScale ? "one" : "none");
  if (!tensorScale)
    return success();
  return checkType(op, "tensor_scale",
                   getPrepackedTensorScaleType(op->getContext()),
                   tensorScale.getType());
}

void PrepackOp::build(OpBuilder &builder, OperationState &state, Value input) {
  auto type = cast<MicroscaledTensorType>(input.getType());
  SmallVector<Type> results = {getPrepackedElementsType(type),
                               getPrepackedScalesType(type)};
  if (type.getFormat().hasTensorScale())
    results.push_back(getPrepackedTensorScaleType(builder.getContext()));
  state.addOperands(input);
  state.addTypes(results);
}

LogicalResult PrepackOp::verify() {
  return verifyParts(*this, "input", getInput().getType(),
                     getElements().getType(), getScales().getType(),
                     getTensorScale());
}

/// The packed elements with zero bytes at the end of each row, up to `type`.
static ElementsAttr padRows(ElementsAttr elements, RankedTensorType type) {
  int64_t given = elements.getShapedType().getDimSize(1);
  if (given == type.getDimSize(1))
    return elements;
  std::optional<std::vector<uint8_t>> bytes = readBytes(elements);
  if (!bytes)
    return {};
  int64_t rows = type.getDimSize(0), rowBytes = type.getDimSize(1);
  std::vector<uint8_t> padded(rows * rowBytes);
  for (int64_t row = 0; row < rows; ++row)
    std::copy_n(bytes->begin() + row * given, given,
                padded.begin() + row * rowBytes);
  return makeByteConstant(type, padded, "fp4.prepacked_elements");
}

LogicalResult PrepackOp::fold(FoldAdaptor adaptor,
                              SmallVectorImpl<OpFoldResult> &results) {
  if (auto producer = getInput().getDefiningOp<UnprepackOp>()) {
    llvm::append_range(results, producer.getOperands());
    return success();
  }
  auto packed = dyn_cast_if_present<PackedAttr>(adaptor.getInput());
  if (!packed)
    return failure();
  std::optional<std::vector<uint8_t>> scales = readBytes(packed.getScales());
  ElementsAttr elements = padRows(
      packed.getElements(), cast<RankedTensorType>(getElements().getType()));
  if (!scales || !elements)
    return failure();
  int64_t rows = packed.getScales().getShapedType().getDimSize(0);
  int64_t blocks = packed.getScales().getShapedType().getDimSize(1);
  std::vector<uint8_t> swizzled(numerics::scaleBytes128x4(rows, blocks));
  numerics::swizzleScales128x4(scales->data(), rows, blocks, swizzled.data());
  results.push_back(elements);
  results.push_back(makeByteConstant(getScales().getType(), swizzled,
                                     "fp4.prepacked_scales"));
  if (getTensorScale())
    results.push_back(DenseElementsAttr::get(
        cast<ShapedType>(getTensorScale().getType()), packed.getTensorScale()));
  return success();
}

LogicalResult UnprepackOp::verify() {
  return verifyParts(*this, "result", getType(), getElements().getType(),
                     getScales().getType(), getTensorScale());
}

//===----------------------------------------------------------------------===//
// interleave
//===----------------------------------------------------------------------===//

/// Rows that one matrix contributes before it is the other one's turn: the
/// columns of a matrix instruction's result.
static constexpr int64_t kGroupRows = 8;

static RankedTensorType withRows(Type type, int64_t rows) {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape(tensor.getShape());
  shape[0] = rows;
  return RankedTensorType::get(shape, tensor.getElementType());
}

void InterleaveOp::build(OpBuilder &builder, OperationState &state, Value first,
                         Value firstScales, Value second, Value secondScales) {
  int64_t rows = 2 * cast<RankedTensorType>(first.getType()).getDimSize(0);
  state.addOperands({first, firstScales, second, secondScales});
  state.addTypes({withRows(first.getType(), rows),
                  withRows(firstScales.getType(),
                           llvm::divideCeil(rows, kScaleTileRows))});
}

LogicalResult InterleaveOp::verify() {
  RankedTensorType elements = getFirst().getType();
  RankedTensorType scales = getFirstScales().getType();
  if (elements.getRank() != 2 || !elements.hasStaticShape() ||
      elements.getDimSize(0) % kGroupRows != 0) // C1
    return emitOpError()
           << "expected 'first' to be a matrix with a multiple of "
           << kGroupRows << " rows, got " << elements;
  int64_t rows = elements.getDimSize(0);
  int64_t tiles = llvm::divideCeil(rows, kScaleTileRows);
  if (scales.getRank() != 5 || !scales.hasStaticShape() ||
      scales.getShape().drop_front(2) != ArrayRef<int64_t>({32, 4, 4}) ||
      scales.getDimSize(0) != tiles) // C2
    return emitOpError() << "expected 'first_scales' of shape " << tiles
                         << "xCx32x4x4, got " << scales;
  if (failed(checkType(*this, "elements", withRows(elements, 2 * rows),
                       getElements().getType()))) // C1
    return failure();
  int64_t doubled = llvm::divideCeil(2 * rows, kScaleTileRows);
  return checkType(*this, "scales", withRows(scales, doubled),
                   getScales().getType()); // C2
}

/// Rows of `bytes` bytes of both by turns.
static std::vector<uint8_t> interleaveRows(ArrayRef<uint8_t> first,
                                           ArrayRef<uint8_t> second,
                                           int64_t bytes) {
  std::vector<uint8_t> rows;
  rows.reserve(first.size() + second.size());
  size_t group = kGroupRows * bytes;
  for (size_t begin = 0; begin < first.size(); begin += group)
    for (ArrayRef<uint8_t> source : {first, second})
      llvm::append_range(rows, source.slice(begin, group));
  return rows;
}

LogicalResult InterleaveOp::fold(FoldAdaptor adaptor,
                                 SmallVectorImpl<OpFoldResult> &results) {
  SmallVector<std::vector<uint8_t>> parts;
  for (Attribute operand : adaptor.getOperands()) {
    auto constant = dyn_cast_if_present<ElementsAttr>(operand);
    std::optional<std::vector<uint8_t>> bytes =
        constant ? readBytes(constant) : std::nullopt;
    if (!bytes)
      return failure();
    parts.push_back(std::move(*bytes));
  }
  RankedTensorType elements = getElements().getType();
  RankedTensorType scales = getScales().getType();
  int64_t rows = getFirst().getType().getDimSize(0);
  int64_t columns = 4 * scales.getDimSize(1);
  std::vector<uint8_t> plain[2];
  for (int side : {0, 1}) {
    plain[side].resize(rows * columns);
    numerics::unswizzleScales128x4(parts[2 * side + 1].data(), rows, columns,
                                   plain[side].data());
  }
  std::vector<uint8_t> joined = interleaveRows(plain[0], plain[1], columns);
  std::vector<uint8_t> swizzled(numerics::scaleBytes128x4(2 * rows, columns));
  numerics::swizzleScales128x4(joined.data(), 2 * rows, columns,
                               swizzled.data());
  results.push_back(makeByteConstant(
      elements, interleaveRows(parts[0], parts[2], elements.getDimSize(1)),
      "fp4.interleaved_elements"));
  results.push_back(
      makeByteConstant(scales, swizzled, "fp4.interleaved_scales"));
  return success();
}

//===----------------------------------------------------------------------===//
// launch
//===----------------------------------------------------------------------===//

/// Whether a launch may pass a value of type `given` for an argument of type
/// `argument` (C2, C3).
static bool isCompatible(Type given, Type argument) {
  auto global = dyn_cast<MemRefType>(argument);
  if (!global)
    return given == argument;
  auto tensor = dyn_cast<RankedTensorType>(given);
  if (!tensor)
    return false;
  SmallVector<int64_t> shape(global.getShape());
  Type element = global.getElementType();
  unsigned bits = element.getIntOrFloatBitWidth();
  if (tensor.getElementType() != element) {
    if (!tensor.getElementType().isInteger(8) || bits > 8)
      return false;
    if (bits < 8 && !shape.empty() && !ShapedType::isDynamic(shape.back()))
      shape.back() = shape.back() * bits / 8;
  }
  return succeeded(verifyCompatibleShape(shape, tensor.getShape()));
}

LogicalResult LaunchOp::verify() {
  ArrayAttr kernels = getAlternativesAttr();
  ArrayRef<int64_t> limits = getLimits().value_or(ArrayRef<int64_t>());
  if ((kernels ? kernels.size() : 0) != limits.size()) // C4
    return emitOpError() << "expected as many 'limits' as 'alternatives', got "
                         << limits.size() << " and "
                         << (kernels ? kernels.size() : 0);
  int64_t least = 1;
  for (int64_t limit : limits) {
    if (limit < least) // C4
      return emitOpError() << "expected 'limits' that ascend from 1, got "
                           << limits;
    least = limit + 1;
  }
  int64_t indices = llvm::count_if(getOperandTypes(), llvm::IsaPred<IndexType>);
  if (kernels && indices != 1) // C4
    return emitOpError() << "expected one operand of type 'index' to choose "
                            "among 'alternatives', got "
                         << indices;
  return success();
}

/// Whether `launch` may run `symbol` (C1 to C3) in place of `first`, if that is
/// not null (C4); `kernel` is what it stands for, null if that is device code.
static LogicalResult verifyKernel(LaunchOp launch, SymbolRefAttr symbol,
                                  SymbolTableCollection &symbols,
                                  KernelOp first, KernelOp &kernel) {
  Operation *callee = symbols.lookupNearestSymbolFrom(launch, symbol);
  if (callee && !symbol.getNestedReferences().empty())
    return success();
  kernel = dyn_cast_if_present<KernelOp>(callee);
  if (!kernel) // C1
    return launch.emitOpError()
           << "expected " << symbol << " to be a fp4gpu.kernel";
  SmallVector<Type> given(launch.getOperandTypes());
  llvm::append_range(given, launch.getResultTypes());
  auto arguments = kernel.getBody().getArguments();
  if (given.size() != arguments.size()) { // C1
    InFlightDiagnostic diag = launch.emitOpError()
                              << "expected " << arguments.size()
                              << " operands and results, got " << given.size();
    diag.attachNote(kernel.getLoc()) << "the kernel is here";
    return diag;
  }
  for (auto [index, type, argument] : llvm::enumerate(given, arguments)) {
    StringRef name = kernel.getArgumentName(index);
    if (!isCompatible(type, argument.getType())) // C2, C3
      return launch.emitOpError()
             << "expected a value for argument '" << name << "' of type "
             << argument.getType() << ", got " << type;
    if (first && first.getArgumentName(index) != name) // C4
      return launch.emitOpError()
             << "expected an alternative with an argument '"
             << first.getArgumentName(index) << "', got '" << name << "'";
  }
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  KernelOp first, other;
  if (failed(verifyKernel(*this, getKernelAttr(), symbols, {}, first)))
    return failure();
  if (ArrayAttr alternatives = getAlternativesAttr())
    for (auto symbol : alternatives.getAsRange<SymbolRefAttr>())
      if (failed(verifyKernel(*this, symbol, symbols, first, other)))
        return failure();
  return success();
}

} // namespace fp4::gpu
