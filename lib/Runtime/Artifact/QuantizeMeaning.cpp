//===- QuantizeMeaning.cpp - Quantization by Numerics ---------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The order of operations is part of the contract of Numerics, so kernels have
// to give the same bytes, unless their values may differ (QuantizeInput.h).
//
//===----------------------------------------------------------------------===//

#include "Meanings.h"
#include "QuantizeInput.h"
#include "fp4/Numerics/BlockFormat.h"
#include "fp4/Numerics/Packing.h"
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace fp4::runtime {

namespace {
/// The fields of a quantization.
struct Quantization {
  numerics::BlockFormat format;
  numerics::QuantizeOptions options;
  /// What the largest magnitude is divided by for a computed tensor scale.
  float divisor = 0;
};
} // namespace

static numerics::NaNPolicy readNaNPolicy(const Meaning &meaning) {
  return meaning.field("nan_policy") == "saturate_inf"
             ? numerics::NaNPolicy::SaturateInf
             : numerics::NaNPolicy::Propagate;
}

static Expected<Quantization> readMeaning(const Meaning &meaning) {
  Quantization result;
  std::string name = meaning.field("format");
  std::optional<numerics::BlockFormat> format =
      numerics::parseBlockFormat(name);
  if (!format || format->element == numerics::ElementFormat::MXINT8)
    return Status::error("expected meaning.format to be nvfp4 or a format "
                         "mxfp4, mxfp6 or mxfp8, got '" +
                         name + "'");
  result.format = *format;
  std::string rule = meaning.field("scale_rule");
  std::optional<numerics::ScaleRule> parsed = numerics::parseScaleRule(rule);
  if (!parsed || !numerics::isScaleRuleLegal(*parsed, *format))
    return Status::error("expected meaning.scale_rule to be a rule for " +
                         name + ", got '" + rule + "'");
  result.options.rule = *parsed;
  result.options.nanPolicy = readNaNPolicy(meaning);
  std::string divisor = meaning.field("tensor_scale_divisor");
  if (!divisor.empty()) {
    result.divisor = std::strtof(divisor.c_str(), nullptr);
    if (!(result.divisor > 0) || !std::isfinite(result.divisor))
      return Status::error("expected meaning.tensor_scale_divisor to be a "
                           "positive number, got '" +
                           divisor + "'");
  }
  return result;
}

/// The scale that fp4gpu.tensor_scale computes.
static Expected<float> computeTensorScale(const Quantization &quantization,
                                          const KernelOperands &operands) {
  Expected<NDArray> maxima = findOperand(operands, "maxima");
  if (!maxima.ok())
    return maxima.status();
  if (maxima->dtype() != DType::F32)
    return Status::error("expected maxima of F32, got " +
                         std::string(dtypeName(maxima->dtype())));
  uint32_t bits = largestMagnitude(*maxima);
  float amax;
  std::memcpy(&amax, &bits, 4);
  float scale = amax / quantization.divisor;
  return scale == 0 ? 1.0f : scale;
}

/// The tensor scale of the launch; 1 in formats without.
static Expected<float> readTensorScale(const Quantization &quantization,
                                       const KernelOperands &operands,
                                       const std::string &name) {
  if (!quantization.format.hasTensorScale)
    return 1.0f;
  if (quantization.divisor > 0)
    return computeTensorScale(quantization, operands);
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
evaluateAmax(const KernelDescription &kernel, const KernelOperands &operands) {
  Expected<QuantizeInput> input = readQuantizeInput(kernel, operands, 1);
  if (!input.ok())
    return input.status();
  Expected<NDArray> maxima = findOperand(operands, "maxima");
  if (!maxima.ok())
    return maxima.status();
  if (maxima->dtype() != DType::F32 || maxima->elementCount() == 0)
    return Status::error("expected maxima of F32, got " +
                         std::string(dtypeName(maxima->dtype())) + " " +
                         shapeString(maxima->shape()));
  auto largestOf = [&](const std::vector<float> &values) {
    float largest = numerics::absMax(values.data(), values.size());
    bool saturates =
        readNaNPolicy(kernel.meaning) == numerics::NaNPolicy::SaturateInf;
    return saturates && std::isinf(largest) ? std::numeric_limits<float>::max()
                                            : largest;
  };
  float largest = largestOf(input->values);
  ExpectedOutput output{"maxima", NDArray(DType::F32, maxima->shape())};
  std::memcpy(output.array.mutableBytes(), &largest, 4);
  output.isLargest = true;
  if (!input->bounds.empty()) {
    output.values = {largest};
    output.bounds = {double(largestOf(input->moved(1))) - largest};
  }
  return std::vector<ExpectedOutput>{std::move(output)};
}

//===----------------------------------------------------------------------===//
// Quantization
//===----------------------------------------------------------------------===//

namespace {
/// The blocks of a matrix.
struct Blocks {
  std::vector<uint8_t> codes, scales;
};

class BlockWriter {
public:
  BlockWriter(const numerics::BlockFormat &format,
              const numerics::QuantizeOptions &options, float tensorScale,
              size_t rows, size_t columns)
      : format(format), options(options), tensorScale(tensorScale), rows(rows),
        columns(columns), blocks(columns / format.blockCols) {}

  Blocks quantize(const std::vector<float> &values) const;
  /// The codes under given scales.
  std::vector<uint8_t> encode(const std::vector<float> &values,
                              const std::vector<uint8_t> &scales) const;
  /// As a kernel writes them, in arrays like `array`.
  NDArray writeElements(const NDArray &array,
                        const std::vector<uint8_t> &codes) const;
  NDArray writeScales(const NDArray &array,
                      const std::vector<uint8_t> &scales) const;
  /// What is wrong with the shapes of the results.
  Status check(const NDArray &elements, const NDArray &scales) const;

  size_t getNumBlocks() const { return rows * blocks; }
  bool fillsHalfBytes() const {
    return numerics::elementBits(format.element) % 4 == 0;
  }
  std::vector<uint8_t> readScales(const NDArray &scales) const {
    std::vector<uint8_t> result(getNumBlocks());
    numerics::unswizzleScales128x4(scales.bytes(), rows, blocks, result.data());
    return result;
  }

private:
  size_t packedBytes() const {
    return numerics::packedRowBytes(format.element, columns);
  }

  const numerics::BlockFormat &format;
  const numerics::QuantizeOptions &options;
  float tensorScale;
  size_t rows, columns, blocks;
};
} // namespace

Status BlockWriter::check(const NDArray &elements,
                          const NDArray &scales) const {
  size_t rowBytes = elements.rank() == 2 ? size_t(elements.shape()[1]) : 0;
  if (rowBytes >= packedBytes() && size_t(elements.shape()[0]) == rows &&
      scales.byteSize() == numerics::scaleBytes128x4(rows, blocks))
    return Status::success();
  return Status::error("expected elements and scales of " +
                       shapeString({int64_t(rows), int64_t(columns)}) +
                       " values, got " + shapeString(elements.shape()) +
                       " and " + shapeString(scales.shape()));
}

Blocks BlockWriter::quantize(const std::vector<float> &values) const {
  Blocks result{std::vector<uint8_t>(rows * columns),
                std::vector<uint8_t>(rows * blocks)};
  numerics::quantizeBlocks(format, options, values.data(), rows, columns,
                           tensorScale, result.codes.data(),
                           result.scales.data());
  return result;
}

std::vector<uint8_t>
BlockWriter::encode(const std::vector<float> &values,
                    const std::vector<uint8_t> &scales) const {
  std::vector<uint8_t> codes(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    float scale =
        numerics::decodeScale(format.scale, scales[i / format.blockCols]);
    if (format.hasTensorScale)
      scale *= tensorScale;
    codes[i] = numerics::encodeElement(format.element, values[i] / scale);
  }
  return codes;
}

NDArray BlockWriter::writeElements(const NDArray &array,
                                   const std::vector<uint8_t> &codes) const {
  size_t rowBytes = array.shape()[1], bytes = packedBytes();
  std::vector<uint8_t> packed(rows * bytes);
  numerics::packCodes(format.element, codes.data(), rows, columns,
                      packed.data());
  NDArray result(array.dtype(), array.shape());
  for (size_t row = 0; row < rows; ++row)
    std::memcpy(result.mutableBytes() + row * rowBytes,
                packed.data() + row * bytes, bytes);
  return result;
}

NDArray BlockWriter::writeScales(const NDArray &array,
                                 const std::vector<uint8_t> &scales) const {
  NDArray result(array.dtype(), array.shape());
  numerics::swizzleScales128x4(scales.data(), rows, blocks,
                               result.mutableBytes());
  return result;
}

/// Alternatives are compared by halves of bytes. Where elements share those,
/// bytes that may differ are left open instead.
static void leaveDifferencesOpen(ExpectedOutput &codes) {
  codes.mask.assign(codes.array.byteSize(), 0xff);
  for (const NDArray &other : codes.alternatives)
    for (size_t i = 0; i < codes.mask.size(); ++i)
      if (other.bytes()[i] != codes.array.bytes()[i])
        codes.mask[i] = 0;
  codes.alternatives.clear();
}

/// Elements and scales of values that a kernel has to have. Where it need not,
/// a block may have the scale that either end of the bounds gives, and an
/// element, under the scale that its block did get, the code of either end.
static std::vector<ExpectedOutput> writeBlocks(const BlockWriter &writer,
                                               const QuantizeInput &input,
                                               const NDArray &elements,
                                               const NDArray &scales) {
  Blocks blocks = writer.quantize(input.values);
  ExpectedOutput codes{"elements",
                       writer.writeElements(elements, blocks.codes)};
  ExpectedOutput sizes{"scales", writer.writeScales(scales, blocks.scales)};
  if (!input.bounds.empty()) {
    std::vector<float> ends[] = {input.moved(-1), input.moved(1)};
    std::vector<uint8_t> chosen = writer.readScales(scales);
    std::vector<bool> isKnown(chosen.size());
    for (const std::vector<float> &end : ends) {
      std::vector<uint8_t> possible = writer.quantize(end).scales;
      for (size_t i = 0; i < chosen.size(); ++i)
        isKnown[i] = isKnown[i] || chosen[i] == possible[i];
      sizes.alternatives.push_back(writer.writeScales(scales, possible));
    }
    for (size_t i = 0; i < chosen.size(); ++i)
      if (!isKnown[i])
        chosen[i] = blocks.scales[i];
    codes.array =
        writer.writeElements(elements, writer.encode(input.values, chosen));
    for (const std::vector<float> &end : ends)
      codes.alternatives.push_back(
          writer.writeElements(elements, writer.encode(end, chosen)));
    if (!writer.fillsHalfBytes())
      leaveDifferencesOpen(codes);
  }
  std::vector<ExpectedOutput> outputs;
  outputs.push_back(std::move(codes));
  outputs.push_back(std::move(sizes));
  return outputs;
}

static Expected<std::vector<ExpectedOutput>>
makeBlockOutputs(const KernelOperands &operands,
                 const numerics::BlockFormat &format,
                 const numerics::QuantizeOptions &options, float tensorScale,
                 const QuantizeInput &input) {
  Expected<NDArray> elements = findOperand(operands, "elements");
  if (!elements.ok())
    return elements.status();
  Expected<NDArray> scales = findOperand(operands, "scales");
  if (!scales.ok())
    return scales.status();
  BlockWriter writer(format, options, tensorScale, input.rows, input.columns);
  if (Status status = writer.check(*elements, *scales); !status.ok())
    return status;
  return writeBlocks(writer, input, *elements, *scales);
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
  auto quantize = [&](std::vector<float> floats) {
    QuantizeInput input{
        cols ? floats.size() / cols : 0, cols, std::move(floats), {}};
    return makeBlockOutputs(operands, quantization->format,
                            quantization->options, *tensorScale, input);
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
  Expected<QuantizeInput> input =
      readQuantizeInput(kernel, operands, quantization->format.blockCols);
  if (!input.ok())
    return input.status();
  Expected<std::vector<ExpectedOutput>> outputs =
      makeBlockOutputs(operands, quantization->format, quantization->options,
                       *tensorScale, *input);
  if (outputs.ok() && quantization->divisor > 0) {
    ExpectedOutput scale{"tensor_scale", NDArray(DType::F32, {})};
    std::memcpy(scale.array.mutableBytes(), &*tensorScale, 4);
    outputs->push_back(std::move(scale));
  }
  return outputs;
}

} // namespace fp4::runtime
