//===- InLoop.h - Scale search inside the GPTQ recursion --------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// When the recursion reaches a block, each candidate scale is tried by running
// the recursion through the block; the sum of pivot * (w' - q)^2 is exactly
// what the choice adds to the final loss if the later columns were left
// unrounded.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_QUANTIZATION_INLOOP_H
#define FP4_LIB_QUANTIZATION_INLOOP_H

#include "Factor.h"
#include "Tile.h"

namespace fp4::quantization {

class InLoopSearch {
public:
  InLoopSearch(const HessianFactor &factor, Tile &tile);

  /// Quantizes the block whose columns are visited at [first, first +
  /// blockCols). `adjusted` holds their w'; `errors` receives their W - Q and
  /// `steps` their w' - Q. Sets elements and scale in the tile.
  void quantizeBlock(const float *adjusted, size_t first, float *errors,
                     float *steps);

private:
  using Codes = std::array<uint8_t, kLanes>;

  /// The smallest candidate of each row, from the largest |w'| of its block.
  Codes firstCandidates(const float *adjusted) const;
  /// Runs the recursion under `scale`; leaves elements and errors in `trial*`.
  Lanes tryScale(const float *adjusted, size_t first, const Lanes &scale);

  const HessianFactor &factor;
  Tile &tile;
  ElementRounder round;
  size_t blockCols;
  size_t candidateCount;
  uint8_t lastCode;
  /// blockCols x kLanes each.
  std::vector<float> trialValues, trialElements, trialErrors, trialSteps;
};

} // namespace fp4::quantization

#endif // FP4_LIB_QUANTIZATION_INLOOP_H
