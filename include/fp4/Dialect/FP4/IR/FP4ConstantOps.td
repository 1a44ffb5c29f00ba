//===- FP4ConstantOps.td - Values known at compile time ----*- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4_IR_FP4CONSTANTOPS_TD
#define FP4_DIALECT_FP4_IR_FP4CONSTANTOPS_TD

include "fp4/Dialect/FP4/IR/FP4OpBase.td"

def FP4_ConstantOp : FP4_Op<"constant", [Pure, ConstantLike]> {
  let summary = "a microscaled tensor known at compile time";
  let description = [{
    The value whose bits `value` holds (see `#fp4.packed`).

    - (C1) the type is static.
    - (C2) `elements` of `value` has element type `i8` and the type's shape with
      the last dimension in bytes (two 4-bit codes a byte, and so on).
    - (C3) `scales` of `value` has element type `i8` and one entry per block.
    - (C4) `value` has a `tensor_scale` of type f32 iff the format has one.

    Example:

    ```mlir
    // The codes 1, 2, 3, ... from the low nibble up: 0.5, 1.0, 1.5, 2.0, 0.0, ...
    %w = fp4.constant <
        elements = dense<[[33, 67, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]> : tensor<1x16xi8>,
        scales = dense<128> : tensor<1x1xi8>> : !fp4.tensor<1x32, #fp4.mxfp4>
    // decoded: [1.0, 2.0, 3.0, 4.0, 0.0, ...]
    ```
  }];
  let arguments = (ins FP4_PackedAttr:$value);
  let results = (outs FP4_MicroscaledTensorType:$result);
  let assemblyFormat = "$value attr-dict `:` qualified(type($result))";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def FP4_ParameterOp : FP4_Op<"parameter", [Pure]> {
  let summary = "a tensor that a weight file holds";
  let description = [{
    Names a tensor of the module's weight file. `--fp4-load-parameters` replaces
    the operation by a constant whose bytes are mapped from a safetensors file;
    until then the value is known to be constant, but not its content.

    - (C1) the type is static.

    Example:

    ```mlir
    %w = fp4.parameter "model.layers.0.mlp.gate_proj.weight" : tensor<1408x512xbf16>
    ```
  }];
  let arguments = (ins StrAttr:$name);
  let results = (outs RankedTensorOf<[AnyFloat, AnyInteger]>:$result);
  let assemblyFormat = "$name attr-dict `:` type($result)";
  let hasVerifier = 1;
}

#endif // FP4_DIALECT_FP4_IR_FP4CONSTANTOPS_TD
