// RUN: fp4-opt %s | fp4-opt | FileCheck %s

// Row 0 of x begins with 4.0 and is zero otherwise. Rotated by 16, its first
// 16 values are 1.0: 2^0 is 4 times the scale 2^-2 of the rule.

// CHECK-LABEL: fp4gpu.kernel @rotates
// CHECK: fp4gpu.quantize(%input) [%{{.*}}, %{{.*}}] -> %elements, %scales rotation 16 {
// CHECK: ^bb0(%[[X:.*]]: bf16):
// CHECK: arith.extf %[[X]] : bf16 to f32
// CHECK: } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<256x512xbf16> -> memref<256x512xf4E2M1FN>, memref<2x4x32x4x4xf8E8M0FNU>
fp4gpu.kernel @rotates(%input: memref<256x512xbf16>, %elements: memref<256x512xf4E2M1FN>,
                       %scales: memref<2x4x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [256, 512] {
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales rotation 16 {
    ^bb0(%x: bf16):
      %y = arith.extf %x : bf16 to f32
      fp4gpu.yield %y : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<256x512xbf16> -> memref<256x512xf4E2M1FN>, memref<2x4x32x4x4xf8E8M0FNU>
  }
}

// Two inputs, a tensor scale, signs.

// CHECK-LABEL: fp4gpu.kernel @multiplies
// CHECK: fp4gpu.quantize(%gate, %up) [%{{.*}}, %{{.*}}] -> %elements, %scales tensor_scale(%{{.*}}) rotation 2 signs [1, -1] {
// CHECK: saturate_inf
fp4gpu.kernel @multiplies(%gate: memref<?x64xf32>, %up: memref<?x64xf32>, %tensor_scale: memref<f32>,
                          %rows: index, %elements: memref<?x64xf4E2M1FN>, %scales: memref<?x1x32x4x4xf8E4M3FN>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1>
    arguments ["gate", "up", "tensor_scale", "rows", "elements", "scales"] {
  %t = memref.load %tensor_scale[] : memref<f32>
  fp4gpu.for_tiles (%m, %n) in [%rows, 64] {
    fp4gpu.quantize (%gate, %up)[%m, %n] -> %elements, %scales tensor_scale(%t) rotation 2 signs [1, -1] {
    ^bb0(%g: f32, %u: f32):
      %y = arith.mulf %g, %u : f32
      fp4gpu.yield %y : f32
    } {format = #fp4.nvfp4, rule = #fp4.scale_rule<absmax>, saturate_inf} : memref<?x64xf32>, memref<?x64xf32> -> memref<?x64xf4E2M1FN>, memref<?x1x32x4x4xf8E4M3FN>
  }
}

// The largest magnitude, for a tensor scale that is computed.

// CHECK-LABEL: fp4gpu.kernel @reduces
// CHECK: fp4gpu.amax(%input) [%{{.*}}, %{{.*}}] -> %maxima rotation 32 {
// CHECK: } : memref<256x512xf32> -> memref<1024xf32>
fp4gpu.kernel @reduces(%input: memref<256x512xf32>, %maxima: memref<1024xf32>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1>
    arguments ["input", "maxima"] {
  fp4gpu.for_tiles (%m, %n) in [256, 512] {
    fp4gpu.amax (%input)[%m, %n] -> %maxima rotation 32 {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } : memref<256x512xf32> -> memref<1024xf32>
  }
}

// CHECK-LABEL: fp4gpu.kernel @computes_scale
// CHECK: %[[T:.*]] = fp4gpu.tensor_scale %maxima divisor 2.688000e+03 -> %tensor_scale : memref<1024xf32>, memref<f32>
// CHECK: tensor_scale(%[[T]])
fp4gpu.kernel @computes_scale(%input: memref<128x64xf32>, %maxima: memref<1024xf32>, %elements: memref<128x64xf4E2M1FN>,
                              %scales: memref<1x1x32x4x4xf8E4M3FN>, %tensor_scale: memref<f32>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1>
    arguments ["input", "maxima", "elements", "scales", "tensor_scale"] {
  %t = fp4gpu.tensor_scale %maxima divisor 2688.0 -> %tensor_scale : memref<1024xf32>, memref<f32>
  fp4gpu.for_tiles (%m, %n) in [128, 64] {
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales tensor_scale(%t) {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.nvfp4, rule = #fp4.scale_rule<absmax>} : memref<128x64xf32> -> memref<128x64xf4E2M1FN>, memref<1x1x32x4x4xf8E4M3FN>
  }
}

// RMSNorm in front: a value for each row, a gain for each column. Row 0 of x is
// 2.0, -2.0, 0.0, 0.0, over and over: its mean square is 2.0, and 2 / sqrt(2) * 3
// = 4.24 rounds to 4 times the scale 1.

// CHECK-LABEL: fp4gpu.kernel @normalizes
// CHECK: fp4gpu.quantize(%input) [%{{.*}}, %{{.*}}] columns(%gain) -> %elements, %scales row {
// CHECK: ^bb0(%[[SUM:.*]]: f32):
// CHECK: fp4gpu.yield
// CHECK: } {
// CHECK: ^bb0(%{{.*}}: bf16, %{{.*}}: f32, %{{.*}}: f32):
// CHECK: : memref<256x512xbf16> columns memref<512xf32> -> memref<256x512xf4E2M1FN>
fp4gpu.kernel @normalizes(%input: memref<256x512xbf16>, %gain: memref<512xf32>, %elements: memref<256x512xf4E2M1FN>,
                          %scales: memref<2x4x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x512x1, stages = 1, warps = 8x1>
    arguments ["input", "gain", "elements", "scales"] {
  %width = arith.constant 512.0 : f32
  fp4gpu.for_tiles (%m, %n) in [256, 512] {
    fp4gpu.quantize (%input)[%m, %n] columns(%gain) -> %elements, %scales row {
    ^bb0(%sum: f32):
      %mean = arith.divf %sum, %width : f32
      %factor = math.rsqrt %mean : f32
      fp4gpu.yield %factor : f32
    } {
    ^bb0(%v: bf16, %g: f32, %factor: f32):
      %w = arith.extf %v : bf16 to f32
      %unit = arith.mulf %w, %factor : f32
      %scaled = arith.mulf %unit, %g : f32
      fp4gpu.yield %scaled : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>}
      : memref<256x512xbf16> columns memref<512xf32> -> memref<256x512xf4E2M1FN>, memref<2x4x32x4x4xf8E8M0FNU>
  }
}

// CHECK-LABEL: fp4gpu.kernel @reduces_scaled
// CHECK: fp4gpu.amax(%input) [%{{.*}}, %{{.*}}] columns(%gain) -> %maxima {
// CHECK: } : memref<256x512xf32> columns memref<512xf32> -> memref<1024xf32>
fp4gpu.kernel @reduces_scaled(%input: memref<256x512xf32>, %gain: memref<512xf32>, %maxima: memref<1024xf32>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1>
    arguments ["input", "gain", "maxima"] {
  fp4gpu.for_tiles (%m, %n) in [256, 512] {
    fp4gpu.amax (%input)[%m, %n] columns(%gain) -> %maxima {
    ^bb0(%x: f32, %g: f32):
      %y = arith.mulf %x, %g : f32
      fp4gpu.yield %y : f32
    } : memref<256x512xf32> columns memref<512xf32> -> memref<1024xf32>
  }
}

// A matrix for each 64 columns.

// CHECK-LABEL: fp4gpu.kernel @transforms
// CHECK: fp4gpu.quantize(%input) [%{{.*}}, %{{.*}}] matrix(%matrix) -> %elements, %scales {
// CHECK: : memref<256x512xf32> matrix memref<8x64x64xf32> -> memref<256x512xf4E2M1FN>
fp4gpu.kernel @transforms(%input: memref<256x512xf32>, %matrix: memref<8x64x64xf32>, %elements: memref<256x512xf4E2M1FN>,
                          %scales: memref<2x4x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "matrix", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [256, 512] {
    fp4gpu.quantize (%input)[%m, %n] matrix(%matrix) -> %elements, %scales {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>}
      : memref<256x512xf32> matrix memref<8x64x64xf32> -> memref<256x512xf4E2M1FN>, memref<2x4x32x4x4xf8E8M0FNU>
  }
}
