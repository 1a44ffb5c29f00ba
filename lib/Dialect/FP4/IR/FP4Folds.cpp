//===- FP4Folds.cpp - Folding of the fp4 operations -----------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Algebraic folds (H * H^T = 1, pack and unpack, quantize of dequantize) and
// the evaluation of operations on constants through Numerics.
//
// A fold of a large constant gives a resource attribute, so weights are never
// printed in decimal. A fold gives up on values it cannot read (for example a
// resource whose blob is missing) rather than failing.
//
//===----------------------------------------------------------------------===//

#include "fp4/Dialect/FP4/IR/ConstantData.h"
#include "fp4/Dialect/FP4/IR/FP4Ops.h"
#include "fp4/Numerics/Hadamard.h"
#include "fp4/Numerics/Packing.h"
#include "mlir/IR/Matchers.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace fp4;
using numerics::BlockFormat;

//===----------------------------------------------------------------------===//
// Packed constants and plain arrays
//===----------------------------------------------------------------------===//

namespace {
/// The parts of a static microscaled tensor as plain arrays; rows are all
/// leading dimensions together.
struct PlainParts {
  std::vector<uint8_t> codes;
  std::vector<uint8_t> scales;
  float tensorScale = 1.0f;
};
} // namespace

static int64_t getNumRows(ArrayRef<int64_t> shape) {
  return ShapedType::getNumElements(shape.drop_back());
}

static PackedAttr packParts(MicroscaledTensorType type,
                            const PlainParts &parts) {
  MLIRContext *context = type.getContext();
  BlockFormat format = type.getFormat().getBlockFormat();
  RankedTensorType packedType = type.getPackedBytesType();
  std::vector<uint8_t> packed(packedType.getNumElements());
  numerics::packCodes(format.element, parts.codes.data(),
                      getNumRows(type.getShape()), type.getNumCols(),
                      packed.data());
  auto scalesType = RankedTensorType::get(type.getScalesType().getShape(),
                                          IntegerType::get(context, 8));
  FloatAttr tensorScale;
  if (format.hasTensorScale)
    tensorScale = FloatAttr::get(Float32Type::get(context), parts.tensorScale);
  return PackedAttr::get(
      context, makeByteConstant(packedType, packed, "fp4_elements"),
      makeByteConstant(scalesType, parts.scales, "fp4_scales"), tensorScale);
}

static std::optional<PlainParts> unpackParts(MicroscaledTensorType type,
                                             PackedAttr value) {
  std::optional<std::vector<uint8_t>> packed = readBytes(value.getElements());
  std::optional<std::vector<uint8_t>> scales = readBytes(value.getScales());
  if (!packed || !scales)
    return std::nullopt;
  PlainParts parts;
  parts.scales = std::move(*scales);
  parts.codes.resize(type.getElementsType().getNumElements());
  numerics::unpackCodes(type.getFormat().getBlockFormat().element,
                        packed->data(), getNumRows(type.getShape()),
                        type.getNumCols(), parts.codes.data());
  if (FloatAttr tensorScale = value.getTensorScale())
    parts.tensorScale = tensorScale.getValue().convertToFloat();
  return parts;
}

//===----------------------------------------------------------------------===//
// Quantization
//===----------------------------------------------------------------------===//

/// quantize(dequantize(q)) has the value of q if the rule finds scales that
/// represent every decoded value. That holds for power-of-two scales under
/// `floor` if the element format's largest significand is all ones, since a
/// scale smaller by 2^k only moves codes up by k binades; E4M3 (largest 1.75 *
/// 2^8, significands up to 1.875) lacks that. E5M2 has infinities and NaN among
/// its elements, which quantization turns into a NaN scale.
static bool isRequantizationExact(QuantizeOp op) {
  BlockFormat format = op.getType().getFormat().getBlockFormat();
  return format.scale == numerics::ScaleFormat::E8M0 &&
         format.element != numerics::ElementFormat::E4M3 &&
         format.element != numerics::ElementFormat::E5M2 &&
         op.getEffectiveScaleRule() == numerics::ScaleRule::Floor &&
         !op.getRandom() && op.getInput().getType().getElementType().isF32();
}

/// The values of a constant operand of a quantization of static type.
static std::optional<std::vector<float>>
readConstantInput(MicroscaledTensorType type, Attribute input) {
  auto elements = dyn_cast_if_present<ElementsAttr>(input);
  if (!elements || ShapedType::isDynamicShape(type.getShape()))
    return std::nullopt;
  return readFloats(elements);
}

/// The largest magnitude of the whole input, as the tensor scale sees it: under
/// `saturate_inf` an infinity counts as the largest float there too.
static float getTensorAmax(ArrayRef<float> values,
                           numerics::NaNPolicy nanPolicy) {
  float amax = numerics::absMax(values.data(), values.size());
  bool saturates =
      std::isinf(amax) && nanPolicy == numerics::NaNPolicy::SaturateInf;
  return saturates ? std::numeric_limits<float>::max() : amax;
}

/// Quantizes `values`. Null for a given tensor scale that is not constant or
/// not one that numbers can be divided by.
template <typename Op>
static PackedAttr quantizeConstant(Op op, ArrayRef<float> values,
                                   Attribute tensorScaleAttr) {
  MicroscaledTensorType type = op.getType();
  BlockFormat format = type.getFormat().getBlockFormat();
  numerics::QuantizeOptions options;
  options.rule = op.getEffectiveScaleRule();
  options.nanPolicy = op.getEffectiveNaNPolicy();
  PlainParts parts;
  if (op.getTensorScale()) {
    auto tensorScale = dyn_cast_if_present<FloatAttr>(tensorScaleAttr);
    if (!tensorScale)
      return {};
    parts.tensorScale = tensorScale.getValue().convertToFloat();
    if (!std::isfinite(parts.tensorScale) || parts.tensorScale <= 0)
      return {};
  } else {
    parts.tensorScale = numerics::tensorScaleFor(
        format, getTensorAmax(values, options.nanPolicy), options.rule);
  }
  parts.codes.resize(values.size());
  parts.scales.resize(type.getScalesType().getNumElements());
  numerics::quantizeBlocks(format, options, values.data(),
                           getNumRows(type.getShape()), type.getNumCols(),
                           parts.tensorScale, parts.codes.data(),
                           parts.scales.data());
  return packParts(type, parts);
}

OpFoldResult QuantizeOp::fold(FoldAdaptor adaptor) {
  auto producer = getInput().getDefiningOp<DequantizeOp>();
  if (producer && producer.getInput().getType() == getType() &&
      isRequantizationExact(*this))
    return producer.getInput();
  if (getRandom())
    return {};
  std::optional<std::vector<float>> values =
      readConstantInput(getType(), adaptor.getInput());
  if (!values)
    return {};
  return quantizeConstant(*this, *values, adaptor.getTensorScale());
}

OpFoldResult RotateQuantizeOp::fold(FoldAdaptor adaptor) {
  std::optional<std::vector<float>> values =
      readConstantInput(getType(), adaptor.getInput());
  if (!values)
    return {};
  numerics::hadamard(values->data(), values->size(), getBlock(),
                     getSigns() ? getSigns()->data() : nullptr);
  return quantizeConstant(*this, *values, adaptor.getTensorScale());
}

OpFoldResult DequantizeOp::fold(FoldAdaptor adaptor) {
  auto value = dyn_cast_if_present<PackedAttr>(adaptor.getInput());
  MicroscaledTensorType type = getInput().getType();
  if (!value || !getType().hasStaticShape())
    return {};
  std::optional<PlainParts> parts = unpackParts(type, value);
  if (!parts)
    return {};
  std::vector<float> values(parts->codes.size());
  numerics::dequantizeBlocks(type.getFormat().getBlockFormat(),
                             parts->codes.data(), parts->scales.data(),
                             getNumRows(type.getShape()), type.getNumCols(),
                             parts->tensorScale, values.data());
  return makeFloatConstant(getType(), values, "dequantized");
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

OpFoldResult PackOp::fold(FoldAdaptor adaptor) {
  auto unpack = getElements().getDefiningOp<UnpackOp>();
  if (unpack && unpack.getElements() == getElements() &&
      unpack.getScales() == getScales() &&
      unpack.getTensorScale() == getTensorScale() &&
      unpack.getInput().getType() == getType())
    return unpack.getInput();

  auto elements = dyn_cast_if_present<ElementsAttr>(adaptor.getElements());
  auto scales = dyn_cast_if_present<ElementsAttr>(adaptor.getScales());
  auto tensorScale = dyn_cast_if_present<FloatAttr>(adaptor.getTensorScale());
  if (!elements || !scales || (getTensorScale() && !tensorScale) ||
      ShapedType::isDynamicShape(getType().getShape()))
    return {};
  std::optional<std::vector<uint8_t>> codes = readBytes(elements);
  std::optional<std::vector<uint8_t>> scaleBytes = readBytes(scales);
  if (!codes || !scaleBytes)
    return {};
  PlainParts parts{std::move(*codes), std::move(*scaleBytes)};
  if (tensorScale)
    parts.tensorScale = tensorScale.getValue().convertToFloat();
  return packParts(getType(), parts);
}

/// unpack(pack(e, s, t)) gives e, s and t.
static bool foldUnpackOfPack(UnpackOp op, SmallVectorImpl<OpFoldResult> &out) {
  auto pack = op.getInput().getDefiningOp<PackOp>();
  if (!pack || pack.getElements().getType() != op.getElements().getType() ||
      pack.getScales().getType() != op.getScales().getType())
    return false;
  out.assign({pack.getElements(), pack.getScales()});
  if (op.getTensorScale())
    out.push_back(pack.getTensorScale());
  return true;
}

LogicalResult UnpackOp::fold(FoldAdaptor adaptor,
                             SmallVectorImpl<OpFoldResult> &results) {
  if (foldUnpackOfPack(*this, results))
    return success();
  auto value = dyn_cast_if_present<PackedAttr>(adaptor.getInput());
  if (!value)
    return failure();
  MicroscaledTensorType type = getInput().getType();
  std::optional<PlainParts> parts = unpackParts(type, value);
  if (!parts)
    return failure();
  results.push_back(
      makeByteConstant(type.getElementsType(), parts->codes, "elements"));
  results.push_back(
      makeByteConstant(type.getScalesType(), parts->scales, "scales"));
  if (getTensorScale())
    results.push_back(value.getTensorScale());
  return success();
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValueAttr(); }

//===----------------------------------------------------------------------===//
// Rotations
//===----------------------------------------------------------------------===//

OpFoldResult HadamardOp::fold(FoldAdaptor adaptor) {
  // H * H^T = 1, up to the rounding that leaving both out avoids.
  auto producer = getInput().getDefiningOp<HadamardOp>();
  if (producer && isInverseOf(producer))
    return producer.getInput();

  auto input = dyn_cast_if_present<ElementsAttr>(adaptor.getInput());
  if (!input || !getType().hasStaticShape())
    return {};
  std::optional<std::vector<float>> values = readFloats(input);
  if (!values)
    return {};
  const int8_t *signs = getSigns() ? getSigns()->data() : nullptr;
  if (getInverse())
    numerics::inverseHadamard(values->data(), values->size(), getBlock(),
                              signs);
  else
    numerics::hadamard(values->data(), values->size(), getBlock(), signs);
  return makeFloatConstant(getType(), *values, "rotated");
}
