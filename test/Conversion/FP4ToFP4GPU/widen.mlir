// RUN: fp4-opt %s --fp4-prepack-weights=target=sm_90a --convert-fp4-to-fp4gpu=target=sm_90a | FileCheck %s
// RUN: fp4-opt %s --convert-fp4-to-fp4gpu=target=sm_90a --remark-policy=all --remarks-filter=fp4gpu -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// No tensor core of sm_90a takes scales: a launch makes the left side bf16, and
// the products get its tensor scale. Two products share it.

// CHECK-LABEL: func.func @nvfp4
// CHECK: %[[E:.*]], %[[S:.*]], %[[T:.*]] = fp4gpu.prepack %arg0
// CHECK: %[[ROWS:.*]] = tensor.dim %[[E]]
// CHECK: %[[X:.*]] = fp4gpu.launch @dequantize_nvfp4_mx48(%[[E]], %[[S]], %[[ROWS]]) : (tensor<?x32xi8>, tensor<?x1x32x4x4xi8>, index) -> tensor<?x48xbf16>
// CHECK: %[[W:.*]] = arith.constant dense_resource<{{.*}}> : tensor<1x2x2304xi8>
// CHECK: %[[FACTOR:.*]] = arith.constant dense<1.280000e+02> : tensor<f32>
// CHECK: fp4gpu.launch @matmul_nvfp4_mx64x48_f32_bf16_scaled(%[[X]], %[[W]], %[[FACTOR]], %[[T]], %[[ROWS]])
// CHECK: fp4gpu.launch @matmul_nvfp4_mx64x48_f32_bf16_scaled(%[[X]], %{{.*}}, %{{.*}}, %[[T]], %[[ROWS]])
func.func @nvfp4(%x: !fp4.tensor<?x48, #fp4.nvfp4>, %v: !fp4.tensor<64x48, #fp4.nvfp4>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %w = fp4.constant <elements = dense<33> : tensor<64x24xi8>, scales = dense<56> : tensor<64x3xi8>, tensor_scale = 0.5 : f32> : !fp4.tensor<64x48, #fp4.nvfp4>
  %y = fp4.matmul %x, %w : !fp4.tensor<?x48, #fp4.nvfp4>, !fp4.tensor<64x48, #fp4.nvfp4> -> tensor<?x64xf32>
  %z = fp4.matmul %x, %v : !fp4.tensor<?x48, #fp4.nvfp4>, !fp4.tensor<64x48, #fp4.nvfp4> -> tensor<?x64xf32>
  return %y, %z : tensor<?x64xf32>, tensor<?x64xf32>
}

// MX scales have no tensor scale, but a quarter is taken out of each element.

// CHECK-LABEL: func.func @mxfp4
// CHECK-DAG: %[[FOUR:.*]] = arith.constant dense<4.000000e+00> : tensor<f32>
// CHECK: %[[X:.*]] = fp4gpu.launch @dequantize_mxfp4_4x64(
// CHECK: fp4gpu.launch @matmul_mxfp4_4x64x64_f32_bf16_scaled(%[[X]], %{{.*}}, %{{.*}}, %[[FOUR]])
func.func @mxfp4(%x: !fp4.tensor<4x64, #fp4.mxfp4>, %w: !fp4.tensor<64x64, #fp4.mxfp4>) -> tensor<4x64xf32> {
  %y = fp4.matmul %x, %w : !fp4.tensor<4x64, #fp4.mxfp4>, !fp4.tensor<64x64, #fp4.mxfp4> -> tensor<4x64xf32>
  return %y : tensor<4x64xf32>
}

// A row of the weight with scales 11 binades apart folds into f8E4M3FN, one with
// 12 does not: the left side becomes bf16, which is exact.

// CHECK-LABEL: func.func @folds
// CHECK: fp4gpu.launch @matmul_mxfp4_4x8x64_f32_e4m3(%arg0,
func.func @folds(%x: tensor<4x64xf8E4M3FN>) -> tensor<4x8xf32> {
  %w = fp4.constant <elements = dense<0x11> : tensor<8x32xi8>, scales = dense<[[100, 111], [100, 100], [90, 90], [100, 100], [100, 100], [100, 100], [100, 100], [100, 100]]> : tensor<8x2xi8>> : !fp4.tensor<8x64, #fp4.mxfp4>
  %0 = fp4.matmul %x, %w : tensor<4x64xf8E4M3FN>, !fp4.tensor<8x64, #fp4.mxfp4> -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @falls_back
// CHECK: %[[X:.*]] = fp4gpu.launch @dequantize_f8E4M3FN_4x64(%arg0) : (tensor<4x64xf8E4M3FN>) -> tensor<4x64xbf16>
// CHECK: fp4gpu.launch @matmul_mxfp4_4x8x64_f32_bf16(%[[X]],
// REMARK: multiplied as bf16, not as f8E4M3FN: scales in a row of the weight are more than 11 binades apart, or NaN
func.func @falls_back(%x: tensor<4x64xf8E4M3FN>) -> tensor<4x8xf32> {
  %w = fp4.constant <elements = dense<0x11> : tensor<8x32xi8>, scales = dense<[[100, 112], [100, 100], [100, 100], [100, 100], [100, 100], [100, 100], [100, 100], [100, 100]]> : tensor<8x2xi8>> : !fp4.tensor<8x64, #fp4.mxfp4>
  %0 = fp4.matmul %x, %w : tensor<4x64xf8E4M3FN>, !fp4.tensor<8x64, #fp4.mxfp4> -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @nvfp4_weight
// CHECK: fp4gpu.launch @dequantize_f8E4M3FN_4x64
// REMARK: multiplied as bf16, not as f8E4M3FN: scales of the weight are no powers of two
func.func @nvfp4_weight(%x: tensor<4x64xf8E4M3FN>, %w: !fp4.tensor<8x64, #fp4.nvfp4>) -> tensor<4x8xf32> {
  %0 = fp4.matmul %x, %w : tensor<4x64xf8E4M3FN>, !fp4.tensor<8x64, #fp4.nvfp4> -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// Constants are laid out, erased and made bf16 for each product.

// CHECK-LABEL: func.func @constants
// CHECK: %[[X:.*]] = fp4gpu.launch @dequantize_mxfp4_1x32(%{{.*}}) : (tensor<1x16xi8>, tensor<1x1x32x4x4xi8>) -> tensor<1x32xbf16>
// CHECK: fp4gpu.launch @matmul_mxfp4_1x8x32_f32_bf16_scaled(%[[X]],
// CHECK: %[[Y:.*]] = fp4gpu.launch @dequantize_mxfp4_1x32(
// CHECK: fp4gpu.launch @matmul_mxfp4_1x8x32_f32_bf16_scaled(%[[Y]],
func.func @constants(%w: !fp4.tensor<8x32, #fp4.mxfp4>) -> (tensor<1x8xf32>, tensor<1x8xf32>) {
  %x = fp4.constant <elements = dense<33> : tensor<1x16xi8>, scales = dense<127> : tensor<1x1xi8>> : !fp4.tensor<1x32, #fp4.mxfp4>
  %y = fp4.matmul %x, %w : !fp4.tensor<1x32, #fp4.mxfp4>, !fp4.tensor<8x32, #fp4.mxfp4> -> tensor<1x8xf32>
  %v = fp4.constant <elements = dense<18> : tensor<1x16xi8>, scales = dense<127> : tensor<1x1xi8>> : !fp4.tensor<1x32, #fp4.mxfp4>
  %z = fp4.matmul %v, %w : !fp4.tensor<1x32, #fp4.mxfp4>, !fp4.tensor<8x32, #fp4.mxfp4> -> tensor<1x8xf32>
  return %y, %z : tensor<1x8xf32>, tensor<1x8xf32>
}

// CHECK: fp4gpu.kernel @matmul_nvfp4_mx64x48_f32_bf16_scaled(%lhs: memref<?x48xbf16>, %rhs: memref<1x2x2304xi8>, %rhs_factor: memref<f32>, %lhs_tensor_scale: memref<f32>, %rows: index, %out: memref<?x64xf32>)
// CHECK: %[[A:.*]] = memref.load %rhs_factor
// CHECK: %[[B:.*]] = memref.load %lhs_tensor_scale
// CHECK: arith.mulf %[[A]], %[[B]] : f32

// CHECK: fp4gpu.kernel @dequantize_nvfp4_mx48(%elements: memref<?x64xf4E2M1FN>, %scales: memref<?x1x32x4x4xf8E4M3FN>, %rows: index, %out: memref<?x48xbf16>)
// CHECK-NEXT: schedule <tile = 128x64x1, stages = 1, warps = 8x1>
// CHECK: fp4gpu.meaning = {format = "nvfp4", kind = "dequantize"}
// CHECK: fp4gpu.dequantize %elements scaled %scales[%{{.*}}, %{{.*}}] -> %out {format = #fp4.nvfp4}
