//===- FP4GPUKernelOps.td - Kernels and what is in them ----*- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4GPU_IR_FP4GPUKERNELOPS_TD
#define FP4_DIALECT_FP4GPU_IR_FP4GPUKERNELOPS_TD

include "fp4/Dialect/FP4GPU/IR/FP4GPUOpBase.td"

def FP4GPU_KernelOp : FP4GPU_Op<"kernel", [IsolatedFromAbove, Symbol,
    SingleBlockImplicitTerminator<"ReturnOp">,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "a function that a grid of thread blocks executes";
  let description = [{
    Declares a kernel: its arguments, how it is carried out (`schedule`) and its
    body, which is executed once per grid. The body computes scalars and then
    holds one `fp4gpu.for_tiles`.

    `argument_names` names the arguments in the launch manifest, in order.

    - (C1) arguments are `memref`s in the default memory space with an identity
      layout, f32 values, or `index` values (which become 32-bit).
    - (C2) `argument_names` has one name per argument, all different.

    Example (the product of two NVFP4 matrices, 256 rows by 256 columns, with a
    reduction of 512; test/Dialect/FP4GPU/ops.mlir):

    ```mlir
    fp4gpu.kernel @mm(%lhs: memref<256x512xf4E2M1FN>,
                      %lhs_scales: memref<2x8x32x4x4xf8E4M3FN>,
                      %rhs: memref<256x512xf4E2M1FN>,
                      %rhs_scales: memref<2x8x32x4x4xf8E4M3FN>,
                      %alpha: f32, %out: memref<256x256xbf16>)
        schedule <tile = 128x128x128, stages = 4, warps = 2x2>
        arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "alpha", "out"] {
      fp4gpu.for_tiles (%m, %n) in [256, 256] {
        %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
        %sum = fp4gpu.pipeline 4 init(%zero) produce {
        ^bb0(%k: index):
          %a = fp4gpu.copy %lhs[%m, %k]
              : memref<256x512xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
          %sa = fp4gpu.copy %lhs_scales[%m, %k]
              : memref<2x8x32x4x4xf8E4M3FN> -> !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>
          %b = fp4gpu.copy %rhs[%n, %k]
              : memref<256x512xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
          %sb = fp4gpu.copy %rhs_scales[%n, %k]
              : memref<2x8x32x4x4xf8E4M3FN> -> !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>
          fp4gpu.yield %a, %sa, %b, %sb : !fp4gpu.tile<128x128xf4E2M1FN>,
              !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>, !fp4gpu.tile<128x128xf4E2M1FN>,
              !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>
        } consume {
        ^bb0(%c: !fp4gpu.acc<128x128>, %a: !fp4gpu.tile<128x128xf4E2M1FN>,
             %sa: !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>,
             %b: !fp4gpu.tile<128x128xf4E2M1FN>,
             %sb: !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>):
          %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb : !fp4gpu.acc<128x128>,
              !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>,
              !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>
          fp4gpu.yield %d : !fp4gpu.acc<128x128>
        } : !fp4gpu.acc<128x128>
        fp4gpu.epilogue %sum -> %out[%m, %n] {
        ^bb0(%x: f32):
          %y = arith.mulf %x, %alpha : f32
          %z = arith.truncf %y : f32 to bf16
          fp4gpu.yield %z : bf16
        } : !fp4gpu.acc<128x128>, memref<256x256xbf16>
      }
    }
    // lhs, rhs all 1.0 with scales 1.0, alpha = 0.5: out is 256.0 everywhere
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FP4GPU_ScheduleAttr:$schedule,
                       StrArrayAttr:$argument_names);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::llvm::StringRef getArgumentName(unsigned index);
  }];
}

def FP4GPU_ReturnOp : FP4GPU_Op<"return", [Terminator, HasParent<"KernelOp">]> {
  let summary = "the end of a kernel";
  let description = [{
    Ends the body of `fp4gpu.kernel`; it is not printed.

    Example:

    ```mlir
    fp4gpu.return
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def FP4GPU_ForTilesOp : FP4GPU_Op<"for_tiles", [HasParent<"KernelOp">,
    SingleBlock, NoTerminator]> {
  let summary = "once per tile of a matrix, shared among the thread blocks";
  let description = [{
    Executes its body for every pair (%m, %n) with

        0 <= m < ceil(rows / tileM),   0 <= n < ceil(columns / tileN)

    where `[rows, columns]` are the operands in brackets and the tile is that
    of the kernel's schedule. Pairs are independent; which thread block runs
    which, and in which order, is up to the lowering.

    - (C1) two sizes; the static ones are positive.

    Example:

    ```mlir
    // With a tile of 128x128 and %rows = 200 the body runs for
    // (0, 0), (0, 1), (1, 0), (1, 1).
    fp4gpu.for_tiles (%m, %n) in [%rows, 256] { ... }
    ```
  }];
  let arguments = (ins Variadic<Index>:$dynamic_sizes,
                       DenseI64ArrayAttr:$static_sizes);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def FP4GPU_ZeroOp : FP4GPU_Op<"zero", [Pure]> {
  let summary = "accumulators that hold zero";
  let description = [{
    Accumulators that are 0.0 everywhere.

    Example:

    ```mlir
    %acc = fp4gpu.zero : !fp4gpu.acc<128x128>
    ```
  }];
  let results = (outs FP4GPU_AccType:$result);
  let assemblyFormat = "attr-dict `:` qualified(type($result))";
}

def FP4GPU_PipelineOp : FP4GPU_Op<"pipeline", [SingleBlock,
    AllTypesMatch<["init", "result"]>]> {
  let summary = "a reduction whose tiles are copied ahead";
  let description = [{
    For k = 0, 1, ..., `steps` - 1: `produce` copies tiles to shared memory and
    yields them; `consume` takes the accumulators so far and those tiles, and
    yields the new accumulators. `result` is what the last step yields.

    `produce` runs ahead of `consume` by as many steps as the schedule has
    stages. A tile lives until its `consume` ends.

    - (C1) `steps` is positive.
    - (C2) `produce` has one `index` argument; it yields at least one tile.
    - (C3) `consume` takes the accumulators and, in order, the tiles.
    - (C4) `consume` yields the accumulators.

    Example: see `fp4gpu.kernel`.
  }];
  let arguments = (ins I64Attr:$steps, FP4GPU_AccType:$init);
  let regions = (region SizedRegion<1>:$produce, SizedRegion<1>:$consume);
  let results = (outs FP4GPU_AccType:$result);
  let assemblyFormat = [{
    $steps `init` `(` $init `)` `produce` $produce `consume` $consume attr-dict
    `:` qualified(type($result))
  }];
  let hasVerifier = 1;
}

def FP4GPU_CopyOp : FP4GPU_Op<"copy", [ParentOneOf<["PipelineOp"]>]> {
  let summary = "global memory to shared memory, one tile";
  let description = [{
    Copies the tile whose tile coordinates are `indices`: the part of `source`
    that begins at `indices[i] * shape(tile)[i]` in dimension `i`, or at 0 in the
    dimensions that have no index. Elements outside `source` read as 0.

    With `shared_by` = s, so many consecutive values of the first index stand
    for the same tile: `indices[0] / s` takes its place. Small tiles of elements
    share a tile of scales, which has always 128 rows.

    - (C1) `source` and tile have the same rank and element type.
    - (C2) there are at most as many indices as dimensions; without an index the
      tile has the full extent of the dimension.
    - (C3) `shared_by` is positive and needs an index.

    Example:

    ```mlir
    // m = 1, k = 2: rows 128..255, columns 256..383
    %t = fp4gpu.copy %a[%m, %k]
        : memref<256x512xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
    ```
  }];
  let arguments = (ins FP4GPU_Global:$source, Variadic<Index>:$indices,
                       OptionalAttr<I64Attr>:$shared_by);
  let results = (outs FP4GPU_TileType:$tile);
  let assemblyFormat = [{
    $source `[` $indices `]` (`shared_by` $shared_by^)? attr-dict
    `:` type($source) `->` qualified(type($tile))
  }];
  let builders = [OpBuilder<(ins "TileType":$tile, "::mlir::Value":$source,
                                 "::mlir::ValueRange":$indices,
                                 CArg<"int64_t", "1">:$sharedBy)>];
  let hasVerifier = 1;
}

def FP4GPU_MmaOp : FP4GPU_Op<"mma", [Pure, AttrSizedOperandSegments,
    AllTypesMatch<["acc", "result"]>]> {
  let summary = "block-scaled product of two tiles, accumulated";
  let description = [{
    With `lhs` of M x K and `rhs` of N x K elements,

        result[m, n] = acc[m, n] + sum_k (lhs[m, k] * lhs_scale[m, k / B])
                                       * (rhs[n, k] * rhs_scale[n, k / B])

    Products are exact; the sum is in float32 in unspecified order. Scale tiles
    are in the 128x4 order (see the dialect); their number of blocks gives the
    block size B.

    A tile of scales has always 128 rows. Fewer rows R of elements are one of
    their 128 / R parts: with `part p`, the scales of row i are those of row
    `(p mod (128 / R)) * R + i`.

    | elements | scales | B |
    |---|---|---|
    | `f4E2M1FN` | `f8E4M3FN` | 16 |
    | `f4E2M1FN` | `f8E8M0FNU` | 32 |
    | any two of `f4E2M1FN`, `f6E2M3FN`, `f6E3M2FN`, `f8E4M3FN`, `f8E5M2` | `f8E8M0FNU` | 32 |

    - (C1) `acc` is M x N, `lhs` M x K, `rhs` N x K.
    - (C2) the scale tiles are `[ceil(rows / 128), K / (4 * B), 32, 4, 4]`.
    - (C3) elements and scales of both sides are one row of the table.
    - (C4) a side has `part` iff it has fewer than 128 rows, which divide 128.

    Example:

    ```mlir
    // acc 0; lhs all 2.0 with scales 0.5; rhs all 3.0 with scales 1.0; K = 128
    %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb : !fp4gpu.acc<128x128>,
        !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>,
        !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
    // result: 384.0 everywhere
    ```
  }];
  let arguments = (ins FP4GPU_AccType:$acc,
                       FP4GPU_TileType:$lhs, FP4GPU_TileType:$lhs_scales,
                       Optional<Index>:$lhs_part,
                       FP4GPU_TileType:$rhs, FP4GPU_TileType:$rhs_scales,
                       Optional<Index>:$rhs_part);
  let results = (outs FP4GPU_AccType:$result);
  let assemblyFormat = [{
    $acc `,` $lhs `scaled` $lhs_scales (`part` $lhs_part^)? `,`
    $rhs `scaled` $rhs_scales (`part` $rhs_part^)? attr-dict `:` qualified(type($acc)) `,` qualified(type($lhs)) `,`
    qualified(type($lhs_scales)) `,` qualified(type($rhs)) `,`
    qualified(type($rhs_scales))
  }];
  let extraClassDeclaration = [{
    /// Elements per scale.
    int64_t getBlockSize();
  }];
  let hasVerifier = 1;
}

def FP4GPU_EpilogueOp : FP4GPU_Op<"epilogue", [SingleBlock,
    AttrSizedOperandSegments, HasParent<"ForTilesOp">]> {
  let summary = "what becomes of each accumulated element";
  let description = [{
    For every element (i, j) of the tile, computes the body and stores what it
    yields:

        dest[m * M + i, n * N + j] = body(acc[i, j], columns[0][n * N + j], ...,
                                          matrices[0][m * M + i, n * N + j], ...)

    With `transposed`, the accumulators are those of the transposed product and
    `acc[j, i]` takes the place of `acc[i, j]`.

    With `gated`, the columns of the product alternate between two products in
    groups of eight. The body takes the elements of both, `acc[i, c]` and
    `acc[i, c + 8]` with `c = j / 8 * 16 + j % 8`, and the tile of `dest` has N / 2
    columns.

    Elements outside `dest` are not stored, and their columns and matrices not
    read. The body may use scalars of the kernel.

    With `scaled`, what the body yields is quantized as `fp4.quantize` does, by
    `format`, `rule` and `tensor_scale` and with blocks along the rows of `dest`:
    codes go to `dest`, two to a byte, and scales to `scales` in the 128x4 order
    (see the dialect) with zeros in its padding. Elements of blocks with a NaN
    scale are unspecified, as there.

    - (C1) `dest` is a matrix with two indices, each of `columns` a vector.
    - (C2) the body takes an f32 (two if `gated`), one element of each of
      `columns`, and one of each of `matrices`.
    - (C3) the body yields one element of `dest`, f32 with `scaled`.
    - (C4) the body holds operations without side effects on scalars.
    - (C5) each of `matrices` has the shape of `dest`.
    - (C6) `scaled`, `format` and `rule` come together, and `tensor_scale` iff
      the format has one; `dest` and `scales` are the arrays of a prepacked
      matrix of that format whose columns are a multiple of 32; `rule` is legal
      for its scales.

    Example:

    ```mlir
    // acc[0, 1] = 3.0, bias[1] = -1.0, m = n = 0
    fp4gpu.epilogue %sum -> %d[%m, %n] columns(%bias : memref<256xf32>) {
    ^bb0(%x: f32, %b: f32):
      %y = arith.addf %x, %b : f32
      fp4gpu.yield %y : f32
    } : !fp4gpu.acc<128x128>, memref<256x256xf32>
    // d[0, 1] = 2.0
    ```
  }];
  let arguments = (ins FP4GPU_AccType:$acc, FP4GPU_Global:$dest,
                       Variadic<Index>:$indices,
                       Variadic<FP4GPU_Global>:$columns,
                       Variadic<FP4GPU_Global>:$matrices,
                       Optional<FP4GPU_Global>:$scales,
                       Optional<F32>:$tensor_scale,
                       UnitAttr:$transposed, UnitAttr:$gated,
                       OptionalAttr<FP4_FormatAttr>:$format,
                       OptionalAttr<FP4_ScaleRuleAttr>:$rule);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $acc (`transposed` $transposed^)? (`gated` $gated^)? `->`
    $dest (`scaled` $scales^)? `[` $indices `]`
    (`tensor_scale` `(` $tensor_scale^ `)`)?
    (`columns` `(` $columns^ `:` type($columns) `)`)?
    (`matrices` `(` $matrices^ `:` type($matrices) `)`)?
    $body attr-dict `:` qualified(type($acc)) `,` type($dest)
    (`scaled` type($scales)^)?
  }];
  let hasVerifier = 1;
}

def FP4GPU_YieldOp : FP4GPU_Op<"yield", [Pure, Terminator,
    ParentOneOf<["PipelineOp", "EpilogueOp", "QuantizeOp", "AmaxOp"]>]> {
  let summary = "the values of a region";
  let description = [{
    Hands tiles, accumulators or an element to the operation around it.

    Example:

    ```mlir
    fp4gpu.yield %y : f32
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

#endif // FP4_DIALECT_FP4GPU_IR_FP4GPUKERNELOPS_TD
