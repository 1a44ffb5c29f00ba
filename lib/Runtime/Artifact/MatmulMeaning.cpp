//===- MatmulMeaning.cpp - Matmuls in double precision --------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operands are decoded with Numerics; products and sums run in double, where
// the products of FP4 values and their block scales are exact.
//
//===----------------------------------------------------------------------===//

#include "Meanings.h"
#include "fp4/Numerics/BlockFormat.h"
#include "fp4/Numerics/Half.h"
#include "fp4/Numerics/Packing.h"
#include <cmath>
#include <cstring>

namespace fp4::runtime {

//===----------------------------------------------------------------------===//
// Helpers for all kinds
//===----------------------------------------------------------------------===//

Expected<NDArray> findOperand(const KernelOperands &operands,
                              const std::string &name) {
  auto it = operands.arrays.find(name);
  if (it == operands.arrays.end())
    return Status::error("expected an argument '" + name + "'");
  return it->second;
}

/// Writes `value` as element `index` of `array`.
static void store(NDArray &array, size_t index, double value) {
  uint8_t *bytes = array.mutableBytes();
  auto narrow = static_cast<float>(value);
  uint16_t half = array.dtype() == DType::BF16 ? numerics::encodeBF16(narrow)
                                               : numerics::encodeF16(narrow);
  if (array.dtype() == DType::F32)
    std::memcpy(bytes + index * sizeof narrow, &narrow, sizeof narrow);
  else
    std::memcpy(bytes + index * sizeof half, &half, sizeof half);
}

Expected<ExpectedOutput> makeFloatOutput(const KernelArgument &argument,
                                         std::vector<int64_t> shape,
                                         std::vector<double> values,
                                         std::vector<double> bounds) {
  Expected<DType> dtype = dtypeOfType(argument.type);
  if (!dtype.ok())
    return dtype.status();
  if (*dtype != DType::F32 && *dtype != DType::F16 && *dtype != DType::BF16)
    return Status::error("expected '" + argument.name +
                         "' of type f32, f16 or bf16, got " + argument.type);
  // One rounding to a significand of p bits is within 2^-p of the value; below
  // the smallest normal number, within half of the smallest subnormal.
  double unit = *dtype == DType::BF16  ? std::ldexp(1.0, -8)
                : *dtype == DType::F16 ? std::ldexp(1.0, -11)
                                       : std::ldexp(1.0, -24);
  double tiny =
      *dtype == DType::F16 ? std::ldexp(1.0, -25) : std::ldexp(1.0, -134);
  ExpectedOutput output{argument.name, NDArray(*dtype, std::move(shape)),
                        std::move(values), std::move(bounds)};
  for (size_t i = 0; i < output.values.size(); ++i) {
    store(output.array, i, output.values[i]);
    output.bounds[i] +=
        unit * (std::fabs(output.values[i]) + output.bounds[i]) + tiny;
  }
  return output;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

namespace {
/// A row-major matrix in double.
struct Matrix {
  int64_t rows = 0, cols = 0;
  std::vector<double> values;
};
} // namespace

/// Decodes packed elements and 128x4 scales.
static Expected<Matrix> decodeBlocks(const numerics::BlockFormat &format,
                                     const NDArray &elements,
                                     const NDArray &scales) {
  Matrix matrix;
  if (elements.rank() != 2 || scales.rank() != 5)
    return Status::error("expected packed elements of rank 2 and scales of "
                         "rank 5");
  matrix.rows = elements.shape()[0];
  matrix.cols = elements.shape()[1] * 2;
  int64_t blocks = scales.shape()[1] * 4;
  if (scales.shape()[0] * 128 < matrix.rows ||
      blocks * format.blockCols < matrix.cols)
    return Status::error("expected scales of " + std::to_string(matrix.rows) +
                         " rows and " + std::to_string(matrix.cols) +
                         " columns, got " + shapeString(scales.shape()));
  matrix.values.resize(size_t(matrix.rows * matrix.cols));
  for (int64_t row = 0; row < matrix.rows; ++row)
    for (int64_t col = 0; col < matrix.cols; ++col) {
      int64_t at = row * matrix.cols + col;
      uint8_t byte = elements.bytes()[at / 2];
      uint8_t code = at % 2 ? byte >> 4 : byte & 15;
      size_t offset = numerics::scaleOffset128x4(
          size_t(row), size_t(col / format.blockCols), size_t(blocks));
      matrix.values[size_t(at)] =
          double(numerics::decodeElement(format.element, code)) *
          numerics::decodeScale(format.scale, scales.bytes()[offset]);
    }
  return matrix;
}

/// The matrix `name`: microscaled if there is an argument `<name>_scales`,
/// times its tensor scale if there is `<name>_tensor_scale`, else floats.
static Expected<Matrix> decodeMatrix(const KernelDescription &kernel,
                                     const KernelOperands &operands,
                                     const std::string &name) {
  Expected<NDArray> elements = findOperand(operands, name);
  if (!elements.ok())
    return elements.status();
  Matrix matrix;
  if (kernel.findArgument(name + "_scales")) {
    std::string text = kernel.meaning.field(name + "_format");
    std::optional<numerics::BlockFormat> format =
        numerics::parseBlockFormat(text);
    if (!format)
      return Status::error("expected meaning." + name +
                           "_format to be a block format, got '" + text + "'");
    Expected<NDArray> scales = findOperand(operands, name + "_scales");
    if (!scales.ok())
      return scales.status();
    Expected<Matrix> decoded = decodeBlocks(*format, *elements, *scales);
    if (!decoded.ok())
      return decoded.status();
    matrix = std::move(*decoded);
  } else {
    Expected<std::vector<float>> floats = elements->toFloat32();
    if (!floats.ok())
      return floats.status();
    if (elements->rank() != 2)
      return Status::error("expected '" + name + "' of rank 2");
    matrix = {elements->shape()[0], elements->shape()[1],
              std::vector<double>(floats->begin(), floats->end())};
  }
  if (!kernel.findArgument(name + "_tensor_scale"))
    return matrix;
  Expected<NDArray> scale = findOperand(operands, name + "_tensor_scale");
  if (!scale.ok())
    return scale.status();
  Expected<std::vector<float>> factor = scale->toFloat32();
  if (!factor.ok())
    return factor.status();
  for (double &value : matrix.values)
    value *= factor->front();
  return matrix;
}

//===----------------------------------------------------------------------===//
// The product
//===----------------------------------------------------------------------===//

/// Applies `activation` to a value with its bound. Relu and silu have slopes
/// of at most 1.1; silu's approximate exponential and division add a few units
/// in the last place of float32.
static Status activate(const std::string &activation, double &value,
                       double &bound) {
  if (activation.empty() || activation == "none")
    return Status::success();
  if (activation == "relu") {
    value = std::isnan(value) ? value : std::max(value, 0.0);
    return Status::success();
  }
  if (activation == "silu") {
    value = value / (1 + std::exp(-value));
    bound = 1.1 * bound + std::ldexp(1.0, -18) * std::fabs(value);
    return Status::success();
  }
  return Status::error("no activation '" + activation +
                       "'; known: none, relu, silu");
}

Expected<std::vector<ExpectedOutput>>
evaluateMatmul(const KernelDescription &kernel,
               const KernelOperands &operands) {
  const KernelArgument *out = kernel.findArgument("out");
  if (!out)
    return Status::error("expected an argument 'out'");
  Expected<Matrix> lhs = decodeMatrix(kernel, operands, "lhs");
  if (!lhs.ok())
    return lhs.status();
  Expected<Matrix> rhs = decodeMatrix(kernel, operands, "rhs");
  if (!rhs.ok())
    return rhs.status();
  if (lhs->cols != rhs->cols)
    return Status::error("expected operands of one depth, got " +
                         std::to_string(lhs->cols) + " and " +
                         std::to_string(rhs->cols));
  std::vector<float> bias(size_t(rhs->rows));
  if (kernel.findArgument("bias")) {
    Expected<NDArray> array = findOperand(operands, "bias");
    if (!array.ok())
      return array.status();
    Expected<std::vector<float>> values = array->toFloat32();
    if (!values.ok())
      return values.status();
    if (values->size() != bias.size())
      return Status::error("expected a bias of " + std::to_string(rhs->rows) +
                           " values, got " + std::to_string(values->size()));
    bias = *values;
  }
  // A sum of K float32 products in any order, each addition rounded or
  // truncated, is within K 2^-23 of the sum of magnitudes (Higham, Accuracy and
  // Stability of Numerical Algorithms, section 4.2); scale factors and the bias
  // add three more roundings.
  double unit = double(lhs->cols + 3) * std::ldexp(1.0, -23);
  std::vector<double> values, bounds;
  values.reserve(size_t(lhs->rows * rhs->rows));
  bounds.reserve(values.capacity());
  for (int64_t m = 0; m < lhs->rows; ++m)
    for (int64_t n = 0; n < rhs->rows; ++n) {
      const double *x = &lhs->values[size_t(m * lhs->cols)];
      const double *w = &rhs->values[size_t(n * rhs->cols)];
      double sum = 0, magnitude = std::fabs(bias[size_t(n)]);
      for (int64_t k = 0; k < lhs->cols; ++k) {
        double product = x[k] * w[k];
        sum += product;
        magnitude += std::fabs(product);
      }
      double value = sum + bias[size_t(n)], bound = unit * magnitude;
      Status status =
          activate(kernel.meaning.field("activation"), value, bound);
      if (!status.ok())
        return status;
      values.push_back(value);
      bounds.push_back(bound);
    }
  Expected<ExpectedOutput> output = makeFloatOutput(
      *out, {lhs->rows, rhs->rows}, std::move(values), std::move(bounds));
  if (!output.ok())
    return output.status();
  return std::vector<ExpectedOutput>{std::move(*output)};
}

} // namespace fp4::runtime
