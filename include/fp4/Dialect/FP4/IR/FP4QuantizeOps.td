//===- FP4QuantizeOps.td - Between floats and blocks -------*- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4_IR_FP4QUANTIZEOPS_TD
#define FP4_DIALECT_FP4_IR_FP4QUANTIZEOPS_TD

include "fp4/Dialect/FP4/IR/FP4OpBase.td"

def FP4_QuantizeOp : FP4_Op<"quantize", [Pure, AttrSizedOperandSegments]> {
  let summary = "round a float tensor to blocks of a microscaled format";
  let description = [{
    Cuts `input` into the blocks of the result's format and replaces each block
    by narrow elements and one scale. All arithmetic is float32, in the order
    written; bf16 and f16 inputs are widened first.

    With `amax` the largest magnitude of a block, `maxE` and `emax` the largest
    value and exponent of the element format, `m` its mantissa bits, `maxS` the
    largest scale:

    | `scale_rule` | legal scales | scale of the block |
    |---|---|---|
    | `floor` | `f8E8M0FNU` | 2 ^ (floor(log2 amax) - emax) |
    | `rceil` | `f8E8M0FNU` | the smallest 2^e with amax / 2^e <= maxE |
    | `even` | `f8E8M0FNU` | 2 ^ (exponent of amax rounded at bit m, halves up) - emax) |
    | `absmax` | others | round((amax / maxE) / tensor_scale) |
    | `four_over_six` | others, element `f4E2M1FN` | `absmax`, or the one that maps amax to 4 where that has less squared error |
    | `search` | all | the code near `absmax` or `floor` with the least squared error |

    Without `scale_rule` it is `floor` for `f8E8M0FNU` scales and `absmax` for
    others. E8M0 exponents clamp to -127..127; a zero block gets code 0. In the
    other scale formats a zero block gets scale 1, and a scale that would round
    to zero becomes the smallest one.

    The elements are `round(x / (scale * tensor_scale))`: to nearest with ties
    to the even code, saturating. With `random` it is stochastic: magnitudes
    between `lo` and `hi` become `hi` iff `f + (random + 0.5) / 2^32 >= 1` with
    `f = (|x| - lo) / (hi - lo)`.

    `tensor_scale` is the decoding tensor scale of formats that have one. If it
    is left out, it is computed from the whole input: amax / (maxE * maxS), or
    amax / (maxE * 256) under `four_over_six` and `search` with `f8E4M3FN`.

    A block that holds a NaN gets the NaN scale and unspecified elements; an
    infinity does the same under `nan_policy` `propagate` (the default) and
    counts as the largest float under `saturate_inf`.

    - (C1) `input` has the shape of the result.
    - (C2) `scale_rule` is legal for the result's scale format.
    - (C3) `tensor_scale` is given only if the format has a tensor scale.
    - (C4) `random` has the shape of `input`.

    Example:

    ```mlir
    // input:    [0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0, 7.0, 0.0, ...]
    %q = fp4.quantize %input : tensor<1x32xf32> -> !fp4.tensor<1x32, #fp4.mxfp4>
    // elements: [0.0,  1.0,  1.0,  2.0,  2.0, 4.0, 4.0, 6.0, 0.0, ...]
    // scales:   [1.0]
    ```
  }];
  let arguments = (ins FP4_FloatTensor:$input,
                       Optional<F32>:$tensorScale,
                       Optional<RankedTensorOf<[I32]>>:$random,
                       OptionalAttr<FP4_ScaleRuleAttr>:$scale_rule,
                       OptionalAttr<FP4_NaNPolicyAttr>:$nan_policy);
  let results = (outs FP4_MicroscaledTensorType:$result);
  let assemblyFormat = [{
    $input (`tensor_scale` `(` $tensorScale^ `)`)?
    (`random` `(` $random^ `:` type($random) `)`)?
    attr-dict `:` type($input) `->` qualified(type($result))
  }];
  let extraClassDeclaration = [{
    /// The rule in force, the default one if none is written.
    ::fp4::numerics::ScaleRule getEffectiveScaleRule();
    ::fp4::numerics::NaNPolicy getEffectiveNaNPolicy();
  }];
  let builders = [
    OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$input), [{
      build($_builder, $_state, result, input, /*tensorScale=*/{},
            /*random=*/{}, /*scale_rule=*/{}, /*nan_policy=*/{});
    }]>
  ];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def FP4_DequantizeOp : FP4_Op<"dequantize", [Pure]> {
  let summary = "decode a microscaled tensor to floats";
  let description = [{
    Each element becomes `element * (scale * tensor_scale)` in float32, the
    parenthesis rounded to float32 first, then rounded to the result type
    (nearest, ties to even). A NaN scale gives a block of NaN.

    - (C1) the result has the shape of `input`.

    Example:

    ```mlir
    // elements: [0.5, -6.0, 3.0, 0.0, ...], scales: [2.0]
    %x = fp4.dequantize %q : !fp4.tensor<1x32, #fp4.mxfp4> -> tensor<1x32xf32>
    // result:   [1.0, -12.0, 6.0, 0.0, ...]
    ```
  }];
  let arguments = (ins FP4_MicroscaledTensorType:$input);
  let results = (outs FP4_FloatTensor:$result);
  let assemblyFormat = [{
    $input attr-dict `:` qualified(type($input)) `->` type($result)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def FP4_PackOp : FP4_Op<"pack", [Pure]> {
  let summary = "join elements and scales into a microscaled tensor";
  let description = [{
    Makes a microscaled tensor of the given bits; nothing is rounded. This is
    the door for values that other compilers and checkpoints hold as separate
    tensors.

    | format part | type of the plain tensor |
    |---|---|
    | element `i8`, scale `ue5m3fnu` or `ue5m3gc` | `i8` |
    | any other | the builtin type of that name |

    - (C1) `elements` has the result's shape and its element type.
    - (C2) `scales` has the result's shape with the last dimension divided by
      the block's columns and the one before it by the block's rows, and the
      result's scale type.
    - (C3) `tensor_scale` is given iff the format has a tensor scale.

    Example:

    ```mlir
    // elements: [0.5, -6.0, 3.0, 0.0, ...], scales: [2.0]
    %q = fp4.pack %elements, %scales
        : tensor<1x32xf4E2M1FN>, tensor<1x1xf8E8M0FNU> -> !fp4.tensor<1x32, #fp4.mxfp4>
    // decoded:  [1.0, -12.0, 6.0, 0.0, ...]
    ```
  }];
  let arguments = (ins AnyRankedTensor:$elements, AnyRankedTensor:$scales,
                       Optional<F32>:$tensorScale);
  let results = (outs FP4_MicroscaledTensorType:$result);
  let assemblyFormat = [{
    $elements `,` $scales (`tensor_scale` `(` $tensorScale^ `)`)? attr-dict
    `:` type($elements) `,` type($scales) `->` qualified(type($result))
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def FP4_UnpackOp : FP4_Op<"unpack", [Pure]> {
  let summary = "split a microscaled tensor into elements and scales";
  let description = [{
    The inverse of `fp4.pack`: `elements` and `scales` are plain tensors of the
    types listed there, `tensor_scale` exists iff the format has one.

    - (C1) `elements` has the operand's shape and its element type.
    - (C2) `scales` has one entry per block and the operand's scale type.
    - (C3) there is a `tensor_scale` result iff the format has a tensor scale.

    Example:

    ```mlir
    // decoded: [1.0, -12.0, 6.0, 0.0, ...] with scale 2.0
    %elements, %scales = fp4.unpack %q
        : !fp4.tensor<1x32, #fp4.mxfp4> -> tensor<1x32xf4E2M1FN>, tensor<1x1xf8E8M0FNU>
    // elements: [0.5, -6.0, 3.0, 0.0, ...], scales: [2.0]
    ```
  }];
  let arguments = (ins FP4_MicroscaledTensorType:$input);
  let results = (outs AnyRankedTensor:$elements, AnyRankedTensor:$scales,
                      Optional<F32>:$tensorScale);
  let assemblyFormat = [{
    $input attr-dict `:` qualified(type($input)) `->` type($elements) `,` type($scales)
    (`,` type($tensorScale)^)?
  }];
  let builders = [OpBuilder<(ins "::mlir::Value":$input)>];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def FP4_RotateQuantizeOp : FP4_Op<"rotate_quantize", [Pure]> {
  let summary = "Hadamard transform and quantization in one step";
  let description = [{
    `fp4.quantize(fp4.hadamard(input))` as one operation, the form in which the
    pair reaches a kernel: the rotated values stay in registers as float32 and
    are never rounded to `input`'s type in between. Attributes and operands
    mean what they mean on `fp4.hadamard` and `fp4.quantize`.

    - (C1) the constraints of `fp4.hadamard` hold for `input`.
    - (C2) the constraints of `fp4.quantize` hold.

    Example:

    ```mlir
    // input:    [4.0, 0.0, 0.0, ...]
    %q = fp4.rotate_quantize %input block 16
        : tensor<1x32xf32> -> !fp4.tensor<1x32, #fp4.mxfp4>
    // rotated:  [1.0 x 16, 0.0 x 16]
    // elements: [4.0 x 16, 0.0 x 16], scales: [0.25]
    ```
  }];
  let arguments = (ins FP4_FloatTensor:$input,
                       Optional<F32>:$tensorScale,
                       I64Attr:$block,
                       OptionalAttr<DenseI8ArrayAttr>:$signs,
                       OptionalAttr<FP4_ScaleRuleAttr>:$scale_rule,
                       OptionalAttr<FP4_NaNPolicyAttr>:$nan_policy);
  let results = (outs FP4_MicroscaledTensorType:$result);
  let assemblyFormat = [{
    $input `block` $block (`signs` $signs^)?
    (`tensor_scale` `(` $tensorScale^ `)`)?
    attr-dict `:` type($input) `->` qualified(type($result))
  }];
  let extraClassDeclaration = [{
    ::fp4::numerics::ScaleRule getEffectiveScaleRule();
    ::fp4::numerics::NaNPolicy getEffectiveNaNPolicy();
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

#endif // FP4_DIALECT_FP4_IR_FP4QUANTIZEOPS_TD
