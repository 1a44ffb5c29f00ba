//===- GPUArch.h - Facts about GPU targets ----------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of GPUArchs.def as values. Everything that depends on the target
// asks here; no other file compares target names.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4GPU_IR_GPUARCH_H
#define FP4_DIALECT_FP4GPU_IR_GPUARCH_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace fp4::gpu {

/// The instruction families, named after their first chip.
enum class GPUFamily { SM90, SM100, SM120 };

struct GPUArch {
  llvm::StringLiteral name;
  GPUFamily family;
  /// Lowest PTX ISA version needed, times ten.
  unsigned ptxVersion;
  /// First driver (major version) that takes that PTX.
  unsigned minDriver;
  /// Largest shared memory of a block, in bytes.
  int64_t sharedBytes;
};

llvm::ArrayRef<GPUArch> getGPUArchs();

/// The arch of that name, or null.
const GPUArch *findGPUArch(llvm::StringRef name);

/// "sm_100a, sm_103a, ...", for messages.
std::string listGPUArchs();

} // namespace fp4::gpu

#endif // FP4_DIALECT_FP4GPU_IR_GPUARCH_H
