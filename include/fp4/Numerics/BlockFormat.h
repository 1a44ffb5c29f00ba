//===- BlockFormat.h - Microscaled block formats, quantizer -----*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block format joins an element format, a scale format, a block shape and
// the question whether the whole tensor has one more float32 scale:
//
//   value = decodeElement(code) * decodeScale(block scale) * tensor scale
//
// The quantizer computes, in float32 and in this order (C-style parentheses are
// the contract; nothing is fused or reassociated):
//
//   amax    = max |x_i| over the block
//   scale formats with a mantissa (NVFP4; s_T multiplies on decoding and is 1
//   in formats without a tensor scale):
//     s_T   = amax_tensor / (maxElement * maxScale)            [tensorScaleFor]
//     byte  = encodeScale((amax / maxElement) / s_T, NearestEven)
//     scale = decodeScale(byte) * s_T
//     amax == 0 gives the byte of 1.0; a byte that rounds to zero with
//     amax > 0 becomes 0x01, the smallest scale
//   E8M0: byte from `ScaleRule`, scale = decodeScale(byte); amax == 0 gives 0
//   code_i  = encodeElement(x_i / scale)         (IEEE division, no reciprocal)
//
// The rules that compare squared errors sum (x_i - decoded_i)^2 in double, row
// by row from left to right, with decoded_i as dequantizeBlocks computes it
// and elements rounded to nearest, whatever the final rounding.
//
// Sources: OCP MX v1.0 section 6.3 (floor), NVIDIA TransformerEngine (rceil),
// torchao (even), arXiv 2509.25149 appendix B (NVFP4).
//
//===----------------------------------------------------------------------===//

#ifndef FP4_NUMERICS_BLOCKFORMAT_H
#define FP4_NUMERICS_BLOCKFORMAT_H

#include "fp4/Numerics/ElementFormat.h"
#include "fp4/Numerics/ScaleFormat.h"
#include <cstddef>

namespace fp4::numerics {

struct BlockFormat {
  ElementFormat element;
  ScaleFormat scale;
  /// A block covers blockRows x blockCols elements; blockCols runs along the
  /// last (contraction) dimension. blockRows is 1 except for 16x16 weights.
  unsigned blockRows;
  unsigned blockCols;
  bool hasTensorScale;

  friend bool operator==(const BlockFormat &a, const BlockFormat &b) {
    return a.element == b.element && a.scale == b.scale &&
           a.blockRows == b.blockRows && a.blockCols == b.blockCols &&
           a.hasTensorScale == b.hasTensorScale;
  }
};

inline constexpr BlockFormat kNVFP4 = {ElementFormat::E2M1, ScaleFormat::UE4M3,
                                       1, 16, true};
inline constexpr BlockFormat kMXFP4 = {ElementFormat::E2M1, ScaleFormat::E8M0,
                                       1, 32, false};
inline constexpr BlockFormat kMXFP6E2M3 = {ElementFormat::E2M3,
                                           ScaleFormat::E8M0, 1, 32, false};
inline constexpr BlockFormat kMXFP6E3M2 = {ElementFormat::E3M2,
                                           ScaleFormat::E8M0, 1, 32, false};
inline constexpr BlockFormat kMXFP8E4M3 = {ElementFormat::E4M3,
                                           ScaleFormat::E8M0, 1, 32, false};
inline constexpr BlockFormat kMXFP8E5M2 = {ElementFormat::E5M2,
                                           ScaleFormat::E8M0, 1, 32, false};
inline constexpr BlockFormat kMXINT8 = {ElementFormat::MXINT8,
                                        ScaleFormat::E8M0, 1, 32, false};

/// "nvfp4", "mxfp4", "mxfp6e2m3", "mxfp6e3m2", "mxfp8e4m3", "mxfp8e5m2",
/// "mxint8"; nothing for another format.
std::optional<std::string_view> blockFormatName(const BlockFormat &format);
std::optional<BlockFormat> parseBlockFormat(std::string_view name);

/// Storage cost per element in bits, block scales included, tensor scale not:
/// 4.5 for NVFP4, 4.25 for MXFP4.
double bitsPerElement(const BlockFormat &format);

/// How the scale of a block is chosen.
enum class ScaleRule : uint8_t {
  /// E8M0: 2^(floor(log2 amax) - emax). OCP MX v1.0. Clips up to 2x of max.
  Floor,
  /// E8M0: smallest power of two with amax / 2^e <= max. Never clips.
  RCeil,
  /// E8M0: floor after rounding amax's significand to the element's mantissa:
  /// exponent((bits(amax) + (1 << (22 - m)))) - emax.
  Even,
  /// Scale formats with a mantissa: amax maps to the largest element.
  AbsMax,
  /// As AbsMax, and amax -> 4 where that has the smaller squared error
  /// (arXiv 2512.02010, "Four Over Six"); E2M1 only. Needs a tensor scale with
  /// headroom to be useful: amax / (6 * 256), see `tensorScaleFor`.
  FourOverSix,
  /// The scale with the least squared error among all codes near AbsMax
  /// (mantissa formats: [-2, +6] codes; E8M0: floor's exponent + {-1, 0, 1}).
  /// Ties go to the smaller scale.
  Search,
};

std::string_view scaleRuleName(ScaleRule rule);
std::optional<ScaleRule> parseScaleRule(std::string_view name);
/// Floor, RCeil and Even are for E8M0; AbsMax and FourOverSix for the others.
bool isScaleRuleLegal(ScaleRule rule, const BlockFormat &format);
/// Floor for E8M0 and AbsMax for the rest: the rules of the specifications.
ScaleRule defaultScaleRule(const BlockFormat &format);

/// What a NaN or an infinity in a block does.
enum class NaNPolicy : uint8_t {
  /// The block gets the NaN scale; its elements are encoded as if the scale
  /// were 1 (OCP MX reference behaviour; the default).
  Propagate,
  /// Infinity counts as the largest finite float; NaN still propagates.
  SaturateInf,
};

struct QuantizeOptions {
  ScaleRule rule = ScaleRule::Floor;
  NaNPolicy nanPolicy = NaNPolicy::Propagate;
  /// Null: round to nearest even. Otherwise one random word per element
  /// (rows * cols of them) for stochastic rounding.
  const uint32_t *random = nullptr;
};

/// The decoding tensor scale for a tensor whose largest magnitude is `amax`:
/// amax / (maxElement * maxScale), or with FourOverSix and Search
/// amax / (maxElement * 256) for UE4M3, which leaves the block scale headroom
/// above AbsMax. 1 where that quotient is 0 (`amax` is 0, or so small that it
/// underflows) and in formats without a tensor scale.
float tensorScaleFor(const BlockFormat &format, float amax, ScaleRule rule);

/// max |x_i|, NaN if any is NaN.
float absMax(const float *data, size_t count);

/// Quantizes a row-major rows x cols matrix. Formats without a tensor scale
/// ignore `tensorScale`; the others need it positive and finite. `rows` must be
/// a multiple of blockRows and `cols` of blockCols (asserted; callers verify).
/// `codes` gets rows * cols bytes, one code each; `scales` (rows / blockRows) x
/// (cols / blockCols) bytes, row-major.
void quantizeBlocks(const BlockFormat &format, const QuantizeOptions &options,
                    const float *data, size_t rows, size_t cols,
                    float tensorScale, uint8_t *codes, uint8_t *scales);

/// The inverse map: value = element * (scale * tensorScale), the product in
/// parentheses rounded to float32 first.
void dequantizeBlocks(const BlockFormat &format, const uint8_t *codes,
                      const uint8_t *scales, size_t rows, size_t cols,
                      float tensorScale, float *data);

} // namespace fp4::numerics

#endif // FP4_NUMERICS_BLOCKFORMAT_H
