//===- FP4GPUDecodeOps.cpp - Interleaved weights and their product --------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Verifiers of the operations about weights that are decoded in registers, and
// the folding of interleave, by which constants get that layout at compile
// time.
//
//===----------------------------------------------------------------------===//

#include "fp4/Dialect/FP4/IR/ConstantData.h"
#include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.h"
#include "fp4/Numerics/FoldedFragments.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace fp4::gpu {

bool hasFragments(FormatAttr format, bool isFolded) {
  numerics::BlockFormat block = format.getBlockFormat();
  bool isUE4M3 = block.scale == numerics::ScaleFormat::UE4M3;
  return isKernelFormat(format) && block.blockCols == (isUE4M3 ? 16 : 32) &&
         !(isFolded && isUE4M3);
}

int64_t getFragmentUnitBytes(FormatAttr format, bool isFolded) {
  return isFolded ? numerics::kFoldedUnitBytes
                  : numerics::fragmentUnitBytes(format.getBlockFormat().scale);
}

int64_t getFragmentUnitDepth(bool isFolded) {
  return isFolded ? numerics::kFoldedDepth : numerics::kFragmentDepth;
}

RankedTensorType getFragmentsType(MicroscaledTensorType type, bool isFolded) {
  int64_t rows = type.getShape()[0];
  if (!ShapedType::isDynamic(rows))
    rows = llvm::divideCeil(rows, numerics::kFragmentRows);
  size_t units = isFolded ? numerics::foldedUnits(type.getNumCols())
                          : numerics::fragmentUnits(type.getNumCols());
  return RankedTensorType::get(
      {rows, static_cast<int64_t>(units),
       getFragmentUnitBytes(type.getFormat(), isFolded)},
      IntegerType::get(type.getContext(), 8));
}

RankedTensorType getFragmentFactorType(MicroscaledTensorType type,
                                       bool isFolded) {
  if (!isFolded)
    return getPrepackedTensorScaleType(type.getContext());
  return RankedTensorType::get(type.getShape()[0],
                               Float32Type::get(type.getContext()));
}

//===----------------------------------------------------------------------===//
// to_fragments, from_fragments
//===----------------------------------------------------------------------===//

/// The matrix of two of that type.
static MicroscaledTensorType getJoinedType(MicroscaledTensorType type) {
  int64_t rows = type.getShape()[0];
  return MicroscaledTensorType::get(
      type.getContext(),
      {ShapedType::isDynamic(rows) ? rows : 2 * rows, type.getNumCols()},
      type.getFormat());
}

static LogicalResult verifyFragments(Operation *op, StringRef what,
                                     MicroscaledTensorType type, bool isPair,
                                     Type fragments, Type factor,
                                     bool isFolded) {
  if (type.getRank() != 2 || !hasFragments(type.getFormat())) // C1
    return op->emitOpError()
           << "expected '" << what
           << "' to be a matrix of f4E2M1FN elements in blocks of 16 with "
              "f8E4M3FN or of 32 with f8E8M0FNU scales, got "
           << type;
  if (!hasFragments(type.getFormat(), isFolded)) // C4
    return op->emitOpError()
           << "expected f8E8M0FNU scales to fold, got " << type;
  RankedTensorType expected =
      getFragmentsType(isPair ? getJoinedType(type) : type, isFolded);
  if (fragments != expected) // C2
    return op->emitOpError() << "expected 'fragments' of type " << expected
                             << ", got " << fragments;
  RankedTensorType expectedFactor = getFragmentFactorType(type, isFolded);
  if (factor != expectedFactor) // C3
    return op->emitOpError() << "expected 'factor' of type " << expectedFactor
                             << ", got " << factor;
  return success();
}

void ToFragmentsOp::build(OpBuilder &builder, OperationState &state,
                          Value input, Value second, bool isFolded) {
  auto type = cast<MicroscaledTensorType>(input.getType());
  state.addOperands(input);
  if (second)
    state.addOperands(second);
  if (isFolded)
    state.addAttribute(getFoldedAttrName(state.name), builder.getUnitAttr());
  Type factor = getFragmentFactorType(type, isFolded);
  state.addTypes(
      {getFragmentsType(second ? getJoinedType(type) : type, isFolded),
       factor});
  if (second)
    state.addTypes(factor);
}

LogicalResult ToFragmentsOp::verify() {
  MicroscaledTensorType type = getInput().getType();
  Type second = getSecond() ? getSecond().getType() : Type();
  Type secondFactor = getSecondFactor() ? getSecondFactor().getType() : Type();
  bool isPair = second != Type();
  if (isPair && (second != type || type.getRank() != 2 ||
                 type.getShape()[0] % 8 != 0)) // C5
    return emitOpError()
           << "expected 'second' of the type of 'input' with a multiple of 8 "
              "rows, got "
           << second << " and " << type;
  if (secondFactor != (isPair ? getFactor().getType() : Type())) // C5
    return emitOpError(
        "expected a 'second_factor' like 'factor' iff there is a 'second'");
  return verifyFragments(*this, "input", type, isPair, getFragments().getType(),
                         getFactor().getType(), getFolded());
}

LogicalResult FromFragmentsOp::verify() {
  return verifyFragments(*this, "result", getType(), /*isPair=*/false,
                         getFragments().getType(), getFactor().getType(),
                         getFolded());
}

namespace {
/// A constant matrix as the packing wants it; the bytes may be copies.
struct ConstantMatrix {
  std::vector<uint8_t> elements, scales;
  numerics::FragmentSource source;
};
} // namespace

/// Nothing if the bytes are unreadable.
static std::optional<ConstantMatrix> readMatrix(MicroscaledTensorType type,
                                                PackedAttr packed) {
  std::optional<std::vector<uint8_t>> elements =
      readBytes(packed.getElements());
  std::optional<std::vector<uint8_t>> scales = readBytes(packed.getScales());
  if (!elements || !scales)
    return std::nullopt;
  ConstantMatrix matrix{std::move(*elements), std::move(*scales), {}};
  matrix.source = {type.getFormat().getBlockFormat().scale,
                   matrix.elements.data(), matrix.scales.data(),
                   static_cast<size_t>(type.getShape()[0]),
                   static_cast<size_t>(type.getNumCols())};
  return matrix;
}

/// Rows of two matrices that share a unit's groups of eight.
static constexpr size_t kGroupRows = 8;

/// The rows of two matrices of one type, alternating in groups.
static ConstantMatrix joinMatrices(const ConstantMatrix &first,
                                   const ConstantMatrix &second) {
  const numerics::FragmentSource &source = first.source;
  auto interleave = [&](const uint8_t *a, const uint8_t *b, size_t rowBytes) {
    size_t bytes = rowBytes * kGroupRows;
    std::vector<uint8_t> joined;
    for (size_t i = 0; i < source.rows / kGroupRows; ++i)
      for (const uint8_t *rows : {a, b})
        joined.insert(joined.end(), rows + i * bytes, rows + (i + 1) * bytes);
    return joined;
  };
  ConstantMatrix matrix;
  matrix.elements =
      interleave(source.elements, second.source.elements, source.depth / 2);
  matrix.scales = interleave(source.scales, second.source.scales,
                             source.depth / source.blockDepth());
  matrix.source = {source.scaleFormat, matrix.elements.data(),
                   matrix.scales.data(), 2 * source.rows, source.depth};
  return matrix;
}

/// One matrix, or two joined ones; nothing if one is unreadable.
static std::optional<ConstantMatrix> readMatrices(MicroscaledTensorType type,
                                                  ArrayRef<PackedAttr> packed) {
  std::optional<ConstantMatrix> first = readMatrix(type, packed[0]);
  if (!first || packed.size() == 1)
    return first;
  std::optional<ConstantMatrix> second = readMatrix(type, packed[1]);
  if (!second)
    return std::nullopt;
  return joinMatrices(*first, *second);
}

bool isOutsideFragmentRange(ArrayRef<Value> matrices, bool isFolded,
                            bool isHalf) {
  SmallVector<PackedAttr> packed(matrices.size());
  for (auto [attribute, matrix] : llvm::zip_equal(packed, matrices))
    if (!matchPattern(matrix, m_Constant(&attribute)))
      return false;
  std::optional<ConstantMatrix> constant =
      readMatrices(cast<MicroscaledTensorType>(matrices[0].getType()), packed);
  if (!constant)
    return false;
  if (isFolded)
    return !numerics::foldedFactors(constant->source);
  return !numerics::fragmentFactor(constant->source,
                                   isHalf ? numerics::kHalfFragmentSpan
                                          : numerics::kFragmentSpan);
}

/// The factors of a matrix, one if not folded, and its bytes; nothing if it
/// cannot be represented.
static std::optional<std::vector<float>>
packMatrix(const numerics::FragmentSource &source, bool isFolded,
           uint8_t *fragments) {
  if (isFolded) {
    std::optional<std::vector<float>> factors = numerics::foldedFactors(source);
    if (factors)
      numerics::foldFragments(source, fragments);
    return factors;
  }
  std::optional<float> factor = numerics::fragmentFactor(source);
  if (!factor)
    return std::nullopt;
  numerics::interleaveFragments(source, fragments);
  return std::vector<float>{*factor};
}

/// Those of `factors` that are of matrix `index` of `count`, times its tensor
/// scale.
static DenseElementsAttr makeFactors(ArrayRef<float> factors, size_t index,
                                     size_t count, PackedAttr packed,
                                     Type type) {
  float scale = packed.getTensorScale()
                    ? packed.getTensorScale().getValue().convertToFloat()
                    : 1.0f;
  SmallVector<float> own;
  for (auto [row, factor] : llvm::enumerate(factors))
    if (factors.size() == 1 || row / kGroupRows % count == index)
      own.push_back(factor * scale);
  return DenseElementsAttr::get(cast<ShapedType>(type), ArrayRef<float>(own));
}

LogicalResult ToFragmentsOp::fold(FoldAdaptor adaptor,
                                  SmallVectorImpl<OpFoldResult> &results) {
  auto producer = getInput().getDefiningOp<FromFragmentsOp>();
  if (producer && !getSecond() && producer.getFolded() == getFolded()) {
    llvm::append_range(results, producer.getOperands());
    return success();
  }
  SmallVector<PackedAttr> packed = {
      dyn_cast_if_present<PackedAttr>(adaptor.getInput())};
  if (getSecond())
    packed.push_back(dyn_cast_if_present<PackedAttr>(adaptor.getSecond()));
  if (!llvm::all_of(packed, [](PackedAttr matrix) { return bool(matrix); }))
    return failure();
  std::optional<ConstantMatrix> matrix =
      readMatrices(getInput().getType(), packed);
  if (!matrix)
    return failure();
  ConstantBuffer fragments(cast<RankedTensorType>(getFragments().getType()));
  std::optional<std::vector<float>> factors =
      packMatrix(matrix->source, getFolded(), fragments.bytes());
  if (!factors)
    return failure();
  results.push_back(fragments.finish("fp4.fragments"));
  for (auto [i, attribute] : llvm::enumerate(packed))
    results.push_back(makeFactors(*factors, i, packed.size(), attribute,
                                  getFactor().getType()));
  return success();
}

//===----------------------------------------------------------------------===//
// mma_decode
//===----------------------------------------------------------------------===//

bool MmaDecodeOp::isFolded() {
  return isa<Float8E4M3FNType>(getLhs().getType().getElementType());
}

LogicalResult MmaDecodeOp::verify() {
  AccType acc = getAcc().getType();
  TileType lhsType = getLhs().getType();
  ArrayRef<int64_t> lhs = lhsType.getShape();
  int64_t depth = getFragmentUnitDepth(isFolded());
  Type element = lhsType.getElementType();
  if ((!element.isBF16() && !element.isF16() && !isFolded()) ||
      lhs.size() != 2 || lhs[0] != acc.getRows() || lhs[1] % depth != 0 ||
      acc.getCols() % 64 != 0)
    return emitOpError() << "expected 'lhs' of " << acc.getRows() // C1
                         << " rows of bf16 or f16 and multiples of 64 columns, "
                            "or of f8E4M3FN and multiples of 128, got "
                         << lhsType << " and " << acc;
  if (!hasFragments(getFormat(), isFolded())) // C2
    return emitOpError() << "expected a format of f4E2M1FN elements in blocks "
                            "of 32 with f8E8M0FNU scales"
                         << (isFolded() ? "" : " or of 16 with f8E4M3FN")
                         << ", got " << getFormat();
  int64_t units[] = {acc.getCols() / 64, lhs[1] / depth,
                     getFragmentUnitBytes(getFormat(), isFolded())};
  auto expected =
      TileType::get(getContext(), units, IntegerType::get(getContext(), 8));
  if (getRhs().getType() != expected) // C2
    return emitOpError() << "expected 'rhs' of type " << expected << ", got "
                         << getRhs().getType();
  return success();
}

//===----------------------------------------------------------------------===//
// dequantize
//===----------------------------------------------------------------------===//

LogicalResult DequantizeOp::verify() {
  MemRefType out = getOut().getType();
  if (out.getRank() != 2 || !out.getElementType().isBF16() ||
      out.isDynamicDim(1)) // C1
    return emitOpError() << "expected 'out' to be a matrix of bf16 with static "
                            "columns, got "
                         << out;
  MemRefType elements = getElements().getType();
  if (!getScales()) { // C2
    auto expected =
        MemRefType::get(out.getShape(), Float8E4M3FNType::get(getContext()));
    if (getFormat() || elements != expected)
      return emitOpError() << "expected 'elements' of type " << expected
                           << " and no format without scales, got " << elements;
    return success();
  }
  if (!getFormat() || !hasFragments(*getFormat())) // C3
    return emitOpError() << "expected scales with a format of f4E2M1FN "
                            "elements in blocks of 16 with f8E4M3FN or of 32 "
                            "with f8E8M0FNU scales";
  auto matrix =
      MicroscaledTensorType::get(getContext(), out.getShape(), *getFormat());
  SmallVector<int64_t> packed(getPrepackedElementsType(matrix).getShape());
  packed.back() *= 2;
  auto expected = MemRefType::get(packed, getFormat()->getElementStorageType());
  auto expectedScales =
      MemRefType::get(getPrepackedScalesType(matrix).getShape(),
                      getFormat()->getScaleStorageType());
  if (elements != expected || getScales().getType() != expectedScales)
    return emitOpError() << "expected 'elements' of type " << expected
                         << " and 'scales' of type " << expectedScales
                         << ", got " << elements << " and "
                         << getScales().getType();
  return success();
}

} // namespace fp4::gpu
