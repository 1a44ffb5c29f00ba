// RUN: fp4-opt %s --fp4-form-rotate-quantize | FileCheck %s

// CHECK-LABEL: func @joins
// CHECK-SAME: (%[[X:[^:]*]]: tensor<?x64xf32>, %[[S:.*]]: f32)
// CHECK: %[[Q:.*]] = fp4.rotate_quantize %[[X]] block 16 tensor_scale(%[[S]]) {nan_policy = #fp4.nan_policy<saturate_inf>, scale_rule = #fp4.scale_rule<search>} : tensor<?x64xf32> -> !fp4.tensor<?x64, #fp4.nvfp4>
// CHECK-NEXT: return %[[Q]]
func.func @joins(%x: tensor<?x64xf32>, %s: f32) -> !fp4.tensor<?x64, #fp4.nvfp4> {
  %r = fp4.hadamard %x block 16 : tensor<?x64xf32>
  %q = fp4.quantize %r tensor_scale(%s) {nan_policy = #fp4.nan_policy<saturate_inf>, scale_rule = #fp4.scale_rule<search>}
      : tensor<?x64xf32> -> !fp4.tensor<?x64, #fp4.nvfp4>
  return %q : !fp4.tensor<?x64, #fp4.nvfp4>
}

// All users are quantizations: each gets the rotation.

// CHECK-LABEL: func @joins_every_user
// CHECK-NOT: fp4.hadamard
// CHECK: fp4.rotate_quantize %{{.*}} block 4 signs [1, -1, 1, 1] : tensor<1x32xf32> -> !fp4.tensor<1x32, #fp4.mxfp4>
// CHECK: fp4.rotate_quantize %{{.*}} block 4 signs [1, -1, 1, 1] : tensor<1x32xf32> -> !fp4.tensor<1x32, #fp4.mxfp8e4m3>
func.func @joins_every_user(%x: tensor<1x32xf32>) -> (!fp4.tensor<1x32, #fp4.mxfp4>, !fp4.tensor<1x32, #fp4.mxfp8e4m3>) {
  %r = fp4.hadamard %x block 4 signs [1, -1, 1, 1] : tensor<1x32xf32>
  %q = fp4.quantize %r : tensor<1x32xf32> -> !fp4.tensor<1x32, #fp4.mxfp4>
  %p = fp4.quantize %r : tensor<1x32xf32> -> !fp4.tensor<1x32, #fp4.mxfp8e4m3>
  return %q, %p : !fp4.tensor<1x32, #fp4.mxfp4>, !fp4.tensor<1x32, #fp4.mxfp8e4m3>
}

// CHECK-LABEL: func @keeps_rotation_with_another_user
// CHECK: %[[R:.*]] = fp4.hadamard
// CHECK: fp4.quantize %[[R]]
func.func @keeps_rotation_with_another_user(%x: tensor<1x32xf32>) -> (!fp4.tensor<1x32, #fp4.mxfp4>, tensor<1x32xf32>) {
  %r = fp4.hadamard %x block 32 : tensor<1x32xf32>
  %q = fp4.quantize %r : tensor<1x32xf32> -> !fp4.tensor<1x32, #fp4.mxfp4>
  return %q, %r : !fp4.tensor<1x32, #fp4.mxfp4>, tensor<1x32xf32>
}

// CHECK-LABEL: func @keeps_stochastic_rounding
// CHECK: fp4.hadamard
// CHECK: fp4.quantize
func.func @keeps_stochastic_rounding(%x: tensor<1x32xf32>, %u: tensor<1x32xi32>) -> !fp4.tensor<1x32, #fp4.mxfp4> {
  %r = fp4.hadamard %x block 32 : tensor<1x32xf32>
  %q = fp4.quantize %r random(%u : tensor<1x32xi32>) : tensor<1x32xf32> -> !fp4.tensor<1x32, #fp4.mxfp4>
  return %q : !fp4.tensor<1x32, #fp4.mxfp4>
}

// rotate_quantize has no inverse; with signs that is another matrix.

// CHECK-LABEL: func @keeps_inverse_with_signs
// CHECK: fp4.hadamard
// CHECK: fp4.quantize
func.func @keeps_inverse_with_signs(%x: tensor<1x32xf32>) -> !fp4.tensor<1x32, #fp4.mxfp4> {
  %r = fp4.hadamard %x block 4 signs [1, -1, 1, 1] inverse : tensor<1x32xf32>
  %q = fp4.quantize %r : tensor<1x32xf32> -> !fp4.tensor<1x32, #fp4.mxfp4>
  return %q : !fp4.tensor<1x32, #fp4.mxfp4>
}
