//===- Passes.td - Conversions into and out of fp4 ---------*- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_CONVERSION_PASSES_TD
#define FP4_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// LinalgToFP4
//===----------------------------------------------------------------------===//

def ConvertLinalgToFP4 : Pass<"convert-linalg-to-fp4", "::mlir::ModuleOp"> {
  let summary = "Turn linear layers over constant weights into fp4.matmul";
  let description = [{
    Recognizes contractions whose right operand is a constant or an
    `fp4.parameter` (a linear layer, however it is spelled) and rewrites them to
    `fp4.matmul`, which has the weight as `[N, K]`.

    (* example filepath=test/Conversion/LinalgToFP4/convert-linalg-to-fp4.mlir *)

    Recognized are `linalg.matmul` and `linalg.batch_matmul` with any indexing
    maps, `linalg.vecmat`, and `linalg.generic` contractions, with one reduction
    dimension that is the last one of the left operand. Leading dimensions
    collapse into M and are expanded again in the result. Weights are seen
    through `linalg.transpose`, `linalg.broadcast`, casts to a wider float
    (`arith.extf` or as `linalg.generic`), `tensor.cast`, and
    `tensor.collapse_shape` / `tensor.expand_shape` that only drop or add unit
    dimensions. Their element type is f32, bf16 or f16.

    A constant stored as `[K, N]` is transposed here; a parameter gets a
    `linalg.transpose`, which `--fp4-load-parameters` carries out. An
    accumulator of zeros disappears. One that broadcasts a vector along N, or a
    `linalg.add`, `arith.addf` or `linalg.generic` addition of such a vector
    behind the matmul, becomes `bias`. Any other accumulator is added
    afterwards.

    Every matmul gets the attribute `fp4.layer`: the name of the parameter, or
    the resource key of the constant, without a final `.weight`; otherwise
    `linear<i>` for the i-th rewritten operation of the module.

    Requires: float operands. Guarantees: products and sums of f32, bf16 and f16
    are at least as precise as before. Does not touch contractions of two
    non-constant values.
  }];
  let options = [
    Option<"requireConstant", "require-constant", "bool", /*default=*/"false",
           "Fail on a contraction of floats whose right operand is not a "
           "constant or parameter">
  ];
  let statistics = [
    Statistic<"numConverted", "num-converted", "Linear layers converted">,
    Statistic<"numTransposed", "num-transposed",
              "Weights transposed at compile time">,
    Statistic<"numBiases", "num-biases", "Biases folded into a matmul">
  ];
  let dependentDialects = [
    "::fp4::FP4Dialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"
  ];
}

//===----------------------------------------------------------------------===//
// FP4ToLinalg
//===----------------------------------------------------------------------===//

def ConvertFP4ToLinalg : Pass<"convert-fp4-to-linalg", "::mlir::ModuleOp"> {
  let summary = "Write out the meaning of fp4 operations on plain tensors";
  let description = [{
    Replaces every operation of the fp4 dialect by linalg, arith, math and tensor
    operations that compute its documented value. A microscaled tensor becomes
    its codes (`i8`, one per element), its scale codes (`i8`, one per block) and,
    if the format has one, its tensor scale (`f32`); this holds for function
    arguments and results too.

    (* example filepath=test/Conversion/FP4ToLinalg/dequantize.mlir *)

    Requires: no `fp4.parameter` is left (`--fp4-load-parameters` replaces them).
    Microscaled values pass only through fp4, func, scf and cf operations.

    Guarantees: the result is free of fp4 operations and types, needs no library
    of ours at run time, and computes the bits that the library Numerics
    computes, except for matmul, whose float32 sum runs in ascending order of
    the contracted index with fused multiply-adds. Constants stay packed; they
    are not copied.

    Does not: fuse operations, or choose loops for speed beyond a contraction
    order that vectorizes.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numConverted", "num-converted", "Number of fp4 operations converted">
  ];
}

//===----------------------------------------------------------------------===//
// FP4ToFP4GPU
//===----------------------------------------------------------------------===//

def PrepackWeights : Pass<"fp4-prepack-weights", "::mlir::ModuleOp"> {
  let summary = "Lay constant weights out as kernels read them";
  let description = [{
    Turns each `fp4.constant` that is the `rhs` of an `fp4.matmul` with a kernel
    for `target` into `fp4gpu.unprepack` of constant bytes: packed elements as
    they are, scales in the 128x4 order that the tensor cores read; or, where the
    weight is decoded (next to a float left side, and always on sm_90a), into
    `fp4gpu.from_fragments` of codes in the order of matrix fragments. What
    libraries do when a model is loaded is done here. Decoded weights of a gated
    pair are left to `--convert-fp4-to-fp4gpu`, which joins them.

    (* example filepath=test/Conversion/FP4ToFP4GPU/prepack-weights.mlir *)

    Requires nothing. Guarantees the same values. Does not touch constants with
    other users, weights of other formats, or activations.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::fp4::gpu::FP4GPUDialect"];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"sm_120a\"",
           "GPU whose kernels read the weights, as ptxas spells it">
  ];
  let statistics = [
    Statistic<"numPrepacked", "num-prepacked", "Number of weights laid out">,
    Statistic<"numBytes", "num-bytes", "Bytes of prepacked elements and scales">
  ];
}

def ConvertFP4ToFP4GPU : Pass<"convert-fp4-to-fp4gpu", "::mlir::ModuleOp"> {
  let summary = "Make a kernel of each matmul of 4-bit matrices";
  let description = [{
    Replaces each `fp4.matmul` of two matrices of the same 4-bit format, or of
    two MXFP8 ones, by
    `fp4gpu.prepack` of both operands and `fp4gpu.launch` of an `fp4gpu.kernel`
    with a schedule for the target, or the one that the attribute
    `fp4gpu.schedule` of the matmul asks for; a remark of the category `fp4gpu`
    says which and why. Equal problems share a kernel; `fp4.layer` moves to the
    launch. Where only the launch knows the number of rows, it gets more kernels
    to choose from, for up to 16, 64 and 256 rows, as far as their schedules
    differ from the one for any number and from each other (`alternatives` of
    `fp4gpu.launch`).

    Tensor scales, bias, activation and the conversion to the result type become
    the kernel's epilogue, and so do operations behind the matmul that work
    element by element (`arith` and some `math` on tensors, `linalg` with
    parallel loops), if nothing else reads what lies between: residual adds,
    activations that are written out, scaling by a vector. Each value keeps its
    type, so nothing is rounded differently. Two matmuls of the same input by
    constant weights of the same shape that such an operation joins, as in
    `silu(x * gate^T) * (x * up^T)`, become one kernel of the interleaved weight
    (`fp4gpu.interleave`, or `fp4gpu.to_fragments` of both).

    A bf16 or f16 left side and a 4-bit right side are multiplied as that, the right
    side going through `fp4gpu.to_fragments`: on sm_90a and sm_120a, with K a
    multiple of the block. On sm_90a, whose tensor cores take no scales, so are
    two 4-bit matrices, after a launch that makes the left one bf16
    (`fp4gpu.dequantize`), and f8E4M3FN with MXFP4 is multiplied as f8E4M3FN: or,
    where the weight's scales do not fold into such elements exactly, as bf16
    after such a launch, which a remark says (`fallback`).

    `fp4.quantize` and `fp4.rotate_quantize` of a matrix whose prepacked form is
    asked for become a launch of one kernel (`fp4gpu.quantize`), and so does what
    is in front of them, if nothing else uses it: operations element by element,
    a factor for each row that is computed from its sum of squares (RMSNorm), and
    products of blocks of 16 to 1024 columns with given matrices.
    Those of a format with a tensor scale that give none stay, unless
    `compute-tensor-scales` asks for another kernel ahead that finds the largest
    magnitude (`fp4gpu.amax`). A remark says what was fused, or why there is no
    kernel.

    (* example filepath=test/Conversion/FP4ToFP4GPU/convert-fp4-to-fp4gpu.mlir *)

    Requires: nothing; but a matmul has a kernel only if N is a multiple of 8.
    Guarantees: the kernel computes what the operations are defined to be, with
    the approximate exponential and division of the GPU in `silu` and
    `gelu_tanh` and in front of quantizations, polynomials for `erf`, `exp` and
    `tanh` behind matmuls, and row sums in another order. Leaves alone: matmuls
    without a kernel (with `require-kernels` they are errors), quantizations
    with random numbers, to 6-bit elements, or with the rule `search` to 8-bit
    ones, and all that is in a nested module, for a launch finds its kernel in
    the module next to it: nest the pass to have kernels there.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::tensor::TensorDialect",
    "::fp4::gpu::FP4GPUDialect"];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"sm_120a\"",
           "GPU to make kernels for, as ptxas spells it">,
    Option<"requireKernels", "require-kernels", "bool", /*default=*/"false",
           "Fail on a matmul that has no kernel">,
    Option<"computeTensorScales", "compute-tensor-scales", "bool",
           /*default=*/"false",
           "Launch a kernel that finds the tensor scale where none is given">
  ];
  let statistics = [
    Statistic<"numKernels", "num-kernels", "Number of kernels made">,
    Statistic<"numLaunches", "num-launches", "Number of matmuls replaced">
  ];
}

//===----------------------------------------------------------------------===//
// FP4GPUToNVVM
//===----------------------------------------------------------------------===//

def ConvertFP4GPUToNVVM : Pass<"convert-fp4gpu-to-nvvm", "::mlir::ModuleOp"> {
  let summary = "Write kernels out in the instructions of a GPU";
  let description = [{
    Moves every `fp4gpu.kernel` into `gpu.module @kernels` as an `llvm.func`
    made of NVVM instructions, `scf` and `arith`:

    - sm_120a, sm_120f, sm_121a: a producer warp with TMA, a ring of mbarriers,
      `ldmatrix` and block-scaled `mma.sync`;
    - sm_90a, and sm_120a where one side is bf16: two producer warps, weights
      decoded in registers, `mma.sync` (fp4gpu.mma_decode);
    - sm_100a, sm_103a: the same producer, `tcgen05.cp` of the scales to tensor
      memory, `tcgen05.mma`, and an epilogue from tensor memory;
    - activations, on these and sm_90a: 32 elements per thread, butterflies in
      registers, `cvt` to e2m1 or, on sm_90a, three FMAs and a minimum; a sum
      over the row first where the kernel asks for one.

    The attribute `fp4gpu.launch` of a function describes arguments, grid, block
    and shared memory for the launch manifest.

    (* example filepath=test/Conversion/FP4GPUToNVVM/sm120.mlir *)

    Requires: kernels of the shape that `--convert-fp4-to-fp4gpu` makes, with
    any schedule that fits the target. Guarantees: no `fp4gpu.kernel` is left.
    Does not lower `scf` and `arith`. Leaves nested modules alone, with their
    kernels and launches: nest the pass for them.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
    "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect"];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"sm_120a\"",
           "GPU to lower for, as ptxas spells it">
  ];
  let statistics = [
    Statistic<"numLowered", "num-lowered", "Number of kernels lowered">
  ];
}

//===----------------------------------------------------------------------===//
// LinalgToBLAS
//===----------------------------------------------------------------------===//

def ConvertLinalgToBLAS : Pass<"convert-linalg-to-blas", "::mlir::ModuleOp"> {
  let summary = "Call sgemm for float32 contractions on memrefs";
  let description = [{
    Replaces every linalg operation on memrefs that computes
    `c[.., m, n] += sum_k a[.., m, k] * b[.., n, k]` (with dimensions in any
    order, products widened to float32) by calls of

        func.func private @fp4_host_sgemm(a, b, c : memref<?x?xf32, strided<[?, ?], offset: ?>>)

    which adds the product of `a` [M, K] and `b` [K, N] to `c` [M, N].
    Runtime/Host provides it with OpenBLAS. Dimensions beyond m, n and k become
    loops; operands narrower than float32 are widened into temporary memory
    first.

    (* example filepath=test/Conversion/LinalgToBLAS/linalg-to-blas.mlir *)

    Requires: bufferized linalg. Guarantees: the same sums in another order of
    addition. Does not touch products without both an m and an n (dot products
    and matrix-vector products), or anything that is not float.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect"];
  let statistics = [
    Statistic<"numConverted", "num-converted", "Number of contractions converted">
  ];
}

#endif // FP4_CONVERSION_PASSES_TD
