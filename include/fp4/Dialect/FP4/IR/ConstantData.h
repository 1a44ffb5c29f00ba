//===- ConstantData.h - Floats and bytes of constant attributes -*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads the numbers of `dense` and `dense_resource` attributes without copying
// where the representation allows, and makes attributes of computed numbers:
// `dense` for small ones, resources (mapped, printed in hexadecimal) otherwise.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4_IR_CONSTANTDATA_H
#define FP4_DIALECT_FP4_IR_CONSTANTDATA_H

#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include <cstdint>
#include <optional>
#include <vector>

namespace fp4 {

/// A constant of more bytes than this is kept as a resource blob.
inline constexpr int64_t kInlineConstantBytes = 1024;

/// The raw little-endian bytes of a non-splat `dense` or of a `dense_resource`
/// attribute; nothing for splats and for resources whose blob is missing or
/// of the wrong size.
std::optional<llvm::ArrayRef<char>> getRawBytes(mlir::ElementsAttr attr);

/// The values of an f32, bf16 or f16 constant widened to float32, row-major.
/// Nothing for other element types or unreadable resources.
std::optional<std::vector<float>> readFloats(mlir::ElementsAttr attr);

/// Writes values [first, first + count) of such a constant to `out`, so that a
/// large one can be read row by row. False where readFloats gives nothing.
bool readFloatRange(mlir::ElementsAttr attr, int64_t first, int64_t count,
                    float *out);

/// The bytes of an i8 constant (or of a 4- to 8-bit float constant, one byte
/// per element). Nothing for other types or unreadable resources.
std::optional<std::vector<uint8_t>> readBytes(mlir::ElementsAttr attr);

/// A constant of static `type` whose element type is f32, bf16 or f16, rounding
/// `values` to it (nearest even). `name` becomes the resource key where the
/// value is large.
mlir::ElementsAttr makeFloatConstant(mlir::RankedTensorType type,
                                     llvm::ArrayRef<float> values,
                                     llvm::StringRef name);

/// A constant of static `type` with one byte per element.
mlir::ElementsAttr makeByteConstant(mlir::RankedTensorType type,
                                    llvm::ArrayRef<uint8_t> bytes,
                                    llvm::StringRef name);

/// The transposed matrix of a rank-2 constant with elements of whole bytes;
/// null for an unreadable resource.
mlir::ElementsAttr transposeConstant(mlir::ElementsAttr attr);

/// The same bytes under another static type of as many elements.
mlir::ElementsAttr reshapeConstant(mlir::ElementsAttr attr,
                                   mlir::RankedTensorType type);

/// The name of a resource constant's blob; empty for other constants.
llvm::StringRef getResourceKey(mlir::ElementsAttr attr);

/// The storage of a constant under construction. Large constants are filled in
/// place and never copied.
class ConstantBuffer {
public:
  /// `type` is static, with elements of whole bytes.
  explicit ConstantBuffer(mlir::RankedTensorType type);
  char *data() { return blob.getMutableData().data(); }
  float *floats() { return reinterpret_cast<float *>(data()); }
  uint8_t *bytes() { return reinterpret_cast<uint8_t *>(data()); }
  /// Hands the bytes over; `name` becomes the key of a large constant.
  mlir::ElementsAttr finish(llvm::StringRef name);

private:
  mlir::RankedTensorType type;
  mlir::AsmResourceBlob blob;
};

} // namespace fp4

#endif // FP4_DIALECT_FP4_IR_CONSTANTDATA_H
