//===- ExecTensorMap.cpp - tensormap instructions -------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, sections "tensormap.replace" and "tensormap.cp_fenceproxy". The
// fences of the tensor-map proxy have nothing to order: a copy reads its map
// when it is issued.
//
//===----------------------------------------------------------------------===//

#include "Exec.h"
#include "TensorLayout.h"
#include <cstring>

namespace fp4::ptx {

constexpr unsigned kMapBytes = sizeof(TensorMap);
/// As __grid_constant__ CUtensorMap parameters are aligned.
constexpr unsigned kMapAlign = 64;

/// Operands: [map], {ordinal,} value.
static void replaceField(Warp &warp, const Instr &instr) {
  auto field = TensorMapField(instr.variant);
  Lanes s1, s2;
  const Lanes *ordinals =
      instr.ops.size() == 3 ? &warp.read(instr.ops[1], s1) : nullptr;
  const Lanes &values = warp.read(instr.ops.back(), s2);
  forEachLane(warp.active, [&](unsigned lane) {
    Location location =
        warp.locate(instr.space, warp.address(instr.ops[0], lane), kMapBytes,
                    kMapAlign, lane, Access::Write);
    TensorMap map;
    warp.load(location, map.data(), kMapBytes);
    Status status = replaceTensorMapField(
        map, field, ordinals ? unsigned((*ordinals)[lane]) : 0, values[lane]);
    if (!status.ok())
      warp.trap(status.message(), int(lane));
    warp.store(location, map.data(), kMapBytes);
  });
}

void decodeTensormapReplace(Decoder &d) {
  d.needArchSpecific({90, 100, 101, 103, 110, 120, 121});
  Instr &i = d.instr;
  if (!d.take("tile"))
    d.fail("needs .tile");
  int field = d.needOneOf({"global_address", "rank", "box_dim", "global_dim",
                           "global_stride", "element_stride", "elemtype",
                           "interleave_layout", "swizzle_mode",
                           "swizzle_atomicity", "fill_mode"});
  i.variant = uint8_t(field);
  i.space = d.takeSpace();
  if (!d.take("b1024"))
    d.fail("needs .b1024");
  auto which = TensorMapField(field);
  bool isWide = which == TensorMapField::GlobalAddress ||
                which == TensorMapField::GlobalStride;
  d.needType({isWide ? Type::B64 : Type::B32});
  bool hasOrdinal =
      which >= TensorMapField::BoxDim && which <= TensorMapField::ElementStride;
  d.setResults(0);
  d.setStores();
  if (d.needOperands(hasOrdinal ? 3 : 2) && d.needAddress(0))
    d.setExec(replaceField);
}

/// Operands: [to], [from], size. The warp copies the map once.
static void copyMap(Warp &warp, const Instr &instr) {
  unsigned lane = unsigned(__builtin_ctz(warp.active));
  if (warp.uniform(instr.ops[2]) != kMapBytes)
    warp.trap("tensormap.cp_fenceproxy copies 128 bytes");
  Location to = warp.locate(Space::Global, warp.address(instr.ops[0], lane),
                            kMapBytes, 128, lane, Access::Write);
  Location from =
      warp.locate(Space::SharedCTA, warp.address(instr.ops[1], lane), kMapBytes,
                  128, lane, Access::Read);
  TensorMap map;
  if (!warp.load(from, map.data(), kMapBytes))
    warp.trap("the tensor map in shared memory was never written");
  warp.store(to, map.data(), kMapBytes);
}

void decodeTensormapCopy(Decoder &d) {
  Instr &i = d.instr;
  if (!d.take("global") || !d.take("shared::cta") ||
      !d.take("tensormap::generic") || !d.take("release"))
    d.fail("needs .global.shared::cta.tensormap::generic.release");
  d.takeOneOf({"cta", "cluster", "gpu", "sys"});
  d.take("sync");
  d.take("aligned");
  i.sync = Sync::Warp;
  d.setResults(0);
  d.setStores();
  if (d.needOperands(3) && d.needAddress(0) && d.needAddress(1))
    d.setExec(copyMap);
}

} // namespace fp4::ptx
