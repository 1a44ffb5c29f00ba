//===- FP4GPUOpBase.td - What the op files share -----------*- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4GPU_IR_FP4GPUOPBASE_TD
#define FP4_DIALECT_FP4GPU_IR_FP4GPUOPBASE_TD

include "fp4/Dialect/FP4/IR/FP4Types.td"
include "fp4/Dialect/FP4GPU/IR/FP4GPUTypes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class FP4GPU_Op<string mnemonic, list<Trait> traits = []>
    : Op<FP4GPU_Dialect, mnemonic, traits>;

/// A global array of a kernel.
def FP4GPU_Global : MemRefOf<[AnyFloat, I8]>;

#endif // FP4_DIALECT_FP4GPU_IR_FP4GPUOPBASE_TD
