// RUN: fp4-opt %s --convert-fp4-to-linalg | FileCheck %s

// Block 4: two rounds of butterflies, strides 1 and 2, then 1/sqrt(4).

// CHECK-LABEL: func @block_4
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>)
// CHECK: %[[PAIRS:.*]] = tensor.expand_shape %[[X]] {{\[\[}}0], [1, 2, 3]] output_shape [%{{.*}}, 4, 2, 1]
// CHECK: linalg.generic {{.*}} ins(%[[PAIRS]], %[[PAIRS]] :
// CHECK: ^bb0(%[[LOW:.*]]: f32, %[[HIGH:.*]]: f32, %{{.*}}: f32):
// CHECK: %[[IS_LOW:.*]] = arith.cmpi eq
// CHECK: %[[SUM:.*]] = arith.addf %[[LOW]], %[[HIGH]] : f32
// CHECK: %[[DIFFERENCE:.*]] = arith.subf %[[LOW]], %[[HIGH]] : f32
// CHECK: arith.select %[[IS_LOW]], %[[SUM]], %[[DIFFERENCE]] : f32
// CHECK: tensor.expand_shape %{{.*}} {{\[\[}}0], [1, 2, 3]] output_shape [%{{.*}}, 2, 2, 2]
// CHECK: linalg.generic
// CHECK: %[[NORM:.*]] = arith.constant 5.000000e-01 : f32
// CHECK: arith.mulf %{{.*}}, %[[NORM]] : f32
// CHECK-NOT: tensor.expand_shape
// CHECK: return
func.func @block_4(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = fp4.hadamard %x block 4 : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// The signs come first, and last in the inverse.

// CHECK-LABEL: func @signs
// CHECK: arith.constant dense<[1.000000e+00, -1.000000e+00]> : tensor<2xf32>
// CHECK: arith.subf
func.func @signs(%x: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %y = fp4.hadamard %x block 2 signs [1, -1] : tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// CHECK-LABEL: func @inverse_signs
// CHECK: arith.subf
// CHECK: arith.constant dense<[1.000000e+00, -1.000000e+00]> : tensor<2xf32>
func.func @inverse_signs(%x: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %y = fp4.hadamard %x block 2 signs [1, -1] inverse : tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}
