//===- QuantizedBlock.h - The linear layers of a block ----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which layers of a transformer block read one input (q/k/v, o, gate/up, down),
// and what quantization makes of them.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_MODEL_QUANTIZEDBLOCK_H
#define FP4_MODEL_QUANTIZEDBLOCK_H

#include "fp4/Quantization/BlockTransform.h"
#include "fp4/Quantization/WeightQuantizer.h"

namespace fp4::model {

/// The linear layers of a block that read one input.
struct Stage {
  size_t first, count;
};
inline constexpr Stage kStages[] = {{0, 3}, {3, 1}, {4, 2}, {6, 1}};
inline constexpr size_t kNumStages = 4;

/// What happens to the input of a stage at run time.
struct StageInput {
  /// The layers of the stage stay as they are in the float model, and so does
  /// their input: there are no codes for them.
  bool isKept = false;
  /// block 0: none.
  quantization::BlockTransform transform;
  /// The tensor scale; 1 in formats without.
  float scale = 1;
};

struct QuantizedBlock {
  /// By Linear.
  std::vector<quantization::QuantizedWeight> weights;
  std::vector<StageInput> inputs;
};

} // namespace fp4::model

#endif // FP4_MODEL_QUANTIZEDBLOCK_H
