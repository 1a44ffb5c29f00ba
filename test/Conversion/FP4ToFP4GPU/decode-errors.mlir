// RUN: fp4-opt %s --split-input-file --verify-diagnostics --convert-fp4-to-fp4gpu="target=sm_90a require-kernels"
// RUN: not fp4-opt %s --convert-fp4-to-fp4gpu="target=sm_100a require-kernels" 2>&1 | FileCheck %s
// CHECK: error: 'fp4.matmul' op has no kernel for sm_100a: expected two microscaled operands

func.func @columns(%x: tensor<4x64xbf16>, %w: !fp4.tensor<12x64, #fp4.nvfp4>) {
  // expected-error @below {{'fp4.matmul' op has no kernel for sm_90a: expected N to be a static multiple of 8, got 12}}
  %0 = fp4.matmul %x, %w : tensor<4x64xbf16>, !fp4.tensor<12x64, #fp4.nvfp4> -> tensor<4x12xf32>
  return
}

// -----

func.func @left_format(%x: !fp4.tensor<4x128, #fp4.mxfp8e4m3>, %w: !fp4.tensor<16x128, #fp4.mxfp4>) {
  // expected-error @below {{expected a left side of bf16, f16, f8E4M3FN, #fp4.nvfp4 or #fp4.mxfp4 and a right side of #fp4.nvfp4 or #fp4.mxfp4, got !fp4.tensor<4x128, #fp4.mxfp8e4m3> and !fp4.tensor<16x128, #fp4.mxfp4>}}
  %0 = fp4.matmul %x, %w : !fp4.tensor<4x128, #fp4.mxfp8e4m3>, !fp4.tensor<16x128, #fp4.mxfp4> -> tensor<4x16xf32>
  return
}

// -----

func.func @schedule(%x: tensor<4x64xbf16>, %w: !fp4.tensor<16x64, #fp4.nvfp4>) {
  // expected-error @below {{expected a schedule whose tile is a multiple of 64 columns and 64 of the depth}}
  %0 = fp4.matmul %x, %w {fp4gpu.schedule = #fp4gpu.schedule<tile = 8x64x32, stages = 2, warps = 1x1>} : tensor<4x64xbf16>, !fp4.tensor<16x64, #fp4.nvfp4> -> tensor<4x16xf32>
  return
}

// -----

func.func @span(%x: tensor<4x32xbf16>) {
  %w = fp4.constant <elements = dense<0x11> : tensor<8x16xi8>, scales = dense<[[100], [161], [100], [100], [100], [100], [100], [100]]> : tensor<8x1xi8>> : !fp4.tensor<8x32, #fp4.mxfp4>
  // expected-error @below {{expected scales of the weight that are no NaN and at most 60 binades apart}}
  %0 = fp4.matmul %x, %w : tensor<4x32xbf16>, !fp4.tensor<8x32, #fp4.mxfp4> -> tensor<4x8xf32>
  return
}

// -----

func.func @half_span(%x: tensor<4x32xf16>) {
  %w = fp4.constant <elements = dense<0x11> : tensor<8x16xi8>, scales = dense<[[100], [124], [100], [100], [100], [100], [100], [100]]> : tensor<8x1xi8>> : !fp4.tensor<8x32, #fp4.mxfp4>
  // expected-error @below {{expected scales of the weight that are no NaN and at most 23 binades apart}}
  %0 = fp4.matmul %x, %w : tensor<4x32xf16>, !fp4.tensor<8x32, #fp4.mxfp4> -> tensor<4x8xf32>
  return
}

// -----

// Neither f8E4M3FN nor bf16 has a NaN scale's block.

func.func @folded_nan(%x: tensor<4x32xf8E4M3FN>) {
  %w = fp4.constant <elements = dense<0x11> : tensor<8x16xi8>, scales = dense<255> : tensor<8x1xi8>> : !fp4.tensor<8x32, #fp4.mxfp4>
  // expected-error @below {{expected scales of the weight that are no NaN and at most 60 binades apart}}
  %0 = fp4.matmul %x, %w : tensor<4x32xf8E4M3FN>, !fp4.tensor<8x32, #fp4.mxfp4> -> tensor<4x8xf32>
  return
}

// -----

func.func @folded_schedule(%x: tensor<4x128xf8E4M3FN>, %w: !fp4.tensor<64x128, #fp4.mxfp4>) {
  // expected-error @below {{expected a schedule whose tile is a multiple of 64 columns and 128 of the depth}}
  %0 = fp4.matmul %x, %w {fp4gpu.schedule = #fp4gpu.schedule<tile = 8x64x64, stages = 3, warps = 1x4>} : tensor<4x128xf8E4M3FN>, !fp4.tensor<64x128, #fp4.mxfp4> -> tensor<4x64xf32>
  return
}
