//===- FragmentDecoder.h - 4-bit weights to bf16 in registers ---*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Device code that loads a lane's codes and scales of 16 rows by the depth of a
// unit and decodes them to fragments of operand A, exactly. To bf16 it takes 9
// instructions for eight codes and 4 more for their scales, to f16 17 and 4, to
// e4m3 with folded scales 10 in all. fp4/Numerics/Fragments.h and
// FoldedFragments.h have the layouts and the identities.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4GPUTONVVM_DECODE_FRAGMENTDECODER_H
#define FP4_LIB_CONVERSION_FP4GPUTONVVM_DECODE_FRAGMENTDECODER_H

#include "DecodePlan.h"

namespace fp4::gpu {

class FragmentDecoder {
public:
  using Value = mlir::Value;
  using Values = KernelBuilder::Values;

  FragmentDecoder(DecodePlan &plan, KernelBuilder &builder)
      : plan(plan), b(builder) {}

  /// Declares the decoder's constants in the module `device`.
  void declare(mlir::Operation *device);
  /// Loads them; `lane` is the thread's position in its warp. Units are
  /// addressed `unitOffset` bytes, rows of units `rowTile` times 16 further on,
  /// which costs nothing more; null for 0.
  void begin(Value lane, Value unitOffset = {}, Value rowTile = {});

  /// A lane's part of 16 rows of a unit.
  struct Raw {
    Values codes, scales;
  };
  /// `unit` is where a unit begins, `rowTile` which 16 of its rows.
  Raw load(Value unit, int64_t rowTile);
  /// The fragment of a quarter of the depth, `step` of four.
  Values decode(const Raw &raw, int64_t step);

private:
  Raw loadFolded(Value unit, int64_t rowTile);
  Values decodeFolded(const Raw &raw, int64_t step);
  int64_t getScaleBytes() const;
  Value scalePair(Value word, int64_t byte);
  Value codePair(Value bits);
  bool isHalf() const { return plan.getElementType().isF16(); }

  DecodePlan &plan;
  KernelBuilder &b;
  mlir::Operation *constants = nullptr;
  Value by8, by64, by69, scaleFactor, scaleBase;
  /// For e4m3: 16 times, and eight times a byte in the upper three or in all.
  Value by16, lowFactor, highFactor;
  Value codesOffset, scalesOffset;
};

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_DECODE_FRAGMENTDECODER_H
