// RUN: fp4-opt %s --convert-fp4-to-fp4gpu=target=sm_120a | FileCheck %s

// What a kernel does on the way out.

// CHECK-LABEL: func.func @residual
// CHECK-SAME: %{{.*}}: !fp4.tensor<?x64, #fp4.mxfp4>, %{{.*}}: !fp4.tensor<16x64, #fp4.mxfp4>, %[[R:.*]]: tensor<?x16xbf16>
// CHECK: %[[Y:.*]] = fp4gpu.launch @matmul_mxfp4_mx16x64_bf16_addf(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[R]], %{{.*}})
// CHECK-NEXT: return %[[Y]]
func.func @residual(%x: !fp4.tensor<?x64, #fp4.mxfp4>, %w: !fp4.tensor<16x64, #fp4.mxfp4>, %r: tensor<?x16xbf16>) -> tensor<?x16xbf16> {
  %y = fp4.matmul %x, %w : !fp4.tensor<?x64, #fp4.mxfp4>, !fp4.tensor<16x64, #fp4.mxfp4> -> tensor<?x16xbf16>
  %z = arith.addf %r, %y : tensor<?x16xbf16>
  return %z : tensor<?x16xbf16>
}

// The same operations under another order of operands are another kernel; the
// same once more is not.

// CHECK-LABEL: func.func @same_and_other
// CHECK: fp4gpu.launch @matmul_mxfp4_mx16x64_bf16_addf(
// CHECK: fp4gpu.launch @matmul_mxfp4_mx16x64_bf16_addf_1(
func.func @same_and_other(%x: !fp4.tensor<?x64, #fp4.mxfp4>, %w: !fp4.tensor<16x64, #fp4.mxfp4>, %r: tensor<?x16xbf16>) -> tensor<?x16xbf16> {
  %y = fp4.matmul %x, %w : !fp4.tensor<?x64, #fp4.mxfp4>, !fp4.tensor<16x64, #fp4.mxfp4> -> tensor<?x16xbf16>
  %z = arith.addf %r, %y : tensor<?x16xbf16>
  %q = fp4.quantize %z : tensor<?x16xbf16> -> !fp4.tensor<?x16, #fp4.nvfp4>
  %d = fp4.dequantize %q : !fp4.tensor<?x16, #fp4.nvfp4> -> tensor<?x16xbf16>
  %u = fp4.matmul %x, %w : !fp4.tensor<?x64, #fp4.mxfp4>, !fp4.tensor<16x64, #fp4.mxfp4> -> tensor<?x16xbf16>
  %v = arith.addf %u, %d : tensor<?x16xbf16>
  return %v : tensor<?x16xbf16>
}

// sigmoid(y) * y + v, written out: y has two users, both of them in the tail.

// CHECK-LABEL: func.func @written_out
// CHECK-SAME: %[[V:[^ :,]*]]: tensor<16xf32>
// CHECK: fp4gpu.launch @matmul_mxfp4_8x16x64_f32_generic_generic(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[V]])
#m = affine_map<(i, j) -> (i, j)>
#v = affine_map<(i, j) -> (j)>
func.func @written_out(%x: !fp4.tensor<8x64, #fp4.mxfp4>, %w: !fp4.tensor<16x64, #fp4.mxfp4>, %v: tensor<16xf32>) -> tensor<8x16xf32> {
  %one = arith.constant 1.0 : f32
  %y = fp4.matmul %x, %w : !fp4.tensor<8x64, #fp4.mxfp4>, !fp4.tensor<16x64, #fp4.mxfp4> -> tensor<8x16xf32>
  %e = tensor.empty() : tensor<8x16xf32>
  %s = linalg.generic {indexing_maps = [#m, #m], iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%a: f32, %o: f32):
    %n = arith.negf %a : f32
    %p = math.exp %n : f32
    %q = arith.addf %p, %one : f32
    %r = arith.divf %one, %q : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  %z = linalg.generic {indexing_maps = [#m, #m, #v, #m], iterator_types = ["parallel", "parallel"]}
      ins(%y, %s, %v : tensor<8x16xf32>, tensor<8x16xf32>, tensor<16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %p, %c : f32
    linalg.yield %q : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// silu(x G^T) * (x U^T): one kernel, whose weight has the rows of both by turns.

// CHECK-LABEL: func.func @gated
// CHECK-DAG: %[[E:.*]] = arith.constant dense<"0x{{((11){128}(11){128}(21){128}(21){128})+}}"> : tensor<32x32xi8>
// CHECK: fp4gpu.launch @matmul_mxfp4_mx16x64_bf16_with_silu_gated_mulf(%{{.*}}, %{{.*}}, %[[E]], %{{.*}}, %{{.*}})
// CHECK-NEXT: return
func.func @gated(%x: !fp4.tensor<?x64, #fp4.mxfp4>) -> tensor<?x16xbf16> {
  %g = fp4.constant <elements = dense<33> : tensor<16x32xi8>, scales = dense<127> : tensor<16x2xi8>> : !fp4.tensor<16x64, #fp4.mxfp4>
  %u = fp4.constant <elements = dense<17> : tensor<16x32xi8>, scales = dense<127> : tensor<16x2xi8>> : !fp4.tensor<16x64, #fp4.mxfp4>
  %a = fp4.matmul %x, %u : !fp4.tensor<?x64, #fp4.mxfp4>, !fp4.tensor<16x64, #fp4.mxfp4> -> tensor<?x16xbf16>
  %b = fp4.matmul %x, %g {activation = #fp4.activation<silu>} : !fp4.tensor<?x64, #fp4.mxfp4>, !fp4.tensor<16x64, #fp4.mxfp4> -> tensor<?x16xbf16>
  %y = arith.mulf %b, %a : tensor<?x16xbf16>
  return %y : tensor<?x16xbf16>
}

// The product is used elsewhere: it has to be stored.

// CHECK-LABEL: func.func @keeps_add_of_product_with_other_users
// CHECK: fp4gpu.launch @matmul_mxfp4_8x16x64_f32(
// CHECK: arith.addf
func.func @keeps_add_of_product_with_other_users(%x: !fp4.tensor<8x64, #fp4.mxfp4>, %w: !fp4.tensor<16x64, #fp4.mxfp4>, %r: tensor<8x16xf32>) -> (tensor<8x16xf32>, tensor<8x16xf32>) {
  %y = fp4.matmul %x, %w : !fp4.tensor<8x64, #fp4.mxfp4>, !fp4.tensor<16x64, #fp4.mxfp4> -> tensor<8x16xf32>
  %z = arith.addf %y, %r : tensor<8x16xf32>
  return %y, %z : tensor<8x16xf32>, tensor<8x16xf32>
}

// No instruction of the GPU, and no polynomial.

// CHECK-LABEL: func.func @keeps_other_functions
// CHECK: fp4gpu.launch @matmul_mxfp4_8x16x64_f32(
// CHECK: math.cos
func.func @keeps_other_functions(%x: !fp4.tensor<8x64, #fp4.mxfp4>, %w: !fp4.tensor<16x64, #fp4.mxfp4>) -> tensor<8x16xf32> {
  %y = fp4.matmul %x, %w : !fp4.tensor<8x64, #fp4.mxfp4>, !fp4.tensor<16x64, #fp4.mxfp4> -> tensor<8x16xf32>
  %z = math.cos %y : tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: fp4gpu.kernel @matmul_mxfp4_mx16x64_bf16_with_silu_gated_mulf(
// CHECK-SAME: %rhs: memref<32x64xf4E2M1FN>
// CHECK-SAME: %out: memref<?x16xbf16>
// CHECK: fp4gpu.for_tiles (%{{.*}}, %{{.*}}) in [%rows, 32] {
// CHECK: fp4gpu.epilogue %{{.*}} gated -> %out
// CHECK-NEXT: ^bb0(%[[UP:.*]]: f32, %[[GATE:.*]]: f32):
// CHECK-NEXT: %[[NARROW_UP:.*]] = arith.truncf %[[UP]] : f32 to bf16
// CHECK: math.exp2
// CHECK: %[[NARROW_GATE:.*]] = arith.truncf %{{.*}} : f32 to bf16
// CHECK-NEXT: arith.mulf %[[NARROW_GATE]], %[[NARROW_UP]] : bf16

// CHECK-LABEL: fp4gpu.kernel @matmul_mxfp4_mx16x64_bf16_addf(
// CHECK: fp4gpu.epilogue %{{.*}} -> %out[%{{.*}}, %{{.*}}] matrices(%matrix0 : memref<?x16xbf16>) {
// CHECK-NEXT: ^bb0(%[[X:.*]]: f32, %[[R:.*]]: bf16):
// CHECK-NEXT: %[[NARROW:.*]] = arith.truncf %[[X]] : f32 to bf16
// CHECK-NEXT: arith.addf %[[R]], %[[NARROW]] : bf16

// CHECK-LABEL: fp4gpu.kernel @matmul_mxfp4_8x16x64_f32_generic_generic(
// CHECK: fp4gpu.epilogue %{{.*}} transposed -> %out[%{{.*}}, %{{.*}}] columns(%column0 : memref<16xf32>) {
// CHECK-NEXT: ^bb0(%[[X:.*]]: f32, %[[V:.*]]: f32):
// CHECK: math.exp
// CHECK: %[[SIGMOID:.*]] = arith.divf
// CHECK: %[[PRODUCT:.*]] = arith.mulf %[[X]], %[[SIGMOID]] : f32
// CHECK: arith.addf %[[PRODUCT]], %[[V]] : f32
