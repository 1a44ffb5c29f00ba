// RUN: fp4-opt %s | fp4-opt | FileCheck %s
// RUN: fp4-opt %s --canonicalize | FileCheck %s --check-prefix=FOLD

// CHECK-LABEL: func.func @to_fragments
// CHECK: fp4gpu.to_fragments %{{.*}} : !fp4.tensor<72x80, #fp4.nvfp4> -> tensor<2x2x2304xi8>, tensor<f32>
// CHECK: fp4gpu.from_fragments %{{.*}}, %{{.*}} : tensor<2x2x2304xi8>, tensor<f32> -> !fp4.tensor<72x80, #fp4.nvfp4>
// FOLD-LABEL: func.func @to_fragments
// FOLD: fp4gpu.from_fragments
func.func @to_fragments(%q: !fp4.tensor<72x80, #fp4.nvfp4>) -> !fp4.tensor<72x80, #fp4.nvfp4> {
  %w, %f = fp4gpu.to_fragments %q : !fp4.tensor<72x80, #fp4.nvfp4> -> tensor<2x2x2304xi8>, tensor<f32>
  %r = fp4gpu.from_fragments %w, %f : tensor<2x2x2304xi8>, tensor<f32> -> !fp4.tensor<72x80, #fp4.nvfp4>
  return %r : !fp4.tensor<72x80, #fp4.nvfp4>
}

// FOLD-LABEL: func.func @inverse
// FOLD-NEXT: return %arg0, %arg1
func.func @inverse(%w: tensor<1x2x2176xi8>, %f: tensor<f32>) -> (tensor<1x2x2176xi8>, tensor<f32>) {
  %q = fp4gpu.from_fragments %w, %f : tensor<1x2x2176xi8>, tensor<f32> -> !fp4.tensor<8x32, #fp4.mxfp4>
  %v, %g = fp4gpu.to_fragments %q : !fp4.tensor<8x32, #fp4.mxfp4> -> tensor<1x2x2176xi8>, tensor<f32>
  return %v, %g : tensor<1x2x2176xi8>, tensor<f32>
}

// Codes 1 (magnitude 001) in all eight places: bits 6, 3, 0 and, of a3, 11 and 13,
// of a3, 11, in both halves, 0x0849. Scales 2^3 are 253, the largest there is.
// FOLD-LABEL: func.func @constant
// FOLD-DAG: dense<8.000000e+00> : tensor<f32>
// FOLD-DAG: dense_resource<[[KEY:.*]]> : tensor<1x2x2176xi8>
func.func @constant() -> (tensor<1x2x2176xi8>, tensor<f32>) {
  %q = fp4.constant <elements = dense<0x11> : tensor<16x32xi8>, scales = dense<130> : tensor<16x2xi8>> : !fp4.tensor<16x64, #fp4.mxfp4>
  %v, %g = fp4gpu.to_fragments %q : !fp4.tensor<16x64, #fp4.mxfp4> -> tensor<1x2x2176xi8>, tensor<f32>
  return %v, %g : tensor<1x2x2176xi8>, tensor<f32>
}

// Scales that span 61 binades stay as they are.
// FOLD-LABEL: func.func @span
// FOLD: fp4gpu.to_fragments
func.func @span() -> (tensor<1x2x2176xi8>, tensor<f32>) {
  %q = fp4.constant <elements = dense<0x11> : tensor<2x16xi8>, scales = dense<[[100], [161]]> : tensor<2x1xi8>> : !fp4.tensor<2x32, #fp4.mxfp4>
  %v, %g = fp4gpu.to_fragments %q : !fp4.tensor<2x32, #fp4.mxfp4> -> tensor<1x2x2176xi8>, tensor<f32>
  return %v, %g : tensor<1x2x2176xi8>, tensor<f32>
}
// With folded scales every row has a factor, 2^5 times its smallest scale, 2^3
// and 2^-2. Codes 1 in all eight nibbles; the second row's second block has j = 7.
// FOLD-LABEL: func.func @folded
// FOLD-DAG: dense<[2.560000e+02, 8.000000e+00]> : tensor<2xf32>
// FOLD-DAG: dense_resource<[[FOLDED:.*]]> : tensor<1x1x4352xi8>
// CHECK-LABEL: func.func @folded
// CHECK: fp4gpu.to_fragments %{{.*}} folded : !fp4.tensor<2x64, #fp4.mxfp4> -> tensor<1x1x4352xi8>, tensor<2xf32>
func.func @folded() -> (tensor<1x1x4352xi8>, tensor<2xf32>) {
  %q = fp4.constant <elements = dense<0x11> : tensor<2x32xi8>, scales = dense<[[130, 130], [125, 132]]> : tensor<2x2xi8>> : !fp4.tensor<2x64, #fp4.mxfp4>
  %v, %g = fp4gpu.to_fragments %q folded : !fp4.tensor<2x64, #fp4.mxfp4> -> tensor<1x1x4352xi8>, tensor<2xf32>
  return %v, %g : tensor<1x1x4352xi8>, tensor<2xf32>
}

// A row with scales 12 binades apart stays as it is.
// FOLD-LABEL: func.func @folded_span
// FOLD: fp4gpu.to_fragments
func.func @folded_span() -> (tensor<1x1x4352xi8>, tensor<1xf32>) {
  %q = fp4.constant <elements = dense<0x11> : tensor<1x32xi8>, scales = dense<[[120, 132]]> : tensor<1x2xi8>> : !fp4.tensor<1x64, #fp4.mxfp4>
  %v, %g = fp4gpu.to_fragments %q folded : !fp4.tensor<1x64, #fp4.mxfp4> -> tensor<1x1x4352xi8>, tensor<1xf32>
  return %v, %g : tensor<1x1x4352xi8>, tensor<1xf32>
}
// Two matrices in one array: rows 0 to 7 of the first are rows g = 0 to 7 of its
// tiles, those of the second rows g + 8. The factors are 256 times the tensor
// scales. A half-word has code 1 in a0 (bit 6) and a2 (bit 0), code 2 in a1
// (bit 4) and a3 (m1, bit 10): 0x0451.
// FOLD-LABEL: func.func @pair
// FOLD-DAG: dense<8.000000e+00> : tensor<f32>
// FOLD-DAG: dense<4.000000e+00> : tensor<f32>
// FOLD-DAG: dense_resource<[[PAIR:.*]]> : tensor<1x2x2304xi8>
// CHECK-LABEL: func.func @pair
// CHECK: fp4gpu.to_fragments %{{.*}} with %{{.*}} : !fp4.tensor<8x16, #fp4.nvfp4> with !fp4.tensor<8x16, #fp4.nvfp4> -> tensor<1x2x2304xi8>, tensor<f32>, tensor<f32>
func.func @pair() -> (tensor<1x2x2304xi8>, tensor<f32>, tensor<f32>) {
  %a = fp4.constant <elements = dense<0x11> : tensor<8x8xi8>, scales = dense<56> : tensor<8x1xi8>, tensor_scale = 0.03125 : f32> : !fp4.tensor<8x16, #fp4.nvfp4>
  %b = fp4.constant <elements = dense<0x22> : tensor<8x8xi8>, scales = dense<56> : tensor<8x1xi8>, tensor_scale = 0.015625 : f32> : !fp4.tensor<8x16, #fp4.nvfp4>
  %v, %f, %g = fp4gpu.to_fragments %a with %b : !fp4.tensor<8x16, #fp4.nvfp4> with !fp4.tensor<8x16, #fp4.nvfp4> -> tensor<1x2x2304xi8>, tensor<f32>, tensor<f32>
  return %v, %f, %g : tensor<1x2x2304xi8>, tensor<f32>, tensor<f32>
}

// CHECK-LABEL: fp4gpu.kernel @dequantize
// CHECK: fp4gpu.dequantize %elements scaled %scales[%{{.*}}, %{{.*}}] -> %out {format = #fp4.mxfp4} : memref<16x64xf4E2M1FN> scaled memref<1x1x32x4x4xf8E8M0FNU> -> memref<16x64xbf16>
// CHECK: fp4gpu.dequantize %bytes[%{{.*}}, %{{.*}}] -> %out : memref<16x64xf8E4M3FN> -> memref<16x64xbf16>
fp4gpu.kernel @dequantize(%e: memref<16x64xf4E2M1FN>, %s: memref<1x1x32x4x4xf8E8M0FNU>, %b: memref<16x64xf8E4M3FN>, %y: memref<16x64xbf16>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1> arguments ["elements", "scales", "bytes", "out"] {
  fp4gpu.for_tiles (%m, %n) in [16, 64] {
    fp4gpu.dequantize %e scaled %s[%m, %n] -> %y {format = #fp4.mxfp4} : memref<16x64xf4E2M1FN> scaled memref<1x1x32x4x4xf8E8M0FNU> -> memref<16x64xbf16>
    fp4gpu.dequantize %b[%m, %n] -> %y : memref<16x64xf8E4M3FN> -> memref<16x64xbf16>
  }
}

// FOLD: [[KEY]]: "0x{{........}}49284928492849284928492849284928
// FOLD: [[FOLDED]]: "0x{{........}}11111111000000001111111100000000{{0*1111}}
// FOLD: [[PAIR]]: "0x{{........}}51045104{{(0{24})}}51045104
