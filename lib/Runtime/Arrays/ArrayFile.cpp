//===- ArrayFile.cpp - Arrays as a user names them ------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sums of errors run in double.
//
//===----------------------------------------------------------------------===//

#include "fp4/Runtime/Arrays/ArrayFile.h"
#include "fp4/TensorIO/Npy.h"
#include "fp4/TensorIO/Safetensors.h"
#include <cmath>
#include <cstring>

namespace fp4 {

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

static constexpr std::string_view kSafetensors = ".safetensors";

static bool endsWith(const std::string &text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

ArrayFile ArrayFile::parse(const std::string &text) {
  ArrayFile file;
  size_t equals = text.find('=');
  bool hasName = equals != std::string::npos &&
                 text.find('/') > equals; // "a/b=c" is a path
  if (hasName)
    file.name = text.substr(0, equals);
  file.path = hasName ? text.substr(equals + 1) : text;
  size_t at = file.path.rfind(std::string(kSafetensors) + ":");
  if (at != std::string::npos) {
    file.tensor = file.path.substr(at + kSafetensors.size() + 1);
    file.path.resize(at + kSafetensors.size());
  }
  return file;
}

static Expected<NDArray> readTensor(const ArrayFile &file) {
  Expected<SafetensorsFile> opened = SafetensorsFile::open(file.path);
  if (!opened.ok())
    return opened.status();
  std::vector<std::string> names = opened->tensors();
  if (!file.tensor.empty())
    return opened->tensor(file.tensor);
  if (names.size() == 1)
    return opened->tensor(names.front());
  return Status::error(file.path + ": expected one of its " +
                       std::to_string(names.size()) +
                       " tensors to be named after a colon");
}

Expected<NDArray> readArray(const ArrayFile &file, DType rawType) {
  if (endsWith(file.path, kSafetensors))
    return readTensor(file);
  if (endsWith(file.path, ".npy"))
    return readNpy(file.path, rawType);
  return Status::error(file.path +
                       ": expected a file called *.npy or *.safetensors");
}

Status writeArray(const std::string &path, const NDArray &array) {
  if (!endsWith(path, ".npy"))
    return Status::error(path + ": expected a file called *.npy");
  return writeNpy(path, array);
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

template <typename T> static std::vector<double> widen(const NDArray &array) {
  std::vector<double> values(static_cast<size_t>(array.elementCount()));
  for (size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, array.bytes() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<double>(value);
  }
  return values;
}

Expected<std::vector<double>> toDoubles(const NDArray &array) {
  switch (array.dtype()) {
  case DType::F64:
    return widen<double>(array);
  case DType::Bool:
  case DType::U8:
    return widen<uint8_t>(array);
  case DType::I8:
    return widen<int8_t>(array);
  case DType::U16:
    return widen<uint16_t>(array);
  case DType::I16:
    return widen<int16_t>(array);
  case DType::U32:
    return widen<uint32_t>(array);
  case DType::I32:
    return widen<int32_t>(array);
  case DType::U64:
    return widen<uint64_t>(array);
  case DType::I64:
    return widen<int64_t>(array);
  default:
    break;
  }
  if (dtypeBits(array.dtype()) == 8) // 8-bit floats: by code
    return widen<uint8_t>(array);
  Expected<std::vector<float>> floats = array.toFloat32();
  if (!floats.ok())
    return floats.status();
  return std::vector<double>(floats->begin(), floats->end());
}

Expected<Comparison> compareArrays(const NDArray &got,
                                   const NDArray &expected) {
  if (got.shape() != expected.shape())
    return Status::error("expected shape " + shapeString(expected.shape()) +
                         ", got " + shapeString(got.shape()));
  Expected<std::vector<double>> left = toDoubles(got);
  if (!left.ok())
    return left.status();
  Expected<std::vector<double>> right = toDoubles(expected);
  if (!right.ok())
    return right.status();

  Comparison result;
  double errors = 0, squares = 0;
  for (size_t i = 0; i < left->size(); ++i) {
    double a = (*left)[i], b = (*right)[i];
    bool isEqual = a == b || (a != a && b != b);
    result.numDifferent += !isEqual;
    if (!std::isfinite(a) || !std::isfinite(b)) {
      result.numNotFinite += !isEqual;
      continue;
    }
    errors += (a - b) * (a - b);
    squares += b * b;
    result.largestDifference =
        std::max(result.largestDifference, std::fabs(a - b));
  }
  result.relativeError = std::sqrt(squares > 0 ? errors / squares : errors);
  return result;
}

} // namespace fp4
