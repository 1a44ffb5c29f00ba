// RUN: fp4-opt %s --convert-fp4-to-fp4gpu=target=sm_120a --split-input-file | FileCheck %s
// RUN: fp4-opt %s --convert-fp4-to-fp4gpu=target=sm_120a --split-input-file --remark-policy=all --remarks-filter=fp4gpu -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// What is in front of a quantization becomes part of its kernel. First RMSNorm
// as `fp4-quantize --emit-mlir` writes it; nothing of it is left.

// REMARK: activation | Category:fp4gpu | {{.*}}quantize_mxfp4_even_mx64_f32_h32_norm: one launch, rotates by 32, normalizes rows, fuses 3 operations ahead

// CHECK-LABEL: func.func @rms_norm
// CHECK-NOT: linalg
// CHECK: fp4gpu.launch @quantize_mxfp4_even_mx64_f32_h32_norm(%{{.*}}, %{{.*}}, %{{.*}}) : (tensor<?x64xf32>, tensor<64xbf16>, index)
// CHECK-NEXT: return
// CHECK: fp4gpu.kernel @quantize_mxfp4_even_mx64_f32_h32_norm(%input: memref<?x64xf32>, %column0: memref<64xbf16>, %rows: index,
// CHECK: fp4gpu.meaning = {body = "t0 = mulf:f32 input row; t1 = extf:f32 column0; t2 = mulf:f32 t0 t1", format = "mxfp4", kind = "quantize", rotation = "32", row = "t0 = divf:f32 sum 64; t1 = addf:f32 t0 9.99999974E-6; t2 = rsqrt:f32 t1", scale_rule = "even"}
// CHECK: fp4gpu.quantize(%input) [%{{.*}}, %{{.*}}] columns(%column0) -> %elements, %scales rotation 32 row {
// CHECK: ^bb0(%[[SUM:.*]]: f32):
// CHECK: %[[MEAN:.*]] = arith.divf %[[SUM]], %{{.*}} : f32
// CHECK: %[[BIASED:.*]] = arith.addf %[[MEAN]], %{{.*}} : f32
// CHECK: %[[FACTOR:.*]] = math.rsqrt %[[BIASED]] : f32
// CHECK: fp4gpu.yield %[[FACTOR]]
// CHECK: ^bb0(%[[X:.*]]: f32, %[[GAIN:.*]]: bf16, %[[F:.*]]: f32):
// CHECK: %[[UNIT:.*]] = arith.mulf %[[X]], %[[F]] : f32
// CHECK: %[[WIDE:.*]] = arith.extf %[[GAIN]] : bf16 to f32
// CHECK: arith.mulf %[[UNIT]], %[[WIDE]] : f32
#ij = affine_map<(i, j) -> (i, j)>
#i = affine_map<(i, j) -> (i)>
#j = affine_map<(i, j) -> (j)>
#vector = affine_map<(i) -> (i)>
func.func @rms_norm(%x: tensor<?x64xf32>, %gain: tensor<64xbf16>) -> (tensor<?x32xi8>, tensor<?x1x32x4x4xi8>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %width = arith.constant 64.0 : f32
  %epsilon = arith.constant 1.0e-5 : f32
  %rows = tensor.dim %x, %c0 : tensor<?x64xf32>
  %row = tensor.empty(%rows) : tensor<?xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%row : tensor<?xf32>) -> tensor<?xf32>
  %squares = linalg.generic {indexing_maps = [#ij, #i], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x64xf32>) outs(%zeros : tensor<?xf32>) {
  ^bb0(%value: f32, %sum: f32):
    %square = arith.mulf %value, %value : f32
    %next = arith.addf %sum, %square fastmath<reassoc> : f32
    linalg.yield %next : f32
  } -> tensor<?xf32>
  %factors = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]}
      ins(%squares : tensor<?xf32>) outs(%row : tensor<?xf32>) {
  ^bb0(%sum: f32, %unused: f32):
    %mean = arith.divf %sum, %width : f32
    %biased = arith.addf %mean, %epsilon : f32
    %factor = math.rsqrt %biased : f32
    linalg.yield %factor : f32
  } -> tensor<?xf32>
  %empty = tensor.empty(%rows) : tensor<?x64xf32>
  %unit = linalg.generic {indexing_maps = [#ij, #i, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%x, %factors : tensor<?x64xf32>, tensor<?xf32>) outs(%empty : tensor<?x64xf32>) {
  ^bb0(%value: f32, %factor: f32, %unused: f32):
    %scaled = arith.mulf %value, %factor : f32
    linalg.yield %scaled : f32
  } -> tensor<?x64xf32>
  %normed = linalg.generic {indexing_maps = [#ij, #j, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%unit, %gain : tensor<?x64xf32>, tensor<64xbf16>) outs(%empty : tensor<?x64xf32>) {
  ^bb0(%value: f32, %g: bf16, %unused: f32):
    %wide = arith.extf %g : bf16 to f32
    %scaled = arith.mulf %value, %wide : f32
    linalg.yield %scaled : f32
  } -> tensor<?x64xf32>
  %q = fp4.rotate_quantize %normed block 32 {scale_rule = #fp4.scale_rule<even>} : tensor<?x64xf32> -> !fp4.tensor<?x64, #fp4.mxfp4>
  %e, %s = fp4gpu.prepack %q : !fp4.tensor<?x64, #fp4.mxfp4> -> tensor<?x32xi8>, tensor<?x1x32x4x4xi8>
  return %e, %s : tensor<?x32xi8>, tensor<?x1x32x4x4xi8>
}

// -----

// As torch-mlir writes it: bfloat16, a power, the sum in an operation of its own,
// factors with a unit dimension, the result rounded before the gain.

// CHECK-LABEL: func.func @rms_norm_torch
// CHECK-NOT: linalg
// CHECK: fp4gpu.launch @quantize_mxfp4_floor_8x64_bf16_norm(%{{.*}}, %{{.*}}) : (tensor<8x64xbf16>, tensor<64xbf16>)
// CHECK-NEXT: return
// CHECK: row {
// CHECK: arith.divf
// CHECK: math.rsqrt
// CHECK: ^bb0(%[[X:.*]]: bf16, %[[GAIN:.*]]: bf16, %[[F:.*]]: f32):
// CHECK: %[[WIDE:.*]] = arith.extf %[[X]] : bf16 to f32
// CHECK: %[[UNIT:.*]] = arith.mulf %[[WIDE]], %[[F]] : f32
// CHECK: %[[NARROW:.*]] = arith.truncf %[[UNIT]] : f32 to bf16
// CHECK: %[[SCALED:.*]] = arith.mulf %[[GAIN]], %[[NARROW]] : bf16
// CHECK: arith.extf %[[SCALED]] : bf16 to f32
#ij = affine_map<(i, j) -> (i, j)>
#i0 = affine_map<(i, j) -> (i, 0)>
#j = affine_map<(i, j) -> (j)>
func.func @rms_norm_torch(%x: tensor<8x64xbf16>, %gain: tensor<64xbf16>) -> (tensor<8x32xi8>, tensor<1x1x32x4x4xi8>) {
  %zero = arith.constant 0.0 : f32
  %two = arith.constant 2.0 : f32
  %width = arith.constant 64.0 : f32
  %epsilon = arith.constant 1.0e-6 : f32
  %matrix = tensor.empty() : tensor<8x64xf32>
  %column = tensor.empty() : tensor<8x1xf32>
  %wide = linalg.generic {indexing_maps = [#ij, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<8x64xbf16>) outs(%matrix : tensor<8x64xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %0 = arith.extf %in : bf16 to f32
    linalg.yield %0 : f32
  } -> tensor<8x64xf32>
  %square = linalg.generic {indexing_maps = [#ij, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%wide : tensor<8x64xf32>) outs(%matrix : tensor<8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.powf %in, %two : f32
    linalg.yield %0 : f32
  } -> tensor<8x64xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%column : tensor<8x1xf32>) -> tensor<8x1xf32>
  %sum = linalg.generic {indexing_maps = [#ij, #i0], iterator_types = ["parallel", "reduction"]}
      ins(%square : tensor<8x64xf32>) outs(%zeros : tensor<8x1xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %out : f32
    linalg.yield %0 : f32
  } -> tensor<8x1xf32>
  %mean = linalg.generic {indexing_maps = [#i0, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%sum : tensor<8x1xf32>) outs(%column : tensor<8x1xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.divf %in, %width : f32
    linalg.yield %0 : f32
  } -> tensor<8x1xf32>
  %factor = linalg.generic {indexing_maps = [#i0, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%mean : tensor<8x1xf32>) outs(%column : tensor<8x1xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %epsilon : f32
    %1 = math.rsqrt %0 : f32
    linalg.yield %1 : f32
  } -> tensor<8x1xf32>
  %unit = linalg.generic {indexing_maps = [#ij, #i0, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%wide, %factor : tensor<8x64xf32>, tensor<8x1xf32>) outs(%matrix : tensor<8x64xf32>) {
  ^bb0(%in: f32, %f: f32, %out: f32):
    %0 = arith.mulf %in, %f : f32
    linalg.yield %0 : f32
  } -> tensor<8x64xf32>
  %narrow = tensor.empty() : tensor<8x64xbf16>
  %rounded = linalg.generic {indexing_maps = [#ij, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%unit : tensor<8x64xf32>) outs(%narrow : tensor<8x64xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %0 = arith.truncf %in : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<8x64xbf16>
  %normed = linalg.generic {indexing_maps = [#j, #ij, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%gain, %rounded : tensor<64xbf16>, tensor<8x64xbf16>) outs(%narrow : tensor<8x64xbf16>) {
  ^bb0(%g: bf16, %in: bf16, %out: bf16):
    %0 = arith.mulf %g, %in : bf16
    linalg.yield %0 : bf16
  } -> tensor<8x64xbf16>
  %q = fp4.quantize %normed : tensor<8x64xbf16> -> !fp4.tensor<8x64, #fp4.mxfp4>
  %e, %s = fp4gpu.prepack %q : !fp4.tensor<8x64, #fp4.mxfp4> -> tensor<8x32xi8>, tensor<1x1x32x4x4xi8>
  return %e, %s : tensor<8x32xi8>, tensor<1x1x32x4x4xi8>
}

// -----

// As StableHLO becomes linalg: named operations, broadcasts of their own, a
// division by the root.

// CHECK-LABEL: func.func @rms_norm_jax
// CHECK-NOT: linalg
// CHECK: fp4gpu.launch @quantize_mxfp4_floor_8x64_f32_norm(%{{.*}}) : (tensor<8x64xf32>)
// CHECK-NEXT: return
// CHECK: row {
// CHECK: arith.mulf %{{.*}}, %{{.*}} : f32
// CHECK: math.sqrt
// CHECK: ^bb0(%[[X:.*]]: f32, %[[F:.*]]: f32):
// CHECK: arith.divf %[[X]], %[[F]] : f32
func.func @rms_norm_jax(%x: tensor<8x64xf32>) -> (tensor<8x32xi8>, tensor<1x1x32x4x4xi8>) {
  %zero = arith.constant dense<0.0> : tensor<8xf32>
  %reciprocal = arith.constant dense<0.015625> : tensor<8xf32>
  %matrix = tensor.empty() : tensor<8x64xf32>
  %vector = tensor.empty() : tensor<8xf32>
  %square = linalg.mul ins(%x, %x : tensor<8x64xf32>, tensor<8x64xf32>) outs(%matrix : tensor<8x64xf32>) -> tensor<8x64xf32>
  %sum = linalg.reduce ins(%square : tensor<8x64xf32>) outs(%zero : tensor<8xf32>) dimensions = [1]
    (%in: f32, %out: f32) {
      %0 = arith.addf %out, %in : f32
      linalg.yield %0 : f32
    }
  %mean = arith.mulf %sum, %reciprocal : tensor<8xf32>
  %root = linalg.sqrt ins(%mean : tensor<8xf32>) outs(%vector : tensor<8xf32>) -> tensor<8xf32>
  %all = linalg.broadcast ins(%root : tensor<8xf32>) outs(%matrix : tensor<8x64xf32>) dimensions = [1]
  %normed = linalg.div ins(%x, %all : tensor<8x64xf32>, tensor<8x64xf32>) outs(%matrix : tensor<8x64xf32>) -> tensor<8x64xf32>
  %q = fp4.quantize %normed : tensor<8x64xf32> -> !fp4.tensor<8x64, #fp4.mxfp4>
  %e, %s = fp4gpu.prepack %q : !fp4.tensor<8x64, #fp4.mxfp4> -> tensor<8x32xi8>, tensor<1x1x32x4x4xi8>
  return %e, %s : tensor<8x32xi8>, tensor<1x1x32x4x4xi8>
}

// -----

// SiLU of one matrix times another: two inputs, the exponential by the GPU's.
// The tensor scale is computed by a kernel that does the same.

// CHECK-LABEL: func.func @silu_mul
// CHECK-NOT: linalg
// CHECK: fp4gpu.launch @quantize_nvfp4_absmax_8x64_f32_fused(%{{.*}}, %{{.*}}, %{{.*}}) : (tensor<8x64xf32>, tensor<8x64xf32>, tensor<f32>)
// CHECK-NEXT: return
// CHECK: fp4gpu.quantize(%input, %input1)
// CHECK: ^bb0(%[[G:.*]]: f32, %[[U:.*]]: f32):
// CHECK: %[[N:.*]] = arith.negf %[[G]] : f32
// CHECK: %[[P:.*]] = arith.mulf %[[N]], %{{.*}} : f32
// CHECK: %[[E:.*]] = math.exp2 %[[P]] fastmath<afn> : f32
// CHECK: %[[D:.*]] = arith.addf %[[E]], %{{.*}} : f32
// CHECK: %[[S:.*]] = arith.divf %[[G]], %[[D]] fastmath<afn> : f32
// CHECK: arith.mulf %[[S]], %[[U]] : f32
#ij = affine_map<(i, j) -> (i, j)>
func.func @silu_mul(%gate: tensor<8x64xf32>, %up: tensor<8x64xf32>, %t: f32) -> (tensor<8x32xi8>, tensor<1x1x32x4x4xi8>) {
  %one = arith.constant 1.0 : f32
  %empty = tensor.empty() : tensor<8x64xf32>
  %hidden = linalg.generic {indexing_maps = [#ij, #ij, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%gate, %up : tensor<8x64xf32>, tensor<8x64xf32>) outs(%empty : tensor<8x64xf32>) {
  ^bb0(%g: f32, %u: f32, %unused: f32):
    %negative = arith.negf %g : f32
    %exp = math.exp %negative : f32
    %denominator = arith.addf %exp, %one : f32
    %silu = arith.divf %g, %denominator : f32
    %gated = arith.mulf %silu, %u : f32
    linalg.yield %gated : f32
  } -> tensor<8x64xf32>
  %q = fp4.quantize %hidden tensor_scale(%t) : tensor<8x64xf32> -> !fp4.tensor<8x64, #fp4.nvfp4>
  %e, %s, %ts = fp4gpu.prepack %q : !fp4.tensor<8x64, #fp4.nvfp4> -> tensor<8x32xi8>, tensor<1x1x32x4x4xi8>, tensor<f32>
  return %e, %s : tensor<8x32xi8>, tensor<1x1x32x4x4xi8>
}

// -----

// A result that something else needs, too, is read; what is behind it is fused.
// Of a sum that is normalized the kernel needs the sum itself.

// CHECK-LABEL: func.func @shared
// CHECK: %[[SUM:.*]] = arith.addf
// CHECK: fp4gpu.launch @quantize_mxfp4_floor_8x64_f32_norm(%[[SUM]])
// CHECK: return %[[SUM]]
func.func @shared(%a: tensor<8x64xf32>, %b: tensor<8x64xf32>) -> (tensor<8x64xf32>, tensor<8x32xi8>, tensor<1x1x32x4x4xi8>) {
  %zero = arith.constant dense<0.0> : tensor<8xf32>
  %matrix = tensor.empty() : tensor<8x64xf32>
  %x = arith.addf %a, %b : tensor<8x64xf32>
  %square = arith.mulf %x, %x : tensor<8x64xf32>
  %sum = linalg.reduce ins(%square : tensor<8x64xf32>) outs(%zero : tensor<8xf32>) dimensions = [1]
    (%in: f32, %out: f32) {
      %0 = arith.addf %out, %in : f32
      linalg.yield %0 : f32
    }
  %factor = math.rsqrt %sum : tensor<8xf32>
  %all = linalg.broadcast ins(%factor : tensor<8xf32>) outs(%matrix : tensor<8x64xf32>) dimensions = [1]
  %normed = arith.mulf %x, %all : tensor<8x64xf32>
  %q = fp4.quantize %normed : tensor<8x64xf32> -> !fp4.tensor<8x64, #fp4.mxfp4>
  %e, %s = fp4gpu.prepack %q : !fp4.tensor<8x64, #fp4.mxfp4> -> tensor<8x32xi8>, tensor<1x1x32x4x4xi8>
  return %x, %e, %s : tensor<8x64xf32>, tensor<8x32xi8>, tensor<1x1x32x4x4xi8>
}

// -----

// A sum of cubes is no sum of squares, and a vector along the rows from
// elsewhere cannot be read: the kernel reads the matrix that it becomes.

// CHECK-LABEL: func.func @other_sums
// CHECK: linalg.reduce
// CHECK: %[[ALL:.*]] = linalg.broadcast
// CHECK: fp4gpu.launch @quantize_mxfp4_floor_8x64_f32_fused(%{{.*}}, %[[ALL]])
func.func @other_sums(%x: tensor<8x64xf32>, %r: tensor<8xf32>) -> (tensor<8x32xi8>, tensor<1x1x32x4x4xi8>) {
  %zero = arith.constant dense<0.0> : tensor<8xf32>
  %matrix = tensor.empty() : tensor<8x64xf32>
  %square = arith.mulf %x, %x : tensor<8x64xf32>
  %cube = arith.mulf %square, %x : tensor<8x64xf32>
  %sum = linalg.reduce ins(%cube : tensor<8x64xf32>) outs(%zero : tensor<8xf32>) dimensions = [1]
    (%in: f32, %out: f32) {
      %0 = arith.addf %out, %in : f32
      linalg.yield %0 : f32
    }
  %product = arith.mulf %sum, %r : tensor<8xf32>
  %all = linalg.broadcast ins(%product : tensor<8xf32>) outs(%matrix : tensor<8x64xf32>) dimensions = [1]
  %normed = arith.mulf %x, %all : tensor<8x64xf32>
  %q = fp4.quantize %normed : tensor<8x64xf32> -> !fp4.tensor<8x64, #fp4.mxfp4>
  %e, %s = fp4gpu.prepack %q : !fp4.tensor<8x64, #fp4.mxfp4> -> tensor<8x32xi8>, tensor<1x1x32x4x4xi8>
  return %e, %s : tensor<8x32xi8>, tensor<1x1x32x4x4xi8>
}

// -----

// Why a quantization has no kernel.

// REMARK: Missed{{.*}}activation | Category:fp4gpu | {{.*}}no kernel: expected a format with a name, got #fp4.format<element = f4E2M1FN, scale = f8E8M0FNU, block = 16>
// REMARK: Missed{{.*}}activation | Category:fp4gpu | {{.*}}no kernel: expected a tensor scale, or compute-tensor-scales
// REMARK: Missed{{.*}}activation | Category:fp4gpu | {{.*}}no kernel: expected another scale rule than search for elements of more than 4 bits
// REMARK: Missed{{.*}}activation | Category:fp4gpu | {{.*}}no kernel: expected a matrix that is not empty, of sizes below 2^31
// REMARK: Missed{{.*}}activation | Category:fp4gpu | {{.*}}no kernel: expected rounding to nearest, got random numbers for stochastic rounding
// REMARK: Missed{{.*}}activation | Category:fp4gpu | {{.*}}no kernel: expected a multiple of 64 columns of 6-bit elements, got 32
// CHECK-LABEL: func.func @no_kernel
// CHECK-COUNT-6: fp4.quantize
!a = !fp4.tensor<8x64, #fp4.format<element = f4E2M1FN, scale = f8E8M0FNU, block = 16>>
!b = !fp4.tensor<8x64, #fp4.nvfp4>
!c = !fp4.tensor<8x64, #fp4.mxfp8e4m3>
!d = !fp4.tensor<0x64, #fp4.mxfp4>
!e = !fp4.tensor<8x64, #fp4.mxfp4>
!f = !fp4.tensor<8x32, #fp4.mxfp6e2m3>
func.func @no_kernel(%x: tensor<8x64xf32>, %none: tensor<0x64xf32>, %r: tensor<8x64xi32>, %y: tensor<8x32xf32>)
    -> (tensor<8x32xi8>, tensor<8x32xi8>, tensor<8x64xi8>, tensor<0x32xi8>, tensor<8x32xi8>, tensor<8x24xi8>) {
  %a = fp4.quantize %x : tensor<8x64xf32> -> !a
  %ae, %as = fp4gpu.prepack %a : !a -> tensor<8x32xi8>, tensor<1x1x32x4x4xi8>
  %b = fp4.quantize %x : tensor<8x64xf32> -> !b
  %be, %bs, %bt = fp4gpu.prepack %b : !b -> tensor<8x32xi8>, tensor<1x1x32x4x4xi8>, tensor<f32>
  %c = fp4.quantize %x {scale_rule = #fp4.scale_rule<search>} : tensor<8x64xf32> -> !c
  %ce, %cs = fp4gpu.prepack %c : !c -> tensor<8x64xi8>, tensor<1x1x32x4x4xi8>
  %d = fp4.quantize %none : tensor<0x64xf32> -> !d
  %de, %ds = fp4gpu.prepack %d : !d -> tensor<0x32xi8>, tensor<0x1x32x4x4xi8>
  %e = fp4.quantize %x random(%r : tensor<8x64xi32>) : tensor<8x64xf32> -> !e
  %ee, %es = fp4gpu.prepack %e : !e -> tensor<8x32xi8>, tensor<1x1x32x4x4xi8>
  %f = fp4.quantize %y : tensor<8x32xf32> -> !f
  %fe, %fs = fp4gpu.prepack %f : !f -> tensor<8x24xi8>, tensor<1x1x32x4x4xi8>
  return %ae, %be, %ce, %de, %ee, %fe : tensor<8x32xi8>, tensor<8x32xi8>, tensor<8x64xi8>, tensor<0x32xi8>, tensor<8x32xi8>, tensor<8x24xi8>
}

// -----

// Blocks times given matrices, one for each, behind an operation on elements.

// REMARK: quantize_mxfp4_floor_8x128_f32_t64_fused: one launch, multiplies blocks of 64 with given matrices, fuses 1 operations ahead
// CHECK-LABEL: func.func @transforms
// CHECK-NOT: linalg
// CHECK: fp4gpu.launch @quantize_mxfp4_floor_8x128_f32_t64_fused(%{{.*}}, %{{.*}}, %{{.*}}) : (tensor<8x128xf32>, tensor<8x128xf32>, tensor<2x64x64xf32>)
// CHECK-NEXT: return
// CHECK: fp4gpu.quantize(%input, %input1) [%{{.*}}, %{{.*}}] matrix(%matrix) ->
// CHECK: arith.mulf
#x = affine_map<(m, b, i, j) -> (m, b, j)>
#t = affine_map<(m, b, i, j) -> (b, i, j)>
#out = affine_map<(m, b, i, j) -> (m, b, i)>
func.func @transforms(%a: tensor<8x128xf32>, %c: tensor<8x128xf32>, %t: tensor<2x64x64xf32>) -> (tensor<8x64xi8>, tensor<1x1x32x4x4xi8>) {
  %zero = arith.constant dense<0.0> : tensor<8x2x64xf32>
  %x = arith.mulf %a, %c : tensor<8x128xf32>
  %split = tensor.expand_shape %x [[0], [1, 2]] output_shape [8, 2, 64] : tensor<8x128xf32> into tensor<8x2x64xf32>
  %y = linalg.generic {indexing_maps = [#x, #t, #out], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%split, %t : tensor<8x2x64xf32>, tensor<2x64x64xf32>) outs(%zero : tensor<8x2x64xf32>) {
  ^bb0(%v: f32, %w: f32, %s: f32):
    %0 = arith.mulf %v, %w : f32
    %1 = arith.addf %s, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<8x2x64xf32>
  %joined = tensor.collapse_shape %y [[0], [1, 2]] : tensor<8x2x64xf32> into tensor<8x128xf32>
  %q = fp4.quantize %joined : tensor<8x128xf32> -> !fp4.tensor<8x128, #fp4.mxfp4>
  %e, %s = fp4gpu.prepack %q : !fp4.tensor<8x128, #fp4.mxfp4> -> tensor<8x64xi8>, tensor<1x1x32x4x4xi8>
  return %e, %s : tensor<8x64xi8>, tensor<1x1x32x4x4xi8>
}

// -----

// The transpose is another matrix: it stays.

// CHECK-LABEL: func.func @transposed
// CHECK: linalg.generic
// CHECK: fp4gpu.launch @quantize_mxfp4_floor_8x128_f32(
#x = affine_map<(m, b, i, j) -> (m, b, j)>
#t = affine_map<(m, b, i, j) -> (j, i)>
#out = affine_map<(m, b, i, j) -> (m, b, i)>
func.func @transposed(%x: tensor<8x128xf32>, %t: tensor<64x64xf32>) -> (tensor<8x64xi8>, tensor<1x1x32x4x4xi8>) {
  %zero = arith.constant dense<0.0> : tensor<8x2x64xf32>
  %split = tensor.expand_shape %x [[0], [1, 2]] output_shape [8, 2, 64] : tensor<8x128xf32> into tensor<8x2x64xf32>
  %y = linalg.generic {indexing_maps = [#x, #t, #out], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%split, %t : tensor<8x2x64xf32>, tensor<64x64xf32>) outs(%zero : tensor<8x2x64xf32>) {
  ^bb0(%v: f32, %w: f32, %s: f32):
    %0 = arith.mulf %v, %w : f32
    %1 = arith.addf %s, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<8x2x64xf32>
  %joined = tensor.collapse_shape %y [[0], [1, 2]] : tensor<8x2x64xf32> into tensor<8x128xf32>
  %q = fp4.quantize %joined : tensor<8x128xf32> -> !fp4.tensor<8x128, #fp4.mxfp4>
  %e, %s = fp4gpu.prepack %q : !fp4.tensor<8x128, #fp4.mxfp4> -> tensor<8x64xi8>, tensor<1x1x32x4x4xi8>
  return %e, %s : tensor<8x64xi8>, tensor<1x1x32x4x4xi8>
}
