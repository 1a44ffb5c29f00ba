//===- FatBinary.h - PTX that nvcc embeds in programs ----------*- C++ -*--===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// nvcc puts device code into the section .nv_fatbin: a header (magic
// 0xBA55ED50), then entries of PTX or machine code, each with a header of its
// own, compressed with LZ4 or Zstandard unless --no-compress was given. The
// format is not documented; this is what the files of CUDA 13.0 look like.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_CUDA_FATBINARY_H
#define FP4_LIB_EMULATOR_CUDA_FATBINARY_H

#include "fp4/Status/Status.h"
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace fp4::cuda {

struct FatBinary {
  struct Ptx {
    /// 120 for compute_120a.
    unsigned arch = 0;
    std::string text;
  };
  std::vector<Ptx> ptx;
  /// Architectures of which only machine code is there.
  std::vector<unsigned> machineCode;
};

/// Reads what the `fatDeviceText` of a program points to.
Expected<FatBinary> readFatBinary(const void *data);

/// Unpacks one LZ4 block that is known to have `size` bytes.
Expected<std::string> unpackLZ4(const uint8_t *data, size_t packed,
                                size_t size);

} // namespace fp4::cuda

#endif // FP4_LIB_EMULATOR_CUDA_FATBINARY_H
