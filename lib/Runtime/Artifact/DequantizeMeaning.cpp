//===- DequantizeMeaning.cpp - Matrices as bf16 ---------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every product of an element and its scale is a bf16 number (a quarter of it
// with E8M0 scales), so the bytes have to be equal, but those of a NaN.
//
//===----------------------------------------------------------------------===//

#include "BlockMatrix.h"
#include "Meanings.h"
#include <algorithm>

namespace fp4::runtime {

/// Elements of f8E4M3FN as they are, others by their scales.
static Expected<std::vector<double>>
readElements(const KernelDescription &kernel, const KernelOperands &operands,
             const NDArray &elements) {
  if (!kernel.findArgument("scales"))
    return readValues(elements);
  std::string name = kernel.meaning.field("format");
  std::optional<numerics::BlockFormat> format =
      numerics::parseBlockFormat(name);
  if (!format || format->element != numerics::ElementFormat::E2M1)
    return Status::error("expected meaning.format to be nvfp4 or mxfp4, got '" +
                         name + "'");
  Expected<NDArray> scales = findOperand(operands, "scales");
  if (!scales.ok())
    return scales.status();
  Expected<Matrix> matrix = decodeBlocks(*format, elements, *scales);
  if (!matrix.ok())
    return matrix.status();
  if (format->scale == numerics::ScaleFormat::E8M0)
    for (double &value : matrix->values)
      value /= 4;
  return std::move(matrix->values);
}

Expected<std::vector<ExpectedOutput>>
evaluateDequantize(const KernelDescription &kernel,
                   const KernelOperands &operands) {
  const KernelArgument *argument = kernel.findArgument("out");
  if (!argument)
    return Status::error("expected an argument 'out'");
  Expected<NDArray> elements = findOperand(operands, "elements");
  if (!elements.ok())
    return elements.status();
  Expected<NDArray> out = findOperand(operands, "out");
  if (!out.ok())
    return out.status();
  Expected<std::vector<double>> values =
      readElements(kernel, operands, *elements);
  if (!values.ok())
    return values.status();
  auto rows =
      static_cast<size_t>(elements->rank() == 2 ? elements->shape()[0] : 0);
  if (out->rank() != 2 || size_t(out->shape()[0]) != rows ||
      rows * size_t(out->shape()[1]) > values->size())
    return Status::error("expected 'out' with the rows and at most the columns "
                         "of 'elements', got " +
                         shapeString(out->shape()));
  // Rows of packed elements are padded.
  auto columns = size_t(out->shape()[1]);
  size_t padded = rows == 0 ? 0 : values->size() / rows;
  std::vector<double> kept;
  for (size_t row = 0; row < rows; ++row)
    kept.insert(kept.end(), values->begin() + long(row * padded),
                values->begin() + long(row * padded + columns));
  std::vector<double> bounds(kept.size());
  Expected<ExpectedOutput> output = makeFloatOutput(
      *argument, out->shape(), std::move(kept), std::move(bounds));
  if (!output.ok())
    return output.status();
  // Exactly: makeFloatOutput allows for a rounding that there is not.
  std::fill(output->bounds.begin(), output->bounds.end(), 0.0);
  return std::vector<ExpectedOutput>{std::move(*output)};
}

} // namespace fp4::runtime
