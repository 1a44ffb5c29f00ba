//===- Fragments.h - Weights in the order of matrix fragments ---*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The bytes from which kernels decode 4-bit weights to bfloat16 in registers,
// as operand A of mma.sync m16n8k16 or of wgmma m64nNk16. The fragment of a
// lane is in the PTX ISA, "Matrix Fragments for mma.m16n8k16".
//
// A unit is 64 rows by 64 of the depth, contiguous; units are ordered
// [row / 64][depth / 64], their number along the depth even, so that kernels
// can take two at a time. With lane = 4g + t a unit holds
//
// - 2048 bytes of codes, 32-bit words [16 rows: 4][lane: 32][16 of k: 4]. A
// word
//   has the eight codes of its lane's registers a0 (row g, k 2t and 2t+1), a1
//   (row g+8), a2 (row g, k 8 more), a3 (row g+8, k 8 more), the even k in the
//   low half. With sign s and magnitude bits m2 m1 m0, in each half:
//
//     a0: s at 15, m at 8 7 6      a1: s at 12, m at 5 4 3
//     a2: s at 9,  m at 2 1 0      a3: s at 14, m0 at 11, m1 at 10,
//                                      m2 xor m0 at 13
//
//   so that with R = 0x81C0 in both halves the registers, as bfloat16 pairs of
//   value * 2^-126, are q & R, 8q & R, 64q & R, 69((q & 0x6C006C00) >> 5) & R.
//
// - the scales. UE4M3: 256 bytes [16 rows][g][16 of k], two bytes each, of rows
//   g and g+8. A byte is (floor(log2(scale)) + 21) * 8 + its three mantissa
//   bits, 0x7000 + 16 * byte the bfloat16 of scale * 2^118, 255 is NaN.
//   E8M0: 128 bytes [16 rows][g][32 of k], two bytes each; a byte is
//   253 - (the largest exponent of the matrix - its own), and 128 * byte the
//   bfloat16 of 2^126 relative to the largest.
//
// A decoded element is thus value * scale / fragmentFactor(...).
//
// The same bytes give float16: a register's magnitudes three bits further left
// are value * 2^-14, 128 * byte is the float16 of scale * 2^6 for UE4M3, and
// 1024 * (byte mod 32) that of 2^14 relative to the largest for E8M0.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_NUMERICS_FRAGMENTS_H
#define FP4_NUMERICS_FRAGMENTS_H

#include "fp4/Numerics/ScaleFormat.h"
#include <cstddef>
#include <optional>

namespace fp4::numerics {

/// Rows and depth of a unit.
inline constexpr size_t kFragmentRows = 64, kFragmentDepth = 64;

/// E8M0 exponents of a matrix may span this many binades: products with
/// activations of 2^-60 and more then keep all their bits in float32.
inline constexpr unsigned kFragmentSpan = 60;

/// And this many for activations of float16: the smallest nonzero element of
/// the smallest scale is then the smallest float16.
inline constexpr unsigned kHalfFragmentSpan = 23;

/// A matrix of two E2M1 codes a byte (the even one low) with a scale for each
/// `blockDepth` elements of a row.
struct FragmentSource {
  ScaleFormat scaleFormat;
  /// [rows][depth / 2] and [rows][depth / blockDepth].
  const uint8_t *elements, *scales;
  size_t rows, depth;
  size_t blockDepth() const {
    return scaleFormat == ScaleFormat::UE4M3 ? 16 : 32;
  }
};

/// Whether all codes of block `block` are zero. Quantizers give such blocks any
/// scale, often the smallest there is.
bool isZeroBlock(const FragmentSource &source, size_t block);

/// Bytes of a unit.
inline constexpr size_t fragmentUnitBytes(ScaleFormat scaleFormat) {
  return scaleFormat == ScaleFormat::UE4M3 ? 2304 : 2176;
}

/// Units of a matrix along its depth; what is beyond it is zero.
inline constexpr size_t fragmentUnits(size_t depth) {
  return (depth + 2 * kFragmentDepth - 1) / (2 * kFragmentDepth) * 2;
}

/// Bytes of a matrix.
inline constexpr size_t fragmentBytes(ScaleFormat scaleFormat, size_t rows,
                                      size_t depth) {
  return (rows + kFragmentRows - 1) / kFragmentRows * fragmentUnits(depth) *
         fragmentUnitBytes(scaleFormat);
}

/// What a decoded element has to be multiplied by: 2^8 for UE4M3, the largest
/// scale of a block that is not zero for E8M0. Nothing if E8M0 scales are NaN
/// or more than `span` binades apart.
std::optional<float> fragmentFactor(const FragmentSource &source,
                                    unsigned span = kFragmentSpan);

/// Writes fragmentBytes(...) bytes. `source` has a factor.
void interleaveFragments(const FragmentSource &source, uint8_t *fragments);

} // namespace fp4::numerics

#endif // FP4_NUMERICS_FRAGMENTS_H
