// RUN: fp4-opt %s --convert-fp4-to-linalg | FileCheck %s

// The contraction adds multiples of rows of the transposed weight; the tensor
// scales meet the finished sum.

// CHECK-DAG: #[[LHS:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>
// CHECK-DAG: #[[RHS:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-DAG: #[[OUT:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>

// CHECK-LABEL: func @microscaled
// CHECK-SAME: (%{{.*}}: tensor<?x32xi8>, %{{.*}}: tensor<?x2xi8>, %[[T1:.*]]: f32, %{{.*}}: tensor<8x32xi8>, %{{.*}}: tensor<8x2xi8>, %[[T2:.*]]: f32)
// CHECK: linalg.generic {indexing_maps = [#[[LHS]], #[[RHS]], #[[OUT]]], iterator_types = ["parallel", "reduction", "parallel"]} ins(%{{.*}}, %{{.*}} : tensor<?x32xf32>, tensor<32x8xf32>) outs(%{{.*}} : tensor<?x8xf32>)
// CHECK: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32, %[[C:.*]]: f32):
// CHECK-NEXT: %[[FMA:.*]] = math.fma %[[A]], %[[B]], %[[C]] : f32
// CHECK-NEXT: linalg.yield %[[FMA]]
// CHECK: %[[T:.*]] = arith.mulf %[[T1]], %[[T2]] : f32
// CHECK: ^bb0(%[[SUM:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: %[[SCALED:.*]] = arith.mulf %[[SUM]], %[[T]] : f32
// CHECK-NEXT: linalg.yield %[[SCALED]] : f32
func.func @microscaled(%a: !fp4.tensor<?x32, #fp4.nvfp4>, %b: !fp4.tensor<8x32, #fp4.nvfp4>) -> tensor<?x8xf32> {
  %y = fp4.matmul %a, %b : !fp4.tensor<?x32, #fp4.nvfp4>, !fp4.tensor<8x32, #fp4.nvfp4> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func @bias_and_activation
// CHECK-SAME: (%{{.*}}: tensor<4x2xf32>, %{{.*}}: tensor<3x2xf32>, %[[BIAS:.*]]: tensor<3xf32>)
// CHECK: math.fma
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[BIAS]] : tensor<4x3xf32>, tensor<3xf32>)
// CHECK: ^bb0(%[[SUM:.*]]: f32, %[[B:.*]]: f32, %{{.*}}: f32):
// CHECK: %[[X:.*]] = arith.addf %[[SUM]], %[[B]] : f32
// CHECK: %[[MINUS:.*]] = arith.negf %[[X]] : f32
// CHECK: %[[EXP:.*]] = math.exp %[[MINUS]] : f32
// CHECK: %[[ONE:.*]] = arith.constant 1.000000e+00 : f32
// CHECK: %[[SUM1:.*]] = arith.addf %[[ONE]], %[[EXP]] : f32
// CHECK: arith.divf %[[X]], %[[SUM1]] : f32
func.func @bias_and_activation(%a: tensor<4x2xf32>, %b: tensor<3x2xf32>, %bias: tensor<3xf32>) -> tensor<4x3xf32> {
  %y = fp4.matmul %a, %b bias(%bias : tensor<3xf32>) {activation = #fp4.activation<silu>} : tensor<4x2xf32>, tensor<3x2xf32> -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// bfloat16 is rounded with integers: half of the last kept bit is added, less one
// where that bit is even.

// CHECK-LABEL: func @rounds_to_bf16
// CHECK: math.fma
// CHECK-NOT: arith.truncf
// CHECK: arith.constant 32767 : i32
// CHECK: arith.bitcast %{{.*}} : i16 to bf16
func.func @rounds_to_bf16(%a: tensor<4x2xbf16>, %b: tensor<3x2xbf16>) -> tensor<4x3xbf16> {
  %y = fp4.matmul %a, %b : tensor<4x2xbf16>, tensor<3x2xbf16> -> tensor<4x3xbf16>
  return %y : tensor<4x3xbf16>
}
