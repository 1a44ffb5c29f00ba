//===- ReferenceGPTQ.cpp - GPTQ in its textbook form ----------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Gauss-Jordan inversion, then one removal per column.
//
//===----------------------------------------------------------------------===//

#include "ReferenceGPTQ.h"
#include <algorithm>
#include <limits>

namespace fp4::quantization {

static std::vector<double> inverse(std::vector<double> a, size_t n) {
  std::vector<double> result(n * n);
  for (size_t i = 0; i < n; ++i)
    result[i * (n + 1)] = 1;
  // No pivoting: the matrix is positive definite.
  for (size_t k = 0; k < n; ++k) {
    double pivot = a[k * (n + 1)];
    for (size_t j = 0; j < n; ++j) {
      a[k * n + j] /= pivot;
      result[k * n + j] /= pivot;
    }
    for (size_t i = 0; i < n; ++i) {
      double factor = i == k ? 0 : a[i * n + k];
      for (size_t j = 0; j < n && factor != 0; ++j) {
        a[i * n + j] -= factor * a[k * n + j];
        result[i * n + j] -= factor * result[k * n + j];
      }
    }
  }
  return result;
}

ReferenceGPTQ::ReferenceGPTQ(const std::vector<float> &hessian,
                             std::vector<size_t> order, double damping)
    : cols(order.size()), order(std::move(order)), inverseRows(cols * cols) {
  std::vector<double> h(hessian.begin(), hessian.end());
  double mean = 0;
  for (size_t i = 0; i < cols; ++i)
    mean += h[i * (cols + 1)] / double(cols);
  for (size_t i = 0; i < cols; ++i)
    h[i * (cols + 1)] += damping * mean;
  std::vector<double> remaining = inverse(std::move(h), cols);
  for (size_t step = 0; step < cols; ++step) {
    size_t removed = this->order[step];
    double *row = &inverseRows[step * cols];
    std::copy_n(&remaining[removed * cols], cols, row);
    for (size_t i = 0; i < cols; ++i) {
      double factor = remaining[i * cols + removed] / row[removed];
      for (size_t j = 0; j < cols; ++j)
        remaining[i * cols + j] -= factor * row[j];
    }
  }
}

double ReferenceGPTQ::visit(const numerics::BlockFormat &format, size_t first,
                            size_t last, double scale, std::vector<double> &row,
                            uint8_t *codes) const {
  double loss = 0;
  for (size_t step = first; step < last; ++step) {
    size_t col = order[step];
    const double *inverseRow = &inverseRows[step * cols];
    codes[col] = numerics::encodeElement(format.element,
                                         static_cast<float>(row[col] / scale));
    double rounded =
        numerics::decodeElement(format.element, codes[col]) * scale;
    double error = (row[col] - rounded) / inverseRow[col];
    loss += error * (row[col] - rounded);
    // Visited columns hold rounding noise in `inverseRow` and are not read
    // again.
    for (size_t j = 0; j < cols; ++j)
      row[j] -= error * inverseRow[j];
  }
  return loss;
}

std::vector<uint8_t>
ReferenceGPTQ::quantize(const numerics::BlockFormat &format,
                        const std::vector<float> &weights,
                        const QuantizedWeight &weight) const {
  std::vector<uint8_t> codes(weights.size());
  size_t groups = cols / format.blockCols;
  for (size_t i = 0; i < weights.size() / cols; ++i) {
    std::vector<double> row(&weights[i * cols], &weights[i * cols] + cols);
    const uint8_t *scales = &weight.scales[i / format.blockRows * groups];
    for (size_t step = 0; step < cols; ++step) {
      float scale = numerics::decodeScale(
                        format.scale, scales[order[step] / format.blockCols]) *
                    weight.tensorScale;
      visit(format, step, step + 1, scale, row, &codes[i * cols]);
    }
  }
  return codes;
}

void ReferenceGPTQ::quantizeInLoop(const numerics::BlockFormat &format,
                                   const std::vector<float> &weights,
                                   QuantizedWeight &weight) const {
  size_t groups = cols / format.blockCols;
  weight.codes.assign(weights.size(), 0);
  weight.scales.assign(weights.size() / format.blockCols, 0);
  for (size_t i = 0; i < weights.size() / cols; ++i) {
    std::vector<double> row(&weights[i * cols], &weights[i * cols] + cols);
    uint8_t *codes = &weight.codes[i * cols];
    for (size_t first = 0; first < cols; first += format.blockCols) {
      size_t last = first + format.blockCols;
      double best = std::numeric_limits<double>::infinity();
      uint8_t chosen = 0;
      for (unsigned code = 0; code < 256; ++code) {
        float decoded =
            numerics::decodeScale(format.scale, static_cast<uint8_t>(code));
        if (!(decoded > 0))
          continue;
        std::vector<double> trial = row;
        double loss = visit(format, first, last, decoded * weight.tensorScale,
                            trial, codes);
        if (loss >= best)
          continue;
        best = loss;
        chosen = static_cast<uint8_t>(code);
      }
      weight.scales[i * groups + order[first] / format.blockCols] = chosen;
      visit(format, first, last,
            numerics::decodeScale(format.scale, chosen) * weight.tensorScale,
            row, codes);
    }
  }
}

} // namespace fp4::quantization
