//===- ReferenceGPTQ.h - GPTQ in its textbook form --------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An independent implementation: column-by-column removal from an explicit
// inverse Hessian (Optimal Brain Quantization, arXiv 2208.11580),
// all in double, without batches, Cholesky factors or tiles.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TEST_UNIT_QUANTIZATION_REFERENCEGPTQ_H
#define FP4_TEST_UNIT_QUANTIZATION_REFERENCEGPTQ_H

#include "fp4/Quantization/WeightQuantizer.h"

namespace fp4::quantization {

class ReferenceGPTQ {
public:
  /// Damps H by `damping` times its mean diagonal. `order`: the columns in the
  /// order of their visit.
  ReferenceGPTQ(const std::vector<float> &hessian, std::vector<size_t> order,
                double damping);

  /// Codes under the scales in `weight`, which it uses and does not change.
  std::vector<uint8_t> quantize(const numerics::BlockFormat &format,
                                const std::vector<float> &weights,
                                const QuantizedWeight &weight) const;

  /// Chooses the scale of each block in `order` by the least loss of the block
  /// among all finite codes of the format, and fills `weight`.
  void quantizeInLoop(const numerics::BlockFormat &format,
                      const std::vector<float> &weights,
                      QuantizedWeight &weight) const;

private:
  /// Visits order[first..last) of one row: writes codes, moves `row`, returns
  /// the loss.
  double visit(const numerics::BlockFormat &format, size_t first, size_t last,
               double scale, std::vector<double> &row, uint8_t *codes) const;

  size_t cols;
  std::vector<size_t> order;
  /// Row i: the row of the inverse of the remaining Hessian that belongs to
  /// order[i], at the time of its removal.
  std::vector<double> inverseRows;
};

} // namespace fp4::quantization

#endif // FP4_TEST_UNIT_QUANTIZATION_REFERENCEGPTQ_H
