//===- ElementFormat.h - MX element formats and their rounding --*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The narrow element formats of the OCP MX specification v1.0 and the one
// rounding rule that every layer of the project uses for them.
//
//   format  bits s/e/m  bias  emax  max    min subnormal  NaN         Inf
//   E2M1    1/2/1       1     2     6      0.5            none        none
//   E2M3    1/2/3       1     2     7.5    0.125          none        none
//   E3M2    1/3/2       3     4     28     0.0625         none        none
//   E4M3    1/4/3       7     8     448    2^-9           0x7F, 0xFF  none
//   E5M2    1/5/2       15    15    57344  2^-16          0x7D..0x7F  0x7C
//   MXINT8  8-bit two's complement times 2^-6; -128 is never produced
//
// A code is right-aligned in a byte: sign, exponent, mantissa from the top of
// the format's width (E2M1 uses bits 3..0).
//
// Conversion from float32 saturates, as PTX `cvt.rn.satfinite` does: finite
// values beyond the largest finite one and infinities become that value with
// their sign. NaN becomes the canonical NaN (0x7F for E4M3 and E5M2) and, where
// the format has none, the largest positive value (PTX ISA 9.0, "cvt"); MXINT8
// NaN becomes 0.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_NUMERICS_ELEMENTFORMAT_H
#define FP4_NUMERICS_ELEMENTFORMAT_H

#include <cstdint>
#include <optional>
#include <string_view>

namespace fp4::numerics {

enum class ElementFormat : uint8_t { E2M1, E2M3, E3M2, E4M3, E5M2, MXINT8 };

/// All element formats, for tests and tables.
inline constexpr ElementFormat kElementFormats[] = {
    ElementFormat::E2M1, ElementFormat::E2M3, ElementFormat::E3M2,
    ElementFormat::E4M3, ElementFormat::E5M2, ElementFormat::MXINT8};

/// "E2M1", ...
std::string_view elementFormatName(ElementFormat format);
std::optional<ElementFormat> parseElementFormat(std::string_view name);

/// Width of a code in bits: 4, 6 or 8.
unsigned elementBits(ElementFormat format);
/// Explicit mantissa bits; 0 for MXINT8, which is fixed point.
unsigned elementMantissaBits(ElementFormat format);
/// Exponent of the largest binade (`emax` of the MX specification).
int elementMaxExponent(ElementFormat format);
/// Largest finite magnitude.
float elementMaxFinite(ElementFormat format);

/// The value of `code`; bits above the format's width are ignored.
float decodeElement(ElementFormat format, uint8_t code);

/// Round to nearest, ties to the even code, saturating.
uint8_t encodeElement(ElementFormat format, float value);

/// Round away from zero with the probability that makes the result unbiased:
/// with lo <= |value| <= hi the neighbouring magnitudes and
/// f = (|value| - lo) / (hi - lo), the result is hi iff
///
///     f + (random + 0.5) / 2^32 >= 1
///
/// evaluated exactly, for a `random` uniform over all 32-bit words. Saturates.
/// The caller supplies the random word, so the function is deterministic.
uint8_t encodeElementStochastic(ElementFormat format, float value,
                                uint32_t random);

} // namespace fp4::numerics

#endif // FP4_NUMERICS_ELEMENTFORMAT_H
