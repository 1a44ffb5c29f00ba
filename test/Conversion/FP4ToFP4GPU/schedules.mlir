// RUN: fp4-opt %s --convert-fp4-to-fp4gpu=target=sm_120a --remark-policy=all --remarks-filter=fp4gpu -o /dev/null 2>&1 | FileCheck %s

// The schedule for each shape, and why.

// CHECK: remark: {{.}}Passed] schedule | Category:fp4gpu
// CHECK-SAME: matmul_mxfp4_1x4096x4096_bf16
// CHECK-SAME: tile = 8x32x256, stages = 8, warps = 1x2, swapped>
// CHECK-SAME: up to 8 rows, and narrow tiles
func.func @decode_one(%x: !fp4.tensor<1x4096, #fp4.mxfp4>, %w: !fp4.tensor<4096x4096, #fp4.mxfp4>) -> tensor<1x4096xbf16> {
  %y = fp4.matmul %x, %w : !fp4.tensor<1x4096, #fp4.mxfp4>, !fp4.tensor<4096x4096, #fp4.mxfp4> -> tensor<1x4096xbf16>
  return %y : tensor<1x4096xbf16>
}

// CHECK: remark: {{.}}Passed] schedule | Category:fp4gpu
// CHECK-SAME: matmul_mxfp4_1x1024x4096_bf16
// CHECK-SAME: tile = 8x32x256, stages = 8, warps = 1x2, swapped, split = 4>
// CHECK-SAME: few tiles: blocks share the depth of each
func.func @decode_narrow(%x: !fp4.tensor<1x4096, #fp4.mxfp4>, %w: !fp4.tensor<1024x4096, #fp4.mxfp4>) -> tensor<1x1024xbf16> {
  %y = fp4.matmul %x, %w : !fp4.tensor<1x4096, #fp4.mxfp4>, !fp4.tensor<1024x4096, #fp4.mxfp4> -> tensor<1x1024xbf16>
  return %y : tensor<1x1024xbf16>
}

// CHECK: remark: {{.}}Passed] schedule | Category:fp4gpu
// CHECK-SAME: matmul_mxfp4_1x16384x4096_bf16
// CHECK-SAME: tile = 8x128x256, stages = 5, warps = 1x4, swapped>
// CHECK-SAME: up to 8 rows: the weight streams
func.func @decode_wide(%x: !fp4.tensor<1x4096, #fp4.mxfp4>, %w: !fp4.tensor<16384x4096, #fp4.mxfp4>) -> tensor<1x16384xbf16> {
  %y = fp4.matmul %x, %w : !fp4.tensor<1x4096, #fp4.mxfp4>, !fp4.tensor<16384x4096, #fp4.mxfp4> -> tensor<1x16384xbf16>
  return %y : tensor<1x16384xbf16>
}

// CHECK: remark: {{.}}Passed] schedule | Category:fp4gpu
// CHECK-SAME: matmul_mxfp4_16x8192x4096_bf16
// CHECK-SAME: tile = 16x64x256, stages = 8, warps = 1x4, swapped>
// CHECK-SAME: up to 16 rows
func.func @decode_sixteen(%x: !fp4.tensor<16x4096, #fp4.mxfp4>, %w: !fp4.tensor<8192x4096, #fp4.mxfp4>) -> tensor<16x8192xbf16> {
  %y = fp4.matmul %x, %w : !fp4.tensor<16x4096, #fp4.mxfp4>, !fp4.tensor<8192x4096, #fp4.mxfp4> -> tensor<16x8192xbf16>
  return %y : tensor<16x8192xbf16>
}

// CHECK: remark: {{.}}Passed] schedule | Category:fp4gpu
// CHECK-SAME: matmul_mxfp4_16x4096x96_bf16
// CHECK-SAME: tile = 16x32x128, stages = 8, warps = 1x2, swapped>
// CHECK-SAME: up to 16 rows
func.func @small_depth(%x: !fp4.tensor<16x96, #fp4.mxfp4>, %w: !fp4.tensor<4096x96, #fp4.mxfp4>) -> tensor<16x4096xbf16> {
  %y = fp4.matmul %x, %w : !fp4.tensor<16x96, #fp4.mxfp4>, !fp4.tensor<4096x96, #fp4.mxfp4> -> tensor<16x4096xbf16>
  return %y : tensor<16x4096xbf16>
}

// CHECK: remark: {{.}}Passed] schedule | Category:fp4gpu
// CHECK-SAME: matmul_mxfp4_30x16384x4096_bf16
// CHECK-SAME: tile = 32x128x256, stages = 4, warps = 1x4>
// CHECK-SAME: up to 32 rows
func.func @thirty(%x: !fp4.tensor<30x4096, #fp4.mxfp4>, %w: !fp4.tensor<16384x4096, #fp4.mxfp4>) -> tensor<30x16384xbf16> {
  %y = fp4.matmul %x, %w : !fp4.tensor<30x4096, #fp4.mxfp4>, !fp4.tensor<16384x4096, #fp4.mxfp4> -> tensor<30x16384xbf16>
  return %y : tensor<30x16384xbf16>
}

// CHECK: remark: {{.}}Passed] schedule | Category:fp4gpu
// CHECK-SAME: matmul_mxfp4_60x4096x4096_bf16
// CHECK-SAME: tile = 64x64x256, stages = 5, warps = 2x2, split = 2>
// CHECK-SAME: few tiles: blocks share the depth of each
func.func @sixty(%x: !fp4.tensor<60x4096, #fp4.mxfp4>, %w: !fp4.tensor<4096x4096, #fp4.mxfp4>) -> tensor<60x4096xbf16> {
  %y = fp4.matmul %x, %w : !fp4.tensor<60x4096, #fp4.mxfp4>, !fp4.tensor<4096x4096, #fp4.mxfp4> -> tensor<60x4096xbf16>
  return %y : tensor<60x4096xbf16>
}

// CHECK: remark: {{.}}Passed] schedule | Category:fp4gpu
// CHECK-SAME: matmul_mxfp4_200x4096x4096_bf16
// CHECK-SAME: tile = 64x128x128, stages = 7, warps = 2x2>
// CHECK-SAME: half of 128x128
func.func @hundreds(%x: !fp4.tensor<200x4096, #fp4.mxfp4>, %w: !fp4.tensor<4096x4096, #fp4.mxfp4>) -> tensor<200x4096xbf16> {
  %y = fp4.matmul %x, %w : !fp4.tensor<200x4096, #fp4.mxfp4>, !fp4.tensor<4096x4096, #fp4.mxfp4> -> tensor<200x4096xbf16>
  return %y : tensor<200x4096xbf16>
}

// CHECK: remark: {{.}}Passed] schedule | Category:fp4gpu
// CHECK-SAME: matmul_mxfp4_200x256x4096_bf16
// CHECK-SAME: tile = 64x64x256, stages = 5, warps = 2x2, split = 4>
// CHECK-SAME: few tiles: blocks share the depth of each
func.func @few_tiles(%x: !fp4.tensor<200x4096, #fp4.mxfp4>, %w: !fp4.tensor<256x4096, #fp4.mxfp4>) -> tensor<200x256xbf16> {
  %y = fp4.matmul %x, %w : !fp4.tensor<200x4096, #fp4.mxfp4>, !fp4.tensor<256x4096, #fp4.mxfp4> -> tensor<200x256xbf16>
  return %y : tensor<200x256xbf16>
}

// CHECK: remark: {{.}}Passed] schedule | Category:fp4gpu
// CHECK-SAME: matmul_mxfp4_1024x2048x4096_bf16
// CHECK-SAME: tile = 128x128x128, stages = 5, warps = 2x2>
// CHECK-SAME: enough tiles
func.func @thousand(%x: !fp4.tensor<1024x4096, #fp4.mxfp4>, %w: !fp4.tensor<2048x4096, #fp4.mxfp4>) -> tensor<1024x2048xbf16> {
  %y = fp4.matmul %x, %w : !fp4.tensor<1024x4096, #fp4.mxfp4>, !fp4.tensor<2048x4096, #fp4.mxfp4> -> tensor<1024x2048xbf16>
  return %y : tensor<1024x2048xbf16>
}

// CHECK: remark: {{.}}Passed] schedule | Category:fp4gpu
// CHECK-SAME: matmul_mxfp4_4096x4096x4096_bf16
// CHECK-SAME: tile = 256x128x128, stages = 3, warps = 4x2>
// CHECK-SAME: many tiles
func.func @thousands(%x: !fp4.tensor<4096x4096, #fp4.mxfp4>, %w: !fp4.tensor<4096x4096, #fp4.mxfp4>) -> tensor<4096x4096xbf16> {
  %y = fp4.matmul %x, %w : !fp4.tensor<4096x4096, #fp4.mxfp4>, !fp4.tensor<4096x4096, #fp4.mxfp4> -> tensor<4096x4096xbf16>
  return %y : tensor<4096x4096xbf16>
}

// 100 tiles on 170 multiprocessors: 32 steps for each, or 100 * 32 / 170 = 18.8,
// so 19, and 4 to hand sums over.
// CHECK: remark: {{.}}Passed] schedule | Category:fp4gpu
// CHECK-SAME: matmul_mxfp4_64x6400x8192_bf16
// CHECK-SAME: tile = 64x64x256, stages = 5, warps = 2x2, balanced>
// CHECK-SAME: no whole rounds of tiles: all blocks have as many steps
func.func @less_than_a_round(%x: !fp4.tensor<64x8192, #fp4.mxfp4>, %w: !fp4.tensor<6400x8192, #fp4.mxfp4>) -> tensor<64x6400xbf16> {
  %y = fp4.matmul %x, %w : !fp4.tensor<64x8192, #fp4.mxfp4>, !fp4.tensor<6400x8192, #fp4.mxfp4> -> tensor<64x6400xbf16>
  return %y : tensor<64x6400xbf16>
}

// 16 x 12 = 192 tiles in two rounds of 32 steps, or 192 * 32 / 170 = 36.1, so
// 37, and 4.
// CHECK: remark: {{.}}Passed] schedule | Category:fp4gpu
// CHECK-SAME: matmul_mxfp4_2048x1536x4096_bf16
// CHECK-SAME: tile = 128x128x128, stages = 5, warps = 2x2, balanced>
func.func @little_more_than_a_round(%x: !fp4.tensor<2048x4096, #fp4.mxfp4>, %w: !fp4.tensor<1536x4096, #fp4.mxfp4>) -> tensor<2048x1536xbf16> {
  %y = fp4.matmul %x, %w : !fp4.tensor<2048x4096, #fp4.mxfp4>, !fp4.tensor<1536x4096, #fp4.mxfp4> -> tensor<2048x1536xbf16>
  return %y : tensor<2048x1536xbf16>
}

// Shallow: 2 steps in each of two rounds are less than 192 * 2 / 170 and 4.
// CHECK: remark: {{.}}Passed] schedule | Category:fp4gpu
// CHECK-SAME: matmul_mxfp4_2048x1536x256_bf16
// CHECK-SAME: tile = 128x128x128, stages = 5, warps = 2x2>
func.func @shallow(%x: !fp4.tensor<2048x256, #fp4.mxfp4>, %w: !fp4.tensor<1536x256, #fp4.mxfp4>) -> tensor<2048x1536xbf16> {
  %y = fp4.matmul %x, %w : !fp4.tensor<2048x256, #fp4.mxfp4>, !fp4.tensor<1536x256, #fp4.mxfp4> -> tensor<2048x1536xbf16>
  return %y : tensor<2048x1536xbf16>
}

// The launch chooses among the schedules for any number of rows, and for few.
// CHECK: remark: {{.}}Passed] schedule | Category:fp4gpu
// CHECK-SAME: matmul_mxfp4_mx4096x4096_bf16
// CHECK-SAME: tile = 128x128x128, stages = 5, warps = 2x2>
// CHECK-SAME: the tile for any number of rows
// CHECK: remark: {{.}}Passed] schedule | Category:fp4gpu
// CHECK-SAME: matmul_mxfp4_m16x4096x4096_bf16
// CHECK-SAME: tile = 16x32x256, stages = 8, warps = 1x2, swapped>
// CHECK-SAME: up to 16 rows, and narrow tiles to have more of them
// CHECK: remark: {{.}}Passed] schedule | Category:fp4gpu
// CHECK-SAME: matmul_mxfp4_m64x4096x4096_bf16
// CHECK-SAME: tile = 64x64x256, stages = 5, warps = 2x2, split = 2>
// CHECK: remark: {{.}}Passed] schedule | Category:fp4gpu
// CHECK-SAME: matmul_mxfp4_m256x4096x4096_bf16
// CHECK-SAME: tile = 64x128x128, stages = 7, warps = 2x2>
func.func @dynamic(%x: !fp4.tensor<?x4096, #fp4.mxfp4>, %w: !fp4.tensor<4096x4096, #fp4.mxfp4>) -> tensor<?x4096xbf16> {
  %y = fp4.matmul %x, %w : !fp4.tensor<?x4096, #fp4.mxfp4>, !fp4.tensor<4096x4096, #fp4.mxfp4> -> tensor<?x4096xbf16>
  return %y : tensor<?x4096xbf16>
}
