//===- TensorLayout.h - Element sizes, tensor map swizzles ------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How tensor maps and matrix descriptors see shared memory: sizes of elements,
// swizzles, and the fields that tensormap.replace changes.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_TENSORLAYOUT_H
#define FP4_LIB_EMULATOR_PTX_TENSORLAYOUT_H

#include "fp4/Emulator/PTX/TensorMap.h"

namespace fp4::ptx {

unsigned tensorElementBits(TensorMapType type);
/// Types of which 16 elements take 16 bytes of shared memory, with a gap.
bool isPaddedTensorType(TensorMapType type);
/// Bytes after which the swizzle pattern moves on; 0 without one.
unsigned swizzleSpan(TensorMapSwizzle swizzle);
/// Where the 16 bytes at a shared-memory address go: address bits from 7 up
/// are added (exclusive or) to those below.
uint32_t swizzleAddress(TensorMapSwizzle swizzle, uint32_t address);

/// The fields of tensormap.replace, in the order of its description.
enum class TensorMapField : uint8_t {
  GlobalAddress,
  Rank,
  BoxDim,
  GlobalDim,
  GlobalStride,
  ElementStride,
  ElementType,
  InterleaveLayout,
  SwizzleMode,
  SwizzleAtomicity,
  FillMode
};

/// Changes one field of an encoded map. Whether the fields fit together is
/// checked when the map is decoded.
Status replaceTensorMapField(TensorMap &map, TensorMapField field,
                             unsigned ordinal, uint64_t value);

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_TENSORLAYOUT_H
