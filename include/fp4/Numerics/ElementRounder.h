//===- ElementRounder.h - Vectorizable element rounding ---------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The values of encodeElement without the codes: rounding to nearest,
// ties to even, saturating, written without branches so that the compiler turns
// a loop over rows into vector code. Adding and subtracting 2^23 quanta makes
// the float32 adder round to a multiple of the quantum.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_NUMERICS_ELEMENTROUNDER_H
#define FP4_NUMERICS_ELEMENTROUNDER_H

#include "fp4/Numerics/ElementFormat.h"
#include "fp4/Numerics/FloatBits.h"
#include <algorithm>
#include <cmath>

namespace fp4::numerics {

class ElementRounder {
public:
  explicit ElementRounder(ElementFormat format)
      : maxFinite(elementMaxFinite(format)) {
    // MXINT8 is a float format with one binade and six fraction bits.
    uint32_t mantissaBits =
        format == ElementFormat::MXINT8 ? 6 : elementMantissaBits(format);
    // Code 1 is the smallest positive value: one quantum.
    minBinade =
        floatBits(decodeElement(format, 1)) + (mantissaBits << kFractionBits);
    binadeToMagic = (kFractionBits - mantissaBits) << kFractionBits;
  }

  /// The element value nearest to `value`, which must not be NaN.
  float operator()(float value) const {
    float magnitude = std::min(std::fabs(value), maxFinite);
    uint32_t binade = std::max(floatBits(magnitude) & kExponentMask, minBinade);
    float magic = bitsToFloat(binade + binadeToMagic);
    return std::copysign((magnitude + magic) - magic, value);
  }

private:
  static constexpr uint32_t kFractionBits = 23;
  static constexpr uint32_t kExponentMask = 0x7F800000;

  float maxFinite;
  uint32_t minBinade;
  uint32_t binadeToMagic;
};

} // namespace fp4::numerics

#endif // FP4_NUMERICS_ELEMENTROUNDER_H
