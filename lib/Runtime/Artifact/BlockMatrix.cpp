//===- BlockMatrix.cpp - Microscaled matrices in double -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Products of FP4 values and their block scales are exact in double.
//
//===----------------------------------------------------------------------===//

#include "BlockMatrix.h"
#include "fp4/Numerics/Packing.h"

namespace fp4::runtime {

Expected<std::vector<double>> readValues(const NDArray &array) {
  std::vector<double> values;
  if (array.dtype() == DType::F8_E4M3) {
    for (size_t i = 0; i < array.byteSize(); ++i)
      values.push_back(numerics::decodeElement(numerics::ElementFormat::E4M3,
                                               array.bytes()[i]));
    return values;
  }
  Expected<std::vector<float>> floats = array.toFloat32();
  if (!floats.ok())
    return floats.status();
  values.assign(floats->begin(), floats->end());
  return values;
}

Expected<Matrix> decodeBlocks(const numerics::BlockFormat &format,
                              const NDArray &elements, const NDArray &scales) {
  Matrix matrix;
  if (elements.rank() != 2 || scales.rank() != 5)
    return Status::error("expected packed elements of rank 2 and scales of "
                         "rank 5");
  unsigned bits = numerics::elementBits(format.element);
  matrix.rows = elements.shape()[0];
  matrix.cols = elements.shape()[1] * 8 / bits;
  int64_t blocks = scales.shape()[1] * 4;
  if (scales.shape()[0] * 128 < matrix.rows ||
      blocks * format.blockCols < matrix.cols)
    return Status::error("expected scales of " + std::to_string(matrix.rows) +
                         " rows and " + std::to_string(matrix.cols) +
                         " columns, got " + shapeString(scales.shape()));
  matrix.values.resize(size_t(matrix.rows * matrix.cols));
  std::vector<uint8_t> codes(matrix.values.size());
  numerics::unpackCodes(format.element, elements.bytes(), size_t(matrix.rows),
                        size_t(matrix.cols), codes.data());
  for (int64_t row = 0; row < matrix.rows; ++row)
    for (int64_t col = 0; col < matrix.cols; ++col) {
      int64_t at = row * matrix.cols + col;
      size_t offset = numerics::scaleOffset128x4(
          size_t(row), size_t(col / format.blockCols), size_t(blocks));
      matrix.values[size_t(at)] =
          double(numerics::decodeElement(format.element, codes[size_t(at)])) *
          numerics::decodeScale(format.scale, scales.bytes()[offset]);
    }
  return matrix;
}

} // namespace fp4::runtime
