//===- InitAllPasses.h - Every pass and pipeline the tools know -*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registers the passes and pipelines of fp4. Upstream's are registered by the
// tools that offer them.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_INITALLPASSES_H
#define FP4_INITALLPASSES_H

#include "fp4/Conversion/Passes.h"
#include "fp4/Pipelines/LowerToLLVM.h"

namespace fp4 {

inline void registerAllPasses() {
  registerFP4ConversionPasses();
  registerLowerToLLVMPipeline();
}

} // namespace fp4

#endif // FP4_INITALLPASSES_H
