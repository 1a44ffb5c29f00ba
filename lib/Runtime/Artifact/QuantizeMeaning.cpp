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
                                       const KernelOperands &operands,
                                       const std::string &name) {
  if (!quantization.format.hasTensorScale)
    return 1.0f;
  Expected<NDArray> array = findOperand(operands, name);
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
makeBlockOutputs(const KernelOperands &operands,
                 const numerics::BlockFormat &format,
                 const numerics::QuantizeOptions &options, float tensorScale,
                 const std::vector<float> &values, size_t cols) {
  Expected<NDArray> elements = findOperand(operands, "elements");
  if (!elements.ok())
    return elements.status();
  Expected<NDArray> scales = findOperand(operands, "scales");
  if (!scales.ok())
    return scales.status();
  size_t rows = cols ? values.size() / cols : 0;
  size_t blocks = cols / format.blockCols;
  size_t rowBytes = elements->rank() == 2 ? size_t(elements->shape()[1]) : 0;
  if (rowBytes < cols / 2 || size_t(elements->shape()[0]) != rows ||
      scales->byteSize() != numerics::scaleBytes128x4(rows, blocks))
    return Status::error("expected elements and scales of " +
                         std::to_string(rows) + "x" + std::to_string(cols) +
                         " values, got " + shapeString(elements->shape()) +
                         " and " + shapeString(scales->shape()));
  std::vector<uint8_t> codes(rows * cols), rowScales(rows * blocks),
      packed(rows * cols / 2);
  numerics::quantizeBlocks(format, options, values.data(), rows, cols,
                           tensorScale, codes.data(), rowScales.data());
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

/// The magnitudes that are `sign` bounds away, with the signs of `values`.
static std::vector<float> shiftMagnitudes(const std::vector<double> &values,
                                          const std::vector<double> &bounds,
                                          double sign) {
  std::vector<float> result;
  for (size_t i = 0; i < values.size(); ++i) {
    double magnitude = std::max(std::fabs(values[i]) + sign * bounds[i], 0.0);
    result.push_back(static_cast<float>(std::copysign(magnitude, values[i])));
  }
  return result;
}

/// Compares the codes that come out the same at both ends of the bounds: scale
/// and codes rise with the magnitudes. Not so the choice of four_over_six,
/// which any error may turn, nor are the codes of blocks without a finite scale
/// specified.
static void maskUncertain(const numerics::BlockFormat &format, size_t cols,
                          bool isMonotone,
                          const std::vector<ExpectedOutput> &low,
                          const std::vector<ExpectedOutput> &high,
                          std::vector<ExpectedOutput> &outputs) {
  ExpectedOutput &elements = outputs[0], &scales = outputs[1];
  elements.mask.assign(elements.array.byteSize(), 0xff);
  scales.mask.assign(scales.array.byteSize(), 0xff);
  auto rows = size_t(elements.array.shape()[0]);
  auto rowBytes = size_t(elements.array.shape()[1]);
  size_t blocks = cols / format.blockCols, blockBytes = format.blockCols / 2;
  for (size_t row = 0; row < rows; ++row)
    for (size_t block = 0; block < blocks; ++block) {
      size_t at = numerics::scaleOffset128x4(row, block, blocks);
      uint8_t code = low[1].array.bytes()[at];
      bool isSame = isMonotone && code == high[1].array.bytes()[at];
      scales.mask[at] = isSame ? 0xff : 0;
      bool isFinite = std::isfinite(numerics::decodeScale(format.scale, code));
      for (size_t i = 0; i < blockBytes; ++i) {
        size_t byte = row * rowBytes + block * blockBytes + i;
        uint8_t differing =
            low[0].array.bytes()[byte] ^ high[0].array.bytes()[byte];
        uint8_t mask =
            (differing & 0x0f ? 0 : 0x0f) | (differing & 0xf0 ? 0 : 0xf0);
        elements.mask[byte] = isSame && isFinite ? mask : 0;
      }
    }
}

Expected<std::vector<ExpectedOutput>>
quantizeBounded(const KernelDescription &kernel, const KernelOperands &operands,
                const std::vector<double> &values,
                const std::vector<double> &bounds, size_t cols) {
  Meaning meaning = kernel.meaning;
  meaning.fields["format"] = meaning.field("result_format");
  Expected<Quantization> quantization = readMeaning(meaning);
  if (!quantization.ok())
    return quantization.status();
  Expected<float> tensorScale =
      readTensorScale(*quantization, operands, "out_tensor_scale");
  if (!tensorScale.ok())
    return tensorScale.status();
  if (cols % quantization->format.blockCols != 0)
    return Status::error("expected a result of whole blocks, got " +
                         std::to_string(cols) + " columns");
  auto quantize = [&](const std::vector<float> &floats) {
    return makeBlockOutputs(operands, quantization->format,
                            quantization->options, *tensorScale, floats, cols);
  };
  auto outputs = quantize(std::vector<float>(values.begin(), values.end()));
  auto low = quantize(shiftMagnitudes(values, bounds, -1));
  auto high = quantize(shiftMagnitudes(values, bounds, 1));
  if (!outputs.ok() || !low.ok() || !high.ok())
    return outputs.status();
  maskUncertain(quantization->format, cols,
                quantization->options.rule != numerics::ScaleRule::FourOverSix,
                *low, *high, *outputs);
  return outputs;
}

Expected<std::vector<ExpectedOutput>>
evaluateQuantize(const KernelDescription &kernel,
                 const KernelOperands &operands) {
  Expected<Quantization> quantization = readMeaning(kernel.meaning);
  if (!quantization.ok())
    return quantization.status();
  Expected<float> tensorScale =
      readTensorScale(*quantization, operands, "tensor_scale");
  if (!tensorScale.ok())
    return tensorScale.status();
  Expected<NDArray> input = findOperand(operands, "input");
  if (!input.ok())
    return input.status();
  Expected<std::vector<float>> values = input->toFloat32();
  if (!values.ok())
    return values.status();

  size_t unit =
      std::max<size_t>(quantization->rotation, quantization->format.blockCols);
  if (input->rank() != 2 || size_t(input->shape()[1]) % unit != 0)
    return Status::error("expected an input matrix with a multiple of " +
                         std::to_string(unit) + " columns, got " +
                         shapeString(input->shape()));
  if (quantization->rotation)
    numerics::hadamard(
        values->data(), values->size(), quantization->rotation,
        quantization->signs.empty() ? nullptr : quantization->signs.data());
  return makeBlockOutputs(operands, quantization->format, quantization->options,
                          *tensorScale, *values, size_t(input->shape()[1]));
}

} // namespace fp4::runtime
