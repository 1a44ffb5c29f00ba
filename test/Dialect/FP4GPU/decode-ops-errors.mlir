// RUN: fp4-opt %s --split-input-file --verify-diagnostics

func.func @to_fragments_c1(%q: !fp4.tensor<8x32, #fp4.mxfp8e4m3>) {
  // expected-error @below {{expected 'input' to be a matrix of f4E2M1FN elements in blocks of 16 with f8E4M3FN or of 32 with f8E8M0FNU scales, got '!fp4.tensor<8x32, #fp4.mxfp8e4m3>'}}
  %w, %f = fp4gpu.to_fragments %q : !fp4.tensor<8x32, #fp4.mxfp8e4m3> -> tensor<1x2x2176xi8>, tensor<f32>
  return
}

// -----

func.func @to_fragments_c2(%q: !fp4.tensor<8x32, #fp4.mxfp4>) {
  // expected-error @below {{expected 'fragments' of type 'tensor<1x2x2176xi8>', got 'tensor<1x2x2304xi8>'}}
  %w, %f = fp4gpu.to_fragments %q : !fp4.tensor<8x32, #fp4.mxfp4> -> tensor<1x2x2304xi8>, tensor<f32>
  return
}

// -----

func.func @from_fragments_c1(%w: tensor<1x2x2176xi8>, %f: tensor<1xf32>) {
  // expected-error @below {{expected 'factor' of type 'tensor<f32>', got 'tensor<1xf32>'}}
  %q = fp4gpu.from_fragments %w, %f : tensor<1x2x2176xi8>, tensor<1xf32> -> !fp4.tensor<8x32, #fp4.mxfp4>
  return
}

// -----

func.func @mma_decode_c1(%c: !fp4gpu.acc<16x64>, %x: !fp4gpu.tile<8x64xbf16>, %w: !fp4gpu.tile<1x1x2304xi8>) {
  // expected-error @below {{expected 'lhs' of 16 rows of bf16 or f16 and multiples of 64 columns, or of f8E4M3FN and multiples of 128, got '!fp4gpu.tile<8x64xbf16>' and '!fp4gpu.acc<16x64>'}}
  %d = fp4gpu.mma_decode %c, %x, %w : !fp4gpu.acc<16x64>, !fp4gpu.tile<8x64xbf16>, !fp4gpu.tile<1x1x2304xi8> as #fp4.nvfp4
  return
}

// -----

func.func @mma_decode_format(%c: !fp4gpu.acc<16x64>, %x: !fp4gpu.tile<16x64xbf16>, %w: !fp4gpu.tile<1x1x2304xi8>) {
  // expected-error @below {{expected a format of f4E2M1FN elements in blocks of 32 with f8E8M0FNU scales or of 16 with f8E4M3FN, got}}
  %d = fp4gpu.mma_decode %c, %x, %w : !fp4gpu.acc<16x64>, !fp4gpu.tile<16x64xbf16>, !fp4gpu.tile<1x1x2304xi8> as #fp4.mxfp8e4m3
  return
}

// -----

func.func @mma_decode_c2(%c: !fp4gpu.acc<16x64>, %x: !fp4gpu.tile<16x128xbf16>, %w: !fp4gpu.tile<1x1x2304xi8>) {
  // expected-error @below {{expected 'rhs' of type '!fp4gpu.tile<1x2x2304xi8>', got '!fp4gpu.tile<1x1x2304xi8>'}}
  %d = fp4gpu.mma_decode %c, %x, %w : !fp4gpu.acc<16x64>, !fp4gpu.tile<16x128xbf16>, !fp4gpu.tile<1x1x2304xi8> as #fp4.nvfp4
  return
}

// -----

func.func @to_fragments_c3(%q: !fp4.tensor<8x32, #fp4.mxfp4>) {
  // expected-error @below {{expected 'factor' of type 'tensor<8xf32>', got 'tensor<f32>'}}
  %w, %f = fp4gpu.to_fragments %q folded : !fp4.tensor<8x32, #fp4.mxfp4> -> tensor<1x1x4352xi8>, tensor<f32>
  return
}

// -----

func.func @from_fragments_c4(%w: tensor<1x1x4352xi8>, %f: tensor<8xf32>) {
  // expected-error @below {{expected f8E8M0FNU scales to fold, got '!fp4.tensor<8x32, #fp4.nvfp4>'}}
  %q = fp4gpu.from_fragments %w, %f folded : tensor<1x1x4352xi8>, tensor<8xf32> -> !fp4.tensor<8x32, #fp4.nvfp4>
  return
}

// -----

func.func @mma_decode_folded_format(%c: !fp4gpu.acc<16x64>, %x: !fp4gpu.tile<16x128xf8E4M3FN>, %w: !fp4gpu.tile<1x1x4352xi8>) {
  // expected-error @below {{expected a format of f4E2M1FN elements in blocks of 32 with f8E8M0FNU scales, got}}
  %d = fp4gpu.mma_decode %c, %x, %w : !fp4gpu.acc<16x64>, !fp4gpu.tile<16x128xf8E4M3FN>, !fp4gpu.tile<1x1x4352xi8> as #fp4.nvfp4
  return
}

// -----

func.func @promotion() attributes {
  // expected-error @below {{expected 'promotion' to be at least 0, got -1}}
  s = #fp4gpu.schedule<tile = 64x64x128, stages = 4, warps = 1x4, promotion = -1>
} {
  return
}

// -----

fp4gpu.kernel @dequantize_c1(%x: memref<16x64xf8E4M3FN>, %y: memref<16x64xf16>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1> arguments ["x", "y"] {
  fp4gpu.for_tiles (%m, %n) in [16, 64] {
    // expected-error @below {{expected 'out' to be a matrix of bf16 with static columns, got 'memref<16x64xf16>'}}
    fp4gpu.dequantize %x[%m, %n] -> %y : memref<16x64xf8E4M3FN> -> memref<16x64xf16>
  }
}

// -----

fp4gpu.kernel @dequantize_c2(%x: memref<16x32xf8E4M3FN>, %y: memref<16x64xbf16>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1> arguments ["x", "y"] {
  fp4gpu.for_tiles (%m, %n) in [16, 64] {
    // expected-error @below {{expected 'elements' of type 'memref<16x64xf8E4M3FN>' and no format without scales, got 'memref<16x32xf8E4M3FN>'}}
    fp4gpu.dequantize %x[%m, %n] -> %y : memref<16x32xf8E4M3FN> -> memref<16x64xbf16>
  }
}

// -----

fp4gpu.kernel @dequantize_c3_format(%x: memref<16x64xf4E2M1FN>, %s: memref<1x1x32x4x4xf8E4M3FN>, %y: memref<16x64xbf16>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1> arguments ["x", "s", "y"] {
  fp4gpu.for_tiles (%m, %n) in [16, 64] {
    // expected-error @below {{expected scales with a format of f4E2M1FN elements in blocks of 16 with f8E4M3FN or of 32 with f8E8M0FNU scales}}
    fp4gpu.dequantize %x scaled %s[%m, %n] -> %y : memref<16x64xf4E2M1FN> scaled memref<1x1x32x4x4xf8E4M3FN> -> memref<16x64xbf16>
  }
}

// -----

fp4gpu.kernel @dequantize_c3(%x: memref<16x48xf4E2M1FN>, %s: memref<1x1x32x4x4xf8E4M3FN>, %y: memref<16x48xbf16>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1> arguments ["x", "s", "y"] {
  fp4gpu.for_tiles (%m, %n) in [16, 48] {
    // expected-error @below {{expected 'elements' of type 'memref<16x64xf4E2M1FN>' and 'scales' of type 'memref<1x1x32x4x4xf8E4M3FN>', got 'memref<16x48xf4E2M1FN>' and 'memref<1x1x32x4x4xf8E4M3FN>'}}
    fp4gpu.dequantize %x scaled %s[%m, %n] -> %y {format = #fp4.nvfp4} : memref<16x48xf4E2M1FN> scaled memref<1x1x32x4x4xf8E4M3FN> -> memref<16x48xbf16>
  }
}

// -----

func.func @to_fragments_c5(%q: !fp4.tensor<12x32, #fp4.mxfp4>) {
  // expected-error @below {{expected 'second' of the type of 'input' with a multiple of 8 rows, got '!fp4.tensor<12x32, #fp4.mxfp4>' and '!fp4.tensor<12x32, #fp4.mxfp4>'}}
  %w, %f, %g = fp4gpu.to_fragments %q with %q : !fp4.tensor<12x32, #fp4.mxfp4> with !fp4.tensor<12x32, #fp4.mxfp4> -> tensor<1x2x2176xi8>, tensor<f32>, tensor<f32>
  return
}

// -----

func.func @to_fragments_c5_factor(%q: !fp4.tensor<8x32, #fp4.mxfp4>) {
  // expected-error @below {{expected a 'second_factor' like 'factor' iff there is a 'second'}}
  %w, %f = fp4gpu.to_fragments %q with %q : !fp4.tensor<8x32, #fp4.mxfp4> with !fp4.tensor<8x32, #fp4.mxfp4> -> tensor<1x2x2176xi8>, tensor<f32>
  return
}
