//===- QuantizeMeaning.cpp - Quantization by Numerics ---------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The order of operations is part of the contract of Numerics, so kernels have
// to give the same bytes.
//
//===----------------------------------------------------------------------===//

#include "Meanings.h"
#include "fp4/Numerics/BlockFormat.h"
#include "fp4/Numerics/Hadamard.h"
#include "fp4/Numerics/Packing.h"
#include <cmath>
#include <cstring>

namespace fp4::runtime {

namespace {
/// The fields of the meaning.
struct Quantization {
  numerics::BlockFormat format;
  numerics::QuantizeOptions options;
  size_t rotation = 0; // 0: none
  std::vector<int8_t> signs;
};
} // namespace

static Status readRotation(const Meaning &meaning, Quantization &result) {
  std::string rotation = meaning.field("rotation");
  std::string signs = meaning.field("signs");
  if (!rotation.empty()) {
    bool isNumber =
        rotation.size() < 5 &&
        rotation.find_first_not_of("0123456789") == std::string::npos;
    result.rotation = isNumber ? size_t(std::stoul(rotation)) : 0;
    if (!numerics::isHadamardBlockLegal(result.rotation))
      return Status::error("expected meaning.rotation to be a power of two in "
                           "2..1024, got '" +
                           rotation + "'");
  }
  for (char sign : signs) {
    if (sign != '+' && sign != '-')
      return Status::error("expected meaning.signs to be '+' and '-', got '" +
                           signs + "'");
    result.signs.push_back(sign == '+' ? 1 : -1);
  }
  if (!signs.empty() && signs.size() != result.rotation)
    return Status::error("expected " + std::to_string(result.rotation) +
                         " signs, as many as meaning.rotation, got " +
                         std::to_string(signs.size()));
  return Status::success();
}

static Expected<Quantization> readMeaning(const Meaning &meaning) {
  Quantization result;
  std::string name = meaning.field("format");
  std::optional<numerics::BlockFormat> format =
      numerics::parseBlockFormat(name);
  if (!format || format->element != numerics::ElementFormat::E2M1)
    return Status::error("expected meaning.format to be nvfp4 or mxfp4, got '" +
                         name + "'");
  result.format = *format;
  std::string rule = meaning.field("scale_rule");
  std::optional<numerics::ScaleRule> parsed = numerics::parseScaleRule(rule);
  if (!parsed || !numerics::isScaleRuleLegal(*parsed, *format))
    return Status::error("expected meaning.scale_rule to be a rule for " +
                         name + ", got '" + rule + "'");
  result.options.rule = *parsed;
  if (meaning.field("nan_policy") == "saturate_inf")
    result.options.nanPolicy = numerics::NaNPolicy::SaturateInf;
  if (Status status = readRotation(meaning, result); !status.ok())
    return status;
  return result;
}

/// The tensor scale of the launch; 1 in formats without.
static Expected<float> readTensorScale(const Quantization &quantization,
                                       const KernelOperands &operands) {
  if (!quantization.format.hasTensorScale)
    return 1.0f;
  Expected<NDArray> array = findOperand(operands, "tensor_scale");
  if (!array.ok())
    return array.status();
  Expected<std::vector<float>> values = array->toFloat32();
  if (!values.ok())
    return values.status();
  float scale = values->empty() ? 0 : values->front();
  if (!(scale > 0) || !std::isfinite(scale))
    return Status::error("expected a tensor scale that is positive and finite, "
                         "got " +
                         std::to_string(scale));
  return scale;
}

Expected<std::vector<ExpectedOutput>>
evaluateQuantize(const KernelDescription &kernel,
                 const KernelOperands &operands) {
  Expected<Quantization> quantization = readMeaning(kernel.meaning);
  if (!quantization.ok())
    return quantization.status();
  Expected<float> tensorScale = readTensorScale(*quantization, operands);
  if (!tensorScale.ok())
    return tensorScale.status();
  Expected<NDArray> input = findOperand(operands, "input");
  if (!input.ok())
    return input.status();
  Expected<NDArray> elements = findOperand(operands, "elements");
  if (!elements.ok())
    return elements.status();
  Expected<NDArray> scales = findOperand(operands, "scales");
  if (!scales.ok())
    return scales.status();
  Expected<std::vector<float>> values = input->toFloat32();
  if (!values.ok())
    return values.status();

  const numerics::BlockFormat &format = quantization->format;
  size_t unit = std::max<size_t>(quantization->rotation, format.blockCols);
  if (input->rank() != 2 || size_t(input->shape()[1]) % unit != 0)
    return Status::error("expected an input matrix with a multiple of " +
                         std::to_string(unit) + " columns, got " +
                         shapeString(input->shape()));
  auto rows = size_t(input->shape()[0]), cols = size_t(input->shape()[1]);
  size_t blocks = cols / format.blockCols;
  size_t rowBytes = elements->rank() == 2 ? size_t(elements->shape()[1]) : 0;
  if (rowBytes < cols / 2 || size_t(elements->shape()[0]) != rows ||
      scales->byteSize() != numerics::scaleBytes128x4(rows, blocks))
    return Status::error("expected elements and scales of " +
                         shapeString(input->shape()) + " values, got " +
                         shapeString(elements->shape()) + " and " +
                         shapeString(scales->shape()));

  if (quantization->rotation)
    numerics::hadamard(
        values->data(), values->size(), quantization->rotation,
        quantization->signs.empty() ? nullptr : quantization->signs.data());
  std::vector<uint8_t> codes(rows * cols), rowScales(rows * blocks),
      packed(rows * cols / 2);
  numerics::quantizeBlocks(format, quantization->options, values->data(), rows,
                           cols, *tensorScale, codes.data(), rowScales.data());
  numerics::packCodes(format.element, codes.data(), rows, cols, packed.data());
  NDArray elementBytes(elements->dtype(), elements->shape());
  for (size_t row = 0; row < rows; ++row)
    std::memcpy(elementBytes.mutableBytes() + row * rowBytes,
                packed.data() + row * cols / 2, cols / 2);
  NDArray scaleBytes(scales->dtype(), scales->shape());
  numerics::swizzleScales128x4(rowScales.data(), rows, blocks,
                               scaleBytes.mutableBytes());
  return std::vector<ExpectedOutput>{
      {"elements", std::move(elementBytes), {}, {}},
      {"scales", std::move(scaleBytes), {}, {}}};
}

} // namespace fp4::runtime
