//===- Safetensors.cpp - Reading and writing one safetensors file ---------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The reader trusts nothing: a view is made only after the header as a whole
// has been checked against the size of the file.
//
//===----------------------------------------------------------------------===//

#include "fp4/TensorIO/Safetensors.h"
#include "Json.h"
#include "MappedFile.h"
#include "fp4/TensorIO/AtomicFile.h"
#include <algorithm>
#include <cstring>
#include <tuple>

using namespace fp4;
using nlohmann::json;

/// The limit of the reference implementation.
static constexpr uint64_t kMaxHeaderBytes = 100'000'000;
static constexpr const char *kMetadataKey = "__metadata__";

//===----------------------------------------------------------------------===//
// Header
//===----------------------------------------------------------------------===//

struct TensorEntry {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
  uint64_t begin, end; // from the start of the data
};

static Expected<std::vector<int64_t>> parseShape(const json &value) {
  if (!value.is_array())
    return Status::error("expected a 'shape' array");
  std::vector<int64_t> shape;
  for (const json &dim : value) {
    // Positive literals are unsigned to the parser, negative ones are not.
    if (!dim.is_number_unsigned() || dim.get<uint64_t>() > INT64_MAX)
      return Status::error("expected dimensions in 0..2^63-1, got " +
                           dim.dump(-1, ' ', true));
    shape.push_back(dim.get<int64_t>());
  }
  return shape;
}

/// Everything about one tensor that does not need the others.
static Expected<TensorEntry> parseEntry(const std::string &name,
                                        const json &value) {
  if (!value.is_object())
    return Status::error(std::string("expected an object, got ") +
                         value.type_name());
  const std::string *dtypeText = findString(value, "dtype");
  if (!dtypeText)
    return Status::error("expected a 'dtype' string");
  std::optional<DType> dtype = parseDType(*dtypeText);
  if (!dtype)
    return Status::error("unknown dtype '" + *dtypeText + "'");
  Expected<std::vector<int64_t>> shape =
      parseShape(value.value("shape", json()));
  if (!shape.ok())
    return shape.status();
  Expected<size_t> size = byteSizeOf(*dtype, *shape);
  if (!size.ok())
    return size.status();

  json offsets = value.value("data_offsets", json());
  if (!offsets.is_array() || offsets.size() != 2 ||
      !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned())
    return Status::error("expected 'data_offsets' of two unsigned integers");
  auto begin = offsets[0].get<uint64_t>(), end = offsets[1].get<uint64_t>();
  std::string range =
      "[" + std::to_string(begin) + ", " + std::to_string(end) + "]";
  if (begin > end)
    return Status::error("data_offsets " + range + " run backwards");
  if (end - begin != *size)
    return Status::error("data_offsets " + range + " hold " +
                         std::to_string(end - begin) + " bytes, but " +
                         *dtypeText + " of shape " + shapeString(*shape) +
                         " needs " + std::to_string(*size));
  return TensorEntry{name, *dtype, std::move(*shape), begin, end};
}

static Expected<Metadata> parseMetadata(const json &value) {
  if (!value.is_object())
    return Status::error(std::string("expected an object, got ") +
                         value.type_name());
  Metadata metadata;
  for (const auto &[key, text] : value.items()) {
    if (!text.is_string())
      return Status::error("expected a string for '" + key + "', got " +
                           text.type_name());
    metadata[key] = text.get<std::string>();
  }
  return metadata;
}

/// The data must be covered exactly: a hole or an overlap would let two readers
/// disagree about what the file holds.
static Status checkCoverage(std::vector<TensorEntry> &entries, uint64_t size) {
  std::sort(entries.begin(), entries.end(),
            [](const TensorEntry &a, const TensorEntry &b) {
              return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
            });
  uint64_t covered = 0;
  for (const TensorEntry &entry : entries) {
    std::string where = "tensor '" + entry.name + "' at data offset " +
                        std::to_string(entry.begin);
    if (entry.end > size)
      return Status::error(where + " ends at " + std::to_string(entry.end) +
                           ", past the " + std::to_string(size) +
                           " bytes of data");
    if (entry.begin < covered)
      return Status::error(where + " overlaps the tensor before it, which " +
                           "ends at " + std::to_string(covered));
    if (entry.begin > covered)
      return Status::error(where + " leaves a hole after offset " +
                           std::to_string(covered));
    covered = entry.end;
  }
  if (covered != size)
    return Status::error(std::to_string(size - covered) +
                         " bytes of data belong to no tensor");
  return Status::success();
}

/// The JSON text between the length and the data.
static Expected<std::string_view> headerText(const MappedFile &file) {
  if (file.size < 8)
    return Status::error("expected at least 8 bytes, got " +
                         std::to_string(file.size));
  uint64_t length;
  std::memcpy(&length, file.bytes.get(), sizeof(length));
  if (length > kMaxHeaderBytes)
    return Status::error("header length " + std::to_string(length) +
                         " exceeds the limit of " +
                         std::to_string(kMaxHeaderBytes));
  if (length > file.size - 8)
    return Status::error("header length " + std::to_string(length) +
                         " exceeds the " + std::to_string(file.size - 8) +
                         " bytes that follow");
  return std::string_view(reinterpret_cast<const char *>(file.bytes.get()) + 8,
                          length);
}

struct Contents {
  TensorMap tensors;
  Metadata metadata;
};

static Expected<Contents> parseFile(const MappedFile &file) {
  Expected<std::string_view> text = headerText(file);
  if (!text.ok())
    return text.status();
  Expected<json> header = parseJsonObject(*text);
  if (!header.ok())
    return Status::error("header: " + header.message());

  Contents contents;
  std::vector<TensorEntry> entries;
  for (const auto &[name, value] : header->items()) {
    if (name == kMetadataKey) {
      Expected<Metadata> metadata = parseMetadata(value);
      if (!metadata.ok())
        return Status::error(std::string(kMetadataKey) + ": " +
                             metadata.message());
      contents.metadata = std::move(*metadata);
      continue;
    }
    Expected<TensorEntry> entry = parseEntry(name, value);
    if (!entry.ok())
      return Status::error("tensor '" + name + "': " + entry.message());
    entries.push_back(std::move(*entry));
  }

  size_t dataOffset = 8 + text->size();
  if (Status status = checkCoverage(entries, file.size - dataOffset);
      !status.ok())
    return status;
  for (TensorEntry &entry : entries)
    contents.tensors.emplace(
        entry.name, NDArray::view(entry.dtype, std::move(entry.shape),
                                  file.from(dataOffset + entry.begin)));
  return contents;
}

//===----------------------------------------------------------------------===//
// Reader
//===----------------------------------------------------------------------===//

Expected<SafetensorsFile> SafetensorsFile::open(const std::string &path) {
  Expected<MappedFile> file = MappedFile::open(path);
  if (!file.ok())
    return file.status();
  Expected<Contents> contents = parseFile(*file);
  if (!contents.ok())
    return Status::error("'" + path + "' is not a valid safetensors file: " +
                         contents.message());
  SafetensorsFile result;
  result.path = path;
  result.entries = std::move(contents->tensors);
  result.userMetadata = std::move(contents->metadata);
  return result;
}

std::vector<std::string> SafetensorsFile::tensors() const {
  std::vector<std::string> names;
  for (const auto &entry : entries)
    names.push_back(entry.first);
  return names;
}

Expected<NDArray> SafetensorsFile::tensor(const std::string &name) const {
  auto it = entries.find(name);
  if (it == entries.end())
    return Status::error("'" + path + "' has no tensor '" + name + "'");
  return it->second;
}

//===----------------------------------------------------------------------===//
// Writer
//===----------------------------------------------------------------------===//

using NamedTensor = TensorMap::value_type;

/// Falling element width, then rising name.
static std::vector<const NamedTensor *> fileOrder(const TensorMap &tensors) {
  std::vector<const NamedTensor *> order;
  for (const NamedTensor &tensor : tensors)
    order.push_back(&tensor);
  std::sort(order.begin(), order.end(),
            [](const NamedTensor *a, const NamedTensor *b) {
              unsigned aBits = dtypeBits(a->second.dtype());
              unsigned bBits = dtypeBits(b->second.dtype());
              return std::tie(bBits, a->first) < std::tie(aBits, b->first);
            });
  return order;
}

/// The JSON header, padded with spaces so that the data starts at a multiple
/// of eight.
static Expected<std::string>
formatHeader(const std::vector<const NamedTensor *> &order,
             const Metadata &metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty())
    header[kMetadataKey] = metadata;
  size_t offset = 0;
  for (const NamedTensor *tensor : order) {
    const auto &[name, array] = *tensor;
    if (name == kMetadataKey)
      return Status::error(std::string("the tensor name '") + kMetadataKey +
                           "' is reserved");
    header[name] = {{"dtype", dtypeName(array.dtype())},
                    {"shape", array.shape()},
                    {"data_offsets", {offset, offset + array.byteSize()}}};
    offset += array.byteSize();
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::type_error &) {
    // The only failure of dump: JSON text must be UTF-8.
    return Status::error("a tensor name or a metadata entry is not valid "
                         "UTF-8");
  }
  text.append((8 - text.size() % 8) % 8, ' ');
  if (text.size() > kMaxHeaderBytes)
    return Status::error("the header of " + std::to_string(text.size()) +
                         " bytes exceeds the limit of " +
                         std::to_string(kMaxHeaderBytes));
  return text;
}

Status fp4::writeSafetensors(const std::string &path, const TensorMap &tensors,
                             const Metadata &metadata) {
  std::vector<const NamedTensor *> order = fileOrder(tensors);
  Expected<std::string> header = formatHeader(order, metadata);
  if (!header.ok())
    return Status::error("cannot write '" + path + "': " + header.message());
  Expected<AtomicFile> file = AtomicFile::create(path);
  if (!file.ok())
    return file.status();
  uint64_t length = header->size();
  if (Status status = file->write(&length, sizeof(length)); !status.ok())
    return status;
  if (Status status = file->write(*header); !status.ok())
    return status;
  for (const NamedTensor *tensor : order) {
    const NDArray &array = tensor->second;
    if (Status status = file->write(array.bytes(), array.byteSize());
        !status.ok())
      return status;
  }
  return file->commit();
}
