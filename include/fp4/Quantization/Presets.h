//===- Presets.h - Named quantization recipes -------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The recipes a user picks by name.
//
//   name           rotation  algorithm  block scale            order polish rtn
//   none      RTN        specification's rule   -          - gptq none GPTQ
//   specification's rule   act-order  - mr-gptq        Hadamard  GPTQ       mse
//   / E8M0: search     act-order  - mr-gptq-plus   Hadamard  GPTQ       in-loop
//   group      2 fp-quant       Hadamard  GPTQ       mse / E8M0: 4/3 floor
//   act-order  - llmcompressor  none      GPTQ       absmax / E8M0: even
//   act-order  - modelopt       none      RTN        absmax / E8M0: rceil   - -
//
// The last three (E2M1 only) are those of the tools they are named after, with
// `Arithmetic` and therefore the same bits, but for sums in another order.
//
// mr-gptq is arXiv 2509.23202 (section 4.1, appendix I) except that for MXFP4
// it searches the exponent, which has the smaller error and is plain MXFP4.
// fp-quant keeps the paper's factor 4/3 for the MXFP4 kernels that expect it:
// the format in its options is MXFP4 with a tensor scale.
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

inline constexpr std::string_view kPresetNames[] = {
    "rtn",      "gptq",          "mr-gptq", "mr-gptq-plus",
    "fp-quant", "llmcompressor", "modelopt"};

/// The recipe `name` for `format`. Fails on an unknown name, listing the known
/// ones, and on a format that the recipe does not cover.
Expected<Preset> findPreset(std::string_view name,
                            const numerics::BlockFormat &format);

/// What is left of `preset` when there is no Hessian: the same rotation, RTN,
/// and Search in place of InLoop.
Preset withoutCalibration(const Preset &preset);

} // namespace fp4::quantization

#endif // FP4_QUANTIZATION_PRESETS_H
