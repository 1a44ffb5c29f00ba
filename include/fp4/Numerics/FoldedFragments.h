//===- FoldedFragments.h - 4-bit weights as e4m3 fragments ------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The bytes from which kernels decode E2M1 weights with E8M0 scales to e4m3 in
// registers, as operand A of wgmma m64nNk32. An element times a power of two
// is an e4m3 number as long as the exponent fits, so the scales of a row are
// folded into its elements but for one factor of the row. With e the smallest
// scale exponent of the row's blocks that are not zero, a block of exponent
// e + j decodes to value * 2^(j - 5) and the row's factor is 2^(e + 5). All
// results are normal numbers for j = 0..11: from 0.5 * 2^-5 = 2^-6, the
// smallest normal, to 6 * 2^6 = 384, of at most 448.
//
// The fragment of a lane is in the PTX ISA, "Matrix Fragments for
// mma.m16n8k32" (8-bit types). A unit is 64 rows by 128 of the depth,
// contiguous; units are ordered [row / 64][depth / 128]. With lane = 4g + t a
// unit holds
//
// - 4096 bytes of codes, 32-bit words [16 rows: 4][64 of k: 2][lane: 32][4].
//   Word 2s + h of the four has eight codes of row g + 8h: k = 32s + 4t + i in
//   the selector nibbles 0..3 of a byte permute (three bits each), k = 32s + 16
//   + 4t + i in nibbles 4..7. The fourth bit of nibble 2i + 1 is the sign of
//   the i-th of the former, that of nibble 2i of the i-th of the latter:
//   masked, and shifted by four bits for the latter, they are signs of bytes.
//
// - 256 bytes, j of each block: [16 rows: 4][g: 8][row g, row g+8][32 of k: 4].
//
//===----------------------------------------------------------------------===//

#ifndef FP4_NUMERICS_FOLDEDFRAGMENTS_H
#define FP4_NUMERICS_FOLDEDFRAGMENTS_H

#include "fp4/Numerics/Fragments.h"
#include <vector>

namespace fp4::numerics {

/// Depth of a unit, of kFragmentRows rows, and its bytes.
inline constexpr size_t kFoldedDepth = 128, kFoldedUnitBytes = 4352;

/// Exponents of a row's scales may differ by so much.
inline constexpr unsigned kFoldedSpan = 11;

/// Units of a matrix along its depth; what is beyond it is zero.
inline constexpr size_t foldedUnits(size_t depth) {
  return (depth + kFoldedDepth - 1) / kFoldedDepth;
}

/// What the products of each row have to be multiplied by; 1 for a row of
/// zeros. Nothing if a scale is NaN, those of a row differ by more than
/// kFoldedSpan binades, or a factor is no float32. `source` has E8M0 scales.
std::optional<std::vector<float>> foldedFactors(const FragmentSource &source);

/// Writes the units of a matrix that has factors.
void foldFragments(const FragmentSource &source, uint8_t *fragments);

} // namespace fp4::numerics

#endif // FP4_NUMERICS_FOLDEDFRAGMENTS_H
