//===- InitAllPasses.h - Every fp4 pass the tools know ----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registers the passes of this project; those of MLIR are registered by
// mlir/InitAllPasses.h.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_INITALLPASSES_H
#define FP4_INITALLPASSES_H

#include "fp4/Conversion/LowerToLLVM.h"
#include "fp4/Conversion/Passes.h"
#include "fp4/Dialect/FP4/Transforms/Passes.h"
#include "fp4/Target/Passes.h"

namespace fp4 {

inline void registerAllPasses() {
  registerFP4ConversionPasses();
  registerFP4Passes();
  registerFP4TargetPasses();
  registerLowerToLLVMPipeline();
}

} // namespace fp4

#endif // FP4_INITALLPASSES_H
