//===- Rounding.h - Vectorizable element rounding ---------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The values of numerics::encodeElement without the codes: rounding to nearest,
// ties to even, saturating, written without branches so that the compiler turns
// a loop over rows into vector code. Adding and subtracting 2^23 quanta makes
// the float32 adder round to a multiple of the quantum.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_QUANTIZATION_ROUNDING_H
#define FP4_LIB_QUANTIZATION_ROUNDING_H

#include "fp4/Numerics/ElementFormat.h"
#include "fp4/Numerics/FloatBits.h"
#include <algorithm>
#include <cmath>

namespace fp4::quantization {

class ElementRounder {
public:
  explicit ElementRounder(numerics::ElementFormat format)
      : maxFinite(numerics::elementMaxFinite(format)) {
    // MXINT8 is a float format with one binade and six fraction bits.
    uint32_t mantissaBits = format == numerics::ElementFormat::MXINT8
                                ? 6
                                : numerics::elementMantissaBits(format);
    // Code 1 is the smallest positive value: one quantum.
    minBinade = numerics::floatBits(numerics::decodeElement(format, 1)) +
                (mantissaBits << kFractionBits);
    binadeToMagic = (kFractionBits - mantissaBits) << kFractionBits;
  }

  /// The element value nearest to `value`, which must not be NaN.
  float operator()(float value) const {
    float magnitude = std::min(std::fabs(value), maxFinite);
    uint32_t binade =
        std::max(numerics::floatBits(magnitude) & kExponentMask, minBinade);
    float magic = numerics::bitsToFloat(binade + binadeToMagic);
    return std::copysign((magnitude + magic) - magic, value);
  }

private:
  static constexpr uint32_t kFractionBits = 23;
  static constexpr uint32_t kExponentMask = 0x7F800000;

  float maxFinite;
  uint32_t minBinade;
  uint32_t binadeToMagic;
};

} // namespace fp4::quantization

#endif // FP4_LIB_QUANTIZATION_ROUNDING_H
