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

#include "BlockMatrix.h"
#include "ElementMath.h"
#include "FragmentMatrix.h"
#include "Meanings.h"
#include "WarpgroupSum.h"
#include "fp4/Numerics/BlockFormat.h"
#include "fp4/Numerics/Half.h"
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

/// `value` in the manifest type `type`, "f16", "bf16" or "f32".
static double roundTo(const std::string &type, double value) {
  auto narrow = static_cast<float>(value);
  if (type == "bf16")
    return numerics::decodeBF16(numerics::encodeBF16(narrow));
  return type == "f16" ? numerics::decodeF16(numerics::encodeF16(narrow))
                       : narrow;
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
  double unit = roundingUnit(argument.type);
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

/// The matrix `name` but its tensor scale: microscaled if there is an argument
/// `<name>_scales`, else floats.
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
    Expected<std::vector<double>> values = readValues(*elements);
    if (!values.ok())
      return values.status();
    if (elements->rank() != 2)
      return Status::error("expected '" + name + "' of rank 2");
    matrix = {elements->shape()[0], elements->shape()[1], std::move(*values)};
  }
  return matrix;
}

//===----------------------------------------------------------------------===//
// The product
//===----------------------------------------------------------------------===//

namespace {
/// One of the products of a kernel: a gated kernel has two, whose weights
/// alternate in groups of eight rows.
struct Product {
  size_t first, stride; // rows of `rhs`: first + n / 8 * stride + n % 8
  /// One for each column, or one.
  std::vector<float> factors = {1};
  std::vector<float> bias;
  std::string activation;
};

/// All that a matmul needs but its left side.
struct MatmulParts {
  Matrix lhs, rhs;
  std::vector<Product> products;
  double productUnit;
  /// Whether the products are of e4m3 by wgmma, whose sums have fewer bits.
  bool isFolded = false;
  Tail tail;
  /// Operands of the tail: N values, or M x N.
  std::vector<std::vector<float>> columns, matrices;
};
} // namespace

static Expected<std::vector<float>> readFloats(const KernelOperands &operands,
                                               const std::string &name,
                                               int64_t count) {
  Expected<NDArray> array = findOperand(operands, name);
  if (!array.ok())
    return array.status();
  Expected<std::vector<float>> values = array->toFloat32();
  if (values.ok() && int64_t(values->size()) != count)
    return Status::error("expected a " + name + " of " + std::to_string(count) +
                         " values, got " + std::to_string(values->size()));
  return values;
}

/// Scale, bias and activation of product `index`.
static Status readProduct(const KernelDescription &kernel,
                          const KernelOperands &operands, unsigned index,
                          int64_t columns, Product &product) {
  std::string scale = index == 0 ? "rhs_tensor_scale" : "second_tensor_scale";
  std::string layout = kernel.meaning.field("rhs_layout");
  if (!layout.empty())
    scale = index == 0 ? "rhs_factor" : "second_factor";
  std::string bias = index == 0 ? "bias" : "second_bias";
  product.activation =
      kernel.meaning.field(index == 0 ? "activation" : "second_activation");
  if (kernel.findArgument(scale)) {
    Expected<std::vector<float>> factors =
        readFloats(operands, scale, layout == "folded" ? columns : 1);
    if (!factors.ok())
      return factors.status();
    product.factors = std::move(*factors);
  }
  product.bias.resize(size_t(columns));
  if (!kernel.findArgument(bias))
    return Status::success();
  Expected<std::vector<float>> values = readFloats(operands, bias, columns);
  if (!values.ok())
    return values.status();
  product.bias = std::move(*values);
  return Status::success();
}

/// The tail with its operands, "column0", ..., "matrix0", ...
static Status readTail(const KernelDescription &kernel,
                       const KernelOperands &operands, int64_t rows,
                       int64_t columns, MatmulParts &parts) {
  std::vector<std::string> names = {"p0"};
  if (parts.products.size() == 2)
    names.push_back("p1");
  for (const char *kind : {"column", "matrix"})
    for (unsigned i = 0;; ++i) {
      std::string name = kind + std::to_string(i);
      if (!kernel.findArgument(name))
        break;
      bool isColumn = kind[0] == 'c';
      Expected<std::vector<float>> values =
          readFloats(operands, name, isColumn ? columns : rows * columns);
      if (!values.ok())
        return values.status();
      (isColumn ? parts.columns : parts.matrices).push_back(std::move(*values));
      names.push_back(name);
    }
  Expected<Tail> tail = Tail::parse(kernel.meaning.field("tail"), names);
  if (!tail.ok())
    return tail.status();
  parts.tail = std::move(*tail);
  return Status::success();
}

/// The right side as fragments, with as many rows as the result has columns, or
/// twice as many for a gated pair.
static Expected<Matrix> decodeFragmentMatrix(const KernelDescription &kernel,
                                             const KernelOperands &operands,
                                             int64_t depth) {
  bool isFolded = kernel.meaning.field("rhs_layout") == "folded";
  std::string text = kernel.meaning.field("rhs_format");
  std::optional<numerics::BlockFormat> format =
      numerics::parseBlockFormat(text);
  if (!format || format->element != numerics::ElementFormat::E2M1)
    return Status::error("expected meaning.rhs_format to be nvfp4 or mxfp4, "
                         "got '" +
                         text + "'");
  Expected<NDArray> units = findOperand(operands, "rhs");
  if (!units.ok())
    return units.status();
  Expected<NDArray> out = findOperand(operands, "out");
  if (!out.ok())
    return out.status();
  if (out->rank() != 2)
    return Status::error("expected 'out' of rank 2");
  bool isGated = kernel.meaning.field("gated") == "true";
  int64_t rows = out->shape()[1] * (isGated ? 2 : 1);
  Expected<std::vector<double>> values =
      isFolded ? decodeFoldedFragments(*units, rows, depth)
               : decodeFragments(*format, *units, rows, depth);
  if (!values.ok())
    return values.status();
  return Matrix{rows, depth, std::move(*values)};
}

static Expected<MatmulParts> readParts(const KernelDescription &kernel,
                                       const KernelOperands &operands) {
  Expected<Matrix> lhs = decodeMatrix(kernel, operands, "lhs");
  if (!lhs.ok())
    return lhs.status();
  std::string layout = kernel.meaning.field("rhs_layout");
  if (!layout.empty() && layout != "fragments" && layout != "folded")
    return Status::error("expected meaning.rhs_layout to be fragments or "
                         "folded, got '" +
                         layout + "'");
  Expected<Matrix> rhs = !layout.empty()
                             ? decodeFragmentMatrix(kernel, operands, lhs->cols)
                             : decodeMatrix(kernel, operands, "rhs");
  if (!rhs.ok())
    return rhs.status();
  if (lhs->cols != rhs->cols)
    return Status::error("expected operands of one depth, got " +
                         std::to_string(lhs->cols) + " and " +
                         std::to_string(rhs->cols));
  if (kernel.findArgument("lhs_tensor_scale")) {
    Expected<std::vector<float>> factor =
        readFloats(operands, "lhs_tensor_scale", 1);
    if (!factor.ok())
      return factor.status();
    for (double &value : lhs->values)
      value *= factor->front();
  }
  bool isGated = kernel.meaning.field("gated") == "true";
  if (isGated && rhs->rows % 16 != 0)
    return Status::error("expected a gated kernel to have a multiple of 16 "
                         "rows of weights, got " +
                         std::to_string(rhs->rows));
  MatmulParts parts;
  parts.isFolded = layout == "folded";
  int64_t columns = isGated ? rhs->rows / 2 : rhs->rows;
  parts.productUnit = roundingUnit(kernel.meaning.field("product_type"));
  for (unsigned i = 0; i < (isGated ? 2 : 1); ++i) {
    Product product{i * 8, isGated ? size_t(16) : size_t(8), {1}, {}, {}};
    Status status = readProduct(kernel, operands, i, columns, product);
    if (!status.ok())
      return status;
    parts.products.push_back(std::move(product));
  }
  Status status = readTail(kernel, operands, lhs->rows, columns, parts);
  if (!status.ok())
    return status;
  parts.lhs = std::move(*lhs);
  parts.rhs = std::move(*rhs);
  return parts;
}

namespace {
/// A sum of products, and the sum of their magnitudes.
struct ProductSum {
  double value = 0, magnitude = 0;
};
} // namespace

static ProductSum sumProducts(const double *x, const double *w, int64_t depth) {
  ProductSum sum;
  for (int64_t k = 0; k < depth; ++k) {
    double term = x[k] * w[k];
    sum.value += term;
    sum.magnitude += std::fabs(term);
  }
  return sum;
}

/// One element of a product, with its bias and activation.
///
/// A sum of K float32 products in any order, each addition rounded or
/// truncated, is within K 2^-23 of the sum of magnitudes (Higham, Accuracy and
/// Stability of Numerical Algorithms, section 4.2); scale factors and the bias
/// add three more roundings. Sums of e4m3 products have a bound of their own.
static Expected<Bounded> computeProduct(const MatmulParts &parts,
                                        const Product &product, int64_t m,
                                        int64_t n) {
  int64_t depth = parts.lhs.cols;
  size_t row = product.first + size_t(n) / 8 * product.stride + size_t(n) % 8;
  const double *x = &parts.lhs.values[size_t(m * depth)];
  const double *w = &parts.rhs.values[row * size_t(depth)];
  ProductSum sum = sumProducts(x, w, depth);
  double factor = product.factors[product.factors.size() > 1 ? size_t(n) : 0];
  double bias = product.bias[size_t(n)];
  double magnitude = sum.magnitude * std::fabs(factor) + std::fabs(bias);
  double bound = double(depth + 3) * std::ldexp(magnitude, -23);
  if (parts.isFolded)
    bound = boundWarpgroupE4M3(x, w, depth) * std::fabs(factor) +
            3 * std::ldexp(magnitude, -23);
  Bounded value{sum.value * factor + bias, bound};
  Expected<Bounded> result = activate(product.activation, value);
  if (result.ok())
    result->bound +=
        parts.productUnit * (std::fabs(result->value) + result->bound);
  return result;
}

Expected<std::vector<ExpectedOutput>>
evaluateMatmul(const KernelDescription &kernel,
               const KernelOperands &operands) {
  bool isQuantized = !kernel.meaning.field("result_format").empty();
  const KernelArgument *out =
      kernel.findArgument(isQuantized ? "elements" : "out");
  if (!out)
    return Status::error("expected an argument 'out'");
  Expected<MatmulParts> parts = readParts(kernel, operands);
  if (!parts.ok())
    return parts.status();
  int64_t rows = parts->lhs.rows;
  auto columns = int64_t(parts->products.front().bias.size());
  std::vector<double> values, bounds;
  std::vector<Bounded> inputs;
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t n = 0; n < columns; ++n) {
      inputs.clear();
      for (const Product &product : parts->products) {
        Expected<Bounded> result = computeProduct(*parts, product, m, n);
        if (!result.ok())
          return result.status();
        inputs.push_back(*result);
      }
      for (const std::vector<float> &column : parts->columns)
        inputs.push_back({column[size_t(n)], 0});
      for (const std::vector<float> &matrix : parts->matrices)
        inputs.push_back({matrix[size_t(m * columns + n)], 0});
      Bounded result =
          parts->tail.isEmpty() ? inputs.front() : parts->tail.evaluate(inputs);
      values.push_back(result.value);
      bounds.push_back(result.bound);
    }
  if (isQuantized) {
    std::string type = kernel.meaning.field("result_type");
    for (size_t i = 0; i < values.size(); ++i) {
      bounds[i] += roundingUnit(type) * (std::fabs(values[i]) + bounds[i]);
      values[i] = roundTo(type, values[i]);
    }
    return quantizeBounded(kernel, operands, values, bounds, size_t(columns));
  }
  Expected<ExpectedOutput> output = makeFloatOutput(
      *out, {rows, columns}, std::move(values), std::move(bounds));
  if (!output.ok())
    return output.status();
  return std::vector<ExpectedOutput>{std::move(*output)};
}

} // namespace fp4::runtime
