//===- NDArray.h - Typed, shaped bytes --------------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The array that the file readers return and the writers take: a dtype of the
// safetensors format, a shape and C-order little-endian bytes. The bytes are
// either owned or a view of something that the array keeps alive, such as a
// mapped file. Copying an NDArray shares its bytes.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TENSORIO_NDARRAY_H
#define FP4_TENSORIO_NDARRAY_H

#include "fp4/Status/Status.h"
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace fp4 {

/// The real dtypes of safetensors 0.6. Enumerators are spelled as in its files
/// except Bool ("BOOL").
enum class DType : uint8_t {
  Bool,
  U8,
  I8,
  U16,
  I16,
  U32,
  I32,
  U64,
  I64,
  F16,
  BF16,
  F32,
  F64,
  F8_E4M3,
  F8_E5M2,
  F8_E8M0,
  F6_E2M3,
  F6_E3M2,
  F4,
};

/// "BOOL", "U8", ..., "F4".
std::string_view dtypeName(DType dtype);
std::optional<DType> parseDType(std::string_view name);
/// Width of one element in bits; 4 and 6 for the packed formats.
unsigned dtypeBits(DType dtype);

/// "[2, 3]", for messages.
std::string shapeString(const std::vector<int64_t> &shape);

/// Number of elements; fails on a negative dimension or above 2^63 - 1.
Expected<int64_t> elementCountOf(const std::vector<int64_t> &shape);
/// Number of bytes; fails as elementCountOf does, and where packed elements do
/// not fill whole bytes.
Expected<size_t> byteSizeOf(DType dtype, const std::vector<int64_t> &shape);

class NDArray {
public:
  /// An owned array of zeros. `shape` must pass byteSizeOf.
  NDArray(DType dtype, std::vector<int64_t> shape);
  /// A view of `bytes`, which live as long as `bytes`' owner; there must be
  /// byteSizeOf(dtype, shape) of them.
  static NDArray view(DType dtype, std::vector<int64_t> shape,
                      std::shared_ptr<const uint8_t> bytes);
  /// An owned F32 array; `values` has the element count of `shape`.
  static NDArray fromFloats(std::vector<int64_t> shape,
                            const std::vector<float> &values);

  DType dtype() const { return type; }
  const std::vector<int64_t> &shape() const { return dims; }
  int64_t rank() const { return static_cast<int64_t>(dims.size()); }
  int64_t elementCount() const { return count; }
  size_t byteSize() const { return size; }
  /// Not necessarily aligned for the dtype: a safetensors file need not be.
  const uint8_t *bytes() const { return data.get(); }
  /// Null for a view.
  uint8_t *mutableBytes() { return owned; }

  /// The values of an F32, F16, BF16 or F64 array; F64 is rounded to nearest.
  Expected<std::vector<float>> toFloat32() const;

private:
  NDArray() = default;

  DType type = DType::U8;
  std::vector<int64_t> dims;
  int64_t count = 0;
  size_t size = 0;
  std::shared_ptr<const uint8_t> data;
  uint8_t *owned = nullptr;
};

} // namespace fp4

#endif // FP4_TENSORIO_NDARRAY_H
