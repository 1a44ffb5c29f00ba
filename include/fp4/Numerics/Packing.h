//===- Packing.h - Bit packing and scale layouts ----------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How codes lie in memory. Four-bit codes: element 2i in the low nibble of byte
// i, element 2i+1 in the high one (cuBLAS, CUTLASS, vLLM, safetensors F4).
// Six-bit codes: four elements in three bytes, element 0 in the lowest bits,
// little endian. Eight-bit codes: one byte each. Rows are packed one by one.
//
// Scales: row-major, or the "128x4" tiles that the block-scaled tensor cores
// read (cuBLASLt "Scaling factors layout for 1D block scaling"): a tile holds
// 128 rows x 4 scales in 512 bytes,
//
//   offset(row, j) = ((row / 128) * ceil(columns / 4) + j / 4) * 512
//                  + (row % 32) * 16 + ((row % 128) / 32) * 4 + j % 4
//
// Rows are padded to a multiple of 128 and columns to one of 4 with zero bytes
// (0xFF would be a NaN scale and poison accumulators).
//
//===----------------------------------------------------------------------===//

#ifndef FP4_NUMERICS_PACKING_H
#define FP4_NUMERICS_PACKING_H

#include "fp4/Numerics/ElementFormat.h"
#include <cstddef>

namespace fp4::numerics {

/// Bytes of one packed row of `cols` codes. `cols` must be even for 4-bit and
/// a multiple of 4 for 6-bit formats.
size_t packedRowBytes(ElementFormat format, size_t cols);

/// `codes`: rows x cols bytes; `packed`: rows x packedRowBytes(cols).
void packCodes(ElementFormat format, const uint8_t *codes, size_t rows,
               size_t cols, uint8_t *packed);
void unpackCodes(ElementFormat format, const uint8_t *packed, size_t rows,
                 size_t cols, uint8_t *codes);

/// Position of the scale of (row, column) in the 128x4 layout of a matrix with
/// `columns` scales per row.
inline size_t scaleOffset128x4(size_t row, size_t column, size_t columns) {
  size_t tilesPerRow = (columns + 3) / 4;
  return ((row / 128) * tilesPerRow + column / 4) * 512 + (row % 32) * 16 +
         ((row % 128) / 32) * 4 + column % 4;
}

/// Bytes of the 128x4 layout of rows x columns scales, padding included.
size_t scaleBytes128x4(size_t rows, size_t columns);

/// Row-major rows x columns scales to and from the padded 128x4 layout.
void swizzleScales128x4(const uint8_t *scales, size_t rows, size_t columns,
                        uint8_t *swizzled);
void unswizzleScales128x4(const uint8_t *swizzled, size_t rows, size_t columns,
                          uint8_t *scales);

} // namespace fp4::numerics

#endif // FP4_NUMERICS_PACKING_H
