// RUN: fp4-opt %s --convert-fp4-to-linalg --cse | FileCheck %s

// MXFP4 under floor: the scale code is amax's exponent field less emax = 2; the
// elements are rounded by integer addition, 2^23 quanta (of 0.5) or half a unit.

// CHECK-DAG: #[[ELEMENTS:.*]] = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
// CHECK-DAG: #[[BLOCKS:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>

// CHECK-LABEL: func @floor
// CHECK-SAME: (%[[X:.*]]: tensor<2x64xf32>) -> (tensor<2x64xi8>, tensor<2x2xi8>)
// CHECK: %[[SPLIT:.*]] = tensor.expand_shape %[[X]]
// CHECK: %[[AMAX:.*]] = linalg.generic {indexing_maps = [#[[ELEMENTS]], #[[BLOCKS]]], iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[SPLIT]] : tensor<2x2x32xf32>)
// CHECK: arith.maxsi
// CHECK: %[[SCALES:.*]] = linalg.generic {{.*}} ins(%[[AMAX]] : tensor<2x2xi32>)
// CHECK: ^bb0(%[[A:.*]]: i32, %{{.*}}: i8):
// CHECK: %[[EXPONENT:.*]] = arith.shrui %[[A]], %{{.*}} : i32
// CHECK: %[[EMAX:.*]] = arith.constant 2 : i32
// CHECK: arith.subi %[[EXPONENT]], %[[EMAX]] : i32
// CHECK: linalg.generic {indexing_maps = [#[[ELEMENTS]], #[[BLOCKS]], #[[ELEMENTS]]], {{.*}}} ins(%[[SPLIT]], %[[SCALES]] :
// CHECK: arith.divf
// CHECK-NOT: arith.truncf
// CHECK: return
func.func @floor(%x: tensor<2x64xf32>) -> !fp4.tensor<2x64, #fp4.mxfp4> {
  %q = fp4.quantize %x : tensor<2x64xf32> -> !fp4.tensor<2x64, #fp4.mxfp4>
  return %q : !fp4.tensor<2x64, #fp4.mxfp4>
}

// The tensor scale of NVFP4 is the largest magnitude of all over 6 * 448 = 2688.

// CHECK-LABEL: func @tensor_scale
// CHECK: linalg.generic {{.*}}iterator_types = ["reduction", "reduction"]
// CHECK: %[[DIVISOR:.*]] = arith.constant 2.688000e+03 : f32
// CHECK: arith.divf %{{.*}}, %[[DIVISOR]] : f32
func.func @tensor_scale(%x: tensor<?x64xf32>) -> !fp4.tensor<?x64, #fp4.nvfp4> {
  %q = fp4.quantize %x : tensor<?x64xf32> -> !fp4.tensor<?x64, #fp4.nvfp4>
  return %q : !fp4.tensor<?x64, #fp4.nvfp4>
}

// A given one is used as it is.

// CHECK-LABEL: func @given_tensor_scale
// CHECK-SAME: %[[T:[^:]*]]: f32)
// CHECK-NOT: iterator_types = ["reduction", "reduction"]
// CHECK: return %{{.*}}, %{{.*}}, %[[T]] :
func.func @given_tensor_scale(%x: tensor<?x64xf32>, %t: f32) -> !fp4.tensor<?x64, #fp4.nvfp4> {
  %q = fp4.quantize %x tensor_scale(%t) : tensor<?x64xf32> -> !fp4.tensor<?x64, #fp4.nvfp4>
  return %q : !fp4.tensor<?x64, #fp4.nvfp4>
}

// Search compares squared errors in double of nine codes per block.

// CHECK-LABEL: func @search
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<2x4x9xf64>)
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction"]{{.*}} outs(%{{.*}}, %{{.*}} : tensor<2x4xi32>, tensor<2x4xf64>)
func.func @search(%x: tensor<2x64xf32>) -> !fp4.tensor<2x64, #fp4.nvfp4> {
  %q = fp4.quantize %x {scale_rule = #fp4.scale_rule<search>} : tensor<2x64xf32> -> !fp4.tensor<2x64, #fp4.nvfp4>
  return %q : !fp4.tensor<2x64, #fp4.nvfp4>
}

// Blocks of 16 rows split two dimensions.

// CHECK-LABEL: func @square_blocks
// CHECK: tensor.expand_shape %{{.*}} {{\[\[}}0, 1], [2, 3]] output_shape [2, 16, 4, 16]
func.func @square_blocks(%x: tensor<32x64xf32>) -> !fp4.tensor<32x64, #fp4.format<element = f4E2M1FN, scale = f8E4M3FN, block = 16x16, tensor_scale>> {
  %q = fp4.quantize %x : tensor<32x64xf32> -> !fp4.tensor<32x64, #fp4.format<element = f4E2M1FN, scale = f8E4M3FN, block = 16x16, tensor_scale>>
  return %q : !fp4.tensor<32x64, #fp4.format<element = f4E2M1FN, scale = f8E4M3FN, block = 16x16, tensor_scale>>
}
