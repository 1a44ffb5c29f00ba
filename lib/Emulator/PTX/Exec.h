//===- Exec.h - What the Exec*.cpp families share ---------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lane-wise application of a function to register operands. Values are the bits
// of a register, zero-extended; functions take and return such bits.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_EXEC_H
#define FP4_LIB_EMULATOR_PTX_EXEC_H

#include "Decode.h"
#include "Machine.h"

namespace fp4::ptx {

/// d = f(a)
template <typename Fn> void map1(Warp &warp, const Instr &instr, Fn fn) {
  Lanes s1;
  const Lanes &a = warp.read(instr.ops[1], s1);
  Lanes &d = warp.write(instr.ops[0]);
  forEachLane(warp.active, [&](unsigned lane) { d[lane] = fn(a[lane]); });
}

/// d = f(a, b)
template <typename Fn> void map2(Warp &warp, const Instr &instr, Fn fn) {
  Lanes s1, s2;
  const Lanes &a = warp.read(instr.ops[1], s1);
  const Lanes &b = warp.read(instr.ops[2], s2);
  Lanes &d = warp.write(instr.ops[0]);
  forEachLane(warp.active,
              [&](unsigned lane) { d[lane] = fn(a[lane], b[lane]); });
}

/// d = f(a, b, c)
template <typename Fn> void map3(Warp &warp, const Instr &instr, Fn fn) {
  Lanes s1, s2, s3;
  const Lanes &a = warp.read(instr.ops[1], s1);
  const Lanes &b = warp.read(instr.ops[2], s2);
  const Lanes &c = warp.read(instr.ops[3], s3);
  Lanes &d = warp.write(instr.ops[0]);
  forEachLane(warp.active,
              [&](unsigned lane) { d[lane] = fn(a[lane], b[lane], c[lane]); });
}

/// `value` as the zero-extended bits of an integer of type T.
template <typename T> uint64_t bitsOf(T value) {
  return uint64_t(std::make_unsigned_t<T>(value));
}

/// The instantiation of `Op::exec<T>` for the integer type `type`, signedness
/// from the type; bit types count as unsigned.
template <typename Op> ExecFn forInteger(Decoder &d, Type type) {
  switch (type) {
  case Type::S16:
    return Op::template exec<int16_t>;
  case Type::S32:
    return Op::template exec<int32_t>;
  case Type::S64:
    return Op::template exec<int64_t>;
  case Type::U16:
  case Type::B16:
    return Op::template exec<uint16_t>;
  case Type::U32:
  case Type::B32:
    return Op::template exec<uint32_t>;
  case Type::U64:
  case Type::B64:
    return Op::template exec<uint64_t>;
  default:
    d.fail("type ." + std::string(typeName(type)) + " is not supported here");
    return nullptr;
  }
}

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_EXEC_H
