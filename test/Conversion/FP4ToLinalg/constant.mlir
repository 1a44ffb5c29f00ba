// RUN: fp4-opt %s --convert-fp4-to-linalg | FileCheck %s

// The packed bytes stay the constant they are; the program spreads them. Two
// codes lie in a byte, the first in the low nibble.

// CHECK-LABEL: func @four_bits
// CHECK: %[[PACKED:.*]] = arith.constant dense_resource<w> : tensor<64x16xi8>
// CHECK: %[[BYTES:.*]] = tensor.expand_shape %[[PACKED]] {{\[\[}}0], [1, 2]] output_shape [64, 16, 1]
// CHECK: linalg.generic {{.*}} ins(%[[BYTES]] : tensor<64x16x1xi8>) outs(%{{.*}} : tensor<64x16x2xi8>)
// CHECK: ^bb0(%[[BYTE:.*]]: i8, %{{.*}}: i8):
// CHECK: %[[WORD:.*]] = arith.extui %[[BYTE]] : i8 to i32
// CHECK: %[[INDEX:.*]] = linalg.index 2 : index
// CHECK: %[[POSITION:.*]] = arith.index_cast %[[INDEX]] : index to i32
// CHECK: %[[FOUR:.*]] = arith.constant 4 : i32
// CHECK: %[[SHIFT:.*]] = arith.muli %[[POSITION]], %[[FOUR]] : i32
// CHECK: arith.shrui %[[WORD]], %[[SHIFT]] : i32
// CHECK: arith.constant 15 : i32
// CHECK: %[[SCALES:.*]] = arith.constant dense<127> : tensor<64x1xi8>
// CHECK: return %{{.*}}, %[[SCALES]] : tensor<64x32xi8>, tensor<64x1xi8>
func.func @four_bits() -> !fp4.tensor<64x32, #fp4.mxfp4> {
  %w = fp4.constant <elements = dense_resource<w> : tensor<64x16xi8>, scales = dense<127> : tensor<64x1xi8>> : !fp4.tensor<64x32, #fp4.mxfp4>
  return %w : !fp4.tensor<64x32, #fp4.mxfp4>
}

// Four codes lie in three bytes, which are joined to a word first.

// CHECK-LABEL: func @six_bits
// CHECK: linalg.generic {{.*}} ins(%[[B:.*]], %[[B]], %[[B]] : tensor<1x8x3xi8>, tensor<1x8x3xi8>, tensor<1x8x3xi8>) outs(%{{.*}} : tensor<1x8x4xi8>)
func.func @six_bits() -> !fp4.tensor<1x32, #fp4.mxfp6e2m3> {
  %w = fp4.constant <elements = dense<1> : tensor<1x24xi8>, scales = dense<127> : tensor<1x1xi8>> : !fp4.tensor<1x32, #fp4.mxfp6e2m3>
  return %w : !fp4.tensor<1x32, #fp4.mxfp6e2m3>
}

// CHECK-LABEL: func @eight_bits
// CHECK-NEXT: %[[C:.*]] = arith.constant dense<1> : tensor<1x32xi8>
// CHECK-NEXT: %[[S:.*]] = arith.constant dense<127> : tensor<1x1xi8>
// CHECK-NEXT: return %[[C]], %[[S]]
func.func @eight_bits() -> !fp4.tensor<1x32, #fp4.mxint8> {
  %w = fp4.constant <elements = dense<1> : tensor<1x32xi8>, scales = dense<127> : tensor<1x1xi8>> : !fp4.tensor<1x32, #fp4.mxint8>
  return %w : !fp4.tensor<1x32, #fp4.mxint8>
}

{-# dialect_resources: { builtin: { w: "0x08000000ABABABAB" } } #-}
