//===- DrawnInputs.cpp - Inputs for a first try --------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random arrays for inputs that the user did not give, of the types and sizes
// that the manifest asks for.
//
//===----------------------------------------------------------------------===//

#include "fp4/Runtime/Artifact/DrawnInputs.h"
#include "fp4/Numerics/FoldedFragments.h"
#include "fp4/Numerics/Half.h"
#include <cstring>
#include <random>

namespace fp4::runtime {

/// An E4M3 or E8M0 code in 2^-4 .. 2^4.
static uint8_t drawScale(const std::string &type, std::mt19937_64 &random) {
  bool isPowerOfTwo = type == "f8E8M0FNU";
  int one = isPowerOfTwo ? 127 : 0x38, span = isPowerOfTwo ? 4 : 4 * 8;
  return uint8_t(one - span + int(random() % (2 * span + 1)));
}

static Status fillFloats(NDArray &array, std::mt19937_64 &random) {
  double offset = array.rank() == 0 ? 0.5 : -1;
  double width = array.rank() == 0 ? 1 : 2;
  size_t bytes = dtypeBits(array.dtype()) / 8;
  for (int64_t i = 0; i < array.elementCount(); ++i) {
    double unit = double(random() >> 11) * 0x1p-53;
    auto value = float(offset + width * unit);
    uint16_t half = array.dtype() == DType::BF16 ? numerics::encodeBF16(value)
                                                 : numerics::encodeF16(value);
    const void *source = array.dtype() == DType::F32
                             ? static_cast<const void *>(&value)
                             : static_cast<const void *>(&half);
    std::memcpy(array.mutableBytes() + size_t(i) * bytes, source, bytes);
  }
  return Status::success();
}

/// Whether a launch reads `input` as a weight in the order of fragments.
static bool isFragments(const Manifest &manifest, const std::string &input) {
  for (const LaunchDescription &launch : manifest.launches) {
    const Meaning &meaning = manifest.kernels[launch.kernel].meaning;
    auto rhs = launch.arguments.find("rhs");
    if (!meaning.field("rhs_layout").empty() && rhs != launch.arguments.end() &&
        rhs->second.kind == ArgumentSource::Kind::Input &&
        rhs->second.name == input)
      return true;
  }
  return false;
}

/// Puts scales of 2^-4 .. 2^4 behind the codes of each unit, as
/// fp4/Numerics/Fragments.h and FoldedFragments.h write them: any other byte
/// may be NaN, or farther from the largest or smallest than the format allows.
static void drawFragmentScales(NDArray &units, std::mt19937_64 &random) {
  auto unit = static_cast<size_t>(units.shape().back());
  bool isFolded = unit == numerics::kFoldedUnitBytes;
  size_t codes =
      numerics::kFragmentRows *
      (isFolded ? numerics::kFoldedDepth : numerics::kFragmentDepth) / 2;
  bool isPowerOfTwo =
      unit == numerics::fragmentUnitBytes(numerics::ScaleFormat::E8M0);
  unsigned lowest = isPowerOfTwo ? 253 - 8 : (21 - 4) * 8;
  unsigned count = isPowerOfTwo ? 9 : 8 * 8 + 1;
  if (isFolded) {
    lowest = 0;
    count = numerics::kFoldedSpan + 1;
  }
  for (size_t i = 0; i < units.byteSize(); ++i)
    if (i % unit >= codes)
      units.mutableBytes()[i] = uint8_t(lowest + random() % count);
}

static Status fill(NDArray &array, const ProgramValue &value,
                   std::mt19937_64 &random) {
  bool isScale = value.type == "f8E4M3FN" || value.type == "f8E8M0FNU";
  bool isFloat = array.dtype() == DType::F32 || array.dtype() == DType::F16 ||
                 array.dtype() == DType::BF16;
  if (isFloat)
    return fillFloats(array, random);
  bool isPacked = value.type == "f4E2M1FN" || value.type == "f6E2M3FN" ||
                  value.type == "f6E3M2FN" || value.type == "i8";
  if (!isScale && !isPacked)
    return Status::error("input '" + value.name +
                         "' has to be given: no numbers are drawn for " +
                         value.type);
  for (size_t i = 0; i < array.byteSize(); ++i)
    array.mutableBytes()[i] =
        isScale ? drawScale(value.type, random) : uint8_t(random());
  return Status::success();
}

Expected<TensorMap> drawInputs(const Artifact &artifact, Sizes &sizes,
                               uint64_t seed) {
  std::mt19937_64 random(seed);
  TensorMap inputs;
  for (const ProgramValue &value : artifact.inputs()) {
    std::vector<int64_t> shape;
    for (const Size &size : value.shape) {
      if (!size.isStatic())
        sizes.emplace(size.symbol, kUsualSize);
      shape.push_back(*evaluateSize(size, sizes));
    }
    Expected<size_t> bytes = byteSizeOf(value.dtype, shape);
    if (!bytes.ok())
      return bytes.status();
    NDArray array(value.dtype, shape);
    if (Status status = fill(array, value, random); !status.ok())
      return status;
    if (isFragments(artifact.manifest(), value.name))
      drawFragmentScales(array, random);
    inputs.emplace(value.name, std::move(array));
  }
  return inputs;
}

} // namespace fp4::runtime
