// RUN: fp4-opt %s --fp4-insert-rotations=block=16 --split-input-file --verify-diagnostics | FileCheck %s

// The two layers share the activation and therefore its rotation.

// CHECK-LABEL: func @rotates_both_operands
// CHECK-SAME: (%[[X:[^:]*]]: tensor<?x64xf32>)
// CHECK: %[[XR:.*]] = fp4.hadamard %[[X]] block 16 : tensor<?x64xf32>
// CHECK: %[[G:.*]] = fp4.parameter "gate"
// CHECK: %[[GF:.*]] = arith.extf %[[G]] : tensor<32x64xbf16> to tensor<32x64xf32>
// CHECK: %[[GR:.*]] = fp4.hadamard %[[GF]] block 16 : tensor<32x64xf32>
// CHECK: %[[U:.*]] = arith.constant
// CHECK: %[[UR:.*]] = fp4.hadamard %[[U]] block 16 : tensor<32x64xf32>
// CHECK: fp4.matmul %[[XR]], %[[GR]] {fp4.input_rotation = 16 : i64, fp4.layer = "gate"} : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
// CHECK: fp4.matmul %[[XR]], %[[UR]] {fp4.input_rotation = 16 : i64, fp4.layer = "up"}
func.func @rotates_both_operands(%x: tensor<?x64xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  %gate = fp4.parameter "gate" : tensor<32x64xbf16>
  %up = arith.constant dense<0.5> : tensor<32x64xf32>
  %g = fp4.matmul %x, %gate {fp4.layer = "gate"} : tensor<?x64xf32>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %u = fp4.matmul %x, %up {fp4.layer = "up"} : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
  return %g, %u : tensor<?x32xf32>, tensor<?x32xf32>
}

// -----

// 24 is not a multiple of 16.

// CHECK-LABEL: func @skips_undivided_k
// CHECK-NOT: fp4.hadamard
func.func @skips_undivided_k(%x: tensor<4x24xf32>) -> tensor<4x8xf32> {
  %w = fp4.parameter "w" : tensor<8x24xf32>
  // expected-remark @+1 {{layer 'odd' is not rotated: expected a static K that is a multiple of block 16, got 'tensor<4x24xf32>'}}
  %y = fp4.matmul %x, %w {fp4.layer = "odd"} : tensor<4x24xf32>, tensor<8x24xf32> -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// CHECK-LABEL: func @keeps_rotated_layer
// CHECK-COUNT-2: fp4.hadamard
// CHECK-NOT: fp4.hadamard
func.func @keeps_rotated_layer(%x: tensor<4x16xf32>) -> tensor<4x8xf32> {
  %w = fp4.parameter "w" : tensor<8x16xf32>
  %xr = fp4.hadamard %x block 16 : tensor<4x16xf32>
  %wr = fp4.hadamard %w block 16 : tensor<8x16xf32>
  %y = fp4.matmul %xr, %wr : tensor<4x16xf32>, tensor<8x16xf32> -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// CHECK-LABEL: func @keeps_products_that_are_not_layers
// CHECK-NOT: fp4.hadamard
func.func @keeps_products_that_are_not_layers(%x: tensor<4x32xf32>, %v: tensor<8x32xf32>, %q: !fp4.tensor<8x32, #fp4.mxfp4>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %y = fp4.matmul %x, %v : tensor<4x32xf32>, tensor<8x32xf32> -> tensor<4x8xf32>
  %z = fp4.matmul %x, %q : tensor<4x32xf32>, !fp4.tensor<8x32, #fp4.mxfp4> -> tensor<4x8xf32>
  return %y, %z : tensor<4x8xf32>, tensor<4x8xf32>
}
