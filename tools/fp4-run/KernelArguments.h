//===- KernelArguments.h - Arguments of a kernel as texts -------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What --arg takes, for any kernel:
//
//   5, 0x1f, 1.5              a number as wide as the parameter
//   f32:1.5                   a number of a type: i8 u8 i16 u16 i32 u32 i64 u64
//                             f16 bf16 f32 f64
//   hex:00ff12                bytes by value, for structs
//   x.npy                     the address of an array with a file's contents
//   zeros:f32:64x64           the address of an array of zeros
//   random:f32:64x64          the same, uniform in [-1, 1), from --seed
//   same:0                    the address that argument 0 has
//   tma:ARRAY,box=64x32       a tensor map over an array
//
// An array may be followed by ",out=y.npy", a file for its contents after the
// launch, and ",check=ref.npy", a file to compare them with. The box of a
// tensor map is given as its shape is, outermost first; ",swizzle=128B",
// ",fill=nan" and ",type=16u4_align8b" are its other parameters.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TOOLS_FP4RUN_KERNELARGUMENTS_H
#define FP4_TOOLS_FP4RUN_KERNELARGUMENTS_H

#include "fp4/Runtime/Device/Device.h"
#include "fp4/TensorIO/NDArray.h"
#include <map>
#include <optional>

namespace fp4 {

struct KernelArgumentText {
  /// What the user wrote.
  std::string text;
  /// A value to pass; empty for an address or a tensor map.
  std::vector<uint8_t> value;
  /// The array before the launch.
  std::optional<NDArray> array;
  /// The argument whose address is passed.
  std::optional<size_t> sameAs;
  /// A tensor map but its address.
  std::optional<ptx::TensorMapParams> map;
  std::string out, check;
};

/// `slotBytes` is the width of the parameter, `index` the argument's number.
Expected<KernelArgumentText> parseKernelArgument(const std::string &text,
                                                 size_t index, size_t slotBytes,
                                                 uint64_t seed);

} // namespace fp4

#endif // FP4_TOOLS_FP4RUN_KERNELARGUMENTS_H
