//===- TensorMap.h - Tensor maps for bulk tensor copies ---------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The emulator's cuTensorMapEncodeTiled: the same parameters, the same checks
// (CUDA Driver API 13.0, "Tensor Map Object Management"), an opaque object of
// the same 128 bytes. The contents are the emulator's own.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_EMULATOR_PTX_TENSORMAP_H
#define FP4_EMULATOR_PTX_TENSORMAP_H

#include "fp4/Status/Status.h"
#include <array>
#include <cstdint>

namespace fp4::ptx {

/// Numbered as CUtensorMapDataType.
enum class TensorMapType : uint8_t {
  U8,
  U16,
  U32,
  S32,
  U64,
  S64,
  F16,
  F32,
  F64,
  BF16,
  F32Ftz,
  TF32,
  TF32Ftz,
  U4Align8B,
  U4Align16B,
  U6Align16B
};

/// Numbered as CUtensorMapSwizzle.
enum class TensorMapSwizzle : uint8_t {
  None,
  B32,
  B64,
  B128,
  B128Atom32B,
  B128Atom32BFlip8B,
  B128Atom64B
};

struct TensorMapParams {
  TensorMapType type = TensorMapType::U8;
  unsigned rank = 1;
  uint64_t globalAddress = 0;
  /// In elements, innermost first.
  std::array<uint64_t, 5> globalDim = {1, 1, 1, 1, 1};
  /// In bytes, of dimensions 1..4.
  std::array<uint64_t, 4> globalStrides = {0, 0, 0, 0};
  std::array<uint32_t, 5> boxDim = {1, 1, 1, 1, 1};
  std::array<uint32_t, 5> elementStrides = {1, 1, 1, 1, 1};
  TensorMapSwizzle swizzle = TensorMapSwizzle::None;
  /// CU_TENSOR_MAP_FLOAT_OOB_FILL_NAN_REQUEST_ZERO_FMA
  bool nanFill = false;
  /// Numbered as CUtensorMapL2promotion: a hint to the GPU, not kept here.
  uint8_t l2Promotion = 0;
};

using TensorMap = std::array<uint8_t, 128>;

/// Fails where cuTensorMapEncodeTiled answers CUDA_ERROR_INVALID_VALUE.
Expected<TensorMap> encodeTensorMap(const TensorMapParams &params);
/// The parameters of an encoded map, or an error if `map` is not one.
Expected<TensorMapParams> decodeTensorMap(const TensorMap &map);

} // namespace fp4::ptx

#endif // FP4_EMULATOR_PTX_TENSORMAP_H
