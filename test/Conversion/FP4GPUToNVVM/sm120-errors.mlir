// RUN: fp4-opt %s --split-input-file --verify-diagnostics --convert-fp4gpu-to-nvvm=target=sm_120a
// RUN: not fp4-opt %s --split-input-file --convert-fp4gpu-to-nvvm=target=sm_90 2>&1 | FileCheck %s
// CHECK: error: unsupported target 'sm_90'; supported: sm_90a, sm_100a, sm_103a, sm_120a, sm_120f, sm_121a

// Schedules that mma.sync has no warps, memory or threads for.

// expected-error @below {{'fp4gpu.kernel' op expected warps that own 16, 32, 64 or 128 rows, 8 to 128 columns (the reverse if swapped) and at most 4096 elements, got 128x64}}
fp4gpu.kernel @mm(%lhs: memref<128x128xf4E2M1FN>, %lhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x128xf4E2M1FN>, %rhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %bias: memref<128xf32>, %out: memref<128x128xf32>)
    schedule <tile = 128x128x128, stages = 2, warps = 1x2>
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

// expected-error @below {{'fp4gpu.kernel' op expected at most 101376 bytes of shared memory for sm_120a, got 104544}}
fp4gpu.kernel @mm(%lhs: memref<128x128xf4E2M1FN>, %lhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x128xf4E2M1FN>, %rhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %bias: memref<128xf32>, %out: memref<128x128xf32>)
    schedule <tile = 128x128x128, stages = 6, warps = 2x2>
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

// expected-error @below {{'fp4gpu.kernel' op expected a schedule with the tile of the body, 128x128x128, got #fp4gpu.schedule<tile = 128x64x128, stages = 2, warps = 2x2>}}
fp4gpu.kernel @mm(%lhs: memref<128x128xf4E2M1FN>, %lhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x128xf4E2M1FN>, %rhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %bias: memref<128xf32>, %out: memref<128x128xf32>)
    schedule <tile = 128x64x128, stages = 2, warps = 2x2>
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

// 512 elements are 256 bytes a row, more than a swizzle spans.

// expected-error @below {{'fp4gpu.kernel' op expected a tile depth of 64, 128 or 256, got 512}}
fp4gpu.kernel @mm(%lhs: memref<128x512xf4E2M1FN>, %lhs_scales: memref<1x4x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x512xf4E2M1FN>, %rhs_scales: memref<1x4x32x4x4xf8E8M0FNU>,
                  %bias: memref<128xf32>, %out: memref<128x128xf32>)
    schedule <tile = 128x128x512, stages = 2, warps = 2x2>
    arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "bias", "out"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    %sum = fp4gpu.pipeline 1 init(%zero) produce {
    ^bb0(%k: index):
      %a = fp4gpu.copy %lhs[%m, %k] : memref<128x512xf4E2M1FN> -> !fp4gpu.tile<128x512xf4E2M1FN>
      %sa = fp4gpu.copy %lhs_scales[%m, %k] : memref<1x4x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x4x32x4x4xf8E8M0FNU>
      %b = fp4gpu.copy %rhs[%n, %k] : memref<128x512xf4E2M1FN> -> !fp4gpu.tile<128x512xf4E2M1FN>
      %sb = fp4gpu.copy %rhs_scales[%n, %k] : memref<1x4x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x4x32x4x4xf8E8M0FNU>
      fp4gpu.yield %a, %sa, %b, %sb : !fp4gpu.tile<128x512xf4E2M1FN>, !fp4gpu.tile<1x4x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x512xf4E2M1FN>, !fp4gpu.tile<1x4x32x4x4xf8E8M0FNU>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %a: !fp4gpu.tile<128x512xf4E2M1FN>, %sa: !fp4gpu.tile<1x4x32x4x4xf8E8M0FNU>, %b: !fp4gpu.tile<128x512xf4E2M1FN>, %sb: !fp4gpu.tile<1x4x32x4x4xf8E8M0FNU>):
      %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb : !fp4gpu.acc<128x128>, !fp4gpu.tile<128x512xf4E2M1FN>, !fp4gpu.tile<1x4x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x512xf4E2M1FN>, !fp4gpu.tile<1x4x32x4x4xf8E8M0FNU>
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

// Bodies of another shape than the lowering knows.

fp4gpu.kernel @mm(%lhs: memref<128x128xf4E2M1FN>, %lhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x128xf4E2M1FN>, %rhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %bias: memref<128xf32>, %out: memref<128x128xf32>)
    schedule <tile = 128x128x128, stages = 2, warps = 2x2>
    arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "bias", "out"] {
  // expected-error @below {{'fp4gpu.for_tiles' op expected one fp4gpu.epilogue, got 2}}
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
    // expected-error @below {{'fp4gpu.epilogue' op expected the sum of a pipeline from zero, stored at the indices of the tile loop}}
    fp4gpu.epilogue %zero -> %out[%m, %n] columns(%bias : memref<128xf32>) {
    ^bb0(%x: f32, %v: f32):
      %y = arith.addf %x, %v : f32
      fp4gpu.yield %y : f32
    } : !fp4gpu.acc<128x128>, memref<128x128xf32>
  }
}

// -----

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
      %b = fp4gpu.copy %rhs[%m, %k] : memref<128x128xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sb = fp4gpu.copy %rhs_scales[%n, %k] : memref<1x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %a, %sa, %b, %sb : !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %a: !fp4gpu.tile<128x128xf4E2M1FN>, %sa: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, %b: !fp4gpu.tile<128x128xf4E2M1FN>, %sb: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>):
      // expected-error @below {{'fp4gpu.mma' op expected 'rhs' tiles that follow the second index of the tile loop}}
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

fp4gpu.kernel @mm(%lhs: memref<128x128xf4E2M1FN>, %lhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x128xf4E2M1FN>, %rhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %bias: memref<128xf32>, %out: memref<128x128xf32>)
    schedule <tile = 128x64x128, stages = 2, warps = 2x2>
    arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "bias", "out"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x64>
    %sum = fp4gpu.pipeline 1 init(%zero) produce {
    ^bb0(%k: index):
      %a = fp4gpu.copy %lhs[%m, %k] : memref<128x128xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sa = fp4gpu.copy %lhs_scales[%m, %k] : memref<1x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      %b = fp4gpu.copy %rhs[%n, %k] : memref<128x128xf4E2M1FN> -> !fp4gpu.tile<64x128xf4E2M1FN>
      %sb = fp4gpu.copy %rhs_scales[%n, %k] shared_by 2 : memref<1x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %a, %sa, %b, %sb : !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<64x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x64>, %a: !fp4gpu.tile<128x128xf4E2M1FN>, %sa: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, %b: !fp4gpu.tile<64x128xf4E2M1FN>, %sb: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>):
      // expected-error @below {{'fp4gpu.mma' op expected 'part' to be the index that the tile was copied at}}
      %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb part %m : !fp4gpu.acc<128x64>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<64x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %d : !fp4gpu.acc<128x64>
    } : !fp4gpu.acc<128x64>
    fp4gpu.epilogue %sum -> %out[%m, %n] columns(%bias : memref<128xf32>) {
    ^bb0(%x: f32, %v: f32):
      %y = arith.addf %x, %v : f32
      fp4gpu.yield %y : f32
    } : !fp4gpu.acc<128x64>, memref<128x128xf32>
  }
}

// -----

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
      // expected-error @below {{'fp4gpu.copy' op expected a tile that is shared by 1, got 2}}
      %sb = fp4gpu.copy %rhs_scales[%n, %k] shared_by 2 : memref<1x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
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
    // expected-error @below {{'fp4gpu.epilogue' op expected 'transposed' iff the schedule is swapped}}
    fp4gpu.epilogue %sum transposed -> %out[%m, %n] columns(%bias : memref<128xf32>) {
    ^bb0(%x: f32, %v: f32):
      %y = arith.addf %x, %v : f32
      fp4gpu.yield %y : f32
    } : !fp4gpu.acc<128x128>, memref<128x128xf32>
  }
}

// -----

fp4gpu.kernel @mm(%lhs: memref<128x128xf4E2M1FN>, %lhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x128xf4E2M1FN>, %rhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %bias: memref<128xf32>, %out: memref<128x?xf32>)
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
    // expected-error @below {{'fp4gpu.epilogue' op expected a gated product with a tile of a multiple of 16 columns and a static number of columns}}
    fp4gpu.epilogue %sum gated -> %out[%m, %n] columns(%bias : memref<128xf32>) {
    ^bb0(%x: f32, %u: f32, %v: f32):
      %y = arith.addf %x, %v : f32
      fp4gpu.yield %y : f32
    } : !fp4gpu.acc<128x128>, memref<128x?xf32>
  }
}

// -----

// expected-error @below {{'fp4gpu.kernel' op expected warps that own at least 16 columns of a gated product, got 8}}
fp4gpu.kernel @mm(%lhs: memref<128x128xf4E2M1FN>, %lhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x128xf4E2M1FN>, %rhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %bias: memref<128xf32>, %out: memref<128x128xf32>)
    schedule <tile = 128x128x128, stages = 2, warps = 1x16>
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
    fp4gpu.epilogue %sum gated -> %out[%m, %n] columns(%bias : memref<128xf32>) {
    ^bb0(%x: f32, %u: f32, %v: f32):
      %y = arith.addf %x, %v : f32
      fp4gpu.yield %y : f32
    } : !fp4gpu.acc<128x128>, memref<128x128xf32>
  }
}

// -----

fp4gpu.kernel @mm(%lhs: memref<128x128xf4E2M1FN>, %lhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x128xf4E2M1FN>, %rhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %bias: memref<128xf32>, %out: memref<128x128xf32>)
    schedule <tile = 128x128x128, stages = 2, warps = 2x2>
    arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "bias", "out"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    %sum = fp4gpu.pipeline 1 init(%zero) produce {
    ^bb0(%k: index):
      // expected-error @below {{'fp4gpu.copy' op expected an index of the tile loop and the index of the pipeline}}
      %a = fp4gpu.copy %lhs[%k, %k] : memref<128x128xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
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

fp4gpu.kernel @mm(%lhs: memref<128x128xf4E2M1FN>, %lhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x128xf4E2M1FN>, %rhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %bias: memref<128xf32>, %out: memref<128x128xf32>)
    schedule <tile = 128x128x128, stages = 2, warps = 2x2>
    arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "bias", "out"] {
  // expected-error @below {{'index.constant' op expected only arith operations and loads of scalars ahead of fp4gpu.for_tiles}}
  %c0 = index.constant 0
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

fp4gpu.kernel @mm(%lhs: memref<128x128xf4E2M1FN>, %lhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x128xf4E2M1FN>, %rhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %bias: memref<128xf32>, %out: memref<128x128xf32>)
    schedule <tile = 128x128x128, stages = 2, warps = 2x2>
    arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "bias", "out"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    // expected-error @below {{'arith.constant' op expected only zero, pipeline and epilogue in a tile loop}}
    %extra = arith.constant 0 : i32
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

// expected-error @below {{expected no symbol 'kernels' ahead of the module of device code}}
func.func private @kernels()

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

// expected-error @below {{'fp4gpu.kernel' op expected a tile of multiples or divisors of 128 rows and columns, got 192x128}}
fp4gpu.kernel @mm(%lhs: memref<128x128xf4E2M1FN>, %lhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x128xf4E2M1FN>, %rhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %bias: memref<128xf32>, %out: memref<128x128xf32>)
    schedule <tile = 192x128x128, stages = 2, warps = 2x2>
    arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "bias", "out"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    %zero = fp4gpu.zero : !fp4gpu.acc<192x128>
    %sum = fp4gpu.pipeline 1 init(%zero) produce {
    ^bb0(%k: index):
      %a = fp4gpu.copy %lhs[%m, %k] : memref<128x128xf4E2M1FN> -> !fp4gpu.tile<192x128xf4E2M1FN>
      %sa = fp4gpu.copy %lhs_scales[%m, %k] : memref<1x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<2x1x32x4x4xf8E8M0FNU>
      %b = fp4gpu.copy %rhs[%n, %k] : memref<128x128xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sb = fp4gpu.copy %rhs_scales[%n, %k] : memref<1x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %a, %sa, %b, %sb : !fp4gpu.tile<192x128xf4E2M1FN>, !fp4gpu.tile<2x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
    } consume {
    ^bb0(%c: !fp4gpu.acc<192x128>, %a: !fp4gpu.tile<192x128xf4E2M1FN>, %sa: !fp4gpu.tile<2x1x32x4x4xf8E8M0FNU>, %b: !fp4gpu.tile<128x128xf4E2M1FN>, %sb: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>):
      %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb : !fp4gpu.acc<192x128>, !fp4gpu.tile<192x128xf4E2M1FN>, !fp4gpu.tile<2x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %d : !fp4gpu.acc<192x128>
    } : !fp4gpu.acc<192x128>
    fp4gpu.epilogue %sum -> %out[%m, %n] columns(%bias : memref<128xf32>) {
    ^bb0(%x: f32, %v: f32):
      %y = arith.addf %x, %v : f32
      fp4gpu.yield %y : f32
    } : !fp4gpu.acc<192x128>, memref<128x128xf32>
  }
}

// -----

// Each warp has whole blocks of a quantized result.
// expected-error @below {{'fp4gpu.kernel' op expected warps that own whole blocks of 32 scaled results, got 16 columns}}
fp4gpu.kernel @mm(%lhs: memref<128x128xf4E2M1FN>, %lhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x128xf4E2M1FN>, %rhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %elements: memref<128x128xf4E2M1FN>, %scales: memref<1x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x128, stages = 2, warps = 1x8>
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
    fp4gpu.epilogue %sum -> %elements scaled %scales[%m, %n] {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : !fp4gpu.acc<128x128>, memref<128x128xf4E2M1FN> scaled memref<1x1x32x4x4xf8E8M0FNU>
  }
}

// -----

// Lanes copy 16 elements at a time.
// expected-error @below {{'fp4gpu.kernel' op expected rows of a multiple of 16 elements, got 'memref<128x136xf4E2M1FN>'}}
fp4gpu.kernel @mm(%lhs: memref<128x128xf8E4M3FN>, %lhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x136xf4E2M1FN>, %rhs_scales: memref<1x2x32x4x4xf8E8M0FNU>,
                  %out: memref<128x128xf32>)
    schedule <tile = 128x128x128, stages = 2, warps = 2x2>
    arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "out"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    %sum = fp4gpu.pipeline 1 init(%zero) produce {
    ^bb0(%k: index):
      %a = fp4gpu.copy %lhs[%m, %k] : memref<128x128xf8E4M3FN> -> !fp4gpu.tile<128x128xf8E4M3FN>
      %sa = fp4gpu.copy %lhs_scales[%m, %k] : memref<1x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      %b = fp4gpu.copy %rhs[%n, %k] : memref<128x136xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sb = fp4gpu.copy %rhs_scales[%n, %k] : memref<1x2x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %a, %sa, %b, %sb : !fp4gpu.tile<128x128xf8E4M3FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %a: !fp4gpu.tile<128x128xf8E4M3FN>, %sa: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, %b: !fp4gpu.tile<128x128xf4E2M1FN>, %sb: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>):
      %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb : !fp4gpu.acc<128x128>, !fp4gpu.tile<128x128xf8E4M3FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %d : !fp4gpu.acc<128x128>
    } : !fp4gpu.acc<128x128>
    fp4gpu.epilogue %sum -> %out[%m, %n] {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } : !fp4gpu.acc<128x128>, memref<128x128xf32>
  }
}

// -----

// expected-error @below {{'fp4gpu.kernel' op expected no split of a product with a dynamic number of columns, got #fp4gpu.schedule<tile = 128x128x128, stages = 2, warps = 2x2, split = 2>}}
fp4gpu.kernel @mm(%lhs: memref<128x128xf4E2M1FN>, %lhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %rhs: memref<?x128xf4E2M1FN>, %rhs_scales: memref<?x1x32x4x4xf8E8M0FNU>,
                  %cols: index, %out: memref<128x?xf32>)
    schedule <tile = 128x128x128, stages = 2, warps = 2x2, split = 2>
    arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "cols", "out"] {
  fp4gpu.for_tiles (%m, %n) in [128, %cols] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    %sum = fp4gpu.pipeline 1 init(%zero) produce {
    ^bb0(%k: index):
      %a = fp4gpu.copy %lhs[%m, %k] : memref<128x128xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sa = fp4gpu.copy %lhs_scales[%m, %k] : memref<1x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      %b = fp4gpu.copy %rhs[%n, %k] : memref<?x128xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sb = fp4gpu.copy %rhs_scales[%n, %k] : memref<?x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %a, %sa, %b, %sb : !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %a: !fp4gpu.tile<128x128xf4E2M1FN>, %sa: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, %b: !fp4gpu.tile<128x128xf4E2M1FN>, %sb: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>):
      %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb : !fp4gpu.acc<128x128>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %d : !fp4gpu.acc<128x128>
    } : !fp4gpu.acc<128x128>
    fp4gpu.epilogue %sum -> %out[%m, %n] {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } : !fp4gpu.acc<128x128>, memref<128x?xf32>
  }
}
