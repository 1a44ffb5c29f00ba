//===- Meaning.cpp - What kernels compute ---------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Evaluates a kernel's meaning in double precision and compares it with what a
// device computed.
//
//===----------------------------------------------------------------------===//

#include "fp4/Runtime/Artifact/Meaning.h"
#include "Meanings.h"
#include "fp4/Numerics/Half.h"
#include <algorithm>
#include <cmath>
#include <cstring>

namespace fp4::runtime {

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

namespace {
struct TypeName {
  const char *name;
  DType dtype;
  unsigned bits;
};
} // namespace

static constexpr TypeName kTypes[] = {
    {"f4E2M1FN", DType::U8, 4},    {"f6E2M3FN", DType::U8, 6},
    {"f6E3M2FN", DType::U8, 6},    {"f8E4M3FN", DType::F8_E4M3, 8},
    {"f8E5M2", DType::F8_E5M2, 8}, {"f8E8M0FNU", DType::F8_E8M0, 8},
    {"i8", DType::U8, 8},          {"ui8", DType::U8, 8},
    {"i16", DType::I16, 16},       {"i32", DType::I32, 32},
    {"i64", DType::I64, 64},       {"f16", DType::F16, 16},
    {"bf16", DType::BF16, 16},     {"f32", DType::F32, 32},
    {"f64", DType::F64, 64},
};

static Expected<TypeName> findType(const std::string &type) {
  for (const TypeName &candidate : kTypes)
    if (type == candidate.name)
      return candidate;
  return Status::error("the runtime has no element type '" + type + "'");
}

Expected<DType> dtypeOfType(const std::string &type) {
  Expected<TypeName> found = findType(type);
  if (!found.ok())
    return found.status();
  return found->dtype;
}

Expected<unsigned> bitsOfType(const std::string &type) {
  Expected<TypeName> found = findType(type);
  if (!found.ok())
    return found.status();
  return found->bits;
}

//===----------------------------------------------------------------------===//
// Kinds
//===----------------------------------------------------------------------===//

namespace {
struct MeaningEntry {
  const char *kind;
  MeaningFunction evaluate;
};
} // namespace

static constexpr MeaningEntry kMeanings[] = {
    {"amax", evaluateAmax},
    {"dequantize", evaluateDequantize},
    {"matmul", evaluateMatmul},
    {"quantize", evaluateQuantize},
};

Expected<std::vector<ExpectedOutput>>
evaluateMeaning(const KernelDescription &kernel,
                const KernelOperands &operands) {
  std::string known;
  for (const MeaningEntry &entry : kMeanings) {
    if (kernel.meaning.kind == entry.kind) {
      Expected<std::vector<ExpectedOutput>> outputs =
          entry.evaluate(kernel, operands);
      if (!outputs.ok())
        return Status::error("kernel '" + kernel.name +
                             "': " + outputs.message());
      return outputs;
    }
    known += (known.empty() ? "" : ", ") + std::string(entry.kind);
  }
  return Status::error(
      "kernel '" + kernel.name + "': " +
      (kernel.meaning.kind.empty()
           ? "the manifest does not say what it means"
           : "no meaning of kind '" + kernel.meaning.kind + "'") +
      "; known: " + known);
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

/// Entries by their bytes, or, of packed arrays with alternatives, by halves of
/// bytes.
static OutputError compareBytes(const NDArray &got,
                                const ExpectedOutput &expected) {
  OutputError error;
  size_t itemBytes = std::max<size_t>(dtypeBits(got.dtype()) / 8, 1);
  error.numElements = got.elementCount();
  auto isSame = [&](size_t at, const NDArray &other, uint8_t mask) {
    if (itemBytes > 1)
      return std::memcmp(got.bytes() + at, other.bytes() + at, itemBytes) == 0;
    if (!expected.mask.empty())
      mask &= expected.mask[at];
    return ((got.bytes()[at] ^ other.bytes()[at]) & mask) == 0;
  };
  auto isRight = [&](size_t at, uint8_t mask) {
    if (isSame(at, expected.array, mask))
      return true;
    return std::any_of(
        expected.alternatives.begin(), expected.alternatives.end(),
        [&](const NDArray &other) { return isSame(at, other, mask); });
  };
  for (int64_t i = 0; i < error.numElements; ++i)
    error.numWrong +=
        !isRight(i * itemBytes, 0x0F) || !isRight(i * itemBytes, 0xF0);
  return error;
}

uint32_t largestMagnitude(const NDArray &array) {
  uint32_t largest = 0;
  for (size_t i = 0; i < array.byteSize(); i += 4) {
    uint32_t bits;
    std::memcpy(&bits, array.bytes() + i, 4);
    largest = std::max(largest, bits & 0x7FFFFFFFu);
  }
  return largest;
}

static OutputError compareLargest(const NDArray &got,
                                  const ExpectedOutput &expected) {
  OutputError error;
  error.numElements = 1;
  uint32_t bits = largestMagnitude(got);
  error.numWrong = bits != largestMagnitude(expected.array);
  if (!expected.values.empty()) {
    float largest;
    std::memcpy(&largest, &bits, 4);
    error.largestError = std::fabs(largest - expected.values[0]);
    error.numWrong = !(error.largestError <= expected.bounds[0]);
  }
  return error;
}

Expected<OutputError> compareOutput(const NDArray &got,
                                    const ExpectedOutput &expected) {
  if (got.dtype() != expected.array.dtype() ||
      got.shape() != expected.array.shape())
    return Status::error(expected.argument + ": expected " +
                         std::string(dtypeName(expected.array.dtype())) + " " +
                         shapeString(expected.array.shape()) + ", got " +
                         std::string(dtypeName(got.dtype())) + " " +
                         shapeString(got.shape()));
  if (expected.isLargest)
    return compareLargest(got, expected);
  if (expected.values.empty())
    return compareBytes(got, expected);
  Expected<std::vector<float>> values = got.toFloat32();
  if (!values.ok())
    return values.status();
  OutputError error;
  double largest = 0;
  for (size_t i = 0; i < values->size(); ++i) {
    ++error.numElements;
    double a = (*values)[i], b = expected.values[i];
    bool sameKind = std::isfinite(a) == std::isfinite(b);
    if (!std::isfinite(a) || !std::isfinite(b)) {
      bool isSame = a == b || (std::isnan(a) && std::isnan(b));
      error.numWrong += !(sameKind && isSame);
      continue;
    }
    double difference = std::fabs(a - b);
    error.numWrong += difference > expected.bounds[i];
    error.largestError = std::max(error.largestError, difference);
    if (expected.bounds[i] > 0)
      error.largestShareOfBound =
          std::max(error.largestShareOfBound, difference / expected.bounds[i]);
    largest = std::max(largest, std::fabs(b));
  }
  error.relativeError =
      largest > 0 ? error.largestError / largest : error.largestError;
  return error;
}

} // namespace fp4::runtime
