//===- Passes.td - Passes over the fp4 dialect -------------*- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4_TRANSFORMS_PASSES_TD
#define FP4_DIALECT_FP4_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

def LoadParameters : Pass<"fp4-load-parameters", "::mlir::ModuleOp"> {
  let summary = "Replace fp4.parameter by the tensors of a safetensors file";
  let description = [{
    Every `fp4.parameter` becomes an `arith.constant` whose `dense_resource`
    blob is the mapped file: nothing is copied, and pages are read when a later
    pass touches them. The resource key is the tensor's name. A
    `linalg.transpose` of a parameter is carried out here, which copies.

    (* example filepath=test/Dialect/FP4/Transforms/load-parameters.mlir *)

    Requires: `path`, a .safetensors file, an `.index.json` or a folder that has
    either. Every parameter is there with its shape and element type; a tensor
    that is not aligned for its type is copied. Guarantees: either all
    parameters are replaced or none. Does not convert element types.
  }];
  let options = [
    Option<"path", "path", "std::string", /*default=*/"",
           "Weight file, index or folder">
  ];
  let statistics = [
    Statistic<"numLoaded", "num-loaded", "Parameters replaced">,
    Statistic<"numTransposed", "num-transposed", "Parameters transposed">
  ];
  let dependentDialects = ["::fp4::FP4Dialect", "::mlir::arith::ArithDialect"];
}

//===----------------------------------------------------------------------===//
// Rotations
//===----------------------------------------------------------------------===//

def InsertRotations : Pass<"fp4-insert-rotations"> {
  let summary = "Rotate both operands of every linear layer";
  let description = [{
    Replaces `matmul(x, w)` over a constant weight by
    `matmul(hadamard(x), hadamard(w))`, which is the same product since
    (x H)(w H)^T = x w^T, but whose operands have no outliers. The weight side is
    computed in float32.

    (* example filepath=test/Dialect/FP4/Transforms/insert-rotations.mlir *)

    The matmul gets the attribute `fp4.input_rotation` with the block, by which
    `--fp4-quantize-weights` finds the rotation when others have moved it.

    Requires: a power of two `block` in 2..1024. Guarantees: one rotation per
    distinct activation, shared by the layers that read it; layers that are
    rotated already stay as they are. Does not touch layers with a quantized
    operand, a weight that is not a constant or parameter, or K not a multiple
    of `block` (a remark says so).
  }];
  let options = [
    Option<"block", "block", "int64_t", /*default=*/"32",
           "Values per rotation: a power of two, usually 16 to 128">
  ];
  let statistics = [
    Statistic<"numRotated", "num-rotated", "Layers rotated">,
    Statistic<"numSkipped", "num-skipped", "Layers that the block does not divide">
  ];
  let dependentDialects = ["::fp4::FP4Dialect", "::mlir::arith::ArithDialect"];
}

def FuseRotations : Pass<"fp4-fuse-rotations"> {
  let summary = "Move rotations to where they cost least";
  let description = [{
    Chooses for every value above a rotation whether the program keeps it as it
    is or rotated, so that the least work remains at run time (a minimum cut;
    what an operation allows is its model of `RotationOpInterface`), and folds
    rotations of constants into them.

    (* example filepath=test/Dialect/FP4/Transforms/fuse-rotations.mlir *)

    | operation | what a rotation of its result does |
    |---|---|
    | constant | folds in, as float32 for widened weights |
    | `fp4.matmul`, constant weight, no activation | absorbed: x W^T R = x (R^T W)^T, and the bias is rotated |
    | `tensor.collapse_shape`, `expand_shape`, `cast` that keep blocks whole | passes |
    | `arith` casts between floats | passes; values are rounded after the rotation instead of before |
    | `arith` and `linalg` sums, differences, negations, products and quotients by what does not vary along the last dimension, transpositions and broadcasts of other dimensions | passes; all summands are rotated |
    | `linalg` contractions, for the factor whose last dimension is the result's (attention: probabilities times values) | passes |
    | product with a constant vector, read by linear layers only (the gain of an RMSNorm) | passes; the vector moves into the layers' weights and into `fp4.input_gain` |
    | anything else: activations, softmax, arguments | blocked |

    A rotated value can be read by a sum of squares along the last dimension (the
    mean square of an RMSNorm) and by a float `fp4.matmul`, whose weight then
    absorbs the rotation. Any other reader gets an inverse rotation, one per
    value, if the whole is still cheaper.

    `linalg` operations are recognized by their bodies: linear in the operands
    that vary along the last dimension. An RMSNorm may be one `linalg.generic`
    behind its mean square or several operations; `math.powf` as the square is
    not recognized.

    Guarantees: the result differs by the rounding of rotated constants (float32)
    and of float casts that a rotation has passed. One rotation per distinct
    value is left. Rotations stay where they are when moving them gains nothing.
    Does not move rotations down from operands to results unless a rotation below
    asks for it.
  }];
  let options = [
    Option<"foldConstants", "fold-constants", "bool", /*default=*/"true",
           "Evaluate rotations of constants, which makes them float32. Without "
           "it --fp4-quantize-weights reads through them: the same bits from "
           "half the memory">
  ];
  let statistics = [
    Statistic<"numRemoved", "num-removed", "Rotations at run time removed">,
    Statistic<"numFolded", "num-folded", "Rotations folded into constants">
  ];
  let dependentDialects = ["::fp4::FP4Dialect", "::mlir::arith::ArithDialect"];
}

def FormRotateQuantize : Pass<"fp4-form-rotate-quantize"> {
  let summary = "Join a rotation with the quantization behind it";
  let description = [{
    Replaces `quantize(hadamard(x))` by `rotate_quantize(x)`, the form in which
    rotated values stay in registers. A rotation of bf16 or f16 values is then
    no longer rounded to that type.

    (* example filepath=test/Dialect/FP4/Transforms/form-rotate-quantize.mlir *)

    Requires: all users of the rotation are quantizations that round to nearest;
    otherwise it would be computed twice, and is left alone. Does not touch the
    inverse of a rotation with signs.
  }];
  let statistics = [
    Statistic<"numFormed", "num-formed", "Operations formed">
  ];
  let dependentDialects = ["::fp4::FP4Dialect"];
}

//===----------------------------------------------------------------------===//
// Quantization
//===----------------------------------------------------------------------===//

def QuantizeActivations : Pass<"fp4-quantize-activations"> {
  let summary = "Quantize the activations of linear layers";
  let description = [{
    Puts an `fp4.quantize` in front of the left operand of every `fp4.matmul`
    whose right operand is a constant, quantized or not. A tensor scale is
    computed from the values at run time.

    (* example filepath=test/Dialect/FP4/Transforms/quantize-activations.mlir *)

    Requires: K is a multiple of the format's block, and static. Guarantees: one
    quantization per distinct activation. Does not touch products of two
    activations, activations of f8E4M3FN, layers that `layers` does not match, or
    those that `keep` does.
  }];
  let options = [
    Option<"format", "format", "std::string", /*default=*/"\"nvfp4\"",
           "Block format: nvfp4, mxfp4, mxfp6e2m3, mxfp6e3m2, mxfp8e4m3, "
           "mxfp8e5m2, mxint8">,
    Option<"scaleRule", "scale-rule", "std::string", /*default=*/"",
           "floor, rceil, even, absmax, four_over_six or search; empty: the "
           "format's default">,
    Option<"layers", "layers", "std::string", /*default=*/"",
           "Regular expression that the whole layer name matches; empty: all">,
    Option<"keep", "keep", "std::string", /*default=*/"",
           "Regular expression of layers that stay as they are; empty: none">
  ];
  let statistics = [
    Statistic<"numQuantized", "num-quantized", "Layers with a quantized input">
  ];
  let dependentDialects = ["::fp4::FP4Dialect"];
}

//===----------------------------------------------------------------------===//
// Calibration
//===----------------------------------------------------------------------===//

def ExposeLinearInputs : Pass<"fp4-expose-linear-inputs", "::mlir::ModuleOp"> {
  let summary = "Return the inputs of linear layers from a function";
  let description = [{
    Replaces the results of a function by the left operands of its matmuls with
    a float weight, so that running it on sample inputs gives what calibration
    needs. A value that several layers read is returned once; the result
    attribute `fp4.layers` lists their names (`fp4.layer` of the matmul). A
    rotation in front of a matmul is left out: statistics are of the input that
    is not rotated.

    (* example filepath=test/Dialect/FP4/Transforms/expose-linear-inputs.mlir *)

    Requires: the function exists, is not called, has one block, and has its
    matmuls directly in it (`--inline` brings them there). Guarantees: what
    only the former results needed is dead. Does not remove dead code.
  }];
  let options = [
    Option<"entry", "entry", "std::string", /*default=*/"\"main\"",
           "Function to change">
  ];
  let statistics = [
    Statistic<"numExposed", "num-exposed", "Values returned">
  ];
}

def QuantizeWeights : Pass<"fp4-quantize-weights"> {
  let summary = "Quantize the constant weights of linear layers";
  let description = [{
    Replaces the right operand of every `fp4.matmul` over a constant by an
    `fp4.constant`, whose bits are resources named after the layer. The weight is
    read through `arith.extf` and `fp4.hadamard`, so rotations need not have been
    folded before.

    (* example filepath=test/Dialect/FP4/Transforms/quantize-weights.mlir *)

    | `algorithm` | what it does | calibration |
    |---|---|---|
    | `rtn` | every value to the nearest code | none |
    | `gptq` | GPTQ in act-order with frozen absmax or floor scales | needed |
    | `mr-gptq` | GPTQ with searched scales, for rotated layers (arXiv 2509.23202) | needed |
    | `mr-gptq-plus` | scales chosen inside GPTQ, two rounds of polish | needed |
    | `fp-quant`, `llmcompressor`, `modelopt` | as these tools, up to the order of sums | needed; `modelopt`: none |

    `hessians` names a safetensors file (or index or folder) with a float32
    `[K, K]` tensor for every layer, under the value of `fp4.layer`: X^T X of the
    inputs that the layer has in the float program, times any positive number.
    Rotations of the input are applied to it here: those that a matmul records
    in `fp4.input_rotation` and `fp4.input_gain`, and otherwise the one that
    stands before its left operand. With Hessians, `rtn` reports its error on
    the calibration inputs instead of that of the weights.

    `overrides` gives layers another algorithm by name, for instance
    `.*down_proj=mr-gptq-plus;.*k_proj=rtn`; the first pattern that matches
    counts. `keep` names layers that stay as they are. With
    `share-tensor-scales`, layers with the same left operand (q, k, v; gate, up)
    get one tensor scale, as consumers that fuse them need.

    A remark per layer gives the relative error before and after, the damping
    used, the columns that calibration never excited, and the time.

    Requires: finite f32, bf16 or f16 weights and K a multiple of the format's
    block; parameters are loaded. Guarantees: one weight in memory at a time;
    `rtn` without Hessians never holds a whole weight as float32. Does not
    insert rotations, and does not touch layers that `layers` does not match.
  }];
  let options = [
    Option<"algorithm", "algorithm", "std::string", /*default=*/"\"mr-gptq\"",
           "rtn, gptq, mr-gptq, mr-gptq-plus, fp-quant, llmcompressor or "
           "modelopt">,
    Option<"format", "format", "std::string", /*default=*/"\"nvfp4\"",
           "Block format: nvfp4, mxfp4, mxfp6e2m3, mxfp6e3m2, mxfp8e4m3, "
           "mxfp8e5m2, mxint8">,
    Option<"hessians", "hessians", "std::string", /*default=*/"",
           "File of calibration Hessians">,
    Option<"damping", "damping", "double", /*default=*/"-1",
           "Multiple of mean(diag H) added to the diagonal; negative: the "
           "algorithm's default (0.01)">,
    Option<"scaleRule", "scale-rule", "std::string", /*default=*/"",
           "absmax6, absmax4, floor, even, ceil, four-over-six, sweep, mse, "
           "wmse, local-hessian or in-loop; "
           "empty: the algorithm's default">,
    Option<"layers", "layers", "std::string", /*default=*/"",
           "Regular expression that the whole layer name matches; empty: all">,
    Option<"keep", "keep", "std::string", /*default=*/"",
           "Regular expression of layers that stay as they are; empty: none">,
    Option<"overrides", "overrides", "std::string", /*default=*/"",
           "PATTERN=ALGORITHM;...: layers with another algorithm">,
    Option<"shareTensorScales", "share-tensor-scales", "bool",
           /*default=*/"false",
           "One tensor scale for layers with the same left operand">,
    Option<"threads", "threads", "unsigned", /*default=*/"0",
           "Worker threads; 0: one per hardware thread">
  ];
  let statistics = [
    Statistic<"numQuantized", "num-quantized", "Layers quantized">,
    Statistic<"numKept", "num-kept", "Layers that `keep` left as they are">,
    Statistic<"meanErrorPPM", "mean-error-ppm",
              "Mean relative error of the layers, in millionths">
  ];
  let dependentDialects = ["::fp4::FP4Dialect"];
}

#endif // FP4_DIALECT_FP4_TRANSFORMS_PASSES_TD
