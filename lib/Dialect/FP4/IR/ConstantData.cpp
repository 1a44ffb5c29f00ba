//===- ConstantData.cpp - Floats and bytes of constant attributes ---------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Storage rules relied on here (mlir/IR/BuiltinAttributes.td):
// DenseElementsAttr keeps sub-byte elements in one byte each, i1 excepted; a
// resource blob has the same layout; float elements are little endian.
//
//===----------------------------------------------------------------------===//

#include "fp4/Dialect/FP4/IR/ConstantData.h"
#include "fp4/Numerics/Half.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include <algorithm>
#include <cstring>

using namespace mlir;

namespace fp4 {

static int64_t getByteWidth(Type elementType) {
  return (elementType.getIntOrFloatBitWidth() + 7) / 8;
}

std::optional<ArrayRef<char>> getRawBytes(ElementsAttr attr) {
  int64_t expected =
      attr.getNumElements() * getByteWidth(attr.getElementType());
  if (auto dense = dyn_cast<DenseElementsAttr>(attr)) {
    if (dense.isSplat() && attr.getNumElements() != 1)
      return std::nullopt;
    return dense.getRawData();
  }
  auto resource = dyn_cast<DenseResourceElementsAttr>(attr);
  if (!resource)
    return std::nullopt;
  AsmResourceBlob *blob = resource.getRawHandle().getBlob();
  if (!blob || static_cast<int64_t>(blob->getData().size()) != expected)
    return std::nullopt;
  return blob->getData();
}

static float widen(Type type, const char *bytes) {
  if (type.isF32()) {
    float value;
    std::memcpy(&value, bytes, sizeof(value));
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, bytes, sizeof(bits));
  return type.isBF16() ? numerics::decodeBF16(bits) : numerics::decodeF16(bits);
}

static bool isSupportedFloat(Type type) {
  return type.isF32() || type.isBF16() || type.isF16();
}

bool readFloatRange(ElementsAttr attr, int64_t first, int64_t count,
                    float *out) {
  Type type = attr.getElementType();
  if (!isSupportedFloat(type))
    return false;
  auto dense = dyn_cast<DenseElementsAttr>(attr);
  if (dense && dense.isSplat()) {
    std::fill_n(out, count, widen(type, dense.getRawData().data()));
    return true;
  }
  std::optional<ArrayRef<char>> raw = getRawBytes(attr);
  if (!raw)
    return false;
  int64_t width = getByteWidth(type);
  const char *bytes = raw->data() + first * width;
  for (int64_t i = 0; i < count; ++i)
    out[i] = widen(type, bytes + i * width);
  return true;
}

std::optional<std::vector<float>> readFloats(ElementsAttr attr) {
  std::vector<float> values(attr.getNumElements());
  if (!readFloatRange(attr, 0, values.size(), values.data()))
    return std::nullopt;
  return values;
}

std::optional<std::vector<uint8_t>> readBytes(ElementsAttr attr) {
  Type type = attr.getElementType();
  if (!type.isIntOrFloat() || getByteWidth(type) != 1 || type.isInteger(1))
    return std::nullopt;
  int64_t count = attr.getNumElements();
  auto dense = dyn_cast<DenseElementsAttr>(attr);
  if (dense && dense.isSplat() && count > 0)
    return std::vector<uint8_t>(count, dense.getRawData().front());
  std::optional<ArrayRef<char>> raw = getRawBytes(attr);
  if (!raw)
    return std::nullopt;
  return std::vector<uint8_t>(raw->begin(), raw->end());
}

static ElementsAttr makeConstant(RankedTensorType type, ArrayRef<char> bytes,
                                 StringRef name) {
  if (static_cast<int64_t>(bytes.size()) <= kInlineConstantBytes)
    return DenseElementsAttr::getFromRawBuffer(type, bytes);
  return DenseResourceElementsAttr::get(
      type, name, HeapAsmResourceBlob::allocateAndCopyWithAlign(bytes, 64));
}

ElementsAttr makeFloatConstant(RankedTensorType type, ArrayRef<float> values,
                               StringRef name) {
  Type element = type.getElementType();
  if (element.isF32())
    return makeConstant(type,
                        ArrayRef(reinterpret_cast<const char *>(values.data()),
                                 values.size() * sizeof(float)),
                        name);
  std::vector<uint16_t> halves(values.size());
  for (size_t i = 0; i < values.size(); ++i)
    halves[i] = element.isBF16() ? numerics::encodeBF16(values[i])
                                 : numerics::encodeF16(values[i]);
  return makeConstant(type,
                      ArrayRef(reinterpret_cast<const char *>(halves.data()),
                               halves.size() * sizeof(uint16_t)),
                      name);
}

ElementsAttr makeByteConstant(RankedTensorType type, ArrayRef<uint8_t> bytes,
                              StringRef name) {
  return makeConstant(
      type,
      ArrayRef(reinterpret_cast<const char *>(bytes.data()), bytes.size()),
      name);
}

//===----------------------------------------------------------------------===//
// Building and rearranging
//===----------------------------------------------------------------------===//

ConstantBuffer::ConstantBuffer(RankedTensorType type)
    : type(type),
      blob(HeapAsmResourceBlob::allocate(
          type.getNumElements() * getByteWidth(type.getElementType()), 64)) {}

ElementsAttr ConstantBuffer::finish(StringRef name) {
  if (static_cast<int64_t>(blob.getData().size()) <= kInlineConstantBytes)
    return DenseElementsAttr::getFromRawBuffer(type, blob.getData());
  return DenseResourceElementsAttr::get(type, name, std::move(blob));
}

/// Transposes rows x cols elements of type T in square tiles, so that neither
/// side walks memory with a large stride for long.
template <typename T>
static void transposeTiled(const char *from, char *to, int64_t rows,
                           int64_t cols) {
  constexpr int64_t tile = 64;
  const T *source = reinterpret_cast<const T *>(from);
  T *target = reinterpret_cast<T *>(to);
  for (int64_t r0 = 0; r0 < rows; r0 += tile)
    for (int64_t c0 = 0; c0 < cols; c0 += tile)
      for (int64_t c = c0; c < std::min(c0 + tile, cols); ++c)
        for (int64_t r = r0; r < std::min(r0 + tile, rows); ++r)
          std::memcpy(target + c * rows + r, source + r * cols + c, sizeof(T));
}

ElementsAttr transposeConstant(ElementsAttr attr) {
  auto type = cast<RankedTensorType>(attr.getShapedType());
  int64_t rows = type.getDimSize(0), cols = type.getDimSize(1);
  auto transposed = RankedTensorType::get({cols, rows}, type.getElementType());
  if (auto dense = dyn_cast<DenseElementsAttr>(attr); dense && dense.isSplat())
    return dense.resizeSplat(transposed);
  std::optional<ArrayRef<char>> raw = getRawBytes(attr);
  if (!raw)
    return {};
  ConstantBuffer buffer(transposed);
  switch (getByteWidth(type.getElementType())) {
  case 1:
    transposeTiled<uint8_t>(raw->data(), buffer.data(), rows, cols);
    break;
  case 2:
    transposeTiled<uint16_t>(raw->data(), buffer.data(), rows, cols);
    break;
  case 4:
    transposeTiled<uint32_t>(raw->data(), buffer.data(), rows, cols);
    break;
  default:
    return {};
  }
  return buffer.finish(getResourceKey(attr));
}

ElementsAttr reshapeConstant(ElementsAttr attr, RankedTensorType type) {
  if (auto dense = dyn_cast<DenseElementsAttr>(attr))
    return dense.reshape(type);
  return DenseResourceElementsAttr::get(
      type, cast<DenseResourceElementsAttr>(attr).getRawHandle());
}

StringRef getResourceKey(ElementsAttr attr) {
  auto resource = dyn_cast<DenseResourceElementsAttr>(attr);
  return resource ? resource.getRawHandle().getKey() : StringRef();
}

} // namespace fp4
