// RUN: fp4-opt %s --convert-fp4-to-linalg | FileCheck %s

// E8M0 scales and MXINT8 elements have the shortest arithmetic: a scale is its
// code in the exponent field of a float32 (with the subnormal 2^-127 for code 0
// and NaN for code 255), an element a signed integer over 64.

// CHECK-DAG: #[[ELEMENTS:.*]] = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
// CHECK-DAG: #[[BLOCKS:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>

// CHECK-LABEL: func @mxint8
// CHECK-SAME: (%[[CODES:.*]]: tensor<2x64xi8>, %[[SCALES:.*]]: tensor<2x2xi8>)
// CHECK: %[[SPLIT:.*]] = tensor.expand_shape %[[CODES]] {{\[\[}}0], [1, 2]] output_shape [2, 2, 32]
// CHECK: linalg.generic {indexing_maps = [#[[ELEMENTS]], #[[BLOCKS]], #[[ELEMENTS]]], iterator_types = ["parallel", "parallel", "parallel"]} ins(%[[SPLIT]], %[[SCALES]] :
// CHECK: ^bb0(%[[CODE:.*]]: i8, %[[SCALE:.*]]: i8, %{{.*}}: f32):
// CHECK: %[[INTEGER:.*]] = arith.extsi %{{.*}} : i8 to i32
// CHECK: %[[REAL:.*]] = arith.sitofp %[[INTEGER]] : i32 to f32
// 1/64:
// CHECK: %[[UNIT:.*]] = arith.constant 1.562500e-02 : f32
// CHECK: %[[ELEMENT:.*]] = arith.mulf %[[REAL]], %[[UNIT]] : f32
// CHECK: %[[WIDE:.*]] = arith.extui %[[SCALE]] : i8 to i32
// CHECK: %[[POWER:.*]] = arith.shli %[[WIDE]], %{{.*}} : i32
// 2^-127 has the bits 0x400000, NaN 0x7FC00000:
// CHECK: %[[LEAST:.*]] = arith.constant 4194304 : i32
// CHECK: %[[NONZERO:.*]] = arith.select %{{.*}}, %[[LEAST]], %[[POWER]] : i32
// CHECK: %[[NAN:.*]] = arith.constant 2143289344 : i32
// CHECK: %[[BITS:.*]] = arith.select %{{.*}}, %[[NAN]], %[[NONZERO]] : i32
// CHECK: %[[FACTOR:.*]] = arith.bitcast %[[BITS]] : i32 to f32
// CHECK: %[[VALUE:.*]] = arith.mulf %[[ELEMENT]], %[[FACTOR]] : f32
// CHECK: linalg.yield %[[VALUE]] : f32
// CHECK: tensor.collapse_shape %{{.*}} {{\[\[}}0], [1, 2]] : tensor<2x2x32xf32> into tensor<2x64xf32>
func.func @mxint8(%q: !fp4.tensor<2x64, #fp4.mxint8>) -> tensor<2x64xf32> {
  %x = fp4.dequantize %q : !fp4.tensor<2x64, #fp4.mxint8> -> tensor<2x64xf32>
  return %x : tensor<2x64xf32>
}

// scale * tensor scale is rounded first, as the operation says.

// CHECK-LABEL: func @nvfp4
// CHECK-SAME: %[[T:[^:]*]]: f32)
// CHECK: linalg.generic
// CHECK: %[[FACTOR:.*]] = arith.mulf %{{.*}}, %[[T]] : f32
// CHECK-NEXT: %[[VALUE:.*]] = arith.mulf %{{.*}}, %[[FACTOR]] : f32
// CHECK-NEXT: linalg.yield %[[VALUE]] : f32
func.func @nvfp4(%q: !fp4.tensor<2x64, #fp4.nvfp4>) -> tensor<2x64xf32> {
  %x = fp4.dequantize %q : !fp4.tensor<2x64, #fp4.nvfp4> -> tensor<2x64xf32>
  return %x : tensor<2x64xf32>
}
