//===- KernelArguments.cpp - Arguments of a kernel as texts ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parses --arg of fp4-run: numbers, files, drawn arrays and tensor maps.
//
//===----------------------------------------------------------------------===//

#include "KernelArguments.h"
#include "fp4/Numerics/Half.h"
#include "fp4/Runtime/Arrays/ArrayFile.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include <cstring>
#include <random>

using llvm::StringRef;

namespace fp4 {

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

static std::optional<DType> parseType(StringRef name) {
  return llvm::StringSwitch<std::optional<DType>>(name)
      .Case("i8", DType::I8)
      .Case("u8", DType::U8)
      .Case("i16", DType::I16)
      .Case("u16", DType::U16)
      .Case("i32", DType::I32)
      .Case("u32", DType::U32)
      .Case("i64", DType::I64)
      .Case("u64", DType::U64)
      .Case("f16", DType::F16)
      .Case("bf16", DType::BF16)
      .Case("f32", DType::F32)
      .Case("f64", DType::F64)
      .Default(std::nullopt);
}

static bool isFloatType(DType type) {
  return type == DType::F16 || type == DType::BF16 || type == DType::F32 ||
         type == DType::F64;
}

static void append(std::vector<uint8_t> &bytes, const void *value,
                   size_t size) {
  const auto *data = static_cast<const uint8_t *>(value);
  bytes.insert(bytes.end(), data, data + size);
}

/// Appends `value` in a float type.
static void appendFloat(std::vector<uint8_t> &bytes, DType type, double value) {
  auto single = float(value);
  uint16_t half = type == DType::BF16 ? numerics::encodeBF16(single)
                                      : numerics::encodeF16(single);
  if (type == DType::F64)
    append(bytes, &value, sizeof value);
  else if (type == DType::F32)
    append(bytes, &single, sizeof single);
  else
    append(bytes, &half, sizeof half);
}

/// The low bytes of an integer, if it fits in so many, signed or not.
static std::optional<std::vector<uint8_t>> integerBytes(StringRef text,
                                                        size_t size) {
  bool isNegative = text.consume_front("-");
  uint64_t magnitude;
  if (text.getAsInteger(0, magnitude) || size == 0 || size > 8)
    return std::nullopt;
  unsigned bits = unsigned(size) * 8;
  uint64_t limit =
      isNegative ? uint64_t(1) << (bits - 1) : ~uint64_t(0) >> (64 - bits);
  if (magnitude > limit)
    return std::nullopt;
  uint64_t value = isNegative ? 0 - magnitude : magnitude;
  std::vector<uint8_t> bytes;
  append(bytes, &value, size);
  return bytes;
}

/// A number of `type`; nothing if the text is none, or too large.
static std::optional<std::vector<uint8_t>> numberBytes(StringRef text,
                                                       DType type) {
  if (!isFloatType(type))
    return integerBytes(text, dtypeBits(type) / 8);
  double value;
  if (text.getAsDouble(value))
    return std::nullopt;
  std::vector<uint8_t> bytes;
  appendFloat(bytes, type, value);
  return bytes;
}

/// A number without a type, as wide as the parameter.
static std::optional<std::vector<uint8_t>> plainNumber(StringRef text,
                                                       size_t slotBytes) {
  if (auto integer = integerBytes(text, slotBytes))
    return integer;
  uint64_t whole;
  bool isInteger = !text.ltrim("-").getAsInteger(0, whole);
  if (isInteger || (slotBytes != 4 && slotBytes != 8))
    return std::nullopt;
  return numberBytes(text, slotBytes == 4 ? DType::F32 : DType::F64);
}

//===----------------------------------------------------------------------===//
// Arrays
//===----------------------------------------------------------------------===//

/// "64x32" as numbers.
static std::optional<std::vector<int64_t>> parseExtents(StringRef text) {
  llvm::SmallVector<StringRef> parts;
  text.split(parts, 'x');
  std::vector<int64_t> extents;
  for (StringRef part : parts) {
    int64_t extent;
    if (part.getAsInteger(10, extent) || extent < 1)
      return std::nullopt;
    extents.push_back(extent);
  }
  return extents;
}

static NDArray drawArray(DType type, const std::vector<int64_t> &shape,
                         uint64_t seed) {
  NDArray array(type, shape);
  std::mt19937_64 random(seed);
  std::vector<uint8_t> bytes;
  for (int64_t i = 0; i < array.elementCount(); ++i) {
    uint64_t bits = random();
    if (isFloatType(type))
      appendFloat(bytes, type, double(bits >> 11) * 0x1p-52 - 1);
    else
      append(bytes, &bits, dtypeBits(type) / 8);
  }
  std::memcpy(array.mutableBytes(), bytes.data(), bytes.size());
  return array;
}

/// "x.npy", "zeros:f32:64x64" or "random:f32:64x64".
static Expected<NDArray> parseArray(StringRef text, uint64_t seed) {
  auto [word, rest] = text.split(':');
  if (word != "zeros" && word != "random")
    return readArray(ArrayFile::parse(text.str()));
  auto [typeName, extents] = rest.split(':');
  std::optional<DType> type = parseType(typeName);
  std::optional<std::vector<int64_t>> shape = parseExtents(extents);
  if (!type || !shape)
    return Status::error("expected " + word.str() + ":type:64x64, got '" +
                         text.str() + "'");
  Expected<size_t> bytes = byteSizeOf(*type, *shape);
  if (!bytes.ok())
    return bytes.status();
  constexpr size_t kMaxBytes = size_t(1) << 34;
  if (*bytes > kMaxBytes)
    return Status::error("'" + text.str() + "' has " + std::to_string(*bytes) +
                         " bytes; at most 2^34");
  return word == "zeros" ? NDArray(*type, *shape)
                         : drawArray(*type, *shape, seed);
}

//===----------------------------------------------------------------------===//
// Tensor maps
//===----------------------------------------------------------------------===//

static std::optional<ptx::TensorMapType> mapTypeOf(DType type) {
  using Type = ptx::TensorMapType;
  switch (type) {
  case DType::U16:
  case DType::I16:
    return Type::U16;
  case DType::U32:
    return Type::U32;
  case DType::I32:
    return Type::S32;
  case DType::U64:
    return Type::U64;
  case DType::I64:
    return Type::S64;
  case DType::F16:
    return Type::F16;
  case DType::BF16:
    return Type::BF16;
  case DType::F32:
    return Type::F32;
  case DType::F64:
    return Type::F64;
  default:
    if (dtypeBits(type) == 8)
      return Type::U8;
    return std::nullopt;
  }
}

/// The parameters over a dense array, innermost dimension first.
static Expected<ptx::TensorMapParams>
describeMap(const NDArray &array, std::optional<ptx::TensorMapType> type) {
  ptx::TensorMapParams params;
  size_t rank = array.shape().size();
  if (!type)
    type = mapTypeOf(array.dtype());
  if (rank < 1 || rank > 5 || !type)
    return Status::error("expected a tensor map over an array of rank 1 to 5 "
                         "and 8 to 64 bits, got " +
                         std::string(dtypeName(array.dtype())) + " " +
                         shapeString(array.shape()));
  params.type = *type;
  params.rank = unsigned(rank);
  bool isPacked = *type >= ptx::TensorMapType::U4Align8B &&
                  *type <= ptx::TensorMapType::U4Align16B;
  uint64_t stride = dtypeBits(array.dtype()) / 8;
  for (size_t i = 0; i < rank; ++i) {
    auto extent = uint64_t(array.shape()[rank - 1 - i]);
    params.globalDim[i] = i == 0 && isPacked ? extent * 2 : extent;
    stride *= extent;
    if (i + 1 < rank)
      params.globalStrides[i] = stride;
  }
  return params;
}

static Status setBox(ptx::TensorMapParams &params, StringRef text) {
  std::optional<std::vector<int64_t>> box = parseExtents(text);
  if (!box || box->size() != params.rank)
    return Status::error("expected a box of " + std::to_string(params.rank) +
                         " extents like 64x32, got '" + text.str() + "'");
  for (size_t i = 0; i < box->size(); ++i)
    params.boxDim[i] = uint32_t((*box)[box->size() - 1 - i]);
  return Status::success();
}

static std::optional<ptx::TensorMapSwizzle> parseSwizzle(StringRef name) {
  using Swizzle = ptx::TensorMapSwizzle;
  return llvm::StringSwitch<std::optional<Swizzle>>(name)
      .Case("none", Swizzle::None)
      .Case("32B", Swizzle::B32)
      .Case("64B", Swizzle::B64)
      .Case("128B", Swizzle::B128)
      .Case("128B_atom_32B", Swizzle::B128Atom32B)
      .Case("128B_atom_64B", Swizzle::B128Atom64B)
      .Default(std::nullopt);
}

static std::optional<ptx::TensorMapType> parseMapType(StringRef name) {
  using Type = ptx::TensorMapType;
  return llvm::StringSwitch<std::optional<Type>>(name)
      .Case("16u4_align8b", Type::U4Align8B)
      .Case("16u4_align16b", Type::U4Align16B)
      .Case("tf32", Type::TF32)
      .Case("f32_ftz", Type::F32Ftz)
      .Default(std::nullopt);
}

/// Everything behind the array of a tensor map.
static Status readMapOptions(KernelArgumentText &argument,
                             std::map<std::string, std::string> &options) {
  std::optional<ptx::TensorMapType> type;
  if (auto it = options.find("type"); it != options.end()) {
    type = parseMapType(it->second);
    if (!type)
      return Status::error("expected type=16u4_align8b, 16u4_align16b, tf32 or "
                           "f32_ftz, got '" +
                           it->second + "'");
  }
  Expected<ptx::TensorMapParams> params = describeMap(*argument.array, type);
  if (!params.ok())
    return params.status();
  if (Status status = setBox(*params, options["box"]); !status.ok())
    return status;
  if (auto it = options.find("swizzle"); it != options.end()) {
    std::optional<ptx::TensorMapSwizzle> swizzle = parseSwizzle(it->second);
    if (!swizzle)
      return Status::error("expected swizzle=none, 32B, 64B, 128B, "
                           "128B_atom_32B or 128B_atom_64B, got '" +
                           it->second + "'");
    params->swizzle = *swizzle;
  }
  params->nanFill = options["fill"] == "nan";
  argument.map = *params;
  for (const char *key : {"type", "box", "swizzle", "fill"})
    options.erase(key);
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

/// "x.npy,out=y.npy": splits off the options.
static Expected<std::map<std::string, std::string>>
splitOptions(StringRef &text) {
  std::map<std::string, std::string> options;
  llvm::SmallVector<StringRef> parts;
  text.split(parts, ',');
  for (StringRef part : llvm::ArrayRef(parts).drop_front()) {
    auto [key, value] = part.split('=');
    if (value.empty() || !options.emplace(key, value).second)
      return Status::error("expected key=value once, got '" + part.str() + "'");
  }
  text = parts.front();
  return options;
}

/// The forms that are passed by value; false if `text` is none of them.
static Expected<bool> parseValue(StringRef text, size_t slotBytes,
                                 KernelArgumentText &argument) {
  auto [word, rest] = text.split(':');
  std::optional<std::vector<uint8_t>> bytes;
  std::optional<DType> type = parseType(word);
  if (type && text.contains(':')) {
    bytes = numberBytes(rest, *type);
    if (!bytes)
      return Status::error("expected a number of type " + word.str() +
                           ", got '" + rest.str() + "'");
  } else if (word == "hex") {
    std::string data;
    if (!llvm::tryGetFromHex(rest, data))
      return Status::error("expected hexadecimal digits, got '" + rest.str() +
                           "'");
    bytes.emplace(data.begin(), data.end());
  } else {
    bytes = plainNumber(text, slotBytes);
  }
  if (!bytes)
    return false;
  if (bytes->size() != slotBytes)
    return Status::error("the parameter has " + std::to_string(slotBytes) +
                         " bytes, '" + text.str() + "' has " +
                         std::to_string(bytes->size()));
  argument.value = std::move(*bytes);
  return true;
}

static Expected<KernelArgumentText> parse(StringRef text, size_t index,
                                          size_t slotBytes, uint64_t seed) {
  KernelArgumentText argument;
  argument.text = text.str();
  Expected<bool> isValue = parseValue(text, slotBytes, argument);
  if (!isValue.ok())
    return isValue.status();
  if (*isValue)
    return argument;
  if (text.consume_front("same:")) {
    size_t other;
    if (text.getAsInteger(10, other) || other >= index)
      return Status::error(
          "expected the number of an argument in front, got '" + text.str() +
          "'");
    argument.sameAs = other;
    return argument;
  }
  bool isMap = text.consume_front("tma:");
  Expected<std::map<std::string, std::string>> options = splitOptions(text);
  if (!options.ok())
    return options.status();
  Expected<NDArray> array = parseArray(text, seed + index);
  if (!array.ok())
    return array.status();
  argument.array = *array;
  if (isMap)
    if (Status status = readMapOptions(argument, *options); !status.ok())
      return status;
  argument.out = (*options)["out"];
  argument.check = (*options)["check"];
  for (const auto &[key, value] : *options)
    if (key != "out" && key != "check")
      return Status::error("unknown option '" + key + "'");
  return argument;
}

Expected<KernelArgumentText> parseKernelArgument(const std::string &text,
                                                 size_t index, size_t slotBytes,
                                                 uint64_t seed) {
  Expected<KernelArgumentText> argument = parse(text, index, slotBytes, seed);
  if (!argument.ok())
    return Status::error("argument " + std::to_string(index) + ": " +
                         argument.message());
  size_t wanted = argument->map ? sizeof(ptx::TensorMap) : sizeof(uint64_t);
  if (argument->value.empty() && slotBytes != wanted)
    return Status::error("argument " + std::to_string(index) +
                         ": the parameter has " + std::to_string(slotBytes) +
                         " bytes, " +
                         (argument->map ? "a tensor map" : "an address") +
                         " has " + std::to_string(wanted));
  return argument;
}

} // namespace fp4
