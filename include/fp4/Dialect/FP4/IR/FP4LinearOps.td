//===- FP4LinearOps.td - Rotations and matrix products -----*- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4_IR_FP4LINEAROPS_TD
#define FP4_DIALECT_FP4_IR_FP4LINEAROPS_TD

include "fp4/Dialect/FP4/IR/FP4OpBase.td"

def FP4_HadamardOp : FP4_Op<"hadamard", [Pure, SameOperandsAndResultType]> {
  let summary = "blockwise orthonormal Hadamard transform of the last dimension";
  let description = [{
    Multiplies every run of `block` values along the last dimension by the
    Sylvester Hadamard matrix of that order over sqrt(block), after multiplying
    them by `signs` if given:

        result = input * blockdiag(diag(signs) * H, ...)

    `H` is symmetric and orthonormal, so without `signs` the operation is its own
    inverse. With `inverse` the transposed matrix is applied: `H` first, then the
    signs. The fast transform runs in float32 with butterfly strides 1, 2, 4, ...
    and one multiplication by float32(1/sqrt(block)); the result is rounded to
    the type once, at the end.

    - (C1) `block` is a power of two in 2..1024.
    - (C2) the last dimension is static and a multiple of `block`.
    - (C3) `signs` has `block` entries, each 1 or -1.

    Example:

    ```mlir
    // input:  [1.0, 2.0, 3.0, 4.0]
    %y = fp4.hadamard %x block 4 : tensor<1x4xf32>
    // result: [5.0, -1.0, -2.0, 0.0]
    ```
  }];
  let arguments = (ins FP4_FloatTensor:$input, I64Attr:$block,
                       OptionalAttr<DenseI8ArrayAttr>:$signs,
                       UnitAttr:$inverse);
  let results = (outs FP4_FloatTensor:$result);
  let assemblyFormat = [{
    $input `block` $block (`signs` $signs^)? (`inverse` $inverse^)? attr-dict
    `:` type($result)
  }];
  let extraClassDeclaration = [{
    /// Whether applying `other` after this operation gives back its input.
    bool isInverseOf(HadamardOp other);
    /// Whether both apply the same matrix.
    bool isSameTransform(HadamardOp other);
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def FP4_MatmulOp : FP4_Op<"matmul", [Pure]> {
  let summary = "product of a matrix with a transposed weight matrix";
  let description = [{
    Computes `activation(lhs * rhs^T + bias)` on decoded values:

        result[m, n] = f(sum_k lhs[m, k] * rhs[n, k] + bias[n])

    Each operand is a float matrix or a microscaled one; `lhs` may also have
    `f8E4M3FN` elements. Products are exact, the sum is in float32 in unspecified
    order (scales may be applied once per block), tensor scales multiply the
    finished sum, then `bias` is added, `f` applied and the value rounded to the
    result type (nearest, ties to even). Kernels for sm_90a sum products of
    `f8E4M3FN` and `#fp4.mxfp4` as `wgmma` of 8-bit floats does, which keeps some
    14 bits between the additions in float32 that `promotion` of
    `#fp4gpu.schedule` asks for.

    | `activation` | f(x) |
    |---|---|
    | `none` (default) | x |
    | `relu` | max(x, 0) |
    | `gelu` | x / 2 * (1 + erf(x / sqrt(2))) |
    | `gelu_tanh` | x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) |
    | `silu` | x / (1 + exp(-x)) |

    The pairs with a tensor-core instruction of their own:

    | lhs | rhs | sm_120a, sm_120f, sm_121a | sm_100a, sm_103a |
    |---|---|---|---|
    | `#fp4.nvfp4` | `#fp4.nvfp4` | `mma.sync` `mxf4nvf4` 4X | `tcgen05.mma` `mxf4nvf4` block16 |
    | `#fp4.mxfp4` | `#fp4.mxfp4` | `mma.sync` `mxf4` 2X | `tcgen05.mma` `mxf4` block32 |
    | `#fp4.mxfp8e4m3`, `#fp4.mxfp8e5m2` | either | `mma.sync` `mxf8f6f4` 1X | no kernel yet |

    - (C1) `lhs` is `[M, K]`, `rhs` is `[N, K]`, and the result `[M, N]`.
    - (C2) `bias` is `[N]`.

    Example:

    ```mlir
    // lhs: [[1.0, 2.0]], rhs: [[3.0, 4.0], [5.0, 6.0]], bias: [0.0, -20.0]
    %y = fp4.matmul %lhs, %rhs bias(%bias : tensor<2xf32>) {activation = #fp4.activation<relu>}
        : tensor<1x2xf32>, tensor<2x2xf32> -> tensor<1x2xf32>
    // result: [[11.0, 0.0]]
    ```
  }];
  let arguments = (ins FP4_MatmulLhs:$lhs, FP4_MatmulOperand:$rhs,
                       Optional<FP4_FloatTensor>:$bias,
                       OptionalAttr<FP4_ActivationAttr>:$activation);
  let results = (outs FP4_FloatTensor:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs (`bias` `(` $bias^ `:` type($bias) `)`)? attr-dict
    `:` type($lhs) `,` type($rhs) `->` type($result)
  }];
  let extraClassDeclaration = [{
    /// K, or kDynamic if neither operand says it.
    int64_t getReductionSize();
  }];
  let hasVerifier = 1;
}

#endif // FP4_DIALECT_FP4_IR_FP4LINEAROPS_TD
