//===- MatrixDescriptor.cpp - Operands of wgmma and tcgen05 in memory -----===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Addresses of the canonical layouts in MatrixDescriptor.h, and the checked
// reading of whole tiles. Sources of the fields: PTX ISA 9.0, "Matrix
// descriptor" of wgmma and "Shared memory descriptor" of tcgen05.
//
//===----------------------------------------------------------------------===//

#include "MatrixDescriptor.h"
#include "AsyncProxy.h"
#include "Mma.h"
#include "TensorLayout.h"
#include "fp4/Numerics/ElementFormat.h"
#include <cstring>

namespace fp4::ptx {

static MatrixDescriptor decodeFields(uint64_t bits) {
  MatrixDescriptor descriptor;
  descriptor.start = uint32_t(bits & 0x3FFF) << 4;
  descriptor.lbo = uint32_t(bits >> 16 & 0x3FFF) << 4;
  descriptor.sbo = uint32_t(bits >> 32 & 0x3FFF) << 4;
  descriptor.patternStart = uint32_t(bits >> 49 & 7) << 7;
  return descriptor;
}

MatrixDescriptor MatrixDescriptor::ofWgmma(uint64_t bits) {
  MatrixDescriptor descriptor = decodeFields(bits);
  static constexpr TensorMapSwizzle modes[] = {
      TensorMapSwizzle::None, TensorMapSwizzle::B128, TensorMapSwizzle::B64,
      TensorMapSwizzle::B32};
  descriptor.swizzle = modes[bits >> 62];
  return descriptor;
}

MatrixDescriptor MatrixDescriptor::ofTcgen05(const Warp &warp, uint64_t bits) {
  MatrixDescriptor descriptor = decodeFields(bits);
  if ((bits >> 46 & 7) != 1)
    warp.trap("matrix descriptor " + hex(bits) + ": bits 46-48 must be 0b001");
  descriptor.isAbsolute = bits >> 52 & 1;
  switch (bits >> 61) {
  case 0:
    break;
  case 1:
    descriptor.swizzle = TensorMapSwizzle::B128Atom32B;
    break;
  case 2:
    descriptor.swizzle = TensorMapSwizzle::B128;
    break;
  case 4:
    descriptor.swizzle = TensorMapSwizzle::B64;
    break;
  case 6:
    descriptor.swizzle = TensorMapSwizzle::B32;
    break;
  default:
    warp.trap("matrix descriptor " + hex(bits) + ": unknown swizzle mode");
  }
  if (descriptor.isAbsolute && warp.launch.module->target != 103)
    warp.trap("matrix descriptor " + hex(bits) +
              ": an absolute leading dimension needs the target sm_103a");
  if (descriptor.isAbsolute &&
      (descriptor.swizzle != TensorMapSwizzle::B128 || descriptor.patternStart))
    warp.trap("matrix descriptor " + hex(bits) +
              ": an absolute leading dimension needs the 128-byte swizzle "
              "without base offset");
  return descriptor;
}

uint32_t MatrixDescriptor::swizzled(uint32_t address) const {
  return swizzleAddress(swizzle, address - patternStart) + patternStart;
}

uint32_t MatrixDescriptor::chunkAddress(unsigned row, unsigned chunk) const {
  uint32_t outer = row / 8 * sbo;
  if (swizzle == TensorMapSwizzle::None)
    return start + outer + row % 8 * 16 + chunk * lbo;
  outer += row % 8 * swizzleSpan(swizzle);
  uint32_t inner = start % 128 + chunk * 16;
  if (isAbsolute && inner >= 128)
    return swizzled(lbo + outer + inner - 128);
  return swizzled(start + outer + chunk * 16);
}

uint32_t MatrixDescriptor::elementAddress(unsigned row, unsigned k,
                                          unsigned bytes) const {
  unsigned perChunk = 16 / bytes;
  if (swizzle == TensorMapSwizzle::None)
    return start + row % perChunk * bytes + row / perChunk * sbo + k % 8 * 16 +
           k / 8 * lbo;
  unsigned span = swizzleSpan(swizzle);
  unsigned perSpan = span / bytes;
  uint32_t linear = start + row % perSpan * bytes + row / perSpan * lbo +
                    k % 8 * span + k / 8 * sbo;
  return swizzled(linear);
}

/// Calls `body(address, size, row, byte in row)` for every piece of the tile.
template <typename Body>
static void forEachPiece(const MatrixDescriptor &descriptor, bool isMNMajor,
                         unsigned rows, unsigned k, unsigned bits, Body body) {
  if (!isMNMajor) {
    unsigned chunks = k * bits / 128;
    for (unsigned row = 0; row < rows; ++row)
      for (unsigned chunk = 0; chunk < chunks; ++chunk)
        body(descriptor.chunkAddress(row, chunk), 16u, row, chunk * 16);
    return;
  }
  unsigned bytes = bits / 8;
  for (unsigned row = 0; row < rows; ++row)
    for (unsigned kk = 0; kk < k; ++kk)
      body(descriptor.elementAddress(row, kk, bytes), bytes, row, kk * bytes);
}

void checkTile(const Warp &warp, CTA &cta, const MatrixDescriptor &descriptor,
               bool isMNMajor, unsigned rows, unsigned k, unsigned bits,
               std::vector<SharedRange> &reads) {
  forEachPiece(descriptor, isMNMajor, rows, k, bits,
               [&](uint32_t address, unsigned size, unsigned, unsigned) {
                 checkAsyncRead(warp, cta, address, size);
                 SharedRange *last = reads.empty() ? nullptr : &reads.back();
                 if (last && last->cta == &cta &&
                     last->offset + last->size == address)
                   last->size += size;
                 else
                   reads.push_back({&cta, address, size});
               });
}

void fetchTile(const Warp &warp, const CTA &cta,
               const MatrixDescriptor &descriptor, bool isMNMajor,
               unsigned rows, unsigned k, unsigned bits, MatrixTile &tile) {
  unsigned first = tile.rows;
  tile.rows += rows;
  tile.rowBytes = k * bits / 8;
  tile.bytes.resize(size_t(tile.rows) * tile.rowBytes);
  tile.defined.resize(tile.rows, 1);
  forEachPiece(descriptor, isMNMajor, rows, k, bits,
               [&](uint32_t address, unsigned size, unsigned row, unsigned at) {
                 checkSharedRange(warp, cta, address, size);
                 std::memcpy(&tile.bytes[(first + row) * tile.rowBytes + at],
                             &cta.shared.bytes[address], size);
                 if (std::memchr(&cta.shared.valid[address], 0, size))
                   tile.defined[first + row] = 0;
               });
  warp.cta.cluster.bytesRead[unsigned(Space::SharedCTA)] +=
      uint64_t(rows) * tile.rowBytes;
}

void decodeRow(Type type, bool padded, const uint8_t *row, unsigned k,
               float *out) {
  unsigned bits = type == Type::E2M1                         ? 4
                  : type == Type::E2M3 || type == Type::E3M2 ? 6
                                                             : typeBits(type);
  if (bits >= 8) {
    unsigned bytes = bits / 8;
    for (unsigned i = 0; i < k; ++i) {
      uint32_t element = 0;
      std::memcpy(&element, row + i * bytes, bytes);
      if (type == Type::U8)
        out[i] = float(element);
      else if (type == Type::S8)
        out[i] = float(int8_t(element));
      else
        out[i] = float(mmaElement(type, element));
    }
    return;
  }
  numerics::ElementFormat format =
      type == Type::E2M1   ? numerics::ElementFormat::E2M1
      : type == Type::E2M3 ? numerics::ElementFormat::E2M3
                           : numerics::ElementFormat::E3M2;
  for (unsigned i = 0; i < k; ++i) {
    const uint8_t *base = padded ? row + i / 16 * 16 : row;
    unsigned position = (padded ? i % 16 : i) * bits;
    unsigned word = base[position / 8];
    if (position % 8 + bits > 8)
      word |= unsigned(base[position / 8 + 1]) << 8;
    out[i] = numerics::decodeElement(
        format, uint8_t(word >> (position % 8) & ((1u << bits) - 1)));
  }
}

} // namespace fp4::ptx
