// RUN: fp4-opt %s --fp4-prepack-weights --convert-fp4-to-fp4gpu=target=sm_90a | FileCheck %s
// RUN: fp4-opt %s --convert-fp4-to-fp4gpu=target=sm_120a | FileCheck %s --check-prefix=SM120

// A bf16 left side: the weight goes through fp4gpu.to_fragments, at compile time
// if it is a constant. Two blocks share a tile, as there are only two tiles.

// CHECK-LABEL: func.func @constant
// CHECK-DAG: %[[FACTOR:.*]] = arith.constant dense<1.000000e+00> : tensor<f32>
// CHECK-DAG: %[[W:.*]] = arith.constant dense_resource<fp4.fragments> : tensor<2x4x2176xi8>
// CHECK: fp4gpu.launch @matmul_mxfp4_4x72x256_bf16_bf16(%arg0, %[[W]], %[[FACTOR]])
func.func @constant(%x: tensor<4x256xbf16>) -> tensor<4x72xbf16> {
  %w = fp4.constant <elements = dense<33> : tensor<72x128xi8>, scales = dense<127> : tensor<72x8xi8>> : !fp4.tensor<72x256, #fp4.mxfp4>
  %y = fp4.matmul %x, %w : tensor<4x256xbf16>, !fp4.tensor<72x256, #fp4.mxfp4> -> tensor<4x72xbf16>
  return %y : tensor<4x72xbf16>
}

// CHECK-LABEL: func.func @dynamic_rows
// CHECK: %[[W:.*]], %[[F:.*]] = fp4gpu.to_fragments %arg1
// CHECK: %[[ROWS:.*]] = tensor.dim %arg0
// CHECK: fp4gpu.launch @matmul_nvfp4_mx128x256_f32_bias_f32_bf16(%arg0, %[[W]], %[[F]], %arg2, %[[ROWS]])
func.func @dynamic_rows(%x: tensor<?x256xbf16>, %w: !fp4.tensor<128x256, #fp4.nvfp4>, %b: tensor<128xf32>) -> tensor<?x128xf32> {
  %y = fp4.matmul %x, %w bias(%b : tensor<128xf32>) : tensor<?x256xbf16>, !fp4.tensor<128x256, #fp4.nvfp4> -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// A residual add joins the epilogue.

// CHECK-LABEL: func.func @residual
// CHECK: fp4gpu.launch @matmul_mxfp4_4x72x256_bf16_bf16_addf(%arg0, %{{.*}}, %{{.*}}, %arg2)
func.func @residual(%x: tensor<4x256xbf16>, %w: !fp4.tensor<72x256, #fp4.mxfp4>, %r: tensor<4x72xbf16>) -> tensor<4x72xbf16> {
  %y = fp4.matmul %x, %w : tensor<4x256xbf16>, !fp4.tensor<72x256, #fp4.mxfp4> -> tensor<4x72xbf16>
  %z = arith.addf %y, %r : tensor<4x72xbf16>
  return %z : tensor<4x72xbf16>
}

// CHECK: fp4gpu.kernel @matmul_mxfp4_4x72x256_bf16_bf16(%lhs: memref<4x256xbf16>, %rhs: memref<2x4x2176xi8>, %rhs_factor: memref<f32>, %out: memref<4x72xbf16>)
// CHECK: schedule <tile = 8x64x128, stages = 4, warps = 1x1, split = 2>
// CHECK: fp4gpu.pipeline 2
// CHECK: fp4gpu.copy %lhs[{{.*}}] : memref<4x256xbf16> -> !fp4gpu.tile<8x128xbf16>
// CHECK: fp4gpu.copy %rhs[{{.*}}] : memref<2x4x2176xi8> -> !fp4gpu.tile<1x2x2176xi8>
// CHECK: fp4gpu.mma_decode {{.*}} : !fp4gpu.acc<8x64>, !fp4gpu.tile<8x128xbf16>, !fp4gpu.tile<1x2x2176xi8>

// CHECK: fp4gpu.kernel @matmul_mxfp4_4x72x256_bf16_bf16_addf({{.*}}%matrix0: memref<4x72xbf16>, %out: memref<4x72xbf16>)
// CHECK: tail = "t0 = addf:bf16 p0 matrix0"
// CHECK: fp4gpu.epilogue {{.*}} matrices(%matrix0 : memref<4x72xbf16>)

// Without clusters a block has a tile for itself.
// SM120: fp4gpu.kernel @matmul_mxfp4_4x72x256_bf16_bf16
// SM120: schedule <tile = 8x64x256, stages = 4, warps = 1x1>

// More than 32 rows: warpgroups, two units of the depth a stage.

// CHECK: fp4gpu.kernel @matmul_mxfp4_64x72x256_f32_bf16
// CHECK: schedule <tile = 64x128x128, stages = 8, warps = 1x8>
// CHECK: fp4gpu.copy %rhs[{{.*}}] : memref<2x4x2176xi8> -> !fp4gpu.tile<2x2x2176xi8>
func.func @warpgroups(%x: tensor<64x256xbf16>, %w: !fp4.tensor<72x256, #fp4.mxfp4>) -> tensor<64x72xf32> {
  %y = fp4.matmul %x, %w : tensor<64x256xbf16>, !fp4.tensor<72x256, #fp4.mxfp4> -> tensor<64x72xf32>
  return %y : tensor<64x72xf32>
}

// 8-bit activations: the weight is folded to f8E4M3FN, with a factor for each
// row, which the epilogue reads as it does a bias.

// CHECK: fp4gpu.kernel @matmul_mxfp4_mx72x256_bf16_e4m3(%lhs: memref<?x256xf8E4M3FN>, %rhs: memref<2x2x4352xi8>, %rhs_factor: memref<72xf32>, %rows: index, %out: memref<?x72xbf16>)
// CHECK: schedule <tile = 128x128x128, stages = 8, warps = 1x8>
// CHECK: rhs_layout = "folded"
// CHECK: fp4gpu.copy %rhs[{{.*}}] : memref<2x2x4352xi8> -> !fp4gpu.tile<2x1x4352xi8>
// CHECK: fp4gpu.epilogue {{.*}}columns(%rhs_factor
func.func @folded(%x: tensor<?x256xf8E4M3FN>, %w: !fp4.tensor<72x256, #fp4.mxfp4>) -> tensor<?x72xbf16> {
  %y = fp4.matmul %x, %w : tensor<?x256xf8E4M3FN>, !fp4.tensor<72x256, #fp4.mxfp4> -> tensor<?x72xbf16>
  return %y : tensor<?x72xbf16>
}

// 64 tiles leave half of the multiprocessors idle: blocks share them evenly.
// With 32 tiles four blocks compute each. 128 tiles are left alone.

// CHECK: fp4gpu.kernel @matmul_nvfp4_64x8192x8192_bf16_bf16
// CHECK: schedule <tile = 64x128x128, stages = 4, warps = 1x8, balanced>
func.func @balanced(%x: tensor<64x8192xbf16>, %w: !fp4.tensor<8192x8192, #fp4.nvfp4>) -> tensor<64x8192xbf16> {
  %y = fp4.matmul %x, %w : tensor<64x8192xbf16>, !fp4.tensor<8192x8192, #fp4.nvfp4> -> tensor<64x8192xbf16>
  return %y : tensor<64x8192xbf16>
}

// CHECK: fp4gpu.kernel @matmul_nvfp4_128x4096x4096_bf16_bf16
// CHECK: schedule <tile = 128x128x128, stages = 5, warps = 1x8, split = 4>
func.func @split(%x: tensor<128x4096xbf16>, %w: !fp4.tensor<4096x4096, #fp4.nvfp4>) -> tensor<128x4096xbf16> {
  %y = fp4.matmul %x, %w : tensor<128x4096xbf16>, !fp4.tensor<4096x4096, #fp4.nvfp4> -> tensor<128x4096xbf16>
  return %y : tensor<128x4096xbf16>
}

// CHECK: fp4gpu.kernel @matmul_nvfp4_256x8192x8192_bf16_bf16
// CHECK: schedule <tile = 128x128x128, stages = 5, warps = 1x8>
func.func @plain(%x: tensor<256x8192xbf16>, %w: !fp4.tensor<8192x8192, #fp4.nvfp4>) -> tensor<256x8192xbf16> {
  %y = fp4.matmul %x, %w : tensor<256x8192xbf16>, !fp4.tensor<8192x8192, #fp4.nvfp4> -> tensor<256x8192xbf16>
  return %y : tensor<256x8192xbf16>
}

// More tiles than multiprocessors: two blocks of 87 KB on each.

// CHECK: fp4gpu.kernel @matmul_nvfp4_16x14336x4096_bf16_bf16
// CHECK: schedule <tile = 16x64x256, stages = 4, warps = 1x1>
func.func @shared(%x: tensor<16x4096xbf16>, %w: !fp4.tensor<14336x4096, #fp4.nvfp4>) -> tensor<16x14336xbf16> {
  %y = fp4.matmul %x, %w : tensor<16x4096xbf16>, !fp4.tensor<14336x4096, #fp4.nvfp4> -> tensor<16x14336xbf16>
  return %y : tensor<16x14336xbf16>
}
