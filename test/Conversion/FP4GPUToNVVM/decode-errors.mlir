// RUN: fp4-opt %s --split-input-file --verify-diagnostics --convert-fp4-to-fp4gpu=target=sm_90a --convert-fp4gpu-to-nvvm=target=sm_90a
// RUN: not fp4-opt %s --split-input-file --convert-fp4-to-fp4gpu=target=sm_120a --convert-fp4gpu-to-nvvm=target=sm_120a 2>&1 | FileCheck %s

// Schedules that the kernels with a decoded weight have no warps, memory or
// depth for, asked for by the attribute of a matmul.

// CHECK: expected warps = 1x1 on sm_120a, got #fp4gpu.schedule<tile = 48x64x128, stages = 2, warps = 1x4>

func.func @stream_tile(%x: tensor<8x128xbf16>, %w: !fp4.tensor<64x128, #fp4.nvfp4>) {
  // expected-error @below {{expected a tile of 8, 16 or 32 rows and 64 columns and warps = 1x1, got #fp4gpu.schedule<tile = 24x64x128, stages = 2, warps = 1x1>}}
  %0 = fp4.matmul %x, %w {fp4gpu.schedule = #fp4gpu.schedule<tile = 24x64x128, stages = 2, warps = 1x1>} : tensor<8x128xbf16>, !fp4.tensor<64x128, #fp4.nvfp4> -> tensor<8x64xf32>
  return
}

// -----

func.func @stream_depth(%x: tensor<8x128xbf16>, %w: !fp4.tensor<64x128, #fp4.nvfp4>) {
  // expected-error @below {{expected a tile depth of at most 1024, got 2048}}
  %0 = fp4.matmul %x, %w {fp4gpu.schedule = #fp4gpu.schedule<tile = 8x64x2048, stages = 2, warps = 1x1>} : tensor<8x128xbf16>, !fp4.tensor<64x128, #fp4.nvfp4> -> tensor<8x64xf32>
  return
}

// -----

func.func @stream_split(%x: tensor<8x512xbf16>, %w: !fp4.tensor<64x512, #fp4.nvfp4>) {
  // expected-error @below {{expected no split but one of 2 on sm_90a, got 3}}
  %0 = fp4.matmul %x, %w {fp4gpu.schedule = #fp4gpu.schedule<tile = 8x64x64, stages = 2, warps = 1x1, split = 3>} : tensor<8x512xbf16>, !fp4.tensor<64x512, #fp4.nvfp4> -> tensor<8x64xf32>
  return
}

// -----

func.func @stream_memory(%x: tensor<8x128xbf16>, %w: !fp4.tensor<64x128, #fp4.nvfp4>) {
  // expected-error @below {{expected at most 232448 bytes of shared memory for sm_90a, got}}
  %0 = fp4.matmul %x, %w {fp4gpu.schedule = #fp4gpu.schedule<tile = 32x64x1024, stages = 4, warps = 1x1>} : tensor<8x128xbf16>, !fp4.tensor<64x128, #fp4.nvfp4> -> tensor<8x64xf32>
  return
}

// -----

func.func @split_units(%x: tensor<8x64xbf16>, %w: !fp4.tensor<64x64, #fp4.nvfp4>) {
  // expected-error @below {{expected a split of at most 2, the units of the depth, got 4}}
  %0 = fp4.matmul %x, %w {fp4gpu.schedule = #fp4gpu.schedule<tile = 8x64x64, stages = 2, warps = 1x1, split = 4>} : tensor<8x64xbf16>, !fp4.tensor<64x64, #fp4.nvfp4> -> tensor<8x64xf32>
  return
}

// -----

func.func @warpgroup_tile(%x: tensor<48x128xbf16>, %w: !fp4.tensor<64x128, #fp4.nvfp4>) {
  // expected-error @below {{expected 4 warps for each of at most 4 times 64 columns, and 8 to 256 rows, with more than 128 at most 128 columns, got}}
  %0 = fp4.matmul %x, %w {fp4gpu.schedule = #fp4gpu.schedule<tile = 48x64x128, stages = 2, warps = 1x4>} : tensor<48x128xbf16>, !fp4.tensor<64x128, #fp4.nvfp4> -> tensor<48x64xf32>
  return
}

// -----

func.func @warpgroup_depth(%x: tensor<32x256xbf16>, %w: !fp4.tensor<64x256, #fp4.nvfp4>) {
  // expected-error @below {{expected a tile depth of 128, got 256}}
  %0 = fp4.matmul %x, %w {fp4gpu.schedule = #fp4gpu.schedule<tile = 32x64x256, stages = 2, warps = 1x4>} : tensor<32x256xbf16>, !fp4.tensor<64x256, #fp4.nvfp4> -> tensor<32x64xf32>
  return
}

// -----

func.func @warpgroup_split(%x: tensor<32x128xbf16>, %w: !fp4.tensor<64x128, #fp4.nvfp4>) {
  // expected-error @below {{expected a split of at most 1, got 2}}
  %0 = fp4.matmul %x, %w {fp4gpu.schedule = #fp4gpu.schedule<tile = 32x64x128, stages = 2, warps = 1x4, split = 2>} : tensor<32x128xbf16>, !fp4.tensor<64x128, #fp4.nvfp4> -> tensor<32x64xf32>
  return
}

// -----

func.func @warpgroup_stages(%x: tensor<32x128xbf16>, %w: !fp4.tensor<64x128, #fp4.nvfp4>) {
  // expected-error @below {{expected at least 3 stages, got 2}}
  %0 = fp4.matmul %x, %w {fp4gpu.schedule = #fp4gpu.schedule<tile = 32x64x128, stages = 2, warps = 1x4>} : tensor<32x128xbf16>, !fp4.tensor<64x128, #fp4.nvfp4> -> tensor<32x64xf32>
  return
}

// -----

func.func @warpgroup_memory(%x: tensor<32x128xbf16>, %w: !fp4.tensor<64x128, #fp4.nvfp4>) {
  // expected-error @below {{expected at most 232448 bytes of shared memory for sm_90a, got}}
  %0 = fp4.matmul %x, %w {fp4gpu.schedule = #fp4gpu.schedule<tile = 32x64x128, stages = 40, warps = 1x4>} : tensor<32x128xbf16>, !fp4.tensor<64x128, #fp4.nvfp4> -> tensor<32x64xf32>
  return
}

// -----

func.func @folded_stream(%x: tensor<8x128xf8E4M3FN>, %w: !fp4.tensor<64x128, #fp4.mxfp4>) {
  // expected-error @below {{expected at least 4 warps for f8E4M3FN activations, got #fp4gpu.schedule<tile = 8x64x128, stages = 3, warps = 1x1>}}
  %0 = fp4.matmul %x, %w {fp4gpu.schedule = #fp4gpu.schedule<tile = 8x64x128, stages = 3, warps = 1x1>} : tensor<8x128xf8E4M3FN>, !fp4.tensor<64x128, #fp4.mxfp4> -> tensor<8x64xf32>
  return
}

// -----

func.func @balanced_split(%x: tensor<32x512xbf16>, %w: !fp4.tensor<64x512, #fp4.nvfp4>) {
  // expected-error @below {{expected a split or a balanced schedule, got}}
  %0 = fp4.matmul %x, %w {fp4gpu.schedule = #fp4gpu.schedule<tile = 32x64x128, stages = 3, warps = 1x4, split = 2, balanced>} : tensor<32x512xbf16>, !fp4.tensor<64x512, #fp4.nvfp4> -> tensor<32x64xf32>
  return
}

// -----

func.func @promotion(%x: tensor<32x128xf8E4M3FN>, %w: !fp4.tensor<64x128, #fp4.mxfp4>) {
  // expected-error @below {{expected a promotion that divides the stages, of f8E4M3FN products in a tile of at most 128 rows, got}}
  %0 = fp4.matmul %x, %w {fp4gpu.schedule = #fp4gpu.schedule<tile = 32x64x128, stages = 4, warps = 1x4, promotion = 3>} : tensor<32x128xf8E4M3FN>, !fp4.tensor<64x128, #fp4.mxfp4> -> tensor<32x64xf32>
  return
}

// -----

// expected-error @below {{expected a schedule with the tile of the body, 8x64x128, got #fp4gpu.schedule<tile = 8x64x256, stages = 2, warps = 1x1>}}
fp4gpu.kernel @other_tile(%lhs: memref<8x128xbf16>, %rhs: memref<1x2x2304xi8>, %out: memref<8x64xf32>)
    schedule <tile = 8x64x256, stages = 2, warps = 1x1> arguments ["lhs", "rhs", "out"] {
  fp4gpu.for_tiles (%m, %n) in [8, 64] {
    %zero = fp4gpu.zero : !fp4gpu.acc<8x64>
    %sum = fp4gpu.pipeline 1 init(%zero) produce {
    ^bb0(%k: index):
      %x = fp4gpu.copy %lhs[%m, %k] : memref<8x128xbf16> -> !fp4gpu.tile<8x128xbf16>
      %w = fp4gpu.copy %rhs[%n, %k] : memref<1x2x2304xi8> -> !fp4gpu.tile<1x2x2304xi8>
      fp4gpu.yield %x, %w : !fp4gpu.tile<8x128xbf16>, !fp4gpu.tile<1x2x2304xi8>
    } consume {
    ^bb0(%c: !fp4gpu.acc<8x64>, %x: !fp4gpu.tile<8x128xbf16>, %w: !fp4gpu.tile<1x2x2304xi8>):
      %d = fp4gpu.mma_decode %c, %x, %w : !fp4gpu.acc<8x64>, !fp4gpu.tile<8x128xbf16>, !fp4gpu.tile<1x2x2304xi8> as #fp4.nvfp4
      fp4gpu.yield %d : !fp4gpu.acc<8x64>
    } : !fp4gpu.acc<8x64>
    fp4gpu.epilogue %sum -> %out[%m, %n] {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } : !fp4gpu.acc<8x64>, memref<8x64xf32>
  }
}

// -----

fp4gpu.kernel @sides(%lhs: memref<8x128xbf16>, %rhs: memref<1x2x2304xi8>, %out: memref<8x64xf32>)
    schedule <tile = 8x64x128, stages = 2, warps = 1x1> arguments ["lhs", "rhs", "out"] {
  fp4gpu.for_tiles (%m, %n) in [8, 64] {
    %zero = fp4gpu.zero : !fp4gpu.acc<8x64>
    %sum = fp4gpu.pipeline 1 init(%zero) produce {
    ^bb0(%k: index):
      %x = fp4gpu.copy %lhs[%n, %k] : memref<8x128xbf16> -> !fp4gpu.tile<8x128xbf16>
      %w = fp4gpu.copy %rhs[%m, %k] : memref<1x2x2304xi8> -> !fp4gpu.tile<1x2x2304xi8>
      fp4gpu.yield %x, %w : !fp4gpu.tile<8x128xbf16>, !fp4gpu.tile<1x2x2304xi8>
    } consume {
    ^bb0(%c: !fp4gpu.acc<8x64>, %x: !fp4gpu.tile<8x128xbf16>, %w: !fp4gpu.tile<1x2x2304xi8>):
      // expected-error @below {{expected 'lhs' to follow the first index of the tile loop and 'rhs' the second}}
      %d = fp4gpu.mma_decode %c, %x, %w : !fp4gpu.acc<8x64>, !fp4gpu.tile<8x128xbf16>, !fp4gpu.tile<1x2x2304xi8> as #fp4.nvfp4
      fp4gpu.yield %d : !fp4gpu.acc<8x64>
    } : !fp4gpu.acc<8x64>
    fp4gpu.epilogue %sum -> %out[%m, %n] {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } : !fp4gpu.acc<8x64>, memref<8x64xf32>
  }
}
