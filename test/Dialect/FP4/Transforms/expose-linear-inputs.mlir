// RUN: fp4-opt %s --fp4-expose-linear-inputs=entry=main | FileCheck %s

// Two layers read %x, one of them rotated; the third reads the sum. Quantized
// layers need no statistics.

// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<?x32xf32>, %{{.*}}: tensor<32x32xf32>) -> (tensor<?x32xf32> {fp4.layers = ["gate", "up"]}, tensor<?x32xf32> {fp4.layers = ["linear2"]})
// CHECK: %[[SUM:.*]] = arith.addf
// CHECK: return %[[X]], %[[SUM]] : tensor<?x32xf32>, tensor<?x32xf32>
func.func @main(%x: tensor<?x32xf32>, %w: tensor<32x32xf32>) -> tensor<?x32xf32> {
  %r = fp4.hadamard %x block 16 : tensor<?x32xf32>
  %gate = fp4.matmul %r, %w {fp4.layer = "gate"} : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %up = fp4.matmul %x, %w {fp4.layer = "up"} : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %sum = arith.addf %gate, %up : tensor<?x32xf32>
  %y = fp4.matmul %sum, %w : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %q = fp4.quantize %w : tensor<32x32xf32> -> !fp4.tensor<32x32, #fp4.mxfp4>
  %z = fp4.matmul %y, %q {fp4.layer = "quantized"} : tensor<?x32xf32>, !fp4.tensor<32x32, #fp4.mxfp4> -> tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}

// Other functions stay as they are.

// CHECK-LABEL: func @other
// CHECK: %[[Y:.*]] = fp4.matmul
// CHECK: return %[[Y]]
func.func @other(%x: tensor<?x32xf32>, %w: tensor<32x32xf32>) -> tensor<?x32xf32> {
  %y = fp4.matmul %x, %w : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
