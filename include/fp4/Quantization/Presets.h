//===- Presets.h - Named quantization recipes -------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The recipes a user picks by name.
//
//   name          rotation  algorithm  block scale            order      polish
//   rtn           none      RTN        specification's rule   -          -
//   gptq          none      GPTQ       specification's rule   act-order  -
//   mr-gptq       Hadamard  GPTQ       mse / E8M0: search     act-order  -
//   mr-gptq-plus  Hadamard  GPTQ       in-loop                group      2
//
// mr-gptq is arXiv 2509.23202 (section 4.1, appendix I). It floors E8M0 scales
// onto a grid that carries a factor 4/3 outside the block; a search among the
// exponents needs no such factor and has the smaller error.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_QUANTIZATION_PRESETS_H
#define FP4_QUANTIZATION_PRESETS_H

#include "fp4/Quantization/WeightQuantizer.h"

namespace fp4::quantization {

struct Preset {
  WeightOptions options;
  /// Block of the Hadamard transform that weights and activations get before
  /// quantization (`rotateProblem`), the block of the format; 0: none.
  size_t hadamardBlock = 0;
};

inline constexpr std::string_view kPresetNames[] = {"rtn", "gptq", "mr-gptq",
                                                    "mr-gptq-plus"};

/// The recipe `name` for `format`; an unknown name gives an error that lists
/// the known ones.
Expected<Preset> findPreset(std::string_view name,
                            const numerics::BlockFormat &format);

/// What is left of `preset` when there is no Hessian: the same rotation, RTN,
/// and Search in place of InLoop.
Preset withoutCalibration(const Preset &preset);

} // namespace fp4::quantization

#endif // FP4_QUANTIZATION_PRESETS_H
