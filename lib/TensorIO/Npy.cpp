//===- Npy.cpp - NumPy array files ----------------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The header of an .npy file is a Python dictionary literal such as
//   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
// which HeaderParser reads by recursive descent; it knows no more of Python
// than numpy.lib.format writes.
//
//===----------------------------------------------------------------------===//

#include "fp4/TensorIO/Npy.h"
#include "MappedFile.h"
#include "fp4/TensorIO/AtomicFile.h"
#include <cstring>

using namespace fp4;

static constexpr std::string_view kMagic = "\x93NUMPY";

//===----------------------------------------------------------------------===//
// Dtypes
//===----------------------------------------------------------------------===//

struct DescrName {
  std::string_view descr;
  DType dtype;
};

static constexpr DescrName kDescrs[] = {
    {"|b1", DType::Bool}, {"|u1", DType::U8},  {"|i1", DType::I8},
    {"<u2", DType::U16},  {"<i2", DType::I16}, {"<u4", DType::U32},
    {"<i4", DType::I32},  {"<u8", DType::U64}, {"<i8", DType::I64},
    {"<f2", DType::F16},  {"<f4", DType::F32}, {"<f8", DType::F64}};

/// Void items: "V2", "|V2" and "<V2" all occur.
static std::optional<unsigned> voidBytes(std::string_view descr) {
  if (!descr.empty() && (descr[0] == '<' || descr[0] == '|'))
    descr.remove_prefix(1);
  if (descr == "V1")
    return 1;
  if (descr == "V2")
    return 2;
  return std::nullopt;
}

static Expected<DType> parseDescr(const std::string &descr,
                                  std::optional<DType> rawType) {
  for (const DescrName &known : kDescrs)
    if (known.descr == descr)
      return known.dtype;
  if (std::optional<unsigned> bytes = voidBytes(descr)) {
    if (!rawType)
      return Status::error("items of dtype '" + descr +
                           "' have no type of their own; pass one, such as "
                           "BF16");
    if (dtypeBits(*rawType) != 8 * *bytes)
      return Status::error("items of dtype '" + descr + "' cannot be " +
                           std::string(dtypeName(*rawType)) + ", which has " +
                           std::to_string(dtypeBits(*rawType)) + " bits");
    return *rawType;
  }
  if (descr.find('O') != std::string::npos)
    return Status::error("arrays of Python objects are not supported");
  if (!descr.empty() && descr[0] == '>')
    return Status::error("big-endian dtype '" + descr + "' is not supported");
  return Status::error("dtype '" + descr + "' is not supported");
}

//===----------------------------------------------------------------------===//
// Header
//===----------------------------------------------------------------------===//

struct NpyHeader {
  std::optional<std::string> descr;
  std::optional<bool> fortranOrder;
  std::optional<std::vector<int64_t>> shape;
};

class HeaderParser {
public:
  explicit HeaderParser(std::string_view text) : rest(text) {}

  Expected<NpyHeader> parse() {
    NpyHeader header;
    if (!consume('{'))
      return Status::error("expected a dictionary in the header");
    while (!consume('}')) {
      std::optional<std::string> key = parseString();
      if (!key || !consume(':'))
        return Status::error("expected a quoted key and ':' in the header");
      if (Status status = parseValue(*key, header); !status.ok())
        return status;
      if (!consume(',') && !startsWith('}'))
        return Status::error("expected ',' or '}' after key '" + *key + "'");
    }
    if (skipSpace(); !rest.empty())
      return Status::error("unexpected text after the header's dictionary");
    if (!header.descr || !header.fortranOrder || !header.shape)
      return Status::error(
          "expected the keys 'descr', 'fortran_order' and 'shape'");
    return header;
  }

private:
  void skipSpace() {
    size_t count = rest.find_first_not_of(" \n\t\r");
    rest.remove_prefix(count == rest.npos ? rest.size() : count);
  }

  bool startsWith(char c) {
    skipSpace();
    return !rest.empty() && rest[0] == c;
  }

  bool consume(char c) {
    if (!startsWith(c))
      return false;
    rest.remove_prefix(1);
    return true;
  }

  bool consumeWord(std::string_view word) {
    skipSpace();
    if (rest.substr(0, word.size()) != word)
      return false;
    rest.remove_prefix(word.size());
    return true;
  }

  /// Keys and dtypes contain no escapes.
  std::optional<std::string> parseString() {
    skipSpace();
    if (rest.empty() || (rest[0] != '\'' && rest[0] != '"'))
      return std::nullopt;
    size_t end = rest.find(rest[0], 1);
    if (end == rest.npos)
      return std::nullopt;
    std::string text(rest.substr(1, end - 1));
    rest.remove_prefix(end + 1);
    return text;
  }

  /// At most 18 digits, so that the result cannot overflow.
  std::optional<int64_t> parseInteger() {
    skipSpace();
    size_t digits = 0;
    int64_t value = 0;
    for (; digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9';
         ++digits) {
      if (digits == 18)
        return std::nullopt;
      value = 10 * value + (rest[digits] - '0');
    }
    if (digits == 0)
      return std::nullopt;
    rest.remove_prefix(digits);
    return value;
  }

  std::optional<std::vector<int64_t>> parseTuple() {
    if (!consume('('))
      return std::nullopt;
    std::vector<int64_t> values;
    while (!consume(')')) {
      std::optional<int64_t> value = parseInteger();
      if (!value || (!consume(',') && !startsWith(')')))
        return std::nullopt;
      values.push_back(*value);
    }
    return values;
  }

  Status parseValue(const std::string &key, NpyHeader &header) {
    if (key == "descr") {
      if (startsWith('['))
        return Status::error("structured dtypes are not supported");
      header.descr = parseString();
      if (!header.descr)
        return Status::error("expected a quoted dtype for 'descr'");
    } else if (key == "fortran_order") {
      if (consumeWord("True"))
        header.fortranOrder = true;
      else if (consumeWord("False"))
        header.fortranOrder = false;
      else
        return Status::error("expected True or False for 'fortran_order'");
    } else if (key == "shape") {
      header.shape = parseTuple();
      if (!header.shape)
        return Status::error(
            "expected a tuple of non-negative integers for 'shape'");
    } else {
      return Status::error("unexpected key '" + key + "' in the header");
    }
    return Status::success();
  }

  std::string_view rest;
};

/// The dictionary's text; `dataOffset` becomes the position behind it.
static Expected<std::string_view> headerText(const MappedFile &file,
                                             size_t &dataOffset) {
  std::string_view text(reinterpret_cast<const char *>(file.bytes.get()),
                        file.size);
  if (text.substr(0, kMagic.size()) != kMagic)
    return Status::error("expected the magic string \\x93NUMPY");
  if (text.size() < 10)
    return Status::error("file ends in the header");
  int major = static_cast<uint8_t>(text[6]);
  if (major < 1 || major > 3)
    return Status::error("expected format version 1, 2 or 3, got " +
                         std::to_string(major));
  size_t lengthBytes = major == 1 ? 2 : 4;
  size_t start = 8 + lengthBytes;
  if (text.size() < start)
    return Status::error("file ends in the header");
  uint32_t length = 0; // little endian, so two bytes fill the low half
  std::memcpy(&length, file.bytes.get() + 8, lengthBytes);
  if (length > text.size() - start)
    return Status::error("header length " + std::to_string(length) +
                         " exceeds the " + std::to_string(text.size() - start) +
                         " bytes that follow");
  dataOffset = start + length;
  return text.substr(start, length);
}

static Expected<NDArray> parseFile(const MappedFile &file,
                                   std::optional<DType> rawType) {
  size_t dataOffset = 0;
  Expected<std::string_view> text = headerText(file, dataOffset);
  if (!text.ok())
    return text.status();
  Expected<NpyHeader> header = HeaderParser(*text).parse();
  if (!header.ok())
    return header.status();
  Expected<DType> dtype = parseDescr(*header->descr, rawType);
  if (!dtype.ok())
    return dtype.status();
  if (*header->fortranOrder)
    return Status::error("Fortran order is not supported; save the array with "
                         "numpy.ascontiguousarray");
  Expected<size_t> size = byteSizeOf(*dtype, *header->shape);
  if (!size.ok())
    return size.status();
  if (*size != file.size - dataOffset)
    return Status::error("shape " + shapeString(*header->shape) + " of " +
                         std::string(dtypeName(*dtype)) + " needs " +
                         std::to_string(*size) + " bytes of data, got " +
                         std::to_string(file.size - dataOffset));
  return NDArray::view(*dtype, std::move(*header->shape),
                       file.from(dataOffset));
}

Expected<NDArray> fp4::readNpy(const std::string &path,
                               std::optional<DType> rawType) {
  Expected<MappedFile> file = MappedFile::open(path);
  if (!file.ok())
    return file.status();
  Expected<NDArray> array = parseFile(*file, rawType);
  if (!array.ok())
    return Status::error("cannot read '" + path +
                         "' as npy: " + array.message());
  return array;
}

//===----------------------------------------------------------------------===//
// Writer
//===----------------------------------------------------------------------===//

static std::optional<std::string> descrOf(DType dtype) {
  for (const DescrName &known : kDescrs)
    if (known.dtype == dtype)
      return std::string(known.descr);
  switch (dtypeBits(dtype)) {
  case 8:
    return "|V1";
  case 16:
    return "|V2";
  default:
    return std::nullopt;
  }
}

/// Magic, version and dictionary, padded so that the data is aligned to 64.
static std::string formatHeader(const std::string &descr,
                                const std::vector<int64_t> &shape) {
  std::string tuple;
  for (int64_t dim : shape)
    tuple += std::to_string(dim) + ", ";
  // Python writes (3,) and (3, 4).
  if (!tuple.empty())
    tuple.resize(tuple.size() - (shape.size() == 1 ? 1 : 2));
  std::string dictionary = "{'descr': '" + descr +
                           "', 'fortran_order': False, 'shape': (" + tuple +
                           "), }";
  size_t unpadded = kMagic.size() + 4 + dictionary.size() + 1;
  dictionary.append((64 - unpadded % 64) % 64, ' ');
  dictionary += '\n';
  std::string header(kMagic);
  header += '\x01';
  header += '\0';
  header += static_cast<char>(dictionary.size() & 0xFF);
  header += static_cast<char>(dictionary.size() >> 8);
  return header + dictionary;
}

Status fp4::writeNpy(const std::string &path, const NDArray &array) {
  std::optional<std::string> descr = descrOf(array.dtype());
  if (!descr)
    return Status::error("cannot write '" + path + "': npy has no dtype for " +
                         std::string(dtypeName(array.dtype())));
  Expected<AtomicFile> file = AtomicFile::create(path);
  if (!file.ok())
    return file.status();
  if (Status status = file->write(formatHeader(*descr, array.shape()));
      !status.ok())
    return status;
  if (Status status = file->write(array.bytes(), array.byteSize());
      !status.ok())
    return status;
  return file->commit();
}
