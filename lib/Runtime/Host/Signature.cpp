//===- Signature.cpp - What compiled functions take and give --------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Element types have one dtype each; integers are signless, so an array of
// either signedness is accepted.
//
//===----------------------------------------------------------------------===//

#include "Signature.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cstdlib>
#include <cstring>
#include <map>

using namespace mlir;

namespace fp4 {

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

static std::optional<DType> integerDType(unsigned width) {
  switch (width) {
  case 1:
    return DType::Bool;
  case 8:
    return DType::I8;
  case 16:
    return DType::I16;
  case 32:
    return DType::I32;
  case 64:
    return DType::I64;
  default:
    return std::nullopt;
  }
}

/// Narrow elements lie one per byte.
static std::optional<DType> dtypeOf(Type type) {
  return TypeSwitch<Type, std::optional<DType>>(type)
      .Case([](Float32Type) { return DType::F32; })
      .Case([](Float64Type) { return DType::F64; })
      .Case([](BFloat16Type) { return DType::BF16; })
      .Case([](Float16Type) { return DType::F16; })
      .Case([](Float8E4M3FNType) { return DType::F8_E4M3; })
      .Case([](Float8E5M2Type) { return DType::F8_E5M2; })
      .Case([](Float8E8M0FNUType) { return DType::F8_E8M0; })
      .Case<Float4E2M1FNType, Float6E2M3FNType, Float6E3M2FNType>(
          [](Type) { return DType::U8; })
      .Case([](IndexType) { return DType::I64; })
      .Case(
          [](IntegerType integer) { return integerDType(integer.getWidth()); })
      .Default([](Type) { return std::nullopt; });
}

static std::string printType(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

static Expected<HostValueType> getValueType(Type type) {
  auto memref = dyn_cast<MemRefType>(type);
  Type element = memref ? memref.getElementType() : type;
  std::optional<DType> dtype = dtypeOf(element);
  if (!dtype || isa<UnrankedMemRefType>(type))
    return Status::error("no array type for " + printType(type));
  HostValueType result{*dtype, {}, !memref, 0};
  if (auto narrow = dyn_cast<FloatType>(element);
      narrow && narrow.getWidth() < 8)
    result.codeBits = narrow.getWidth();
  if (memref)
    for (int64_t size : memref.getShape())
      result.shape.push_back(ShapedType::isDynamic(size) ? -1 : size);
  return result;
}

std::string toString(const HostValueType &type) {
  std::string text = type.isScalar ? "" : "tensor<";
  for (int64_t size : type.shape)
    text += (size < 0 ? "?" : std::to_string(size)) + "x";
  text += dtypeName(type.dtype);
  if (type.codeBits)
    text += " codes of " + std::to_string(type.codeBits) + " bits";
  return type.isScalar ? text : text + ">";
}

static Status addTypes(TypeRange types, const std::string &function,
                       std::vector<HostValueType> &out) {
  for (Type type : types) {
    Expected<HostValueType> value = getValueType(type);
    if (!value.ok())
      return Status::error("cannot call '" + function +
                           "': " + value.message());
    out.push_back(*value);
  }
  return Status::success();
}

Expected<HostSignature> getSignature(func::FuncOp func) {
  HostSignature signature;
  signature.name = func.getName().str();
  Status status =
      addTypes(func.getArgumentTypes(), signature.name, signature.arguments);
  if (!status.ok())
    return status;
  status = addTypes(func.getResultTypes(), signature.name, signature.results);
  if (!status.ok())
    return status;
  return signature;
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

static bool isUnsignedTwin(DType wanted, DType got) {
  return (wanted == DType::I8 && got == DType::U8) ||
         (wanted == DType::I16 && got == DType::U16) ||
         (wanted == DType::I32 && got == DType::U32) ||
         (wanted == DType::I64 && got == DType::U64);
}

static bool isPackedTwin(const HostValueType &type, DType got) {
  if (type.codeBits == 4)
    return got == DType::F4;
  return type.codeBits == 6 && (got == DType::F6_E2M3 || got == DType::F6_E3M2);
}

static bool isShapeAccepted(const HostValueType &type,
                            const std::vector<int64_t> &shape) {
  if (type.shape.size() != shape.size())
    return false;
  for (size_t dim = 0; dim < shape.size(); ++dim)
    if (type.shape[dim] >= 0 && type.shape[dim] != shape[dim])
      return false;
  return true;
}

/// One code per byte from an array that is packed bit by bit, the first code
/// in the lowest bits; or `array` itself with the bits above a code cleared,
/// which compiled code relies on.
static NDArray toCodes(const NDArray &array, unsigned codeBits) {
  NDArray codes(DType::U8, array.shape());
  unsigned stride = dtypeBits(array.dtype());
  const uint8_t *bytes = array.bytes();
  for (int64_t i = 0; i < array.elementCount(); ++i) {
    size_t bit = static_cast<size_t>(i) * stride;
    unsigned word = bytes[bit / 8];
    if (bit % 8 + codeBits > 8)
      word |= static_cast<unsigned>(bytes[bit / 8 + 1]) << 8;
    codes.mutableBytes()[i] =
        static_cast<uint8_t>((word >> (bit % 8)) & ((1u << codeBits) - 1));
  }
  return codes;
}

Expected<NDArray> toArgument(const NDArray &array, const HostValueType &type,
                             const std::string &what) {
  DType got = array.dtype();
  bool isCode = type.codeBits && (got == DType::I8 || isPackedTwin(type, got));
  if (got != type.dtype && !isUnsignedTwin(type.dtype, got) && !isCode)
    return Status::error("expected " + what + " of type " + toString(type) +
                         ", got dtype " + std::string(dtypeName(got)));
  if (!isShapeAccepted(type, array.shape()))
    return Status::error("expected " + what + " of type " + toString(type) +
                         ", got shape " + shapeString(array.shape()));
  if (type.codeBits)
    return toCodes(array, type.codeBits);
  size_t alignment = dtypeBits(type.dtype) / 8;
  if (alignment < 2 ||
      reinterpret_cast<uintptr_t>(array.bytes()) % alignment == 0)
    return array;
  NDArray aligned(got, array.shape());
  std::memcpy(aligned.mutableBytes(), array.bytes(), array.byteSize());
  return aligned;
}

std::vector<int64_t> makeDescriptor(const void *data,
                                    const std::vector<int64_t> &shape) {
  auto pointer = static_cast<int64_t>(reinterpret_cast<intptr_t>(data));
  std::vector<int64_t> words = {pointer, pointer, 0};
  words.insert(words.end(), shape.begin(), shape.end());
  size_t rank = shape.size();
  words.resize(3 + 2 * rank);
  int64_t stride = 1;
  for (size_t dim = rank; dim-- > 0;) {
    words[3 + rank + dim] = stride;
    stride *= shape[dim];
  }
  return words;
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

static size_t alignTo(size_t offset, size_t alignment) {
  return (offset + alignment - 1) / alignment * alignment;
}

static size_t scalarBytes(const HostValueType &type) {
  return (dtypeBits(type.dtype) + 7) / 8;
}

ResultLayout::ResultLayout(const std::vector<HostValueType> &results)
    : results(results) {
  for (const HostValueType &type : results) {
    size_t bytes =
        type.isScalar ? scalarBytes(type) : 8 * (3 + 2 * type.shape.size());
    size_t offset = alignTo(size, type.isScalar ? bytes : 8);
    offsets.push_back(offset);
    size = offset + bytes;
  }
  size = alignTo(size, 8);
}

/// Who frees a buffer. Two results may be views of one.
using BufferOwners = std::map<uint8_t *, std::shared_ptr<uint8_t>>;

static NDArray takeTensor(const HostValueType &type, const uint8_t *storage,
                          BufferOwners &owners) {
  std::vector<int64_t> words(3 + type.shape.size());
  std::memcpy(words.data(), storage, words.size() * sizeof(int64_t));
  auto *allocated = reinterpret_cast<uint8_t *>(words[0]);
  auto *aligned = reinterpret_cast<uint8_t *>(words[1]);
  std::shared_ptr<uint8_t> &owner = owners[allocated];
  if (!owner)
    owner.reset(allocated, [](uint8_t *p) { std::free(p); });
  // Function results have the identity layout: contiguous from the offset.
  std::vector<int64_t> shape(words.begin() + 3, words.end());
  size_t offset = static_cast<size_t>(words[2]) * scalarBytes(type);
  return NDArray::view(type.dtype, shape,
                       std::shared_ptr<const uint8_t>(owner, aligned + offset));
}

std::vector<NDArray> ResultLayout::takeResults(const uint8_t *storage) const {
  BufferOwners owners;
  std::vector<NDArray> arrays;
  for (size_t i = 0; i < results.size(); ++i) {
    const HostValueType &type = results[i];
    if (!type.isScalar) {
      arrays.push_back(takeTensor(type, storage + offsets[i], owners));
      continue;
    }
    NDArray scalar(type.dtype, {});
    std::memcpy(scalar.mutableBytes(), storage + offsets[i], scalar.byteSize());
    arrays.push_back(std::move(scalar));
  }
  return arrays;
}

} // namespace fp4
