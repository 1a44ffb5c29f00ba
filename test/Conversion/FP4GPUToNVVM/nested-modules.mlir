// RUN: fp4-opt %s --convert-fp4-to-fp4gpu=target=sm_120a --convert-fp4gpu-to-nvvm=target=sm_120a | FileCheck %s
// RUN: fp4-opt %s --pass-pipeline='builtin.module(builtin.module(convert-fp4-to-fp4gpu{target=sm_120a},convert-fp4gpu-to-nvvm{target=sm_120a}))' | FileCheck %s --check-prefix=NESTED

// What is in a nested module is for a run of the passes on that one.

// CHECK-LABEL: func.func @outside
// CHECK: fp4gpu.launch @kernels::@matmul_mxfp4_8x16x128_f32(
// CHECK-LABEL: module @inner
// CHECK: fp4gpu.launch @amax(
// CHECK: fp4.matmul
// CHECK: fp4gpu.kernel @amax(

// NESTED-LABEL: func.func @outside
// NESTED: fp4.matmul
// NESTED-LABEL: module @inner
// NESTED: fp4gpu.launch @kernels::@amax(
// NESTED: fp4gpu.launch @kernels::@matmul_mxfp4_8x16x128_f32(
// NESTED-NOT: fp4gpu.kernel

func.func @outside(%x: !fp4.tensor<8x128, #fp4.mxfp4>, %w: !fp4.tensor<16x128, #fp4.mxfp4>) -> tensor<8x16xf32> {
  %y = fp4.matmul %x, %w : !fp4.tensor<8x128, #fp4.mxfp4>, !fp4.tensor<16x128, #fp4.mxfp4> -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}
module @inner {
  func.func @inside(%x: !fp4.tensor<8x128, #fp4.mxfp4>, %w: !fp4.tensor<16x128, #fp4.mxfp4>, %a: tensor<8x512xf32>) -> (tensor<1024xf32>, tensor<8x16xf32>) {
    %m = fp4gpu.launch @amax(%a) : (tensor<8x512xf32>) -> tensor<1024xf32>
    %y = fp4.matmul %x, %w : !fp4.tensor<8x128, #fp4.mxfp4>, !fp4.tensor<16x128, #fp4.mxfp4> -> tensor<8x16xf32>
    return %m, %y : tensor<1024xf32>, tensor<8x16xf32>
  }
  fp4gpu.kernel @amax(%input: memref<8x512xf32>, %maxima: memref<1024xf32>)
      schedule <tile = 128x64x1, stages = 1, warps = 8x1>
      arguments ["input", "maxima"] {
    fp4gpu.for_tiles (%m, %n) in [8, 512] {
      fp4gpu.amax(%input) [%m, %n] -> %maxima rotation 16 {
      ^bb0(%x: f32):
        fp4gpu.yield %x : f32
      } : memref<8x512xf32> -> memref<1024xf32>
    }
  }
}
