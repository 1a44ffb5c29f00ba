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
#include "fp4/Numerics/Fragments.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace fp4::gpu {

bool hasFragments(FormatAttr format) {
  numerics::BlockFormat block = format.getBlockFormat();
  unsigned expected = block.scale == numerics::ScaleFormat::UE4M3 ? 16 : 32;
  return isKernelFormat(format) && block.blockCols == expected;
}

int64_t getFragmentUnitBytes(FormatAttr format) {
  return numerics::fragmentUnitBytes(format.getBlockFormat().scale);
}

RankedTensorType getFragmentsType(MicroscaledTensorType type) {
  int64_t rows = type.getShape()[0];
  if (!ShapedType::isDynamic(rows))
    rows = llvm::divideCeil(rows, numerics::kFragmentRows);
  return RankedTensorType::get(
      {rows, static_cast<int64_t>(numerics::fragmentUnits(type.getNumCols())),
       getFragmentUnitBytes(type.getFormat())},
      IntegerType::get(type.getContext(), 8));
}

//===----------------------------------------------------------------------===//
// to_fragments, from_fragments
//===----------------------------------------------------------------------===//

static LogicalResult verifyFragments(Operation *op, StringRef what,
                                     MicroscaledTensorType type, Type fragments,
                                     Type factor) {
  if (type.getRank() != 2 || !hasFragments(type.getFormat())) // C1
    return op->emitOpError()
           << "expected '" << what
           << "' to be a matrix of f4E2M1FN elements in blocks of 16 with "
              "f8E4M3FN or of 32 with f8E8M0FNU scales, got "
           << type;
  if (fragments != getFragmentsType(type)) // C2
    return op->emitOpError() << "expected 'fragments' of type "
                             << getFragmentsType(type) << ", got " << fragments;
  Type scalar = getPrepackedTensorScaleType(op->getContext());
  if (factor != scalar) // C3
    return op->emitOpError()
           << "expected 'factor' of type " << scalar << ", got " << factor;
  return success();
}

void ToFragmentsOp::build(OpBuilder &builder, OperationState &state,
                          Value input) {
  auto type = cast<MicroscaledTensorType>(input.getType());
  state.addOperands(input);
  state.addTypes({getFragmentsType(type),
                  getPrepackedTensorScaleType(builder.getContext())});
}

LogicalResult ToFragmentsOp::verify() {
  return verifyFragments(*this, "input", getInput().getType(),
                         getFragments().getType(), getFactor().getType());
}

LogicalResult FromFragmentsOp::verify() {
  return verifyFragments(*this, "result", getType(), getFragments().getType(),
                         getFactor().getType());
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

bool isOutsideFragmentRange(Value matrix) {
  PackedAttr packed;
  if (!matchPattern(matrix, m_Constant(&packed)))
    return false;
  std::optional<ConstantMatrix> constant =
      readMatrix(cast<MicroscaledTensorType>(matrix.getType()), packed);
  return constant && !numerics::fragmentFactor(constant->source);
}

LogicalResult ToFragmentsOp::fold(FoldAdaptor adaptor,
                                  SmallVectorImpl<OpFoldResult> &results) {
  if (auto producer = getInput().getDefiningOp<FromFragmentsOp>()) {
    llvm::append_range(results, producer.getOperands());
    return success();
  }
  auto packed = dyn_cast_if_present<PackedAttr>(adaptor.getInput());
  if (!packed)
    return failure();
  std::optional<ConstantMatrix> matrix =
      readMatrix(getInput().getType(), packed);
  if (!matrix)
    return failure();
  std::optional<float> factor = numerics::fragmentFactor(matrix->source);
  if (!factor)
    return failure();
  ConstantBuffer fragments(cast<RankedTensorType>(getFragments().getType()));
  numerics::interleaveFragments(matrix->source, fragments.bytes());
  if (packed.getTensorScale())
    *factor *= packed.getTensorScale().getValue().convertToFloat();
  results.push_back(fragments.finish("fp4.fragments"));
  results.push_back(DenseElementsAttr::get(
      cast<ShapedType>(getFactor().getType()), ArrayRef<float>(*factor)));
  return success();
}

//===----------------------------------------------------------------------===//
// mma_decode
//===----------------------------------------------------------------------===//

LogicalResult MmaDecodeOp::verify() {
  AccType acc = getAcc().getType();
  ArrayRef<int64_t> lhs = getLhs().getType().getShape();
  if (!getLhs().getType().getElementType().isBF16() || lhs.size() != 2 ||
      lhs[0] != acc.getRows() || lhs[1] % 64 != 0 || acc.getCols() % 64 != 0)
    return emitOpError() << "expected 'lhs' of " << acc.getRows() // C1
                         << " rows of bf16 and multiples of 64 columns, got "
                         << getLhs().getType() << " and " << acc;
  if (!hasFragments(getFormat())) // C2
    return emitOpError() << "expected a format of f4E2M1FN elements in blocks "
                            "of 16 with f8E4M3FN or of 32 with f8E8M0FNU "
                            "scales, got "
                         << getFormat();
  int64_t units[] = {acc.getCols() / 64, lhs[1] / 64,
                     getFragmentUnitBytes(getFormat())};
  auto expected =
      TileType::get(getContext(), units, IntegerType::get(getContext(), 8));
  if (getRhs().getType() != expected) // C2
    return emitOpError() << "expected 'rhs' of type " << expected << ", got "
                         << getRhs().getType();
  return success();
}

} // namespace fp4::gpu
