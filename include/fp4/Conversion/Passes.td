//===- Passes.td - Conversion passes ------------------------*- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_CONVERSION_PASSES_TD
#define FP4_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// FP4ToLinalg
//===----------------------------------------------------------------------===//

def ConvertFP4ToLinalg : Pass<"convert-fp4-to-linalg", "::mlir::ModuleOp"> {
  let summary = "Write out the meaning of fp4 operations on plain tensors";
  let description = [{
    Replaces every operation of the fp4 dialect by linalg, arith, math and tensor
    operations that compute its documented value. A microscaled tensor becomes
    its codes (`i8`, one per element), its scale codes (`i8`, one per block) and,
    if the format has one, its tensor scale (`f32`); this holds for function
    arguments and results too.

    (* example filepath=test/Conversion/FP4ToLinalg/dequantize.mlir *)

    Requires: no `fp4.parameter` is left (`--fp4-load-parameters` replaces them).
    Microscaled values pass only through fp4, func, scf and cf operations.

    Guarantees: the result is free of fp4 operations and types, needs no library
    of ours at run time, and computes the bits that the library Numerics
    computes, except for matmul, whose float32 sum runs in ascending order of
    the contracted index with fused multiply-adds. Constants stay packed; they
    are not copied.

    Does not: fuse operations, or choose loops for speed beyond a contraction
    order that vectorizes.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numConverted", "num-converted", "Number of fp4 operations converted">
  ];
}

#endif // FP4_CONVERSION_PASSES_TD
