// RUN: fp4-opt %s --split-input-file --verify-diagnostics --convert-fp4gpu-to-nvvm=target=sm_90a

// expected-error @below {{expected a schedule with the tile 128x128x1, got}}
fp4gpu.kernel @tile(%input: memref<128x128xf32>, %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 64x128x1, stages = 1, warps = 8x1>
    arguments ["input", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<128x128xf32> -> memref<128x128xf4E2M1FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

// expected-error @below {{expected a schedule with the tile 128x128x1, got}}
fp4gpu.kernel @tile_columns(%input: memref<128x128xf32>, %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1>
    arguments ["input", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<128x128xf32> -> memref<128x128xf4E2M1FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

fp4gpu.kernel @columns(%input: memref<128x128xf32>, %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "elements", "scales"] {
  // expected-error @below {{expected the columns of the inputs, 128, as second size, got 64}}
  fp4gpu.for_tiles (%m, %n) in [128, 64] {
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<128x128xf32> -> memref<128x128xf4E2M1FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

fp4gpu.kernel @scalars(%input: memref<128x128xf32>, %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "elements", "scales"] {
  // expected-error @below {{expected only arith operations and loads of scalars ahead of fp4gpu.for_tiles}}
  %a = memref.alloc() : memref<f32>
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<128x128xf32> -> memref<128x128xf4E2M1FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

fp4gpu.kernel @two(%input: memref<128x128xf32>, %maxima: memref<1024xf32>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1>
    arguments ["input", "maxima"] {
  // expected-error @below {{expected one fp4gpu.quantize or fp4gpu.amax and nothing else}}
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    fp4gpu.amax (%input)[%m, %n] -> %maxima {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } : memref<128x128xf32> -> memref<1024xf32>
    %zero = fp4gpu.zero : !fp4gpu.acc<128x64>
  }
}

// -----

fp4gpu.kernel @search(%input: memref<128x128xf32>, %elements: memref<128x128xf8E4M3FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected the rule 'search' with 4-bit elements}}
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp8e4m3, rule = #fp4.scale_rule<search>} : memref<128x128xf32> -> memref<128x128xf8E4M3FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}
