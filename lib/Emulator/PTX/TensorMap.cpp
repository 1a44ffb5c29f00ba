//===- TensorMap.cpp - Tensor maps for bulk tensor copies -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checks the rules of cuTensorMapEncodeTiled (CUDA Driver API, "Tensor Map
// Object Management") and packs the parameters into 128 bytes. The encoding is
// our own: the driver's is not documented.
//
//===----------------------------------------------------------------------===//

#include "fp4/Emulator/PTX/TensorMap.h"
#include "TensorLayout.h"
#include <algorithm>
#include <cstring>
#include <string>

namespace fp4::ptx {

/// Tells our maps from anything else, NVIDIA's included.
static constexpr uint32_t kMagic = 0x50414D34;

namespace {
/// The object's bytes.
struct Encoded {
  uint32_t magic;
  uint8_t type;
  uint8_t rank;
  uint8_t swizzle;
  uint8_t nanFill;
  /// Programs may clear bits here: CUTLASS works around an error of NVIDIA's
  /// drivers by clearing bit 21 of the second word of a small tensor's map.
  uint64_t unused;
  uint64_t globalAddress;
  uint64_t globalStrides[4];
  /// Less one, so that 2^32 fits.
  uint32_t globalDim[5];
  uint16_t boxDim[5];
  uint8_t elementStrides[5];
  /// tensormap.replace changed it, so that it has yet to be checked.
  uint8_t isEdited;
};
} // namespace
static_assert(sizeof(Encoded) <= sizeof(TensorMap));

unsigned tensorElementBits(TensorMapType type) {
  switch (type) {
  case TensorMapType::U8:
    return 8;
  case TensorMapType::U16:
  case TensorMapType::F16:
  case TensorMapType::BF16:
    return 16;
  case TensorMapType::U64:
  case TensorMapType::S64:
  case TensorMapType::F64:
    return 64;
  case TensorMapType::U4Align8B:
  case TensorMapType::U4Align16B:
    return 4;
  case TensorMapType::U6Align16B:
    return 6;
  default:
    return 32;
  }
}

bool isPaddedTensorType(TensorMapType type) {
  return type == TensorMapType::U4Align16B || type == TensorMapType::U6Align16B;
}

unsigned swizzleSpan(TensorMapSwizzle swizzle) {
  switch (swizzle) {
  case TensorMapSwizzle::None:
    return 0;
  case TensorMapSwizzle::B32:
    return 32;
  case TensorMapSwizzle::B64:
    return 64;
  default:
    return 128;
  }
}

uint32_t swizzleAddress(TensorMapSwizzle swizzle, uint32_t address) {
  switch (swizzle) {
  case TensorMapSwizzle::B32:
    return address ^ ((address >> 7 & 1) << 4);
  case TensorMapSwizzle::B64:
    return address ^ ((address >> 7 & 3) << 4);
  case TensorMapSwizzle::B128:
    return address ^ ((address >> 7 & 7) << 4);
  case TensorMapSwizzle::B128Atom32B:
    return address ^ ((address >> 7 & 3) << 5);
  case TensorMapSwizzle::B128Atom64B:
    return address ^ ((address >> 7 & 1) << 6);
  default:
    return address;
  }
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

static Status problem(const std::string &what) {
  return Status::error("tensor map: " + what);
}

static Status checkGlobal(const TensorMapParams &p) {
  bool padded = isPaddedTensorType(p.type);
  unsigned align = padded ? 32 : 16;
  if (p.globalAddress % align)
    return problem("the global address is not aligned to " +
                   std::to_string(align) + " bytes");
  for (unsigned i = 0; i < p.rank; ++i)
    if (p.globalDim[i] == 0 || p.globalDim[i] > uint64_t(1) << 32)
      return problem("globalDim[" + std::to_string(i) + "] is not in 1..2^32");
  for (unsigned i = 0; i + 1 < p.rank; ++i)
    if (p.globalStrides[i] % align || p.globalStrides[i] >= uint64_t(1) << 40)
      return problem("globalStrides[" + std::to_string(i) +
                     "] = " + std::to_string(p.globalStrides[i]) +
                     " is not a multiple of " + std::to_string(align) +
                     " below 2^40");
  if (p.type == TensorMapType::U4Align8B && p.globalDim[0] % 2)
    return problem("globalDim[0] of a 4-bit type must be even");
  if (padded && p.globalDim[0] % 128)
    return problem("globalDim[0] of a padded type must be a multiple of 128");
  return Status::success();
}

static Status checkBox(const TensorMapParams &p) {
  for (unsigned i = 0; i < p.rank; ++i) {
    if (p.boxDim[i] == 0 || p.boxDim[i] > 256)
      return problem("boxDim[" + std::to_string(i) + "] = " +
                     std::to_string(p.boxDim[i]) + " is not in 1..256");
    if (p.elementStrides[i] == 0 || p.elementStrides[i] > 8)
      return problem("elementStrides[" + std::to_string(i) +
                     "] is not in 1..8");
  }
  bool padded = isPaddedTensorType(p.type);
  if (padded && p.boxDim[0] != 128)
    return problem("boxDim[0] of a padded type must be 128");
  unsigned innerBytes =
      padded ? 128 : p.boxDim[0] * tensorElementBits(p.type) / 8;
  if (innerBytes % 16)
    return problem("the inner box dimension has " + std::to_string(innerBytes) +
                   " bytes, not a multiple of 16");
  unsigned span = swizzleSpan(p.swizzle);
  if (span && innerBytes > span)
    return problem("the inner box dimension has " + std::to_string(innerBytes) +
                   " bytes, more than the swizzle span of " +
                   std::to_string(span));
  if (padded && span && span != 128)
    return problem("a padded type needs no swizzle or one of 128 bytes");
  if (p.swizzle == TensorMapSwizzle::B128Atom32BFlip8B)
    return problem("swizzle 128B_ATOM_32B_FLIP_8B is not supported");
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

static Status check(const TensorMapParams &params) {
  if (params.rank < 1 || params.rank > 5)
    return problem("the rank is not in 1..5");
  if (Status status = checkGlobal(params); !status.ok())
    return status;
  return checkBox(params);
}

Expected<TensorMap> encodeTensorMap(const TensorMapParams &params) {
  if (Status status = check(params); !status.ok())
    return status;
  Encoded encoded{};
  encoded.magic = kMagic;
  encoded.type = uint8_t(params.type);
  encoded.rank = uint8_t(params.rank);
  encoded.swizzle = uint8_t(params.swizzle);
  encoded.nanFill = params.nanFill;
  encoded.globalAddress = params.globalAddress;
  for (unsigned i = 0; i < 4; ++i)
    encoded.globalStrides[i] = params.globalStrides[i];
  for (unsigned i = 0; i < 5; ++i) {
    bool used = i < params.rank;
    encoded.globalDim[i] = used ? uint32_t(params.globalDim[i] - 1) : 0;
    encoded.boxDim[i] = used ? uint16_t(params.boxDim[i]) : 1;
    encoded.elementStrides[i] = used ? uint8_t(params.elementStrides[i]) : 1;
  }
  TensorMap map{};
  std::memcpy(map.data(), &encoded, sizeof encoded);
  return map;
}

Expected<TensorMapParams> decodeTensorMap(const TensorMap &map) {
  Encoded encoded;
  std::memcpy(&encoded, map.data(), sizeof encoded);
  if (encoded.magic != kMagic)
    return problem("the 128 bytes are not an object of encodeTensorMap");
  TensorMapParams params;
  params.type = TensorMapType(encoded.type);
  params.rank = encoded.rank;
  params.swizzle = TensorMapSwizzle(encoded.swizzle);
  params.nanFill = encoded.nanFill;
  params.globalAddress = encoded.globalAddress;
  for (unsigned i = 0; i < 4; ++i)
    params.globalStrides[i] = encoded.globalStrides[i];
  for (unsigned i = 0; i < 5; ++i) {
    params.globalDim[i] = uint64_t(encoded.globalDim[i]) + 1;
    params.boxDim[i] = encoded.boxDim[i];
    params.elementStrides[i] = encoded.elementStrides[i];
  }
  if (encoded.isEdited)
    if (Status status = check(params); !status.ok())
      return status;
  return params;
}

//===----------------------------------------------------------------------===//
// tensormap.replace
//===----------------------------------------------------------------------===//

/// Numbered as the ISA's table of values for .elemtype.
static constexpr TensorMapType elementTypes[] = {
    TensorMapType::U8,         TensorMapType::U16,
    TensorMapType::U32,        TensorMapType::S32,
    TensorMapType::U64,        TensorMapType::S64,
    TensorMapType::F16,        TensorMapType::F32,
    TensorMapType::F32Ftz,     TensorMapType::F64,
    TensorMapType::BF16,       TensorMapType::TF32,
    TensorMapType::TF32Ftz,    TensorMapType::U4Align8B,
    TensorMapType::U4Align16B, TensorMapType::U6Align16B};

/// The swizzle modes 0 to 3, and 128B with the atoms 1 to 3.
static constexpr TensorMapSwizzle swizzleModes[] = {
    TensorMapSwizzle::None, TensorMapSwizzle::B32, TensorMapSwizzle::B64,
    TensorMapSwizzle::B128};
static constexpr TensorMapSwizzle swizzleAtoms[] = {
    TensorMapSwizzle::B128, TensorMapSwizzle::B128Atom32B,
    TensorMapSwizzle::B128Atom32BFlip8B, TensorMapSwizzle::B128Atom64B};

/// Fields that are one of few values.
static Status replaceChoice(Encoded &map, TensorMapField field,
                            uint64_t value) {
  uint64_t count = field == TensorMapField::ElementType        ? 16
                   : field == TensorMapField::InterleaveLayout ? 1
                   : field == TensorMapField::FillMode         ? 2
                                                               : 4;
  if (value >= count)
    return problem("value " + std::to_string(value) +
                   " of the replaced field is not supported");
  switch (field) {
  case TensorMapField::ElementType:
    map.type = uint8_t(elementTypes[value]);
    break;
  case TensorMapField::SwizzleMode:
    map.swizzle = uint8_t(swizzleModes[value]);
    break;
  case TensorMapField::SwizzleAtomicity:
    // Only the span of 128 bytes has atoms of several sizes.
    if (map.swizzle >= uint8_t(TensorMapSwizzle::B128))
      map.swizzle = uint8_t(swizzleAtoms[value]);
    else if (value)
      return problem("swizzle atoms are replaced, but the span is not 128B");
    break;
  case TensorMapField::FillMode:
    map.nanFill = uint8_t(value);
    break;
  default:
    break;
  }
  return Status::success();
}

Status replaceTensorMapField(TensorMap &bytes, TensorMapField field,
                             unsigned ordinal, uint64_t value) {
  Encoded map;
  std::memcpy(&map, bytes.data(), sizeof map);
  if (map.magic != kMagic)
    return problem("the 128 bytes are not an object of encodeTensorMap");
  unsigned dims = field == TensorMapField::GlobalStride ? 4 : 5;
  if (ordinal >= dims)
    return problem("ordinal " + std::to_string(ordinal) + " is out of range");
  Status status = Status::success();
  switch (field) {
  case TensorMapField::GlobalAddress:
    map.globalAddress = value;
    break;
  case TensorMapField::Rank:
    // The operand is the rank less one.
    map.rank = uint8_t(std::min<uint64_t>(value, 254) + 1);
    break;
  case TensorMapField::BoxDim:
    map.boxDim[ordinal] = uint16_t(std::min<uint64_t>(value, 0xFFFF));
    break;
  case TensorMapField::GlobalDim:
    map.globalDim[ordinal] = uint32_t(value - 1);
    break;
  case TensorMapField::GlobalStride:
    map.globalStrides[ordinal] = value;
    break;
  case TensorMapField::ElementStride:
    map.elementStrides[ordinal] = uint8_t(std::min<uint64_t>(value, 255));
    break;
  default:
    status = replaceChoice(map, field, value);
  }
  map.isEdited = 1;
  std::memcpy(bytes.data(), &map, sizeof map);
  return status;
}

} // namespace fp4::ptx
