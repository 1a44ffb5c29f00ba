// RUN: fp4-opt %s --convert-fp4-to-fp4gpu=target=sm_120a | FileCheck %s
// RUN: fp4-opt %s --convert-fp4-to-fp4gpu=target=sm_100a | FileCheck %s --check-prefix=SM100

// The first kernel quantizes its result and lays it out for the second one.

// CHECK-LABEL: func.func @chain
// CHECK: %[[SCALE:.*]] = tensor.from_elements %arg3 : tensor<f32>
// CHECK: %[[ROWS:.*]] = tensor.dim
// CHECK: %[[Q:.*]]:2 = fp4gpu.launch @matmul_nvfp4_mx128x128_bf16_to_nvfp4_absmax({{.*}}, %[[SCALE]], %[[ROWS]])
// CHECK-NOT: fp4gpu.unprepack
// CHECK: fp4gpu.launch @matmul_nvfp4_mx64x128_bf16(%[[Q]]#0, %[[Q]]#1, {{.*}}, %[[SCALE]], {{.*}}, %[[ROWS]])
// SM100-LABEL: func.func @chain
// SM100: fp4gpu.launch @matmul_nvfp4_mx128x128_bf16(
// SM100: fp4gpu.launch @quantize_nvfp4_absmax_mx128_bf16(
func.func @chain(%x: !fp4.tensor<?x128, #fp4.nvfp4>, %w: !fp4.tensor<128x128, #fp4.nvfp4>, %v: !fp4.tensor<64x128, #fp4.nvfp4>, %t: f32) -> tensor<?x64xbf16> {
  %y = fp4.matmul %x, %w : !fp4.tensor<?x128, #fp4.nvfp4>, !fp4.tensor<128x128, #fp4.nvfp4> -> tensor<?x128xbf16>
  %q = fp4.quantize %y tensor_scale(%t) : tensor<?x128xbf16> -> !fp4.tensor<?x128, #fp4.nvfp4>
  %z = fp4.matmul %q, %v : !fp4.tensor<?x128, #fp4.nvfp4>, !fp4.tensor<64x128, #fp4.nvfp4> -> tensor<?x64xbf16>
  return %z : tensor<?x64xbf16>
}

// The tail is computed in its own types, then widened.

// CHECK-LABEL: func.func @tail
// CHECK: %[[Q:.*]]:2 = fp4gpu.launch @matmul_mxfp4_64x64x128_f16_addf_to_mxfp4_floor(
// CHECK: %[[M:.*]] = fp4gpu.unprepack %[[Q]]#0, %[[Q]]#1
// CHECK: return %[[M]]
func.func @tail(%x: !fp4.tensor<64x128, #fp4.mxfp4>, %w: !fp4.tensor<64x128, #fp4.mxfp4>, %r: tensor<64x64xf16>) -> !fp4.tensor<64x64, #fp4.mxfp4> {
  %y = fp4.matmul %x, %w : !fp4.tensor<64x128, #fp4.mxfp4>, !fp4.tensor<64x128, #fp4.mxfp4> -> tensor<64x64xf16>
  %z = arith.addf %y, %r : tensor<64x64xf16>
  %q = fp4.quantize %z : tensor<64x64xf16> -> !fp4.tensor<64x64, #fp4.mxfp4>
  return %q : !fp4.tensor<64x64, #fp4.mxfp4>
}

// CHECK-LABEL: func.func @keeps_what_others_use
// CHECK: fp4gpu.launch @matmul_mxfp4_64x64x128_f16(
// CHECK: fp4.quantize
func.func @keeps_what_others_use(%x: !fp4.tensor<64x128, #fp4.mxfp4>, %w: !fp4.tensor<64x128, #fp4.mxfp4>) -> (tensor<64x64xf16>, !fp4.tensor<64x64, #fp4.mxfp4>) {
  %y = fp4.matmul %x, %w : !fp4.tensor<64x128, #fp4.mxfp4>, !fp4.tensor<64x128, #fp4.mxfp4> -> tensor<64x64xf16>
  %q = fp4.quantize %y : tensor<64x64xf16> -> !fp4.tensor<64x64, #fp4.mxfp4>
  return %y, %q : tensor<64x64xf16>, !fp4.tensor<64x64, #fp4.mxfp4>
}

// A tensor scale that depends on all results is for a pass of its own.

// CHECK-LABEL: func.func @computed_tensor_scale
// CHECK: fp4gpu.launch @matmul_nvfp4_64x64x128_f16(
// CHECK: fp4.quantize
func.func @computed_tensor_scale(%x: !fp4.tensor<64x128, #fp4.nvfp4>, %w: !fp4.tensor<64x128, #fp4.nvfp4>) -> !fp4.tensor<64x64, #fp4.nvfp4> {
  %y = fp4.matmul %x, %w : !fp4.tensor<64x128, #fp4.nvfp4>, !fp4.tensor<64x128, #fp4.nvfp4> -> tensor<64x64xf16>
  %q = fp4.quantize %y : tensor<64x64xf16> -> !fp4.tensor<64x64, #fp4.nvfp4>
  return %q : !fp4.tensor<64x64, #fp4.nvfp4>
}

// A warp with 16 columns has half of a block.

// CHECK-LABEL: func.func @half_a_block
// CHECK: fp4gpu.launch @matmul_mxfp4_4x64x128_f16(
// CHECK: fp4.quantize
func.func @half_a_block(%x: !fp4.tensor<4x128, #fp4.mxfp4>, %w: !fp4.tensor<64x128, #fp4.mxfp4>) -> !fp4.tensor<4x64, #fp4.mxfp4> {
  %y = fp4.matmul %x, %w : !fp4.tensor<4x128, #fp4.mxfp4>, !fp4.tensor<64x128, #fp4.mxfp4> -> tensor<4x64xf16>
  %q = fp4.quantize %y : tensor<4x64xf16> -> !fp4.tensor<4x64, #fp4.mxfp4>
  return %q : !fp4.tensor<4x64, #fp4.mxfp4>
}

// CHECK-LABEL: fp4gpu.kernel @matmul_nvfp4_mx128x128_bf16_to_nvfp4_absmax(
// CHECK-SAME: %out_tensor_scale: memref<f32>, %rows: index, %elements: memref<?x128xf4E2M1FN>, %scales: memref<?x2x32x4x4xf8E4M3FN>)
// CHECK: result_format = "nvfp4", result_type = "bf16", rhs_format = "nvfp4", scale_rule = "absmax"
// CHECK: %[[T:.*]] = memref.load %out_tensor_scale[] : memref<f32>
// CHECK: fp4gpu.epilogue %{{.*}} -> %elements scaled %scales[%{{.*}}] tensor_scale(%[[T]]) {
// CHECK: arith.truncf %{{.*}} : f32 to bf16
// CHECK-NEXT: %[[WIDE:.*]] = arith.extf %{{.*}} : bf16 to f32
// CHECK-NEXT: fp4gpu.yield %[[WIDE]] : f32
// CHECK: {format = #fp4.nvfp4, rule = #fp4.scale_rule<absmax>}
