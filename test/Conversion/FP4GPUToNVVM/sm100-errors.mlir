// RUN: fp4-opt %s --split-input-file --verify-diagnostics --convert-fp4gpu-to-nvvm=target=sm_100a

// expected-error @below {{'fp4gpu.kernel' op expected a tile of 128 rows and 128 or 256 columns owned by 4x1 warps, got #fp4gpu.schedule<tile = 128x128x128, stages = 2, warps = 2x2>}}
fp4gpu.kernel @mm(%lhs: memref<128x128xf4E2M1FN>, %lhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x128xf4E2M1FN>, %rhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %bias: memref<128xf32>, %out: memref<128x128xf32>)
    schedule <tile = 128x128x128, stages = 2, warps = 2x2>
    arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "bias", "out"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    %sum = fp4gpu.pipeline 1 init(%zero) produce {
    ^bb0(%k: index):
      %a = fp4gpu.copy %lhs[%m, %k] : memref<128x128xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sa = fp4gpu.copy %lhs_scales[%m, %k] : memref<1x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      %b = fp4gpu.copy %rhs[%n, %k] : memref<128x128xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sb = fp4gpu.copy %rhs_scales[%n, %k] : memref<1x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %a, %sa, %b, %sb : !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %a: !fp4gpu.tile<128x128xf4E2M1FN>, %sa: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, %b: !fp4gpu.tile<128x128xf4E2M1FN>, %sb: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>):
      %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb : !fp4gpu.acc<128x128>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %d : !fp4gpu.acc<128x128>
    } : !fp4gpu.acc<128x128>
    fp4gpu.epilogue %sum -> %out[%m, %n] columns(%bias : memref<128xf32>) {
    ^bb0(%x: f32, %v: f32):
      %y = arith.addf %x, %v : f32
      fp4gpu.yield %y : f32
    } : !fp4gpu.acc<128x128>, memref<128x128xf32>
  }
}

// -----

// expected-error @below {{'fp4gpu.kernel' op expected at most 232448 bytes of shared memory for sm_100a, got 243968}}
fp4gpu.kernel @mm(%lhs: memref<128x128xf4E2M1FN>, %lhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x128xf4E2M1FN>, %rhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %bias: memref<128xf32>, %out: memref<128x128xf32>)
    schedule <tile = 128x128x128, stages = 14, warps = 4x1>
    arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "bias", "out"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    %sum = fp4gpu.pipeline 1 init(%zero) produce {
    ^bb0(%k: index):
      %a = fp4gpu.copy %lhs[%m, %k] : memref<128x128xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sa = fp4gpu.copy %lhs_scales[%m, %k] : memref<1x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      %b = fp4gpu.copy %rhs[%n, %k] : memref<128x128xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sb = fp4gpu.copy %rhs_scales[%n, %k] : memref<1x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %a, %sa, %b, %sb : !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %a: !fp4gpu.tile<128x128xf4E2M1FN>, %sa: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, %b: !fp4gpu.tile<128x128xf4E2M1FN>, %sb: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>):
      %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb : !fp4gpu.acc<128x128>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %d : !fp4gpu.acc<128x128>
    } : !fp4gpu.acc<128x128>
    fp4gpu.epilogue %sum -> %out[%m, %n] columns(%bias : memref<128xf32>) {
    ^bb0(%x: f32, %v: f32):
      %y = arith.addf %x, %v : f32
      fp4gpu.yield %y : f32
    } : !fp4gpu.acc<128x128>, memref<128x128xf32>
  }
}
// -----

// Rows that nobody padded: sm_120a has lanes that copy them, this family TMA.

// expected-error @below {{expected rows of a multiple of 16 bytes for sm_100a, got 'memref<128x112xf4E2M1FN>'}}
fp4gpu.kernel @mm(%lhs: memref<128x112xf4E2M1FN>, %lhs_scales: memref<1x2x32x4x4xf8E4M3FN>,
                  %rhs: memref<128x112xf4E2M1FN>, %rhs_scales: memref<1x2x32x4x4xf8E4M3FN>,
                  %bias: memref<128xf32>, %out: memref<128x128xf32>)
    schedule <tile = 128x128x128, stages = 2, warps = 4x1>
    arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "bias", "out"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    %sum = fp4gpu.pipeline 1 init(%zero) produce {
    ^bb0(%k: index):
      %a = fp4gpu.copy %lhs[%m, %k] : memref<128x112xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sa = fp4gpu.copy %lhs_scales[%m, %k] : memref<1x2x32x4x4xf8E4M3FN> -> !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>
      %b = fp4gpu.copy %rhs[%n, %k] : memref<128x112xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sb = fp4gpu.copy %rhs_scales[%n, %k] : memref<1x2x32x4x4xf8E4M3FN> -> !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>
      fp4gpu.yield %a, %sa, %b, %sb : !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %a: !fp4gpu.tile<128x128xf4E2M1FN>, %sa: !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>, %b: !fp4gpu.tile<128x128xf4E2M1FN>, %sb: !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>):
      %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb : !fp4gpu.acc<128x128>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>
      fp4gpu.yield %d : !fp4gpu.acc<128x128>
    } : !fp4gpu.acc<128x128>
    fp4gpu.epilogue %sum -> %out[%m, %n] columns(%bias : memref<128xf32>) {
    ^bb0(%x: f32, %v: f32):
      %y = arith.addf %x, %v : f32
      fp4gpu.yield %y : f32
    } : !fp4gpu.acc<128x128>, memref<128x128xf32>
  }
}
// -----

// expected-error @below {{'fp4gpu.kernel' op expected f4E2M1FN elements for sm_100a, got 'f8E4M3FN' and 'f8E4M3FN'; sm_120a, sm_120f and sm_121a have kernels for them}}
fp4gpu.kernel @mm(%lhs: memref<128x128xf8E4M3FN>, %lhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x128xf8E4M3FN>, %rhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %bias: memref<128xf32>, %out: memref<128x128xf32>)
    schedule <tile = 128x128x128, stages = 2, warps = 4x1>
    arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "bias", "out"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    %sum = fp4gpu.pipeline 1 init(%zero) produce {
    ^bb0(%k: index):
      %a = fp4gpu.copy %lhs[%m, %k] : memref<128x128xf8E4M3FN> -> !fp4gpu.tile<128x128xf8E4M3FN>
      %sa = fp4gpu.copy %lhs_scales[%m, %k] : memref<1x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      %b = fp4gpu.copy %rhs[%n, %k] : memref<128x128xf8E4M3FN> -> !fp4gpu.tile<128x128xf8E4M3FN>
      %sb = fp4gpu.copy %rhs_scales[%n, %k] : memref<1x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %a, %sa, %b, %sb : !fp4gpu.tile<128x128xf8E4M3FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x128xf8E4M3FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %a: !fp4gpu.tile<128x128xf8E4M3FN>, %sa: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, %b: !fp4gpu.tile<128x128xf8E4M3FN>, %sb: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>):
      %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb : !fp4gpu.acc<128x128>, !fp4gpu.tile<128x128xf8E4M3FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x128xf8E4M3FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %d : !fp4gpu.acc<128x128>
    } : !fp4gpu.acc<128x128>
    fp4gpu.epilogue %sum -> %out[%m, %n] columns(%bias : memref<128xf32>) {
    ^bb0(%x: f32, %v: f32):
      %y = arith.addf %x, %v : f32
      fp4gpu.yield %y : f32
    } : !fp4gpu.acc<128x128>, memref<128x128xf32>
  }
}

// -----

fp4gpu.kernel @mm(%lhs: memref<128x128xf4E2M1FN>, %lhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x128xf4E2M1FN>, %rhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x128, stages = 2, warps = 4x1>
    arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    %sum = fp4gpu.pipeline 1 init(%zero) produce {
    ^bb0(%k: index):
      %a = fp4gpu.copy %lhs[%m, %k] : memref<128x128xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sa = fp4gpu.copy %lhs_scales[%m, %k] : memref<1x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      %b = fp4gpu.copy %rhs[%n, %k] : memref<128x128xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sb = fp4gpu.copy %rhs_scales[%n, %k] : memref<1x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %a, %sa, %b, %sb : !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %a: !fp4gpu.tile<128x128xf4E2M1FN>, %sa: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, %b: !fp4gpu.tile<128x128xf4E2M1FN>, %sb: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>):
      %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb : !fp4gpu.acc<128x128>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %d : !fp4gpu.acc<128x128>
    } : !fp4gpu.acc<128x128>
    // expected-error @below {{'fp4gpu.epilogue' op expected no scaled results but from fp4gpu.mma on sm_120a, sm_120f or sm_121a, got sm_100a}}
    fp4gpu.epilogue %sum -> %elements scaled %scales[%m, %n] {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : !fp4gpu.acc<128x128>, memref<128x128xf4E2M1FN> scaled memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

// expected-error @below {{'fp4gpu.kernel' op expected no split on sm_100a, got #fp4gpu.schedule<tile = 128x128x128, stages = 2, warps = 4x1, split = 2>}}
fp4gpu.kernel @mm(%lhs: memref<128x128xf4E2M1FN>, %lhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x128xf4E2M1FN>, %rhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %out: memref<128x128xf32>)
    schedule <tile = 128x128x128, stages = 2, warps = 4x1, split = 2>
    arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "out"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    %sum = fp4gpu.pipeline 1 init(%zero) produce {
    ^bb0(%k: index):
      %a = fp4gpu.copy %lhs[%m, %k] : memref<128x128xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sa = fp4gpu.copy %lhs_scales[%m, %k] : memref<1x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      %b = fp4gpu.copy %rhs[%n, %k] : memref<128x128xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sb = fp4gpu.copy %rhs_scales[%n, %k] : memref<1x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %a, %sa, %b, %sb : !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %a: !fp4gpu.tile<128x128xf4E2M1FN>, %sa: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, %b: !fp4gpu.tile<128x128xf4E2M1FN>, %sb: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>):
      %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb : !fp4gpu.acc<128x128>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %d : !fp4gpu.acc<128x128>
    } : !fp4gpu.acc<128x128>
    fp4gpu.epilogue %sum -> %out[%m, %n] {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } : !fp4gpu.acc<128x128>, memref<128x128xf32>
  }
}
