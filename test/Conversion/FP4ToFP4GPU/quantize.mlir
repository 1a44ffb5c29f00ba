// RUN: fp4-opt %s --convert-fp4-to-fp4gpu=target=sm_120a | FileCheck %s
// RUN: fp4-opt %s --convert-fp4-to-fp4gpu="target=sm_120a compute-tensor-scales" | FileCheck %s --check-prefix=DYNAMIC

// Rotation and quantization become one launch ahead of that of the matmul. Its
// scales need no further layout.

// CHECK-LABEL: func.func @linear
// CHECK-SAME: %[[X:[^:, ]*]]: tensor<?x512xbf16>, %[[T:[^:, ]*]]: f32
// CHECK: %[[ROWS:.*]] = tensor.dim %[[X]]
// CHECK: %[[SCALE:.*]] = tensor.from_elements %[[T]] : tensor<f32>
// CHECK: %[[Q:.*]]:2 = fp4gpu.launch @quantize_nvfp4_absmax_mx512_bf16_h16(%[[X]], %[[SCALE]], %[[ROWS]]) : (tensor<?x512xbf16>, tensor<f32>, index) -> (tensor<?x256xi8>, tensor<?x8x32x4x4xi8>)
// CHECK: fp4gpu.launch @matmul_nvfp4_mx384x512_bf16(%[[Q]]#0, %[[Q]]#1, %{{.*}}, %{{.*}}, %[[SCALE]], %{{.*}}, %[[ROWS]])
func.func @linear(%x: tensor<?x512xbf16>, %t: f32, %w: !fp4.tensor<384x512, #fp4.nvfp4>) -> tensor<?x384xbf16> {
  %q = fp4.rotate_quantize %x block 16 tensor_scale(%t) : tensor<?x512xbf16> -> !fp4.tensor<?x512, #fp4.nvfp4>
  %y = fp4.matmul %q, %w : !fp4.tensor<?x512, #fp4.nvfp4>, !fp4.tensor<384x512, #fp4.nvfp4> -> tensor<?x384xbf16>
  return %y : tensor<?x384xbf16>
}

// Two layers read what one launch wrote; a constant scale is a constant array.

// CHECK-LABEL: func.func @shares_activation
// CHECK: arith.constant dense<5.000000e-01> : tensor<f32>
// CHECK: fp4gpu.launch @quantize_nvfp4_absmax_256x512_f32
// CHECK-NOT: fp4gpu.launch @quantize
// CHECK: return
func.func @shares_activation(%x: tensor<256x512xf32>, %w: !fp4.tensor<384x512, #fp4.nvfp4>,
                             %v: !fp4.tensor<384x512, #fp4.nvfp4>) -> (tensor<256x384xf32>, tensor<256x384xf32>) {
  %t = arith.constant 0.5 : f32
  %q = fp4.quantize %x tensor_scale(%t) : tensor<256x512xf32> -> !fp4.tensor<256x512, #fp4.nvfp4>
  %0 = fp4.matmul %q, %w : !fp4.tensor<256x512, #fp4.nvfp4>, !fp4.tensor<384x512, #fp4.nvfp4> -> tensor<256x384xf32>
  %1 = fp4.matmul %q, %v : !fp4.tensor<256x512, #fp4.nvfp4>, !fp4.tensor<384x512, #fp4.nvfp4> -> tensor<256x384xf32>
  return %0, %1 : tensor<256x384xf32>, tensor<256x384xf32>
}

// Signs and the policy for infinities are part of a kernel's name.

// CHECK-LABEL: func.func @signs
// CHECK: fp4gpu.launch @quantize_mxfp4_even_64x64_f16_h4_s2_sat(
func.func @signs(%x: tensor<64x64xf16>) -> (tensor<64x32xi8>, tensor<1x1x32x4x4xi8>) {
  %q = fp4.rotate_quantize %x block 4 signs [1, -1, 1, 1] {scale_rule = #fp4.scale_rule<even>, nan_policy = #fp4.nan_policy<saturate_inf>}
      : tensor<64x64xf16> -> !fp4.tensor<64x64, #fp4.mxfp4>
  %e, %s = fp4gpu.prepack %q : !fp4.tensor<64x64, #fp4.mxfp4> -> tensor<64x32xi8>, tensor<1x1x32x4x4xi8>
  return %e, %s : tensor<64x32xi8>, tensor<1x1x32x4x4xi8>
}

// Stochastic rounding stays with the host.

// CHECK-LABEL: func.func @random
// CHECK: fp4.quantize
// CHECK: fp4gpu.prepack
func.func @random(%x: tensor<64x64xf16>, %r: tensor<64x64xi32>) -> (tensor<64x32xi8>, tensor<1x1x32x4x4xi8>) {
  %q = fp4.quantize %x random(%r : tensor<64x64xi32>) : tensor<64x64xf16> -> !fp4.tensor<64x64, #fp4.mxfp4>
  %e, %s = fp4gpu.prepack %q : !fp4.tensor<64x64, #fp4.mxfp4> -> tensor<64x32xi8>, tensor<1x1x32x4x4xi8>
  return %e, %s : tensor<64x32xi8>, tensor<1x1x32x4x4xi8>
}

// A tensor scale that is not given stays with the host, too, or takes a kernel
// of its own ahead.

// CHECK-LABEL: func.func @computed
// CHECK: fp4.quantize
// DYNAMIC-LABEL: func.func @computed
// DYNAMIC: %[[MAXIMA:.*]] = fp4gpu.launch @amax_64x64_f16(%{{[^,]*}}) : (tensor<64x64xf16>) -> tensor<1024xf32>
// DYNAMIC: %[[Q:.*]]:3 = fp4gpu.launch @quantize_nvfp4_four_over_six_64x64_f16_dynamic(%{{[^,]*}}, %[[MAXIMA]])
// DYNAMIC: return %[[Q]]#0, %[[Q]]#1, %[[Q]]#2
// DYNAMIC: fp4gpu.tensor_scale %maxima divisor 1.536000e+03 -> %tensor_scale
func.func @computed(%x: tensor<64x64xf16>) -> (tensor<64x32xi8>, tensor<1x1x32x4x4xi8>, tensor<f32>) {
  %q = fp4.quantize %x {scale_rule = #fp4.scale_rule<four_over_six>} : tensor<64x64xf16> -> !fp4.tensor<64x64, #fp4.nvfp4>
  %e, %s, %t = fp4gpu.prepack %q : !fp4.tensor<64x64, #fp4.nvfp4> -> tensor<64x32xi8>, tensor<1x1x32x4x4xi8>, tensor<f32>
  return %e, %s, %t : tensor<64x32xi8>, tensor<1x1x32x4x4xi8>, tensor<f32>
}

// An empty matrix needs no kernel.

// CHECK-LABEL: func.func @empty
// CHECK: fp4gpu.prepack
func.func @empty(%x: tensor<0x64xf16>) -> (tensor<0x32xi8>, tensor<0x1x32x4x4xi8>) {
  %q = fp4.quantize %x : tensor<0x64xf16> -> !fp4.tensor<0x64, #fp4.mxfp4>
  %e, %s = fp4gpu.prepack %q : !fp4.tensor<0x64, #fp4.mxfp4> -> tensor<0x32xi8>, tensor<0x1x32x4x4xi8>
  return %e, %s : tensor<0x32xi8>, tensor<0x1x32x4x4xi8>
}

// CHECK-LABEL: fp4gpu.kernel @quantize_nvfp4_absmax_mx512_bf16_h16(
// CHECK-SAME: %input: memref<?x512xbf16>, %tensor_scale: memref<f32>, %rows: index, %elements: memref<?x512xf4E2M1FN>, %scales: memref<?x8x32x4x4xf8E4M3FN>
// CHECK: schedule <tile = 128x64x1, stages = 1, warps = 8x1
// CHECK: %[[S:.*]] = memref.load %tensor_scale[] : memref<f32>
// CHECK: fp4gpu.for_tiles (%{{.*}}, %{{.*}}) in [%rows, 512] {
// CHECK: fp4gpu.quantize(%input) [%{{.*}}, %{{.*}}] -> %elements, %scales tensor_scale(%[[S]]) rotation 16 {
// CHECK: arith.extf
