//===- ScaleFormat.h - Block scale formats ----------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The unsigned 8-bit formats of block scales.
//
//   format     e/m   bias  largest finite       smallest         NaN
//   E8M0       8/0   127   2^127  (0xFE)        2^-127 (0x00)    0xFF
//   UE4M3      4/3   7     448    (0x7E)        2^-9   (0x01)    0x7F
//   UE5M3FNU   5/3   15    114688 (0xFE)        2^-17  (0x01)    0xFF
//   UE5M3GC    5/3   15    61440  (0xF7)        2^-17  (0x01)    0xF8..0xFF
//
// UE4M3 is E4M3 without its sign (bit 7 is ignored on decoding). UE5M3 names
// two formats in the literature: NVIDIA's (PTX ISA 9.4) uses exponent field 31,
// Graphcore's (arXiv 2609.02846) reserves it; codes 0x00..0xF7 agree.
// E8M0 has no zero; its code 0 is the float32 subnormal 2^-127.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_NUMERICS_SCALEFORMAT_H
#define FP4_NUMERICS_SCALEFORMAT_H

#include <cstdint>
#include <optional>
#include <string_view>

namespace fp4::numerics {

enum class ScaleFormat : uint8_t { E8M0, UE4M3, UE5M3FNU, UE5M3GC };

inline constexpr ScaleFormat kScaleFormats[] = {
    ScaleFormat::E8M0, ScaleFormat::UE4M3, ScaleFormat::UE5M3FNU,
    ScaleFormat::UE5M3GC};

/// How a real scale becomes a code. E8M0 NearestEven rounds on the value (the
/// midpoint of 2^k and 2^(k+1) is 1.5*2^k and goes to the even code).
enum class ScaleRounding : uint8_t { NearestEven, TowardZero, TowardPositive };

std::string_view scaleFormatName(ScaleFormat format);
std::optional<ScaleFormat> parseScaleFormat(std::string_view name);

/// Largest finite value.
float scaleMaxFinite(ScaleFormat format);
/// Code of the canonical NaN.
uint8_t scaleNaN(ScaleFormat format);
bool isScaleNaN(ScaleFormat format, uint8_t code);

/// The value of `code`; NaN for a NaN code.
float decodeScale(ScaleFormat format, uint8_t code);

/// Encodes a non-negative `value`, saturating at the largest finite code; +Inf
/// saturates too, NaN and negative values give the NaN code. Values below half
/// of the smallest subnormal round to code 0, which is zero in all formats but
/// E8M0; there values below 2^-127, zero included, give code 0 = 2^-127.
/// TowardZero and TowardPositive equal CUDA's cudaRoundZero and cudaRoundPosInf
/// on E8M0.
uint8_t encodeScale(ScaleFormat format, float value,
                    ScaleRounding rounding = ScaleRounding::NearestEven);

} // namespace fp4::numerics

#endif // FP4_NUMERICS_SCALEFORMAT_H
