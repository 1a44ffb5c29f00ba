//===- Numerics.h - Formats, quantizer, packing -------------------*- C -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The numerics of the project on plain arrays: element and scale formats, block
// quantization, Hadamard transforms, bit packing and scale layouts. Semantics
// are those of the headers under fp4/Numerics, to the bit.
//
// A rows x cols matrix in a block format is an array of codes, one byte each
// (rows x cols), an array of block scales (rows / blockRows x cols / blockCols)
// and one tensor scale:
//
//   value = element(code) * (scale(block) * tensorScale)
//
//===----------------------------------------------------------------------===//

#ifndef FP4_C_NUMERICS_H
#define FP4_C_NUMERICS_H

#include "fp4-c/Support.h"

#ifdef __cplusplus
extern "C" {
#endif

//===----------------------------------------------------------------------===//
// Formats
//===----------------------------------------------------------------------===//

typedef enum FP4ElementFormat {
  FP4ElementE2M1 = 0,
  FP4ElementE2M3 = 1,
  FP4ElementE3M2 = 2,
  FP4ElementE4M3 = 3,
  FP4ElementE5M2 = 4,
  FP4ElementMXINT8 = 5,
} FP4ElementFormat;

typedef enum FP4ScaleFormat {
  FP4ScaleE8M0 = 0,
  FP4ScaleUE4M3 = 1,
  FP4ScaleUE5M3FNU = 2,
  FP4ScaleUE5M3GC = 3,
} FP4ScaleFormat;

typedef struct FP4BlockFormat {
  FP4ElementFormat element;
  FP4ScaleFormat scale;
  /// A power of two in 1..1024; 1 except for blocks of two dimensions.
  uint32_t blockRows;
  /// A power of two in 4..1024, along the last dimension.
  uint32_t blockCols;
  bool hasTensorScale;
} FP4BlockFormat;

/// How the scale of a block is chosen; see ScaleRule in BlockFormat.h.
typedef enum FP4ScaleRule {
  FP4ScaleRuleFloor = 0,
  FP4ScaleRuleRCeil = 1,
  FP4ScaleRuleEven = 2,
  FP4ScaleRuleAbsMax = 3,
  FP4ScaleRuleFourOverSix = 4,
  FP4ScaleRuleSearch = 5,
} FP4ScaleRule;

typedef enum FP4NaNPolicy {
  FP4NaNPropagate = 0,
  FP4NaNSaturateInf = 1,
} FP4NaNPolicy;

typedef enum FP4ScaleRounding {
  FP4ScaleRoundingNearestEven = 0,
  FP4ScaleRoundingTowardZero = 1,
  FP4ScaleRoundingTowardPositive = 2,
} FP4ScaleRounding;

/// The format called `name`: "nvfp4", "mxfp4", "mxfp6e2m3", "mxfp6e3m2",
/// "mxfp8e4m3", "mxfp8e5m2" or "mxint8".
FP4_CAPI_EXPORTED bool
fp4BlockFormatParse(const char *name, FP4BlockFormat *format, char **error);

/// The name of `format`, or null if it has none; not to be freed.
FP4_CAPI_EXPORTED const char *
fp4BlockFormatGetName(const FP4BlockFormat *format);

/// Checks the ranges that the members' comments give.
FP4_CAPI_EXPORTED bool fp4BlockFormatVerify(const FP4BlockFormat *format,
                                            char **error);

/// Bits per element with the block scales: 4.5 for "nvfp4".
FP4_CAPI_EXPORTED double
fp4BlockFormatGetBitsPerElement(const FP4BlockFormat *format);

/// The scale rule of the format's specification.
FP4_CAPI_EXPORTED FP4ScaleRule
fp4BlockFormatGetDefaultScaleRule(const FP4BlockFormat *format);

/// "E2M1", ..., "E8M0", ...; "floor", "rceil", "even", "absmax",
/// "four_over_six", "search".
FP4_CAPI_EXPORTED bool
fp4ElementFormatParse(const char *name, FP4ElementFormat *format, char **error);
FP4_CAPI_EXPORTED bool
fp4ScaleFormatParse(const char *name, FP4ScaleFormat *format, char **error);
FP4_CAPI_EXPORTED bool fp4ScaleRuleParse(const char *name, FP4ScaleRule *rule,
                                         char **error);
/// The inverse maps; not to be freed.
FP4_CAPI_EXPORTED const char *fp4ElementFormatGetName(FP4ElementFormat format);
FP4_CAPI_EXPORTED const char *fp4ScaleFormatGetName(FP4ScaleFormat format);
FP4_CAPI_EXPORTED const char *fp4ScaleRuleGetName(FP4ScaleRule rule);

/// Width of a code: 4, 6 or 8.
FP4_CAPI_EXPORTED unsigned fp4ElementFormatGetBits(FP4ElementFormat format);
FP4_CAPI_EXPORTED float fp4ElementFormatGetMaxFinite(FP4ElementFormat format);
FP4_CAPI_EXPORTED float fp4ScaleFormatGetMaxFinite(FP4ScaleFormat format);

//===----------------------------------------------------------------------===//
// Single codes
//===----------------------------------------------------------------------===//

/// Decodes `count` element codes.
FP4_CAPI_EXPORTED void fp4DecodeElements(FP4ElementFormat format,
                                         const uint8_t *codes, size_t count,
                                         float *values);

/// Encodes `count` values, saturating. `random` is null (round to nearest, ties
/// to even) or has one word per value (stochastic rounding).
FP4_CAPI_EXPORTED void fp4EncodeElements(FP4ElementFormat format,
                                         const float *values, size_t count,
                                         const uint32_t *random,
                                         uint8_t *codes);

FP4_CAPI_EXPORTED void fp4DecodeScales(FP4ScaleFormat format,
                                       const uint8_t *codes, size_t count,
                                       float *values);
FP4_CAPI_EXPORTED void fp4EncodeScales(FP4ScaleFormat format,
                                       const float *values, size_t count,
                                       FP4ScaleRounding rounding,
                                       uint8_t *codes);

/// bfloat16 bits to float32 and back (nearest even).
FP4_CAPI_EXPORTED void fp4DecodeBF16(const uint16_t *bits, size_t count,
                                     float *values);
FP4_CAPI_EXPORTED void fp4EncodeBF16(const float *values, size_t count,
                                     uint16_t *bits);

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

typedef struct FP4QuantizeOptions {
  FP4ScaleRule rule;
  FP4NaNPolicy nanPolicy;
  /// Null, or rows * cols random words for stochastic rounding.
  const uint32_t *random;
} FP4QuantizeOptions;

/// The default scale rule, NaN propagated, rounding to nearest even.
FP4_CAPI_EXPORTED FP4QuantizeOptions
fp4QuantizeOptionsGetDefault(const FP4BlockFormat *format);

/// max |x|; NaN if a value is NaN, 0 if there is none.
FP4_CAPI_EXPORTED float fp4AbsMax(const float *values, size_t count);

/// The tensor scale for a tensor whose largest magnitude is `amax`; 1 in
/// formats without one.
FP4_CAPI_EXPORTED float fp4TensorScale(const FP4BlockFormat *format, float amax,
                                       FP4ScaleRule rule);

/// Quantizes `values`. Fails if the block does not divide the matrix, the rule
/// does not suit the format, or `tensorScale` is not positive and finite (it is
/// ignored in formats without a tensor scale).
FP4_CAPI_EXPORTED bool
fp4Quantize(const FP4BlockFormat *format, const FP4QuantizeOptions *options,
            const float *values, size_t rows, size_t cols, float tensorScale,
            uint8_t *codes, uint8_t *scales, char **error);

/// The inverse map. Fails if the block does not divide the matrix.
FP4_CAPI_EXPORTED bool fp4Dequantize(const FP4BlockFormat *format,
                                     const uint8_t *codes,
                                     const uint8_t *scales, size_t rows,
                                     size_t cols, float tensorScale,
                                     float *values, char **error);

//===----------------------------------------------------------------------===//
// Rotations
//===----------------------------------------------------------------------===//

/// Multiplies every `block` consecutive values by the orthonormal Hadamard
/// matrix of that order, in place. `signs` is null, or `block` values of 1 or
/// -1 that multiply the values first (last if `inverse`). Fails if `block` is
/// no power of two in 2..1024, does not divide `count`, or a sign is neither 1
/// nor -1.
FP4_CAPI_EXPORTED bool fp4Hadamard(float *values, size_t count, size_t block,
                                   const int8_t *signs, bool inverse,
                                   char **error);

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

/// Bytes of a packed row of `cols` codes. Fails if a row would not end at a
/// byte: `cols` must be even for 4-bit and a multiple of 4 for 6-bit formats.
FP4_CAPI_EXPORTED bool fp4PackedRowBytes(FP4ElementFormat format, size_t cols,
                                         size_t *bytes, char **error);

/// Packs rows of codes: two 4-bit codes a byte with the even one in the low
/// nibble, four 6-bit codes in three bytes, or one 8-bit code a byte.
FP4_CAPI_EXPORTED bool fp4PackCodes(FP4ElementFormat format,
                                    const uint8_t *codes, size_t rows,
                                    size_t cols, uint8_t *packed, char **error);
FP4_CAPI_EXPORTED bool fp4UnpackCodes(FP4ElementFormat format,
                                      const uint8_t *packed, size_t rows,
                                      size_t cols, uint8_t *codes,
                                      char **error);

/// Bytes of rows x columns scales in the 128x4 tiles of the block-scaled tensor
/// cores, padding included.
FP4_CAPI_EXPORTED size_t fp4ScaleBytes128x4(size_t rows, size_t columns);
FP4_CAPI_EXPORTED void fp4SwizzleScales128x4(const uint8_t *scales, size_t rows,
                                             size_t columns, uint8_t *swizzled);
FP4_CAPI_EXPORTED void fp4UnswizzleScales128x4(const uint8_t *swizzled,
                                               size_t rows, size_t columns,
                                               uint8_t *scales);

#ifdef __cplusplus
}
#endif

#endif // FP4_C_NUMERICS_H
