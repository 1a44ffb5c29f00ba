// RUN: fp4-opt %s --convert-fp4-to-fp4gpu=target=sm_120a | FileCheck %s --check-prefixes=CHECK,SM120
// RUN: fp4-opt %s --convert-fp4-to-fp4gpu=target=sm_100a | FileCheck %s --check-prefixes=CHECK,SM100
// A launch finds its kernel in the nearest module: nested ones are for a run of
// the pass on them.

// CHECK-LABEL: module @nested
// CHECK: fp4.matmul
module @nested {
  func.func @product(%x: !fp4.tensor<256x128, #fp4.mxfp4>, %w: !fp4.tensor<16x128, #fp4.mxfp4>) -> tensor<256x16xf32> {
    %0 = fp4.matmul %x, %w : !fp4.tensor<256x128, #fp4.mxfp4>, !fp4.tensor<16x128, #fp4.mxfp4> -> tensor<256x16xf32>
    return %0 : tensor<256x16xf32>
  }
}

// Two layers of the same shape share a kernel.

// CHECK-LABEL: func.func @two_layers
// CHECK: %[[XE:[^:, ]*]], %[[XS:[^:, ]*]] = fp4gpu.prepack %{{.*}} : !fp4.tensor<256x512, #fp4.mxfp4> -> tensor<256x256xi8>, tensor<2x4x32x4x4xi8>
// CHECK: %[[WE:[^:, ]*]], %[[WS:[^:, ]*]] = fp4gpu.prepack %{{.*}} : !fp4.tensor<384x512, #fp4.mxfp4> -> tensor<384x256xi8>, tensor<3x4x32x4x4xi8>
// CHECK: fp4gpu.launch @matmul_mxfp4_256x384x512_f32(%[[XE]], %[[XS]], %[[WE]], %[[WS]]) {fp4.layer = "gate"} : (tensor<256x256xi8>, tensor<2x4x32x4x4xi8>, tensor<384x256xi8>, tensor<3x4x32x4x4xi8>) -> tensor<256x384xf32>
// CHECK: fp4gpu.launch @matmul_mxfp4_256x384x512_f32({{.*}}) {fp4.layer = "up"}
func.func @two_layers(%x: !fp4.tensor<256x512, #fp4.mxfp4>, %w: !fp4.tensor<384x512, #fp4.mxfp4>,
                      %v: !fp4.tensor<384x512, #fp4.mxfp4>) -> (tensor<256x384xf32>, tensor<256x384xf32>) {
  %0 = fp4.matmul %x, %w {fp4.layer = "gate"} : !fp4.tensor<256x512, #fp4.mxfp4>, !fp4.tensor<384x512, #fp4.mxfp4> -> tensor<256x384xf32>
  %1 = fp4.matmul %x, %v {fp4.layer = "up"} : !fp4.tensor<256x512, #fp4.mxfp4>, !fp4.tensor<384x512, #fp4.mxfp4> -> tensor<256x384xf32>
  return %0, %1 : tensor<256x384xf32>, tensor<256x384xf32>
}

// A weight that is laid out already is used as it is; the number of rows is an
// argument where it is dynamic.

// CHECK-LABEL: func.func @prepacked
// CHECK-SAME: %[[WE:[^:, ]*]]: tensor<384x256xi8>, %[[WS:[^:, ]*]]: tensor<3x8x32x4x4xi8>, %[[WT:[^:, ]*]]: tensor<f32>, %[[BIAS:[^:, ]*]]: tensor<384xbf16>
// CHECK: %[[XE:[^:, ]*]], %[[XS:[^:, ]*]], %[[XT:[^:, ]*]] = fp4gpu.prepack
// CHECK-NOT: unprepack
// CHECK: %[[ROWS:.*]] = tensor.dim %[[XE]]
// CHECK: fp4gpu.launch @matmul_nvfp4_mx384x512_bf16_bias_bf16_silu(%[[XE]], %[[XS]], %[[WE]], %[[WS]], %[[XT]], %[[WT]], %[[BIAS]], %[[ROWS]])
func.func @prepacked(%x: !fp4.tensor<?x512, #fp4.nvfp4>, %e: tensor<384x256xi8>,
                     %s: tensor<3x8x32x4x4xi8>, %t: tensor<f32>, %b: tensor<384xbf16>) -> tensor<?x384xbf16> {
  %w = fp4gpu.unprepack %e, %s, %t : tensor<384x256xi8>, tensor<3x8x32x4x4xi8>, tensor<f32>
      -> !fp4.tensor<384x512, #fp4.nvfp4>
  %0 = fp4.matmul %x, %w bias(%b : tensor<384xbf16>) {activation = #fp4.activation<silu>}
      : !fp4.tensor<?x512, #fp4.nvfp4>, !fp4.tensor<384x512, #fp4.nvfp4> -> tensor<?x384xbf16>
  return %0 : tensor<?x384xbf16>
}

// The attribute takes the place of the table's schedule.

// CHECK-LABEL: func.func @asks_for_schedule
// CHECK: fp4gpu.launch @matmul_mxfp4_256x384x512_f32_tile128x256x128_stages2_warps4x2({{[^)]*}}) : (
func.func @asks_for_schedule(%x: !fp4.tensor<256x512, #fp4.mxfp4>, %w: !fp4.tensor<384x512, #fp4.mxfp4>) -> tensor<256x384xf32> {
  %0 = fp4.matmul %x, %w {fp4gpu.schedule = #fp4gpu.schedule<tile = 128x256x128, stages = 2, warps = 4x2>}
      : !fp4.tensor<256x512, #fp4.mxfp4>, !fp4.tensor<384x512, #fp4.mxfp4> -> tensor<256x384xf32>
  return %0 : tensor<256x384xf32>
}

// CHECK-LABEL: func.func @keeps_float_activation
// CHECK: fp4.matmul
func.func @keeps_float_activation(%x: tensor<256x512xf32>, %w: !fp4.tensor<384x512, #fp4.mxfp4>) -> tensor<256x384xf32> {
  %0 = fp4.matmul %x, %w : tensor<256x512xf32>, !fp4.tensor<384x512, #fp4.mxfp4> -> tensor<256x384xf32>
  return %0 : tensor<256x384xf32>
}

// CHECK-LABEL: fp4gpu.kernel @matmul_mxfp4_256x384x512_f32(
// CHECK-SAME: %lhs: memref<256x512xf4E2M1FN>, %lhs_scales: memref<2x4x32x4x4xf8E8M0FNU>,
// CHECK-SAME: %rhs: memref<384x512xf4E2M1FN>, %rhs_scales: memref<3x4x32x4x4xf8E8M0FNU>,
// CHECK-SAME: %out: memref<256x384xf32>)
// SM120-NEXT: schedule <tile = 64x64x256, stages = 5, warps = 2x2>
// SM100-NEXT: schedule <tile = 128x128x256, stages = 6, warps = 4x1>
// CHECK: fp4gpu.for_tiles (%{{.*}}, %{{.*}}) in [256, 384] {
// SM120: fp4gpu.pipeline 2
// SM100: fp4gpu.pipeline 2
// CHECK: fp4gpu.epilogue
// CHECK-NEXT: ^bb0(%[[X:.*]]: f32):
// CHECK-NEXT: fp4gpu.yield %[[X]] : f32

// CHECK-LABEL: fp4gpu.kernel @matmul_nvfp4_mx384x512_bf16_bias_bf16_silu(
// CHECK: arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "lhs_tensor_scale", "rhs_tensor_scale", "bias", "rows", "out"]
// CHECK: %[[LT:.*]] = memref.load %lhs_tensor_scale[] : memref<f32>
// CHECK: %[[RT:.*]] = memref.load %rhs_tensor_scale[] : memref<f32>
// CHECK: %[[ALPHA:.*]] = arith.mulf %[[LT]], %[[RT]] : f32
// CHECK: fp4gpu.for_tiles (%{{.*}}, %{{.*}}) in [%rows, 384] {
// CHECK: fp4gpu.epilogue %{{.*}} -> %out{{.*}} columns(%bias : memref<384xbf16>) {
// CHECK-NEXT: ^bb0(%[[X:.*]]: f32, %[[B:.*]]: bf16):
// CHECK: %[[SCALED:.*]] = arith.mulf %[[X]], %[[ALPHA]] : f32
// CHECK: %[[WIDE:.*]] = arith.extf %[[B]] : bf16 to f32
// CHECK: %[[SUM:.*]] = arith.addf %[[SCALED]], %[[WIDE]] : f32
// CHECK: %[[POWER:.*]] = math.exp2
// CHECK: %[[DENOMINATOR:.*]] = arith.addf %[[POWER]]
// CHECK: %[[SILU:.*]] = arith.divf %[[SUM]], %[[DENOMINATOR]]
// CHECK: arith.truncf %[[SILU]] : f32 to bf16
