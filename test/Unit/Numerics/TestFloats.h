//===- TestFloats.h - Inputs shared by the Numerics tests -------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A fixed random generator, and the formats once more: as value
// lists computed with ldexp from the sign/exponent/mantissa definition, so that
// no test compares the library's table with itself.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TEST_UNIT_NUMERICS_TESTFLOATS_H
#define FP4_TEST_UNIT_NUMERICS_TESTFLOATS_H

#include "fp4/Numerics/ElementFormat.h"
#include "fp4/Numerics/FloatBits.h"
#include "fp4/Numerics/ScaleFormat.h"
#include <cstdint>
#include <vector>

namespace fp4::numerics::test {

/// Sebastiano Vigna's splitmix64; the same sequence on every platform.
class SplitMix64 {
public:
  explicit SplitMix64(uint64_t seed) : state(seed) {}
  uint64_t next();
  uint32_t next32() { return static_cast<uint32_t>(next() >> 32); }
  /// Uniform in (0, 1].
  double uniform();
  /// One N(0, 1) sample, by Box and Muller.
  double normal();

private:
  uint64_t state;
};

/// An exponent/mantissa format written out by hand.
struct Layout {
  int mantissaBits;
  int bias;
  /// Magnitude codes 0..finiteCodes-1 are finite.
  int finiteCodes;
};
Layout layoutOf(ElementFormat format); // not MXINT8
Layout layoutOf(ScaleFormat format);

/// (-1)^s is left to the caller: mantissa * 2^(1 - bias - m) for exponent field
/// 0 and otherwise (1 + mantissa / 2^m) * 2^(field - bias).
double magnitudeOf(const Layout &layout, int code);

/// The finite magnitudes in the order of their codes. E8M0's smallest is
/// 2^-127, MXINT8's are 0, 1/64, ..., 127/64.
std::vector<double> magnitudesOf(ElementFormat format);
std::vector<double> magnitudesOf(ScaleFormat format);

enum class Direction { NearestEven, Down, Up };

/// Index in the rising list `magnitudes` of the rounded `value` >= 0, clamped
/// to the list: by comparison of distances in double, exact for float32 inputs.
int roundToIndex(const std::vector<double> &magnitudes, double value,
                 Direction direction);

/// All midpoints of neighbours in `magnitudes` and the neighbouring floats of
/// each, with both signs.
std::vector<float> midpointInputs(const std::vector<double> &magnitudes);

/// Over eight million floats: all bfloat16 values; four million random bit
/// patterns; four million more whose exponents lie where the element formats
/// have their codes; the midpoints of every element format.
const std::vector<float> &oracleInputs();

} // namespace fp4::numerics::test

#endif // FP4_TEST_UNIT_NUMERICS_TESTFLOATS_H
