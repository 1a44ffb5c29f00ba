//===- FP4GPUActivationOps.td - Quantizing kernels ---------*- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4GPU_IR_FP4GPUACTIVATIONOPS_TD
#define FP4_DIALECT_FP4GPU_IR_FP4GPUACTIVATIONOPS_TD

include "fp4/Dialect/FP4GPU/IR/FP4GPUOpBase.td"

def FP4GPU_QuantizeOp : FP4GPU_Op<"quantize", [SingleBlock,
    AttrSizedOperandSegments, HasParent<"ForTilesOp">]> {
  let summary = "elements to codes and scales, one tile";
  let description = [{
    The last step of an activation kernel. For every element (i, j) of the tile
    at `indices`, the body computes a float32 from the elements (i, j) of
    `inputs`, the entries j of `columns` and, if there is a region `row`, what
    that makes of the sum of squares of row i of the first input (of the whole
    row, not of the tile alone).
    The values are rotated as `fp4.hadamard` does if there is a `rotation`, or
    each block of B of them, x, becomes T x with the `matrix` T of its columns,
    in fused multiply-adds from zero in the order of the columns. Then they are
    quantized as `fp4.quantize` does; codes go to `elements`, two to a byte if
    they have 4 bits, scales to `scales` in the 128x4 order (see the dialect)
    with zeros in its padding. All of that is float32 and agrees with those
    operations in every bit, but for the elements of blocks with a NaN scale,
    which they leave open too. The sum of squares is one of float32, in an order
    that is up to the lowering.

    A tile has 128 rows and as many columns as 4 blocks, the rotation or a block
    of `matrix`, the largest, or with `row` also a larger power of two up to
    1024; the reduction part of the schedule's tile is 1.

    `tensor_scale` is the decoding tensor scale, if the format has one.

    - (C1) `inputs` are matrices of one shape, `indices` are two.
    - (C2) `elements` has the rows of the inputs and their columns, rounded up
      to whole 16-byte rows; `scales` is their 128x4 array.
    - (C3) `format` has blocks of one row and 16 or 32 columns, and 4-bit
      elements, or 6-bit or 8-bit ones with f8E8M0FNU scales; with 6-bit ones
      the columns are a multiple of 64, so that rows are whole 16 bytes.
    - (C4) there is a `tensor_scale` iff the format has one.
    - (C5) `rule` is legal for the scales of `format`.
    - (C6) `rotation` is a power of two in 2..1024 that divides the columns;
      `signs` has that many entries.
    - (C7) the body takes one element of each of `inputs` and of `columns` and,
      if there is a `row`, an f32; `row` takes an f32. Both yield f32 and hold
      operations without side effects on scalars.
    - (C8) each of `columns` has one entry per column of the inputs.
    - (C9) `matrix` is `[C / B, B, B]` for C columns, or `[B, B]` for the same
      one everywhere, of f32, with B a power of two in 16..1024; there
      is no `rotation` then.

    Example:

    ```mlir
    // x[0, 0..31] = [4.0, 0.0, 0.0, ...], rotated: [1.0 x 16, 0.0 x 16]
    fp4gpu.quantize (%x)[%m, %n] -> %elements, %scales rotation 16 {
    ^bb0(%v: bf16):
      %w = arith.extf %v : bf16 to f32
      fp4gpu.yield %w : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>}
      : memref<256x512xbf16> -> memref<256x512xf4E2M1FN>, memref<2x4x32x4x4xf8E8M0FNU>
    // elements[0, 0..15] = 4.0, elements[0, 16..31] = 0.0; scales[0, 0, 0, 0, 0] = 0.25

    // x[0, :] = [2.0, -2.0, 0.0, 0.0, 2.0, ...], gain[0] = 3.0: mean square 2.0
    fp4gpu.quantize (%x)[%m, %n] columns(%gain) -> %elements, %scales row {
    ^bb0(%sum: f32):
      %mean = arith.divf %sum, %width : f32
      %factor = math.rsqrt %mean : f32
      fp4gpu.yield %factor : f32
    } {
    ^bb0(%v: bf16, %g: f32, %factor: f32):
      %w = arith.extf %v : bf16 to f32
      %unit = arith.mulf %w, %factor : f32
      %scaled = arith.mulf %unit, %g : f32
      fp4gpu.yield %scaled : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>}
      : memref<256x512xbf16> columns memref<512xf32> -> memref<256x512xf4E2M1FN>, memref<2x4x32x4x4xf8E8M0FNU>
    // elements[0, 0] = 4.0 of a value of 4.24, scales[0, 0, 0, 0, 0] = 1.0
    ```
  }];
  let arguments = (ins Variadic<FP4GPU_Global>:$inputs,
                       Variadic<Index>:$indices,
                       Variadic<FP4GPU_Global>:$columns,
                       Optional<FP4GPU_Global>:$matrix,
                       FP4GPU_Global:$elements, FP4GPU_Global:$scales,
                       Optional<F32>:$tensor_scale,
                       OptionalAttr<I64Attr>:$rotation,
                       OptionalAttr<DenseI8ArrayAttr>:$signs,
                       FP4_FormatAttr:$format, FP4_ScaleRuleAttr:$rule,
                       UnitAttr:$saturate_inf);
  let regions = (region SizedRegion<1>:$body, AnyRegion:$row);
  let assemblyFormat = [{
    `(` $inputs `)` `[` $indices `]` (`columns` `(` $columns^ `)`)?
    (`matrix` `(` $matrix^ `)`)? `->` $elements `,` $scales
    (`tensor_scale` `(` $tensor_scale^ `)`)? (`rotation` $rotation^)?
    (`signs` $signs^)? (`row` $row^)? $body attr-dict
    `:` type($inputs) (`columns` type($columns)^)?
    (`matrix` type($matrix)^)? `->` type($elements) `,` type($scales)
  }];
  let hasVerifier = 1;
}

def FP4GPU_AmaxOp : FP4GPU_Op<"amax", [SingleBlock,
    AttrSizedOperandSegments, HasParent<"ForTilesOp">]> {
  let summary = "the largest magnitude of a tile";
  let description = [{
    The values that `fp4gpu.quantize` with the same body, `rotation` and `signs`
    would quantize, reduced to their largest magnitude: the largest entry of
    `maxima`, once the kernel has ended. Which entries hold what, other than
    that none is larger, is up to the lowering; all are written.

    A NaN counts as larger than everything; with `saturate_inf` an infinity
    counts as the largest float.

    - (C1) `inputs` are matrices of one shape, `indices` are two.
    - (C2) `maxima` is `memref<1024xf32>`.
    - (C3) `rotation`, `signs`, the regions, `columns` and `matrix` are as (C6)
      to (C9) of `fp4gpu.quantize` say.

    Example:

    ```mlir
    // x holds 1.0, -3.0 and zeros: the largest of maxima is 3.0
    fp4gpu.amax (%x)[%m, %n] -> %maxima {
    ^bb0(%v: f32):
      fp4gpu.yield %v : f32
    } : memref<256x512xf32> -> memref<1024xf32>
    ```
  }];
  let arguments = (ins Variadic<FP4GPU_Global>:$inputs,
                       Variadic<Index>:$indices,
                       Variadic<FP4GPU_Global>:$columns,
                       Optional<FP4GPU_Global>:$matrix, FP4GPU_Global:$maxima,
                       OptionalAttr<I64Attr>:$rotation,
                       OptionalAttr<DenseI8ArrayAttr>:$signs,
                       UnitAttr:$saturate_inf);
  let regions = (region SizedRegion<1>:$body, AnyRegion:$row);
  let assemblyFormat = [{
    `(` $inputs `)` `[` $indices `]` (`columns` `(` $columns^ `)`)?
    (`matrix` `(` $matrix^ `)`)? `->` $maxima (`rotation` $rotation^)? (`signs` $signs^)? (`row` $row^)?
    $body attr-dict `:` type($inputs) (`columns` type($columns)^)?
    (`matrix` type($matrix)^)? `->` type($maxima)
  }];
  let hasVerifier = 1;
}

def FP4GPU_TensorScaleOp : FP4GPU_Op<"tensor_scale", [HasParent<"KernelOp">]> {
  let summary = "the tensor scale of what fp4gpu.amax has reduced";
  let description = [{
    Gives, and stores to `out`, the tensor scale that `fp4.quantize` computes
    when none is given:

        max(maxima) / divisor, or 1 if that is zero

    where `divisor` is the largest element times the largest scale in use.

    - (C1) `maxima` is `memref<1024xf32>`, `out` is `memref<f32>`.
    - (C2) `divisor` is positive.

    Example:

    ```mlir
    // the largest of maxima is 26.88
    %t = fp4gpu.tensor_scale %maxima divisor 2688.0 -> %out : memref<1024xf32>, memref<f32>
    // t = out[] = 0.01
    ```
  }];
  let arguments = (ins FP4GPU_Global:$maxima, F32Attr:$divisor,
                       FP4GPU_Global:$out);
  let results = (outs F32:$result);
  let assemblyFormat = [{
    $maxima `divisor` $divisor `->` $out attr-dict `:` type($maxima) `,` type($out)
  }];
  let hasVerifier = 1;
}

#endif // FP4_DIALECT_FP4GPU_IR_FP4GPUACTIVATIONOPS_TD
