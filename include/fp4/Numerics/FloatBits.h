//===- FloatBits.h - Floats and their encodings -----------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The bit casts that C++20 has as std::bit_cast. NaN payloads survive them.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_NUMERICS_FLOATBITS_H
#define FP4_NUMERICS_FLOATBITS_H

#include <cstdint>
#include <cstring>

namespace fp4::numerics {

/// The IEEE binary32 encoding of `value`.
inline uint32_t floatBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}
inline float bitsToFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

/// The IEEE binary64 encoding of `value`.
inline uint64_t doubleBits(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}
inline double bitsToDouble(uint64_t bits) {
  double value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

} // namespace fp4::numerics

#endif // FP4_NUMERICS_FLOATBITS_H
