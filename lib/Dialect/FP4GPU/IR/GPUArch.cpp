//===- GPUArch.cpp - Facts about GPU targets ------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Looks targets up in GPUArchs.def, which holds the facts.
//
//===----------------------------------------------------------------------===//

#include "fp4/Dialect/FP4GPU/IR/GPUArch.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

namespace fp4::gpu {

static constexpr GPUArch archs[] = {
#define FP4_GPU_ARCH(name, family, ptx, driver, sharedBytes)                   \
  {name, GPUFamily::family, ptx, driver, sharedBytes},
#include "fp4/Dialect/FP4GPU/IR/GPUArchs.def"
};

llvm::ArrayRef<GPUArch> getGPUArchs() { return archs; }

const GPUArch *findGPUArch(llvm::StringRef name) {
  const GPUArch *arch =
      llvm::find_if(archs, [&](const GPUArch &a) { return a.name == name; });
  return arch == std::end(archs) ? nullptr : arch;
}

std::string listGPUArchs() {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::interleaveComma(archs, os, [&](const GPUArch &a) { os << a.name; });
  return text;
}

} // namespace fp4::gpu
