// RUN: fp4-opt %s | fp4-opt | FileCheck %s
// RUN: fp4-opt %s --mlir-print-op-generic | fp4-opt | FileCheck %s

// The kernel of the documentation of fp4gpu.kernel.

// CHECK-LABEL: fp4gpu.kernel @mm(
// CHECK-SAME: %[[LHS:lhs]]: memref<256x512xf4E2M1FN>
// CHECK-SAME: %[[LHS_SCALES:lhs_scales]]: memref<2x8x32x4x4xf8E4M3FN>
// CHECK-NEXT: schedule <tile = 128x128x128, stages = 4, warps = 2x2>
// CHECK-NEXT: arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "alpha", "out"] {
// CHECK: fp4gpu.for_tiles (%[[M:.*]], %[[N:.*]]) in [256, 256] {
// CHECK: %[[ZERO:.*]] = fp4gpu.zero : !fp4gpu.acc<128x128>
// CHECK: %[[SUM:.*]] = fp4gpu.pipeline 4 init(%[[ZERO]]) produce {
// CHECK: ^bb0(%[[K:.*]]: index):
// CHECK: fp4gpu.copy %[[LHS]][%[[M]], %[[K]]] : memref<256x512xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
// CHECK: } consume {
// CHECK: fp4gpu.mma %{{.*}}, %{{.*}} scaled %{{.*}}, %{{.*}} scaled %{{.*}} : !fp4gpu.acc<128x128>
// CHECK: } : !fp4gpu.acc<128x128>
// CHECK: fp4gpu.epilogue %[[SUM]] -> %out[%[[M]], %[[N]]] {
// CHECK: } : !fp4gpu.acc<128x128>, memref<256x256xbf16>
fp4gpu.kernel @mm(%lhs: memref<256x512xf4E2M1FN>,
                  %lhs_scales: memref<2x8x32x4x4xf8E4M3FN>,
                  %rhs: memref<256x512xf4E2M1FN>,
                  %rhs_scales: memref<2x8x32x4x4xf8E4M3FN>,
                  %alpha: f32, %out: memref<256x256xbf16>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "alpha", "out"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    %sum = fp4gpu.pipeline 4 init(%zero) produce {
    ^bb0(%k: index):
      %a = fp4gpu.copy %lhs[%m, %k]
          : memref<256x512xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sa = fp4gpu.copy %lhs_scales[%m, %k]
          : memref<2x8x32x4x4xf8E4M3FN> -> !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>
      %b = fp4gpu.copy %rhs[%n, %k]
          : memref<256x512xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sb = fp4gpu.copy %rhs_scales[%n, %k]
          : memref<2x8x32x4x4xf8E4M3FN> -> !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>
      fp4gpu.yield %a, %sa, %b, %sb : !fp4gpu.tile<128x128xf4E2M1FN>,
          !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>, !fp4gpu.tile<128x128xf4E2M1FN>,
          !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %a: !fp4gpu.tile<128x128xf4E2M1FN>,
         %sa: !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>,
         %b: !fp4gpu.tile<128x128xf4E2M1FN>,
         %sb: !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>):
      %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb : !fp4gpu.acc<128x128>,
          !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>,
          !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>
      fp4gpu.yield %d : !fp4gpu.acc<128x128>
    } : !fp4gpu.acc<128x128>
    fp4gpu.epilogue %sum -> %out[%m, %n] {
    ^bb0(%x: f32):
      %y = arith.mulf %x, %alpha : f32
      %z = arith.truncf %y : f32 to bf16
      fp4gpu.yield %z : bf16
    } : !fp4gpu.acc<128x128>, memref<256x256xbf16>
  }
}

// CHECK-LABEL: func.func @launches
// CHECK: fp4gpu.prepack %{{.*}} : !fp4.tensor<256x512, #fp4.nvfp4> -> tensor<256x256xi8>, tensor<2x8x32x4x4xi8>, tensor<f32>
// CHECK: fp4gpu.unprepack %{{.*}}, %{{.*}}, %{{.*}} : tensor<256x256xi8>, tensor<2x8x32x4x4xi8>, tensor<f32> -> !fp4.tensor<256x512, #fp4.nvfp4>
// CHECK: fp4gpu.launch @mm(%{{.*}}) {fp4.layer = "gate"}
func.func @launches(%x: !fp4.tensor<256x512, #fp4.nvfp4>, %alpha: f32)
    -> (tensor<256x256xbf16>, !fp4.tensor<256x512, #fp4.nvfp4>) {
  %e, %s, %t = fp4gpu.prepack %x : !fp4.tensor<256x512, #fp4.nvfp4>
      -> tensor<256x256xi8>, tensor<2x8x32x4x4xi8>, tensor<f32>
  %y = fp4gpu.unprepack %e, %s, %t
      : tensor<256x256xi8>, tensor<2x8x32x4x4xi8>, tensor<f32>
      -> !fp4.tensor<256x512, #fp4.nvfp4>
  %d = fp4gpu.launch @mm(%e, %s, %e, %s, %alpha) {fp4.layer = "gate"}
      : (tensor<256x256xi8>, tensor<2x8x32x4x4xi8>, tensor<256x256xi8>,
         tensor<2x8x32x4x4xi8>, f32) -> tensor<256x256xbf16>
  return %d, %y : tensor<256x256xbf16>, !fp4.tensor<256x512, #fp4.nvfp4>
}

// Sizes that are known at run time only, and a vector along the columns.

// CHECK-LABEL: fp4gpu.kernel @ragged(
// CHECK: fp4gpu.for_tiles (%{{.*}}, %{{.*}}) in [%rows, 256] {
// CHECK: fp4gpu.epilogue %{{.*}} -> %out[%{{.*}}, %{{.*}}] columns(%bias : memref<256xf32>) {
fp4gpu.kernel @ragged(%bias: memref<256xf32>, %rows: index, %out: memref<?x256xf32>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["bias", "rows", "out"] {
  fp4gpu.for_tiles (%m, %n) in [%rows, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    fp4gpu.epilogue %zero -> %out[%m, %n] columns(%bias : memref<256xf32>) {
    ^bb0(%x: f32, %b: f32):
      %y = arith.addf %x, %b : f32
      fp4gpu.yield %y : f32
    } : !fp4gpu.acc<128x128>, memref<?x256xf32>
  }
}

// The number of rows chooses among kernels.

// CHECK-LABEL: func.func @chooses
// CHECK: fp4gpu.launch @ragged(%{{.*}}, %{{.*}}) alternatives [@ragged_few, @ragged] up_to [16, 64] {fp4.layer = "up"} : (tensor<256xf32>, index) -> tensor<?x256xf32>
fp4gpu.kernel @ragged_few(%bias: memref<256xf32>, %rows: index, %out: memref<?x256xf32>)
    schedule <tile = 16x128x128, stages = 4, warps = 1x2>
    arguments ["bias", "rows", "out"] {
}
func.func @chooses(%bias: tensor<256xf32>, %rows: index) -> tensor<?x256xf32> {
  %y = fp4gpu.launch @ragged(%bias, %rows) alternatives [@ragged_few, @ragged] up_to [16, 64] {fp4.layer = "up"}
      : (tensor<256xf32>, index) -> tensor<?x256xf32>
  return %y : tensor<?x256xf32>
}
