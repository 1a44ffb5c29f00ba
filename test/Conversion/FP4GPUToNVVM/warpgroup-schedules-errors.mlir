// RUN: not fp4-opt %s --split-input-file --convert-fp4-to-fp4gpu=target=sm_120a --convert-fp4gpu-to-nvvm=target=sm_120a 2>&1 | FileCheck %s --check-prefixes=STREAM,BOTH
// RUN: not fp4-opt %s --split-input-file --convert-fp4-to-fp4gpu=target=sm_100a --convert-fp4gpu-to-nvvm=target=sm_100a 2>&1 | FileCheck %s
// RUN: not fp4-opt %s --split-input-file --convert-fp4-to-fp4gpu=target=sm_90a --convert-fp4gpu-to-nvvm=target=sm_90a 2>&1 | FileCheck %s --check-prefix=STREAM

// What only wgmma with decoded weights does is refused elsewhere, not ignored.

// CHECK: expected 'balanced' and 'promotion' only for decoded weights and at least 4 warps on sm_90a, and 'balanced' for fp4gpu.mma on sm_120a, sm_120f and sm_121a, got #fp4gpu.schedule<tile = 128x128x256, stages = 2, warps = 4x1, balanced>
func.func @balanced(%x: !fp4.tensor<128x512, #fp4.nvfp4>, %w: !fp4.tensor<128x512, #fp4.nvfp4>) -> tensor<128x128xf32> {
  %0 = fp4.matmul %x, %w {fp4gpu.schedule = #fp4gpu.schedule<tile = 128x128x256, stages = 2, warps = 4x1, balanced>} : !fp4.tensor<128x512, #fp4.nvfp4>, !fp4.tensor<128x512, #fp4.nvfp4> -> tensor<128x128xf32>
  return %0 : tensor<128x128xf32>
}

// -----

// STREAM: expected 'balanced' and 'promotion' only for decoded weights and at least 4 warps on sm_90a, and 'balanced' for fp4gpu.mma on sm_120a, sm_120f and sm_121a, got #fp4gpu.schedule<tile = 8x64x128, stages = 2, warps = 1x1, balanced>
func.func @stream(%x: tensor<8x512xbf16>, %w: !fp4.tensor<64x512, #fp4.nvfp4>) -> tensor<8x64xf32> {
  %0 = fp4.matmul %x, %w {fp4gpu.schedule = #fp4gpu.schedule<tile = 8x64x128, stages = 2, warps = 1x1, balanced>} : tensor<8x512xbf16>, !fp4.tensor<64x512, #fp4.nvfp4> -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

// -----

// BOTH: expected either 'balanced' or a split, got #fp4gpu.schedule<tile = 128x128x128, stages = 2, warps = 2x2, split = 2, balanced>
func.func @both(%x: !fp4.tensor<128x512, #fp4.nvfp4>, %w: !fp4.tensor<128x512, #fp4.nvfp4>) -> tensor<128x128xf32> {
  %0 = fp4.matmul %x, %w {fp4gpu.schedule = #fp4gpu.schedule<tile = 128x128x128, stages = 2, warps = 2x2, split = 2, balanced>} : !fp4.tensor<128x512, #fp4.nvfp4>, !fp4.tensor<128x512, #fp4.nvfp4> -> tensor<128x128xf32>
  return %0 : tensor<128x128xf32>
}
