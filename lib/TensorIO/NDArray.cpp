//===- NDArray.cpp - Typed, shaped bytes ----------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Multi-byte elements are read with memcpy, because views need not be aligned.
// The hosts that we support are little endian, as the file formats are.
//
//===----------------------------------------------------------------------===//

#include "fp4/TensorIO/NDArray.h"
#include "fp4/Numerics/Half.h"
#include <cstring>

using namespace fp4;

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "tensor files are little endian");

struct DTypeInfo {
  std::string_view name;
  unsigned bits;
};

// In the order of DType.
static constexpr DTypeInfo kDTypes[] = {
    {"BOOL", 8},    {"U8", 8},      {"I8", 8},      {"U16", 16},
    {"I16", 16},    {"U32", 32},    {"I32", 32},    {"U64", 64},
    {"I64", 64},    {"F16", 16},    {"BF16", 16},   {"F32", 32},
    {"F64", 64},    {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F8_E8M0", 8},
    {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F4", 4}};

std::string_view fp4::dtypeName(DType dtype) {
  return kDTypes[static_cast<size_t>(dtype)].name;
}

std::optional<DType> fp4::parseDType(std::string_view name) {
  for (size_t i = 0; i < std::size(kDTypes); ++i)
    if (kDTypes[i].name == name)
      return static_cast<DType>(i);
  return std::nullopt;
}

unsigned fp4::dtypeBits(DType dtype) {
  return kDTypes[static_cast<size_t>(dtype)].bits;
}

std::string fp4::shapeString(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

Expected<int64_t> fp4::elementCountOf(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  bool overflow = false;
  bool empty = false;
  for (int64_t dim : shape) {
    if (dim < 0)
      return Status::error("shape " + shapeString(shape) +
                           " has a negative dimension");
    empty |= dim == 0;
    overflow |= __builtin_mul_overflow(count, dim, &count);
  }
  if (empty)
    return int64_t(0);
  if (overflow)
    return Status::error("shape " + shapeString(shape) +
                         " has more than 2^63 - 1 elements");
  return count;
}

Expected<size_t> fp4::byteSizeOf(DType dtype,
                                 const std::vector<int64_t> &shape) {
  Expected<int64_t> count = elementCountOf(shape);
  if (!count.ok())
    return count.status();
  size_t bits;
  if (__builtin_mul_overflow(*count, dtypeBits(dtype), &bits))
    return Status::error("shape " + shapeString(shape) + " of " +
                         std::string(dtypeName(dtype)) +
                         " needs more than 2^64 - 1 bits");
  if (bits % 8 != 0)
    return Status::error(std::to_string(*count) + " elements of " +
                         std::string(dtypeName(dtype)) +
                         " do not fill whole bytes");
  return bits / 8;
}

NDArray NDArray::view(DType dtype, std::vector<int64_t> shape,
                      std::shared_ptr<const uint8_t> bytes) {
  NDArray array;
  Expected<size_t> size = byteSizeOf(dtype, shape);
  assert(size.ok() && "callers check the shape");
  array.type = dtype;
  array.size = *size;
  array.count = *elementCountOf(shape);
  array.dims = std::move(shape);
  array.data = std::move(bytes);
  return array;
}

NDArray::NDArray(DType dtype, std::vector<int64_t> shape)
    : NDArray(view(dtype, std::move(shape), nullptr)) {
  // From new[], so aligned for every dtype.
  auto *memory = new uint8_t[size]();
  owned = memory;
  data = std::shared_ptr<const uint8_t>(
      memory, [memory](const uint8_t *) { delete[] memory; });
}

NDArray NDArray::fromFloats(std::vector<int64_t> shape,
                            const std::vector<float> &values) {
  NDArray array(DType::F32, std::move(shape));
  assert(array.size == values.size() * sizeof(float));
  if (array.size != 0)
    std::memcpy(array.owned, values.data(), array.size);
  return array;
}

/// `convert` of each element of type T.
template <typename T, typename Convert>
static std::vector<float> convertAll(const uint8_t *bytes, int64_t count,
                                     Convert convert) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float &value : values) {
    T element;
    std::memcpy(&element, bytes, sizeof(T));
    value = convert(element);
    bytes += sizeof(T);
  }
  return values;
}

Expected<std::vector<float>> NDArray::toFloat32() const {
  const uint8_t *source = data.get();
  switch (type) {
  case DType::F32:
    return convertAll<float>(source, count, [](float x) { return x; });
  case DType::F64:
    return convertAll<double>(source, count,
                              [](double x) { return static_cast<float>(x); });
  case DType::F16:
    return convertAll<uint16_t>(source, count, numerics::decodeF16);
  case DType::BF16:
    return convertAll<uint16_t>(source, count, numerics::decodeBF16);
  default:
    return Status::error("cannot convert " + std::string(dtypeName(type)) +
                         " to F32; expected F32, F16, BF16 or F64");
  }
}
