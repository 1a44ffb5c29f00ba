//===- ExpandDynamicShapes.h - memref.expand_shape of many sizes *- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// MLIR lowers an expand_shape with at most one unknown size per group. Batches
// of sequences have two.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_LOWERTOLLVM_EXPANDDYNAMICSHAPES_H
#define FP4_LIB_CONVERSION_LOWERTOLLVM_EXPANDDYNAMICSHAPES_H

#include <memory>

namespace mlir {
class Pass;
} // namespace mlir

namespace fp4 {

/// A pass over functions, part of the pipeline only.
std::unique_ptr<mlir::Pass> createExpandDynamicShapes();

} // namespace fp4

#endif // FP4_LIB_CONVERSION_LOWERTOLLVM_EXPANDDYNAMICSHAPES_H
