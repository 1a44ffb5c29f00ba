//===- Half.h - bfloat16 and float16 conversions ----------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The 16-bit formats in which weights and activations arrive. Conversion from
// float32 rounds to nearest even; overflow gives infinity (these are storage
// formats, they do not saturate). NaN stays a quiet NaN.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_NUMERICS_HALF_H
#define FP4_NUMERICS_HALF_H

#include <cstdint>

namespace fp4::numerics {

float decodeBF16(uint16_t bits);
uint16_t encodeBF16(float value);
float decodeF16(uint16_t bits);
uint16_t encodeF16(float value);

} // namespace fp4::numerics

#endif // FP4_NUMERICS_HALF_H
