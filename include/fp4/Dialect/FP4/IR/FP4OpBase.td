//===- FP4OpBase.td - What the op files share --------------*- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4_IR_FP4OPBASE_TD
#define FP4_DIALECT_FP4_IR_FP4OPBASE_TD

include "fp4/Dialect/FP4/IR/FP4Types.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class FP4_Op<string mnemonic, list<Trait> traits = []>
    : Op<FP4_Dialect, mnemonic, traits>;

/// A float matrix or tensor that can be quantized.
def FP4_FloatTensor : RankedTensorOf<[F32, BF16, F16]>;

/// Either side of a matmul.
def FP4_MatmulOperand : AnyTypeOf<[FP4_FloatTensor, FP4_MicroscaledTensorType]>;

/// The left side, which may also be 8-bit floats without scales.
def FP4_MatmulLhs : AnyTypeOf<[FP4_FloatTensor, RankedTensorOf<[F8E4M3FN]>,
                               FP4_MicroscaledTensorType]>;

#endif // FP4_DIALECT_FP4_IR_FP4OPBASE_TD
