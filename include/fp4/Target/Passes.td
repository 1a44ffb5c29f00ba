//===- Passes.td - Passes over device code -----------------*- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TARGET_PASSES_TD
#define FP4_TARGET_PASSES_TD

include "mlir/Pass/PassBase.td"

def CheckGPULegality
    : Pass<"fp4-check-gpu-legality", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Refuse instructions that the target does not have";
  let description = [{
    Checks every NVVM operation of a `gpu.module` against a table of what each
    target has from which PTX version on, and the selectors of scale registers of
    block-scaled products. LLVM aborts the process on most of what is refused
    here.

    (* example filepath=test/Target/check-gpu-legality.mlir *)

    Requires: a `#nvvm.target` of one of our targets on the module. Guarantees:
    every NVVM operation is in the table. Changes nothing.
  }];
}

#endif // FP4_TARGET_PASSES_TD
