//===- Polish.h - Coordinate descent on codes and scales --------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// GPTQ fixes a code once; afterwards each code can be improved given all
// others. With P = (W - Q) H the best real value of q_j is q_j + P_j / H_jj,
// and the best code is the nearest one, so every step lowers tr((W - Q) H (W -
// Q)^T).
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_QUANTIZATION_POLISH_H
#define FP4_LIB_QUANTIZATION_POLISH_H

#include "GPTQ.h"

namespace fp4::quantization {

/// Improves elements and scales of `tile` by `options.polishSweeps` sweeps on
/// H + damping * meanDiagonal * I. A block row that did not get better keeps
/// what it had.
/// Improves what `quantizeTileGPTQ` left in `tile` and in `steps`. Returns the
/// damped loss of the result, the sum over the rows.
double polishTile(const WeightOptions &options, const HessianView &hessian,
                  const HessianFactor &factor, const WeightedSteps &steps,
                  Tile &tile);

} // namespace fp4::quantization

#endif // FP4_LIB_QUANTIZATION_POLISH_H
