//===- FP4GPUDecodeOps.td - Products that decode a side ---*- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4GPU_IR_FP4GPUDECODEOPS_TD
#define FP4_DIALECT_FP4GPU_IR_FP4GPUDECODEOPS_TD

include "fp4/Dialect/FP4GPU/IR/FP4GPUOpBase.td"

def FP4GPU_ToFragmentsOp : FP4GPU_Op<"to_fragments", [Pure]> {
  let summary = "a microscaled matrix in the order of matrix fragments";
  let description = [{
    Gives the bytes from which kernels decode a matrix to bf16 in registers, and
    what their products have to be multiplied by. The order of the bytes, in
    units of 64 rows by 64 columns padded with zeros to an even number along the
    columns, is documented in `fp4/Numerics/Fragments.h`.

    `factor` is 256 for f8E4M3FN scales and the largest scale of a block with a
    nonzero element for f8E8M0FNU ones, times the tensor scale if there is one.

    The decoded values are exact. A constant matrix whose f8E8M0FNU scales span
    more than 60 binades, or hold a NaN, is not folded and has no kernel.

    `folded` gives the bytes from which kernels decode to f8E4M3FN
    (`fp4/Numerics/FoldedFragments.h`), with the scales of a row's blocks folded
    into the elements but for a factor of the row. That is exact too; a constant
    matrix one of whose rows has scales more than 11 binades apart, or a NaN, is
    not folded and has no kernel.

    With a `second` matrix the bytes are those of a matrix of both, whose rows
    alternate in groups of eight, so that both products of a gated pair are in
    one thread. Only two constants are folded.

    - (C1) `input` is a matrix of `f4E2M1FN` elements in blocks of 16 with
      f8E4M3FN or of 32 with f8E8M0FNU scales.
    - (C2) `fragments` is `[ceil(R / 64), 2 * ceil(C / 128), B]` with B = 2304 or
      2176 bytes; `[ceil(R / 64), ceil(C / 128), 4352]` if `folded`, for R rows
      of `input` or, with `second`, twice as many.
    - (C3) `factor` is an f32 without dimensions, one for each row of `input` if
      `folded`.
    - (C4) The scales are f8E8M0FNU if `folded`.
    - (C5) `second` has the type of `input`, with a multiple of eight rows;
      there is a `second_factor` iff there is a `second`, of the type of
      `factor`.

    Example:

    ```mlir
    // input: all codes 2 (1.0), all scales 2^3
    %w, %f = fp4gpu.to_fragments %q : !fp4.tensor<64x64, #fp4.mxfp4>
        -> tensor<1x2x2176xi8>, tensor<f32>
    // f = 8.0; the second unit is 0; the last 128 bytes of the first, its scales, are 253
    ```
  }];
  let arguments = (ins FP4_MicroscaledTensorType:$input,
                       Optional<FP4_MicroscaledTensorType>:$second,
                       UnitAttr:$folded);
  let results = (outs AnyRankedTensor:$fragments, AnyRankedTensor:$factor,
                      Optional<AnyRankedTensor>:$second_factor);
  let assemblyFormat = [{
    $input (`with` $second^)? (`folded` $folded^)? attr-dict `:`
    qualified(type($input)) (`with` qualified(type($second))^)? `->`
    type($fragments) `,` type($factor) (`,` type($second_factor)^)?
  }];
  let builders = [OpBuilder<(ins "::mlir::Value":$input,
                                 "::mlir::Value":$second,
                                 CArg<"bool", "false">:$isFolded)>];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def FP4GPU_FromFragmentsOp : FP4GPU_Op<"from_fragments", [Pure]> {
  let summary = "the microscaled matrix that interleaved bytes stand for";
  let description = [{
    The inverse of `fp4gpu.to_fragments`, up to the representation of zeros: a
    block whose scale is zero comes back with zero elements, a block of zeros
    with another scale.

    - (C1) the operands have the types that `fp4gpu.to_fragments` gives for
      `result`.

    Example:

    ```mlir
    // every second code of the first word: 2.0 in row 0, k = 0
    %q = fp4gpu.from_fragments %w, %f : tensor<1x2x2176xi8>, tensor<f32>
        -> !fp4.tensor<64x64, #fp4.mxfp4>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$fragments, AnyRankedTensor:$factor,
                       UnitAttr:$folded);
  let results = (outs FP4_MicroscaledTensorType:$result);
  let assemblyFormat = [{
    $fragments `,` $factor (`folded` $folded^)? attr-dict `:` type($fragments) `,` type($factor)
    `->` qualified(type($result))
  }];
  let hasVerifier = 1;
}

def FP4GPU_MmaDecodeOp : FP4GPU_Op<"mma_decode", [Pure,
    AllTypesMatch<["acc", "result"]>]> {
  let summary = "product with a tile that is decoded on the way, accumulated";
  let description = [{
    With `lhs` of M x K bf16 or f16 elements and `rhs` the interleaved bytes of N x K,

        result[m, n] = acc[m, n] + sum_k lhs[m, k] * decoded[n, k]

    where `decoded` is the matrix divided by the factor of `fp4gpu.to_fragments`.
    Products are exact (with f16 and f8E8M0FNU scales, as long as these are at
    most 23 binades apart); the sum is in float32 in unspecified order. With f8E4M3FN
    `lhs` and the folded bytes of N x K the sum is that of 8-bit tensor core
    instructions, which keep fewer bits on sm_90 (`promotion` of
    `#fp4gpu.schedule`).

    - (C1) `acc` is M x N, `lhs` M x K of bf16, f16 or f8E4M3FN, with N a
      multiple of 64 and K of 64, or of 128 for f8E4M3FN.
    - (C2) `rhs` is `[N / 64, K / 64, B]`, with B the bytes of a unit of
      `format`; `[N / 64, K / 128, 4352]` for f8E4M3FN, with f8E8M0FNU scales.

    Example:

    ```mlir
    // acc 0; lhs all 2.0; rhs all 3.0 times its factor; K = 512
    %d = fp4gpu.mma_decode %c, %x, %w : !fp4gpu.acc<16x64>,
        !fp4gpu.tile<16x512xbf16>, !fp4gpu.tile<1x8x2304xi8> as #fp4.nvfp4
    // result: 3072.0 everywhere
    ```
  }];
  let arguments = (ins FP4GPU_AccType:$acc, FP4GPU_TileType:$lhs,
                       FP4GPU_TileType:$rhs, FP4_FormatAttr:$format);
  let results = (outs FP4GPU_AccType:$result);
  let assemblyFormat = [{
    $acc `,` $lhs `,` $rhs attr-dict `:` qualified(type($acc)) `,`
    qualified(type($lhs)) `,` qualified(type($rhs)) `as` qualified($format)
  }];
  let extraClassDeclaration = [{
    /// Whether the weight is decoded to f8E4M3FN.
    bool isFolded();
  }];
  let hasVerifier = 1;
}

def FP4GPU_DequantizeOp : FP4GPU_Op<"dequantize", [HasParent<"ForTilesOp">]> {
  let summary = "a microscaled or 8-bit matrix as bf16, one tile";
  let description = [{
    Writes the tile at (`row`, `column`) of

        out[i, j] = element[i, j] * scale[i, j / B] * f

    where `format` has blocks of B columns; without `scales` the element alone.
    f is 1 for f8E4M3FN scales, and 1/4 for f8E8M0FNU ones, with which the
    elements of every scale are bf16 numbers: nothing is rounded. An element is
    NaN if it is one or its scale is; f8E4M3FN scales are taken without their
    sign, which scales do not have.

    The tensor scale, if the format has one, is left to the user of `out`, and
    so is the 4.

    - (C1) `out` is a matrix of bf16 with static columns.
    - (C2) without `scales` there is no `format`, and `elements` has f8E4M3FN
      elements and the shape of `out`.
    - (C3) with `scales`, `format` has blocks of 16 `f4E2M1FN` elements with
      f8E4M3FN or of 32 with f8E8M0FNU scales, and `elements` and `scales` are
      the arrays of `fp4gpu.prepack` for a matrix of the shape of `out`.

    Example:

    ```mlir
    // elements[0, 0] = 6.0, scales[0, 0, 0, 0, 0] = 2^3
    fp4gpu.dequantize %e scaled %s [%m, %n] -> %out {format = #fp4.mxfp4}
        : memref<16x64xf4E2M1FN> scaled memref<1x1x32x4x4xf8E8M0FNU> -> memref<16x64xbf16>
    // out[0, 0] = 12.0
    ```
  }];
  let arguments = (ins FP4GPU_Global:$elements, Optional<FP4GPU_Global>:$scales,
                       Index:$row, Index:$column, FP4GPU_Global:$out,
                       OptionalAttr<FP4_FormatAttr>:$format);
  let assemblyFormat = [{
    $elements (`scaled` $scales^)? `[` $row `,` $column `]` `->` $out attr-dict
    `:` type($elements) (`scaled` type($scales)^)? `->` type($out)
  }];
  let hasVerifier = 1;
}

#endif // FP4_DIALECT_FP4GPU_IR_FP4GPUDECODEOPS_TD
