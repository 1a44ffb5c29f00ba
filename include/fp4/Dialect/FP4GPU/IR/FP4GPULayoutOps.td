//===- FP4GPULayoutOps.td - The host's side of a kernel ----*- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4GPU_IR_FP4GPULAYOUTOPS_TD
#define FP4_DIALECT_FP4GPU_IR_FP4GPULAYOUTOPS_TD

include "fp4/Dialect/FP4GPU/IR/FP4GPUOpBase.td"

def FP4GPU_PrepackOp : FP4GPU_Op<"prepack", [Pure]> {
  let summary = "a microscaled matrix as the bytes that kernels read";
  let description = [{
    Gives the parts of a matrix as byte arrays: `elements` with two 4-bit codes
    a byte (even one low) or one 8-bit code, each row padded with zeros to a multiple of 16 bytes
    as TMA wants it (CUDA driver API, `cuTensorMapEncodeTiled`, `globalStrides`), or
    with 6-bit codes from the lowest bit on, without padding,
    `scales` in the 128x4 order padded with zeros, and the tensor scale as an
    array without dimensions.

    - (C1) `input` is a matrix in blocks of one row, of `f4E2M1FN` elements, or of
      elements of 6 or 8 bits with `f8E8M0FNU` scales.
    - (C2) with elements of b bits, `elements` is `[R, 16 * ceil(b * C / 128)]`,
      or `[R, 6 * C / 8]` for b = 6.
    - (C3) `scales` is `[ceil(R / 128), ceil(C / B / 4), 32, 4, 4]`.
    - (C4) there is a `tensor_scale` result iff the format has one.

    Example:

    ```mlir
    // input: row 0 begins with codes 1, 2 and scale code 127; one row
    %e, %s = fp4gpu.prepack %q : !fp4.tensor<1x32, #fp4.mxfp4>
        -> tensor<1x16xi8>, tensor<1x1x32x4x4xi8>
    // e[0, 0] = 0x21; s[0, 0, 0, 0, 0] = 127, all other scales 0
    ```
  }];
  let arguments = (ins FP4_MicroscaledTensorType:$input);
  let results = (outs AnyRankedTensor:$elements, AnyRankedTensor:$scales,
                      Optional<AnyRankedTensor>:$tensor_scale);
  let assemblyFormat = [{
    $input attr-dict `:` qualified(type($input)) `->` type($elements) `,`
    type($scales) (`,` type($tensor_scale)^)?
  }];
  let builders = [OpBuilder<(ins "::mlir::Value":$input)>];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def FP4GPU_UnprepackOp : FP4GPU_Op<"unprepack", [Pure]> {
  let summary = "the microscaled matrix that prepacked bytes stand for";
  let description = [{
    The inverse of `fp4gpu.prepack`: the matrix whose elements, scales and
    tensor scale are these bytes. Padding is ignored.

    - (C1) the operands have the types that `fp4gpu.prepack` gives for `result`.

    Example:

    ```mlir
    // e[0, 0] = 0x21, s[0, 0, 0, 0, 0] = 127
    %q = fp4gpu.unprepack %e, %s : tensor<1x16xi8>, tensor<1x1x32x4x4xi8>
        -> !fp4.tensor<1x32, #fp4.mxfp4>
    // decoded: [0.5, 1.0, ...]
    ```
  }];
  let arguments = (ins AnyRankedTensor:$elements, AnyRankedTensor:$scales,
                       Optional<AnyRankedTensor>:$tensor_scale);
  let results = (outs FP4_MicroscaledTensorType:$result);
  let assemblyFormat = [{
    $elements `,` $scales (`,` $tensor_scale^)? attr-dict `:` type($elements) `,`
    type($scales) (`,` type($tensor_scale)^)? `->` qualified(type($result))
  }];
  let hasVerifier = 1;
}

def FP4GPU_InterleaveOp : FP4GPU_Op<"interleave", [Pure,
    AllTypesMatch<["first", "second"]>,
    AllTypesMatch<["first_scales", "second_scales"]>]> {
  let summary = "the rows of two prepacked matrices by turns";
  let description = [{
    Joins two prepacked matrices of N rows to one of 2 N rows, in groups of
    eight: row r is row `r / 16 * 8 + r % 8` of the first one if `r % 16 < 8` and
    of the second one otherwise. A product with it has matching elements of both
    products in one thread (`gated` of `fp4gpu.epilogue`).

    - (C1) both `elements` have the same type `[N, bytes]` with N a multiple of
      eight, and the result has 2 N rows.
    - (C2) both `scales` have the same type `[ceil(N / 128), C, 32, 4, 4]`, and
      the result `ceil(2 N / 128)` for the first dimension.

    Example:

    ```mlir
    // the row of byte b is [b, b, ...]: first 1 ... 8, second 11 ... 18
    %e, %s = fp4gpu.interleave %a scaled %sa, %b scaled %sb
        : tensor<8x16xi8>, tensor<1x1x32x4x4xi8>
        -> tensor<16x16xi8>, tensor<1x1x32x4x4xi8>
    // rows of e: 1 ... 8, 11 ... 18
    ```
  }];
  let arguments = (ins AnyRankedTensor:$first, AnyRankedTensor:$first_scales,
                       AnyRankedTensor:$second, AnyRankedTensor:$second_scales);
  let results = (outs AnyRankedTensor:$elements, AnyRankedTensor:$scales);
  let assemblyFormat = [{
    $first `scaled` $first_scales `,` $second `scaled` $second_scales attr-dict
    `:` type($first) `,` type($first_scales) `->` type($elements) `,`
    type($scales)
  }];
  let builders = [OpBuilder<(ins "::mlir::Value":$first,
                                 "::mlir::Value":$firstScales,
                                 "::mlir::Value":$second,
                                 "::mlir::Value":$secondScales)>];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def FP4GPU_LaunchOp : FP4GPU_Op<"launch", [Pure,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the result of running a kernel";
  let description = [{
    Runs `kernel` with `operands` for its first arguments and freshly allocated
    arrays, which become the results, for the last ones. A tensor stands for
    the array of its bytes.

    The attribute `fp4.layer`, if there is one, names the layer in the manifest.

    With `alternatives [@a, @b] up_to [16, 64]` the operand of type `index`, a
    number of rows that only the launch knows, chooses: `@a` runs for up to 16
    rows, `@b` for up to 64, and `kernel` for more. All compute the same.

    - (C1) `kernel` is a `fp4gpu.kernel` with as many arguments as there are
      operands and results, or already device code in a `gpu.module`, whose
      arguments are no longer checked.
    - (C2) a tensor agrees with its `memref`: same shape and element type, or
      `i8` where the elements have 8 bits, or `i8` and b / 8 of the last
      dimension where they have b = 4 or 6.
    - (C3) a scalar has the type of its argument.
    - (C4) there are as many `alternatives` as `limits`, which ascend from at
      least 1, and with them one operand of type `index`; (C1) to (C3) hold for
      each alternative, whose arguments are called as those of `kernel` are.

    Example:

    ```mlir
    %d = fp4gpu.launch @mm(%e, %s, %we, %ws, %alpha)
        : (tensor<256x256xi8>, tensor<2x8x32x4x4xi8>, tensor<256x256xi8>,
           tensor<2x8x32x4x4xi8>, f32) -> tensor<256x256xbf16>
    // as in fp4gpu.kernel: d is 256.0 everywhere
    ```
  }];
  let arguments = (ins SymbolRefAttr:$kernel, Variadic<AnyType>:$inputs,
                       OptionalAttr<TypedArrayAttrBase<SymbolRefAttr,
                           "kernels for few rows">>:$alternatives,
                       OptionalAttr<DenseI64ArrayAttr>:$limits);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let assemblyFormat = [{
    $kernel `(` $inputs `)`
    (`alternatives` $alternatives^ `up_to` $limits)? attr-dict
    `:` functional-type($inputs, $outputs)
  }];
  let builders = [OpBuilder<(ins "::mlir::TypeRange":$outputs,
      "::mlir::SymbolRefAttr":$kernel, "::mlir::ValueRange":$inputs), [{
    build($_builder, $_state, outputs, kernel, inputs, nullptr, nullptr);
  }]>];
  let hasVerifier = 1;
}

#endif // FP4_DIALECT_FP4GPU_IR_FP4GPULAYOUTOPS_TD
