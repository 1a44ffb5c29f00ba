//===- MatrixDescriptor.h - Shared-memory operands of MMA -------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The 64-bit shared-memory descriptors of wgmma (PTX ISA, "Matrix descriptor")
// and tcgen05 ("Shared memory descriptor") and the canonical layouts that they
// name. In units of elements, with T = 16 bytes of them and W = span / 16
// bytes:
//
//   K-major   no swizzle  ((8, m), (T, 2k)) : ((T, SBO), (1, LBO))
//             swizzled    ((8, m), (T, 2k)) : ((W T, SBO), (1, T))
//   MN-major  no swizzle  ((T, m), (8, k))  : ((1, SBO), (T, LBO))
//             swizzled    ((T, W, m), (8, k)) : ((1, T, LBO), (W T, SBO))
//
// Swizzles act on the bits of the shared-memory address, as for tensor copies,
// counted from the base offset. With an absolute leading dimension a K-major
// row that passes the end of its 128 bytes goes on at LBO.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_MATRIXDESCRIPTOR_H
#define FP4_LIB_EMULATOR_PTX_MATRIXDESCRIPTOR_H

#include "Machine.h"
#include "fp4/Emulator/PTX/TensorMap.h"

namespace fp4::ptx {

struct MatrixDescriptor {
  uint32_t start = 0, lbo = 0, sbo = 0;
  TensorMapSwizzle swizzle = TensorMapSwizzle::None;
  /// By how much the swizzle's pattern begins behind a multiple of its size.
  uint32_t patternStart = 0;
  /// `lbo` is the address of the 128 bytes in which a row goes on.
  bool isAbsolute = false;

  static MatrixDescriptor ofWgmma(uint64_t bits);
  static MatrixDescriptor ofTcgen05(const Warp &warp, uint64_t bits);

  /// The address of 16-byte chunk `chunk` of row `row`, K-major.
  uint32_t chunkAddress(unsigned row, unsigned chunk) const;
  /// The address of element (row, k) of `bytes` bytes, MN-major.
  uint32_t elementAddress(unsigned row, unsigned k, unsigned bytes) const;

private:
  uint32_t swizzled(uint32_t address) const;
};

/// Rows of `rowBytes` bytes, K innermost, and which rows were defined.
struct MatrixTile {
  unsigned rows = 0, rowBytes = 0;
  std::vector<uint8_t> bytes;
  std::vector<uint8_t> defined;

  const uint8_t *row(unsigned index) const { return &bytes[index * rowBytes]; }
};

/// Checks, when an operation is issued, that the tile is in bounds and visible
/// to the asynchronous proxy, and adds it to `reads`. `k` counts elements of
/// `bits` bits.
void checkTile(const Warp &warp, CTA &cta, const MatrixDescriptor &descriptor,
               bool isMNMajor, unsigned rows, unsigned k, unsigned bits,
               std::vector<SharedRange> &reads);
/// Appends the tile's rows to `tile`.
void fetchTile(const Warp &warp, const CTA &cta,
               const MatrixDescriptor &descriptor, bool isMNMajor,
               unsigned rows, unsigned k, unsigned bits, MatrixTile &tile);

/// Decodes a row of `k` elements of `type`. `padded` rows hold 16 elements of 4
/// or 6 bits in 16 bytes.
void decodeRow(Type type, bool padded, const uint8_t *row, unsigned k,
               float *out);

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_MATRIXDESCRIPTOR_H
