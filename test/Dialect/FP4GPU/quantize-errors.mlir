// RUN: fp4-opt %s --split-input-file --verify-diagnostics

fp4gpu.kernel @c1_indices(%input: memref<128x128xf32>, %t: f32, %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "t", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected at least one input and two indices, got 1 and 1}}
    fp4gpu.quantize (%input)[%m] -> %elements, %scales {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<128x128xf32> -> memref<128x128xf4E2M1FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

fp4gpu.kernel @c1_shapes(%input: memref<128x128xf32>, %other: memref<64x128xf32>, %t: f32, %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "other", "t", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected inputs to be matrices of one shape with static columns, got 'memref<128x128xf32>' and 'memref<64x128xf32>'}}
    fp4gpu.quantize (%input, %other)[%m, %n] -> %elements, %scales {
    ^bb0(%x: f32, %z: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<128x128xf32>, memref<64x128xf32> -> memref<128x128xf4E2M1FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

fp4gpu.kernel @c2_columns(%input: memref<128x48xf32>, %t: f32, %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "t", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected columns to be a multiple of 32, got 48}}
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<128x48xf32> -> memref<128x128xf4E2M1FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

fp4gpu.kernel @c2_elements(%input: memref<128x128xf32>, %t: f32, %elements: memref<128x64xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "t", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected 'elements' of type 'memref<128x128xf4E2M1FN>', got 'memref<128x64xf4E2M1FN>'}}
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<128x128xf32> -> memref<128x64xf4E2M1FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

fp4gpu.kernel @c2_scales(%input: memref<128x128xf32>, %t: f32, %elements: memref<128x128xf4E2M1FN>, %scales: memref<2x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "t", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected 'scales' of type 'memref<1x1x32x4x4xf8E8M0FNU>', got 'memref<2x1x32x4x4xf8E8M0FNU>'}}
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<128x128xf32> -> memref<128x128xf4E2M1FN>, memref<2x1x32x4x4xf8E8M0FNU>
  }
}

// -----

fp4gpu.kernel @c3_format(%input: memref<128x128xf32>, %t: f32, %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "t", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected a format in blocks of 16 or 32 of f4E2M1FN elements with f8E4M3FN or f8E8M0FNU scales, or of f6E2M3FN, f6E3M2FN, f8E4M3FN or f8E5M2 elements with f8E8M0FNU scales, got #fp4.mxint8}}
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxint8, rule = #fp4.scale_rule<floor>} : memref<128x128xf32> -> memref<128x128xf4E2M1FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

fp4gpu.kernel @c3_six_bits(%input: memref<128x96xf32>, %elements: memref<128x106xf6E2M3FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 96] {
    // expected-error @below {{expected columns to be a multiple of 64, got 96}}
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp6e2m3, rule = #fp4.scale_rule<floor>} : memref<128x96xf32> -> memref<128x106xf6E2M3FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

fp4gpu.kernel @c4_superfluous_tensor_scale(%input: memref<128x128xf32>, %t: f32, %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "t", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected no 'tensor_scale' for #fp4.mxfp4, got one}}
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales tensor_scale(%t) {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<128x128xf32> -> memref<128x128xf4E2M1FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

fp4gpu.kernel @c4_missing_tensor_scale(%input: memref<128x128xf32>, %t: f32, %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x2x32x4x4xf8E4M3FN>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "t", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected a 'tensor_scale' for #fp4.nvfp4, got none}}
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.nvfp4, rule = #fp4.scale_rule<absmax>} : memref<128x128xf32> -> memref<128x128xf4E2M1FN>, memref<1x2x32x4x4xf8E4M3FN>
  }
}

// -----

fp4gpu.kernel @c5_rule(%input: memref<128x128xf32>, %t: f32, %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "t", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected a rule that #fp4.mxfp4 can use, got 'absmax'}}
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<absmax>} : memref<128x128xf32> -> memref<128x128xf4E2M1FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

fp4gpu.kernel @c6_rotation(%input: memref<128x128xf32>, %t: f32, %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "t", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected a rotation by a power of two in 2..1024 that divides 128 columns, got 48}}
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales rotation 48 {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<128x128xf32> -> memref<128x128xf4E2M1FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

fp4gpu.kernel @c6_long_rotation(%input: memref<128x128xf32>, %t: f32, %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "t", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{that divides 128 columns, got 256}}
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales rotation 256 {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<128x128xf32> -> memref<128x128xf4E2M1FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

fp4gpu.kernel @c6_signs(%input: memref<128x128xf32>, %t: f32, %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "t", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected 4 signs, got 2}}
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales rotation 4 signs [1, -1] {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<128x128xf32> -> memref<128x128xf4E2M1FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

fp4gpu.kernel @c7_arguments(%input: memref<128x128xf32>, %t: f32, %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "t", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected a body that takes 'f32', got 'bf16'}}
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales {
    ^bb0(%x: bf16):
      %y = arith.extf %x : bf16 to f32
      fp4gpu.yield %y : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<128x128xf32> -> memref<128x128xf4E2M1FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

fp4gpu.kernel @c7_result(%input: memref<128x128xf32>, %t: f32, %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "t", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected the body to yield one f32}}
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales {
    ^bb0(%x: f32):
      fp4gpu.yield %x, %x : f32, f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<128x128xf32> -> memref<128x128xf4E2M1FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

fp4gpu.kernel @c7_side_effects(%input: memref<128x128xf32>, %t: f32, %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "t", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected only operations without side effects or regions in the body, got vector.print}}
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales {
    ^bb0(%x: f32):
      vector.print %x : f32
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<128x128xf32> -> memref<128x128xf4E2M1FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

fp4gpu.kernel @amax_c1(%input: memref<128x128xf32>, %maxima: memref<1024xf32>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1>
    arguments ["input", "maxima"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected at least one input and two indices, got 1 and 1}}
    fp4gpu.amax (%input)[%m] -> %maxima {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } : memref<128x128xf32> -> memref<1024xf32>
  }
}

// -----

fp4gpu.kernel @amax_c2(%input: memref<128x128xf32>, %maxima: memref<2xf32>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1>
    arguments ["input", "maxima"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected 'maxima' of type 'memref<1024xf32>', got 'memref<2xf32>'}}
    fp4gpu.amax (%input)[%m, %n] -> %maxima {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } : memref<128x128xf32> -> memref<2xf32>
  }
}

// -----

fp4gpu.kernel @amax_c3_rotation(%input: memref<128x128xf32>, %maxima: memref<1024xf32>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1>
    arguments ["input", "maxima"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected a rotation by a power of two in 2..1024 that divides 128 columns, got 3}}
    fp4gpu.amax (%input)[%m, %n] -> %maxima rotation 3 {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } : memref<128x128xf32> -> memref<1024xf32>
  }
}

// -----

fp4gpu.kernel @amax_c3_body(%input: memref<128x128xf32>, %maxima: memref<1024xf32>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1>
    arguments ["input", "maxima"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected the body to yield one f32}}
    fp4gpu.amax (%input)[%m, %n] -> %maxima {
    ^bb0(%x: f32):
      fp4gpu.yield %x, %x : f32, f32
    } : memref<128x128xf32> -> memref<1024xf32>
  }
}

// -----

fp4gpu.kernel @tensor_scale_c1_maxima(%maxima: memref<2xf32>, %out: memref<f32>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1>
    arguments ["maxima", "out"] {
  // expected-error @below {{expected 'maxima' of type 'memref<1024xf32>', got 'memref<2xf32>'}}
  %t = fp4gpu.tensor_scale %maxima divisor 2.0 -> %out : memref<2xf32>, memref<f32>
}

// -----

fp4gpu.kernel @tensor_scale_c1_out(%maxima: memref<1024xf32>, %out: memref<1xf32>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1>
    arguments ["maxima", "out"] {
  // expected-error @below {{expected 'out' of type 'memref<f32>', got 'memref<1xf32>'}}
  %t = fp4gpu.tensor_scale %maxima divisor 2.0 -> %out : memref<1024xf32>, memref<1xf32>
}

// -----

fp4gpu.kernel @tensor_scale_c2(%maxima: memref<1024xf32>, %out: memref<f32>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1>
    arguments ["maxima", "out"] {
  // expected-error @below {{expected 'divisor' to be positive, got 0.000000e+00}}
  %t = fp4gpu.tensor_scale %maxima divisor 0.0 -> %out : memref<1024xf32>, memref<f32>
}

// -----

fp4gpu.kernel @c7_row(%input: memref<128x128xf32>, %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected a row that takes 'f32', got 'f16'}}
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales row {
    ^bb0(%s: f16):
      %t = arith.extf %s : f16 to f32
      fp4gpu.yield %t : f32
    } {
    ^bb0(%x: f32, %f: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<128x128xf32> -> memref<128x128xf4E2M1FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

fp4gpu.kernel @c7_factor(%input: memref<128x128xf32>, %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected a body that takes 'f32', 'f32', got 'f32'}}
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales row {
    ^bb0(%s: f32):
      fp4gpu.yield %s : f32
    } {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<128x128xf32> -> memref<128x128xf4E2M1FN>, memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

fp4gpu.kernel @c8_columns(%input: memref<128x128xf32>, %gain: memref<64xf32>, %maxima: memref<1024xf32>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1>
    arguments ["input", "gain", "maxima"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected columns to be vectors of 128 entries, got 'memref<64xf32>'}}
    fp4gpu.amax (%input)[%m, %n] columns(%gain) -> %maxima {
    ^bb0(%x: f32, %g: f32):
      fp4gpu.yield %x : f32
    } : memref<128x128xf32> columns memref<64xf32> -> memref<1024xf32>
  }
}

// -----

fp4gpu.kernel @c9_type(%input: memref<128x128xf32>, %matrix: memref<4x16x16xf32>, %maxima: memref<1024xf32>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1>
    arguments ["input", "matrix", "maxima"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected a matrix of f32 with one or 128 / B blocks of B x B, B being a power of two in 16..1024, got 'memref<4x16x16xf32>'}}
    fp4gpu.amax (%input)[%m, %n] matrix(%matrix) -> %maxima {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } : memref<128x128xf32> matrix memref<4x16x16xf32> -> memref<1024xf32>
  }
}

// -----

fp4gpu.kernel @c9_rotation(%input: memref<128x128xf32>, %matrix: memref<16x16xf32>, %maxima: memref<1024xf32>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1>
    arguments ["input", "matrix", "maxima"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{expected a rotation or a matrix, got both}}
    fp4gpu.amax (%input)[%m, %n] matrix(%matrix) -> %maxima rotation 16 {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } : memref<128x128xf32> matrix memref<16x16xf32> -> memref<1024xf32>
  }
}
