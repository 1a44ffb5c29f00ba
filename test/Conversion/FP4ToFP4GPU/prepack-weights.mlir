// RUN: fp4-opt %s --fp4-prepack-weights | FileCheck %s

// CHECK-LABEL: func.func @lays_out_constant_weight
// CHECK-SAME: %[[X:.*]]: !fp4.tensor<16x128, #fp4.mxfp4>
// CHECK-DAG: %[[ELEMENTS:.*]] = arith.constant dense<33> : tensor<8x64xi8>
// CHECK-DAG: %[[SCALES:.*]] = arith.constant dense<"0x7F7F7F7F{{0{24}()}}7F7F7F7F
// CHECK: %[[W:.*]] = fp4gpu.unprepack %[[ELEMENTS]], %[[SCALES]] : tensor<8x64xi8>, tensor<1x1x32x4x4xi8> -> !fp4.tensor<8x128, #fp4.mxfp4>
// CHECK: fp4.matmul %[[X]], %[[W]]
func.func @lays_out_constant_weight(%x: !fp4.tensor<16x128, #fp4.mxfp4>) -> tensor<16x8xf32> {
  %w = fp4.constant <
      elements = dense<33> : tensor<8x64xi8>,
      scales = dense<127> : tensor<8x4xi8>> : !fp4.tensor<8x128, #fp4.mxfp4>
  %y = fp4.matmul %x, %w : !fp4.tensor<16x128, #fp4.mxfp4>, !fp4.tensor<8x128, #fp4.mxfp4> -> tensor<16x8xf32>
  return %y : tensor<16x8xf32>
}

// Three blocks of 16 are 24 bytes a row; rows are padded to 32.

// CHECK-LABEL: func.func @pads_rows
// CHECK: %[[ELEMENTS:.*]] = arith.constant dense<"0x{{((21){24}(00){8})+}}"> : tensor<8x32xi8>
// CHECK: fp4gpu.unprepack %[[ELEMENTS]], %{{.*}} : tensor<8x32xi8>, tensor<1x1x32x4x4xi8>, tensor<f32> -> !fp4.tensor<8x48, #fp4.nvfp4>
func.func @pads_rows(%x: !fp4.tensor<16x48, #fp4.nvfp4>) -> tensor<16x8xf32> {
  %w = fp4.constant <
      elements = dense<33> : tensor<8x24xi8>,
      scales = dense<56> : tensor<8x3xi8>, tensor_scale = 1.0 : f32> : !fp4.tensor<8x48, #fp4.nvfp4>
  %y = fp4.matmul %x, %w : !fp4.tensor<16x48, #fp4.nvfp4>, !fp4.tensor<8x48, #fp4.nvfp4> -> tensor<16x8xf32>
  return %y : tensor<16x8xf32>
}

// A float activation: no kernel will read the weight.

// CHECK-LABEL: func.func @keeps_weight_without_kernel
// CHECK: %[[W:.*]] = fp4.constant
// CHECK: fp4.matmul %{{.*}}, %[[W]]
func.func @keeps_weight_without_kernel(%x: tensor<16x128xf32>) -> tensor<16x8xf32> {
  %w = fp4.constant <
      elements = dense<33> : tensor<8x64xi8>,
      scales = dense<127> : tensor<8x4xi8>> : !fp4.tensor<8x128, #fp4.mxfp4>
  %y = fp4.matmul %x, %w : tensor<16x128xf32>, !fp4.tensor<8x128, #fp4.mxfp4> -> tensor<16x8xf32>
  return %y : tensor<16x8xf32>
}

// CHECK-LABEL: func.func @keeps_weight_with_two_users
// CHECK: %[[W:.*]] = fp4.constant
// CHECK: fp4.matmul %{{.*}}, %[[W]]
func.func @keeps_weight_with_two_users(%x: !fp4.tensor<16x128, #fp4.mxfp4>)
    -> (tensor<16x8xf32>, tensor<8x128xf32>) {
  %w = fp4.constant <
      elements = dense<33> : tensor<8x64xi8>,
      scales = dense<127> : tensor<8x4xi8>> : !fp4.tensor<8x128, #fp4.mxfp4>
  %y = fp4.matmul %x, %w : !fp4.tensor<16x128, #fp4.mxfp4>, !fp4.tensor<8x128, #fp4.mxfp4> -> tensor<16x8xf32>
  %d = fp4.dequantize %w : !fp4.tensor<8x128, #fp4.mxfp4> -> tensor<8x128xf32>
  return %y, %d : tensor<16x8xf32>, tensor<8x128xf32>
}
