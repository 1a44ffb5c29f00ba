// RUN: fp4-opt %s --split-input-file --verify-diagnostics

// Each case is named after the constraint of the op documentation.

// schedule C1
// expected-error @below {{expected 'stages' to be positive, got 0}}
#s = #fp4gpu.schedule<tile = 128x128x128, stages = 0, warps = 2x2>

// -----

// schedule
// expected-error @below {{expected 3 sizes joined by 'x', got 2}}
#s = #fp4gpu.schedule<tile = 128x128, stages = 4, warps = 2x2>

// -----

// tile C1
// expected-error @below {{expected tile extents to be positive, got 0}}
func.func private @f(!fp4gpu.tile<0x128xf4E2M1FN>)

// -----

// tile
// expected-error @below {{expected a float or integer element type, got}}
func.func private @f(!fp4gpu.tile<4xindex>)

// -----

// acc C1
// expected-error @below {{expected columns to be positive, got 0}}
func.func private @f(!fp4gpu.acc<128x0>)

// -----

// kernel C1
// expected-error @below {{'fp4gpu.kernel' op expected argument 0 to be a memref with identity layout, f32 or index, got 'i64'}}
fp4gpu.kernel @k(%a: i64)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["a"] {
}

// -----

// kernel C2
// expected-error @below {{'fp4gpu.kernel' op expected 1 argument names, got 2}}
fp4gpu.kernel @k(%a: f32)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["a", "b"] {
}

// -----

// kernel C2
// expected-error @below {{'fp4gpu.kernel' op expected different argument names, got "a" twice}}
fp4gpu.kernel @k(%a: f32, %b: f32)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["a", "a"] {
}

// -----

// for_tiles C1
fp4gpu.kernel @k()
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments [] {
  // expected-error @below {{'fp4gpu.for_tiles' op expected two indices and two sizes, got 2 and 1}}
  fp4gpu.for_tiles (%m, %n) in [256] {
  }
}

// -----

// for_tiles C1
fp4gpu.kernel @k()
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments [] {
  // expected-error @below {{'fp4gpu.for_tiles' op expected sizes to be positive, got 0}}
  fp4gpu.for_tiles (%m, %n) in [256, 0] {
  }
}

// -----

// for_tiles
fp4gpu.kernel @k()
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments [] {
  // expected-error @below {{'fp4gpu.for_tiles' op expected 1 dynamic sizes, got 0}}
  "fp4gpu.for_tiles"() ({
  ^bb0(%m: index, %n: index):
  }) {static_sizes = array<i64: -9223372036854775808, 256>} : () -> ()
}

// -----

// for_tiles C1
fp4gpu.kernel @k()
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments [] {
  // expected-error @below {{'fp4gpu.for_tiles' op expected indices of type 'index', got 'i32'}}
  "fp4gpu.for_tiles"() ({
  ^bb0(%m: index, %n: i32):
  }) {static_sizes = array<i64: 256, 256>} : () -> ()
}

// -----

// pipeline C1
fp4gpu.kernel @k(%a: memref<256x512xf4E2M1FN>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["a"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    // expected-error @below {{'fp4gpu.pipeline' op expected 'steps' to be positive, got 0}}
    %sum = fp4gpu.pipeline 0 init(%zero) produce {
    ^bb0(%k: index):
      %t = fp4gpu.copy %a[%m, %m] : memref<256x512xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      fp4gpu.yield %t : !fp4gpu.tile<128x128xf4E2M1FN>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %t: !fp4gpu.tile<128x128xf4E2M1FN>):
      fp4gpu.yield %c : !fp4gpu.acc<128x128>
    } : !fp4gpu.acc<128x128>
  }
}

// -----

// pipeline C2
fp4gpu.kernel @k(%a: memref<256x512xf4E2M1FN>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["a"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    // expected-error @below {{'fp4gpu.pipeline' op expected 'produce' to have one index argument}}
    %sum = fp4gpu.pipeline 4 init(%zero) produce {
    ^bb0(%k: i32):
      %t = fp4gpu.copy %a[%m, %m] : memref<256x512xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      fp4gpu.yield %t : !fp4gpu.tile<128x128xf4E2M1FN>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %t: !fp4gpu.tile<128x128xf4E2M1FN>):
      fp4gpu.yield %c : !fp4gpu.acc<128x128>
    } : !fp4gpu.acc<128x128>
  }
}

// -----

// pipeline C2
fp4gpu.kernel @k(%a: memref<256x512xf4E2M1FN>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["a"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    // expected-error @below {{'fp4gpu.pipeline' op expected 'produce' to yield tiles, got }}
    %sum = fp4gpu.pipeline 4 init(%zero) produce {
    ^bb0(%k: index):
      %t = fp4gpu.copy %a[%m, %m] : memref<256x512xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      fp4gpu.yield
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %t: !fp4gpu.tile<128x128xf4E2M1FN>):
      fp4gpu.yield %c : !fp4gpu.acc<128x128>
    } : !fp4gpu.acc<128x128>
  }
}

// -----

// pipeline C3
fp4gpu.kernel @k(%a: memref<256x512xf4E2M1FN>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["a"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    // expected-error @below {{'fp4gpu.pipeline' op expected 'consume' to take }}
    %sum = fp4gpu.pipeline 4 init(%zero) produce {
    ^bb0(%k: index):
      %t = fp4gpu.copy %a[%m, %m] : memref<256x512xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      fp4gpu.yield %t : !fp4gpu.tile<128x128xf4E2M1FN>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>):
      fp4gpu.yield %c : !fp4gpu.acc<128x128>
    } : !fp4gpu.acc<128x128>
  }
}

// -----

// pipeline C4
fp4gpu.kernel @k(%a: memref<256x512xf4E2M1FN>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["a"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    // expected-error @below {{'fp4gpu.pipeline' op expected 'consume' to yield '!fp4gpu.acc<128x128>', got }}
    %sum = fp4gpu.pipeline 4 init(%zero) produce {
    ^bb0(%k: index):
      %t = fp4gpu.copy %a[%m, %m] : memref<256x512xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      fp4gpu.yield %t : !fp4gpu.tile<128x128xf4E2M1FN>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %t: !fp4gpu.tile<128x128xf4E2M1FN>):
      fp4gpu.yield
    } : !fp4gpu.acc<128x128>
  }
}

// -----

// pipeline
fp4gpu.kernel @k(%a: memref<256x512xf4E2M1FN>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["a"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    // expected-error @below {{'fp4gpu.pipeline' op expected 'consume' to end in fp4gpu.yield}}
    %sum = fp4gpu.pipeline 4 init(%zero) produce {
    ^bb0(%k: index):
      %t = fp4gpu.copy %a[%m, %m] : memref<256x512xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      fp4gpu.yield %t : !fp4gpu.tile<128x128xf4E2M1FN>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %t: !fp4gpu.tile<128x128xf4E2M1FN>):
      %z = arith.constant 0 : index
    } : !fp4gpu.acc<128x128>
  }
}

// -----

// copy C1
fp4gpu.kernel @k(%a: memref<256x512xf4E2M1FN>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["a"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    %sum = fp4gpu.pipeline 4 init(%zero) produce {
    ^bb0(%k: index):
      // expected-error @below {{'fp4gpu.copy' op expected a tile of rank 2 and element type 'f4E2M1FN', got '!fp4gpu.tile<128x128xf32>'}}
      %t = fp4gpu.copy %a[%m, %m] : memref<256x512xf4E2M1FN> -> !fp4gpu.tile<128x128xf32>
      fp4gpu.yield %t : !fp4gpu.tile<128x128xf32>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %t: !fp4gpu.tile<128x128xf32>):
      fp4gpu.yield %c : !fp4gpu.acc<128x128>
    } : !fp4gpu.acc<128x128>
  }
}

// -----

// copy C2
fp4gpu.kernel @k(%a: memref<256x512xf4E2M1FN>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["a"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    %sum = fp4gpu.pipeline 4 init(%zero) produce {
    ^bb0(%k: index):
      // expected-error @below {{'fp4gpu.copy' op expected at most 2 indices, got 3}}
      %t = fp4gpu.copy %a[%m, %m, %m] : memref<256x512xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      fp4gpu.yield %t : !fp4gpu.tile<128x128xf4E2M1FN>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %t: !fp4gpu.tile<128x128xf4E2M1FN>):
      fp4gpu.yield %c : !fp4gpu.acc<128x128>
    } : !fp4gpu.acc<128x128>
  }
}

// -----

// copy C2
fp4gpu.kernel @k(%a: memref<256x512xf4E2M1FN>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["a"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    %sum = fp4gpu.pipeline 4 init(%zero) produce {
    ^bb0(%k: index):
      // expected-error @below {{'fp4gpu.copy' op expected a tile of extent 512 in dimension 1, which has no index, got 128}}
      %t = fp4gpu.copy %a[%m] : memref<256x512xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      fp4gpu.yield %t : !fp4gpu.tile<128x128xf4E2M1FN>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %t: !fp4gpu.tile<128x128xf4E2M1FN>):
      fp4gpu.yield %c : !fp4gpu.acc<128x128>
    } : !fp4gpu.acc<128x128>
  }
}

// -----

// copy C3
fp4gpu.kernel @k(%a: memref<256x512xf4E2M1FN>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["a"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    %sum = fp4gpu.pipeline 4 init(%zero) produce {
    ^bb0(%k: index):
      // expected-error @below {{'fp4gpu.copy' op expected 'shared_by' to be positive and an index, got 0 and 2 indices}}
      %t = fp4gpu.copy %a[%m, %k] shared_by 0 : memref<256x512xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      fp4gpu.yield %t : !fp4gpu.tile<128x128xf4E2M1FN>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %t: !fp4gpu.tile<128x128xf4E2M1FN>):
      fp4gpu.yield %c : !fp4gpu.acc<128x128>
    } : !fp4gpu.acc<128x128>
  }
}

// -----

// mma C1
func.func @f(%c: !fp4gpu.acc<128x256>, %a: !fp4gpu.tile<128x128xf4E2M1FN>, %sa: !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>, %b: !fp4gpu.tile<128x128xf4E2M1FN>, %sb: !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>) {
  // expected-error @below {{'fp4gpu.mma' op expected 'rhs' of shape 256x128, got 128x128}}
  %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb : !fp4gpu.acc<128x256>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>
  return
}

// -----

// mma C1
func.func @f(%c: !fp4gpu.acc<128x128>, %a: !fp4gpu.tile<128xf4E2M1FN>, %sa: !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>, %b: !fp4gpu.tile<128x128xf4E2M1FN>, %sb: !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>) {
  // expected-error @below {{'fp4gpu.mma' op expected 'lhs' of rank 2, got 1}}
  %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb : !fp4gpu.acc<128x128>, !fp4gpu.tile<128xf4E2M1FN>, !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>
  return
}

// -----

// mma C2
func.func @f(%c: !fp4gpu.acc<128x128>, %a: !fp4gpu.tile<128x128xf4E2M1FN>, %sa: !fp4gpu.tile<1x1x32x4x4xf8E4M3FN>, %b: !fp4gpu.tile<128x128xf4E2M1FN>, %sb: !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>) {
  // expected-error @below {{'fp4gpu.mma' op expected 'lhs_scales' of shape 1x2x32x4x4, got 1x1x32x4x4}}
  %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb : !fp4gpu.acc<128x128>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E4M3FN>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>
  return
}

// -----

// mma C2
func.func @f(%c: !fp4gpu.acc<128x128>, %a: !fp4gpu.tile<128x96xf4E2M1FN>, %sa: !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>, %b: !fp4gpu.tile<128x96xf4E2M1FN>, %sb: !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>) {
  // expected-error @below {{'fp4gpu.mma' op expected a depth that is a multiple of 64, got 96}}
  %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb : !fp4gpu.acc<128x128>, !fp4gpu.tile<128x96xf4E2M1FN>, !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>, !fp4gpu.tile<128x96xf4E2M1FN>, !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>
  return
}

// -----

// mma C3
func.func @f(%c: !fp4gpu.acc<128x128>, %a: !fp4gpu.tile<128x128xf4E2M1FN>, %sa: !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>, %b: !fp4gpu.tile<128x128xf4E2M1FN>, %sb: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>) {
  // expected-error @below {{'fp4gpu.mma' op expected on both sides f4E2M1FN elements with f8E4M3FN scales, or elements of 4, 6 or 8 bits with f8E8M0FNU scales, got 'f4E2M1FN' scaled 'f8E4M3FN' and 'f4E2M1FN' scaled 'f8E8M0FNU'}}
  %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb : !fp4gpu.acc<128x128>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
  return
}

// -----

// mma C4
func.func @f(%c: !fp4gpu.acc<128x32>, %a: !fp4gpu.tile<128x128xf4E2M1FN>, %sa: !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>, %b: !fp4gpu.tile<32x128xf4E2M1FN>, %sb: !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>) {
  // expected-error @below {{'fp4gpu.mma' op expected a 'part' of 'rhs' with 32 rows, got none}}
  %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb : !fp4gpu.acc<128x32>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>, !fp4gpu.tile<32x128xf4E2M1FN>, !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>
  return
}

// -----

// mma C4
func.func @f(%p: index, %c: !fp4gpu.acc<48x128>, %a: !fp4gpu.tile<48x128xf4E2M1FN>, %sa: !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>, %b: !fp4gpu.tile<128x128xf4E2M1FN>, %sb: !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>) {
  // expected-error @below {{'fp4gpu.mma' op expected 'lhs' to have at least 128 rows or a divisor of it, got 48}}
  %d = fp4gpu.mma %c, %a scaled %sa part %p, %b scaled %sb : !fp4gpu.acc<48x128>, !fp4gpu.tile<48x128xf4E2M1FN>, !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>
  return
}

// -----

// epilogue C1
fp4gpu.kernel @k(%d: memref<256x256xf32>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["d"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    // expected-error @below {{'fp4gpu.epilogue' op expected 'dest' to be a matrix with two indices, got 'memref<256x256xf32>' with 1}}
    fp4gpu.epilogue %zero -> %d[%m] {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } : !fp4gpu.acc<128x128>, memref<256x256xf32>
  }
}

// -----

// epilogue C1
fp4gpu.kernel @k(%d: memref<256x256xf32>, %v: memref<1x256xf32>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["d", "v"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    // expected-error @below {{'fp4gpu.epilogue' op expected 'columns' to be vectors, got 'memref<1x256xf32>'}}
    fp4gpu.epilogue %zero -> %d[%m, %n] columns(%v : memref<1x256xf32>) {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } : !fp4gpu.acc<128x128>, memref<256x256xf32>
  }
}

// -----

// epilogue C2
fp4gpu.kernel @k(%d: memref<256x256xf32>, %v: memref<256xbf16>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["d", "v"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    // expected-error @below {{'fp4gpu.epilogue' op expected a body that takes 'f32', 'bf16', got 'f32'}}
    fp4gpu.epilogue %zero -> %d[%m, %n] columns(%v : memref<256xbf16>) {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } : !fp4gpu.acc<128x128>, memref<256x256xf32>
  }
}

// -----

// epilogue C2
fp4gpu.kernel @k(%d: memref<256x256xf32>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["d"] {
  fp4gpu.for_tiles (%m, %n) in [256, 512] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    // expected-error @below {{'fp4gpu.epilogue' op expected a body that takes 'f32', 'f32', got 'f32'}}
    fp4gpu.epilogue %zero gated -> %d[%m, %n] {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } : !fp4gpu.acc<128x128>, memref<256x256xf32>
  }
}

// -----

// epilogue C5
fp4gpu.kernel @k(%d: memref<256x256xf32>, %r: memref<256x128xf32>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["d", "r"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    // expected-error @below {{'fp4gpu.epilogue' op expected 'matrices' of the shape of 'dest', 'memref<256x256xf32>', got 'memref<256x128xf32>'}}
    fp4gpu.epilogue %zero -> %d[%m, %n] matrices(%r : memref<256x128xf32>) {
    ^bb0(%x: f32, %y: f32):
      fp4gpu.yield %x : f32
    } : !fp4gpu.acc<128x128>, memref<256x256xf32>
  }
}

// -----

// interleave C1
func.func @f(%a: tensor<12x16xi8>, %s: tensor<1x1x32x4x4xi8>) {
  // expected-error @below {{'fp4gpu.interleave' op expected 'first' to be a matrix with a multiple of 8 rows, got 'tensor<12x16xi8>'}}
  %e, %t = fp4gpu.interleave %a scaled %s, %a scaled %s : tensor<12x16xi8>, tensor<1x1x32x4x4xi8> -> tensor<24x16xi8>, tensor<1x1x32x4x4xi8>
  return
}

// -----

// interleave C1
func.func @f(%a: tensor<8x16xi8>, %s: tensor<1x1x32x4x4xi8>) {
  // expected-error @below {{'fp4gpu.interleave' op expected 'elements' of type 'tensor<16x16xi8>', got 'tensor<8x16xi8>'}}
  %e, %t = fp4gpu.interleave %a scaled %s, %a scaled %s : tensor<8x16xi8>, tensor<1x1x32x4x4xi8> -> tensor<8x16xi8>, tensor<1x1x32x4x4xi8>
  return
}

// -----

// interleave C2
func.func @f(%a: tensor<136x16xi8>, %s: tensor<1x1x32x4x4xi8>) {
  // expected-error @below {{'fp4gpu.interleave' op expected 'first_scales' of shape 2xCx32x4x4, got 'tensor<1x1x32x4x4xi8>'}}
  %e, %t = fp4gpu.interleave %a scaled %s, %a scaled %s : tensor<136x16xi8>, tensor<1x1x32x4x4xi8> -> tensor<272x16xi8>, tensor<3x1x32x4x4xi8>
  return
}

// -----

// epilogue C3
fp4gpu.kernel @k(%d: memref<256x256xbf16>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["d"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    // expected-error @below {{'fp4gpu.epilogue' op expected the body to yield 'bf16', got 'f32'}}
    fp4gpu.epilogue %zero -> %d[%m, %n] {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } : !fp4gpu.acc<128x128>, memref<256x256xbf16>
  }
}

// -----

// epilogue C4
fp4gpu.kernel @k(%d: memref<256x256xf32>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["d"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    // expected-error @below {{'fp4gpu.epilogue' op expected only operations without side effects or regions in the body, got memref.load}}
    fp4gpu.epilogue %zero -> %d[%m, %n] {
    ^bb0(%x: f32):
      %y = memref.load %d[%m, %n] : memref<256x256xf32>
      fp4gpu.yield %y : f32
    } : !fp4gpu.acc<128x128>, memref<256x256xf32>
  }
}

// -----

// prepack C1
func.func @f(%q: !fp4.tensor<256x512, #fp4.mxint8>) {
  // expected-error @below {{'fp4gpu.prepack' op expected 'input' to be a matrix of f4E2M1FN elements with f8E4M3FN or f8E8M0FNU scales, or of elements of 6 or 8 bits with f8E8M0FNU scales, in blocks of one row, got '!fp4.tensor<256x512, #fp4.mxint8>'}}
  %e, %s, %t = fp4gpu.prepack %q : !fp4.tensor<256x512, #fp4.mxint8> -> tensor<256x256xi8>, tensor<2x8x32x4x4xi8>, tensor<f32>
  return
}

// -----

// prepack C2
func.func @f(%q: !fp4.tensor<256x512, #fp4.nvfp4>) {
  // expected-error @below {{'fp4gpu.prepack' op expected 'elements' of type 'tensor<256x256xi8>', got 'tensor<256x512xi8>'}}
  %e, %s, %t = fp4gpu.prepack %q : !fp4.tensor<256x512, #fp4.nvfp4> -> tensor<256x512xi8>, tensor<2x8x32x4x4xi8>, tensor<f32>
  return
}

// -----

// prepack C3
func.func @f(%q: !fp4.tensor<256x512, #fp4.nvfp4>) {
  // expected-error @below {{'fp4gpu.prepack' op expected 'scales' of type 'tensor<2x8x32x4x4xi8>', got 'tensor<256x32xi8>'}}
  %e, %s, %t = fp4gpu.prepack %q : !fp4.tensor<256x512, #fp4.nvfp4> -> tensor<256x256xi8>, tensor<256x32xi8>, tensor<f32>
  return
}

// -----

// prepack C4
func.func @f(%q: !fp4.tensor<256x512, #fp4.nvfp4>) {
  // expected-error @below {{'fp4gpu.prepack' op expected a 'tensor_scale' for #fp4.nvfp4, got none}}
  %e, %s = fp4gpu.prepack %q : !fp4.tensor<256x512, #fp4.nvfp4> -> tensor<256x256xi8>, tensor<2x8x32x4x4xi8>
  return
}

// -----

// prepack C4
func.func @f(%q: !fp4.tensor<256x512, #fp4.mxfp4>) {
  // expected-error @below {{'fp4gpu.prepack' op expected no 'tensor_scale' for #fp4.mxfp4, got one}}
  %e, %s, %t = fp4gpu.prepack %q : !fp4.tensor<256x512, #fp4.mxfp4> -> tensor<256x256xi8>, tensor<2x4x32x4x4xi8>, tensor<f32>
  return
}

// -----

// prepack C4
func.func @f(%q: !fp4.tensor<256x512, #fp4.nvfp4>) {
  // expected-error @below {{'fp4gpu.prepack' op expected 'tensor_scale' of type 'tensor<f32>', got 'tensor<1xf32>'}}
  %e, %s, %t = fp4gpu.prepack %q : !fp4.tensor<256x512, #fp4.nvfp4> -> tensor<256x256xi8>, tensor<2x8x32x4x4xi8>, tensor<1xf32>
  return
}

// -----

// unprepack C1
func.func @f(%e: tensor<1x256xi8>, %s: tensor<1x8x32x4x4xi8>) {
  // expected-error @below {{'fp4gpu.unprepack' op expected 'scales' of type 'tensor<1x4x32x4x4xi8>', got 'tensor<1x8x32x4x4xi8>'}}
  %q = fp4gpu.unprepack %e, %s : tensor<1x256xi8>, tensor<1x8x32x4x4xi8> -> !fp4.tensor<1x512, #fp4.mxfp4>
  return
}

// -----

// launch C1
func.func @f() {
  // expected-error @below {{'fp4gpu.launch' op expected @none to be a fp4gpu.kernel}}
  fp4gpu.launch @none() : () -> ()
  return
}

// -----

// launch C1
// expected-note @below {{the kernel is here}}
fp4gpu.kernel @k(%x: memref<4x8xf4E2M1FN>, %a: f32, %d: memref<4xf32>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["x", "a", "d"] {
}
func.func @f(%x: tensor<4x4xi8>) {
  // expected-error @below {{'fp4gpu.launch' op expected 3 operands and results, got 1}}
  fp4gpu.launch @k(%x) : (tensor<4x4xi8>) -> ()
  return
}

// -----

// launch C2
fp4gpu.kernel @k(%x: memref<4x8xf4E2M1FN>, %a: f32, %d: memref<4xf32>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["x", "a", "d"] {
}
func.func @f(%x: tensor<4x8xi8>, %a: f32) {
  // expected-error @below {{'fp4gpu.launch' op expected a value for argument 'x' of type 'memref<4x8xf4E2M1FN>', got 'tensor<4x8xi8>'}}
  %d = fp4gpu.launch @k(%x, %a) : (tensor<4x8xi8>, f32) -> tensor<4xf32>
  return
}

// -----

// launch C4
fp4gpu.kernel @k(%x: memref<?x4xf32>, %n: index, %d: memref<?xf32>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["x", "n", "d"] {
}
func.func @f(%x: tensor<?x4xf32>, %n: index) {
  // expected-error @below {{'fp4gpu.launch' op expected as many 'limits' as 'alternatives', got 1 and 2}}
  %d = fp4gpu.launch @k(%x, %n) alternatives [@k, @k] up_to [16] : (tensor<?x4xf32>, index) -> tensor<?xf32>
  return
}

// -----

// launch C4
fp4gpu.kernel @k(%x: memref<?x4xf32>, %n: index, %d: memref<?xf32>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["x", "n", "d"] {
}
func.func @f(%x: tensor<?x4xf32>, %n: index) {
  // expected-error @below {{'fp4gpu.launch' op expected 'limits' that ascend from 1, got 16, 16}}
  %d = fp4gpu.launch @k(%x, %n) alternatives [@k, @k] up_to [16, 16] : (tensor<?x4xf32>, index) -> tensor<?xf32>
  return
}

// -----

// launch C4
fp4gpu.kernel @k(%x: memref<4x4xf32>, %d: memref<4xf32>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["x", "d"] {
}
func.func @f(%x: tensor<4x4xf32>) {
  // expected-error @below {{'fp4gpu.launch' op expected one operand of type 'index' to choose among 'alternatives', got 0}}
  %d = fp4gpu.launch @k(%x) alternatives [@k] up_to [16] : (tensor<4x4xf32>) -> tensor<4xf32>
  return
}

// -----

// launch C4
fp4gpu.kernel @k(%x: memref<?x4xf32>, %n: index, %d: memref<?xf32>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["x", "n", "d"] {
}
fp4gpu.kernel @few(%x: memref<?x4xf32>, %n: index, %d: memref<?xf32>)
    schedule <tile = 16x128x128, stages = 4, warps = 1x2>
    arguments ["x", "rows", "d"] {
}
func.func @f(%x: tensor<?x4xf32>, %n: index) {
  // expected-error @below {{'fp4gpu.launch' op expected an alternative with an argument 'n', got 'rows'}}
  %d = fp4gpu.launch @k(%x, %n) alternatives [@few] up_to [16] : (tensor<?x4xf32>, index) -> tensor<?xf32>
  return
}

// -----

// launch C1, C4
fp4gpu.kernel @k(%x: memref<?x4xf32>, %n: index, %d: memref<?xf32>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["x", "n", "d"] {
}
func.func @f(%x: tensor<?x4xf32>, %n: index) {
  // expected-error @below {{'fp4gpu.launch' op expected @none to be a fp4gpu.kernel}}
  %d = fp4gpu.launch @k(%x, %n) alternatives [@none] up_to [16] : (tensor<?x4xf32>, index) -> tensor<?xf32>
  return
}

// -----

// launch C3
fp4gpu.kernel @k(%x: memref<4x8xf4E2M1FN>, %a: f32, %d: memref<4xf32>)
    schedule <tile = 128x128x128, stages = 4, warps = 2x2>
    arguments ["x", "a", "d"] {
}
func.func @f(%x: tensor<4x4xi8>, %a: i32) {
  // expected-error @below {{'fp4gpu.launch' op expected a value for argument 'a' of type 'f32', got 'i32'}}
  %d = fp4gpu.launch @k(%x, %a) : (tensor<4x4xi8>, i32) -> tensor<4xf32>
  return
}

// -----

// epilogue C6
fp4gpu.kernel @k(%d: memref<256x256xf4E2M1FN>, %s: memref<2x2x32x4x4xf8E8M0FNU>, %t: f32) schedule <tile = 128x128x128, stages = 2, warps = 2x2> arguments ["d", "s", "t"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    // expected-error @below {{'fp4gpu.epilogue' op expected 'format' and 'rule' iff the results are scaled}}
    fp4gpu.epilogue %zero -> %d scaled %s[%m, %n] {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } : !fp4gpu.acc<128x128>, memref<256x256xf4E2M1FN> scaled memref<2x2x32x4x4xf8E8M0FNU>
  }
}

// -----

// epilogue C6
fp4gpu.kernel @k(%d: memref<256x256xf32>, %s: memref<f32>, %t: f32) schedule <tile = 128x128x128, stages = 2, warps = 2x2> arguments ["d", "s", "t"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    // expected-error @below {{'fp4gpu.epilogue' op expected 'format' and 'rule' iff the results are scaled}}
    fp4gpu.epilogue %zero -> %d[%m, %n] {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : !fp4gpu.acc<128x128>, memref<256x256xf32>
  }
}

// -----

// epilogue C6
fp4gpu.kernel @k(%d: memref<256x240xf4E2M1FN>, %s: memref<2x2x32x4x4xf8E8M0FNU>, %t: f32) schedule <tile = 128x128x128, stages = 2, warps = 2x2> arguments ["d", "s", "t"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    // expected-error @below {{'fp4gpu.epilogue' op expected scaled results of a multiple of 32 columns, got 'memref<256x240xf4E2M1FN>'}}
    fp4gpu.epilogue %zero -> %d scaled %s[%m, %n] {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : !fp4gpu.acc<128x128>, memref<256x240xf4E2M1FN> scaled memref<2x2x32x4x4xf8E8M0FNU>
  }
}

// -----

// epilogue C6
fp4gpu.kernel @k(%d: memref<256x256xf4E2M1FN>, %s: memref<2x1x32x4x4xf8E8M0FNU>, %t: f32) schedule <tile = 128x128x128, stages = 2, warps = 2x2> arguments ["d", "s", "t"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    // expected-error @below {{'fp4gpu.epilogue' op expected 'scales' of type 'memref<2x2x32x4x4xf8E8M0FNU>', got 'memref<2x1x32x4x4xf8E8M0FNU>'}}
    fp4gpu.epilogue %zero -> %d scaled %s[%m, %n] {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : !fp4gpu.acc<128x128>, memref<256x256xf4E2M1FN> scaled memref<2x1x32x4x4xf8E8M0FNU>
  }
}

// -----

// epilogue C6
fp4gpu.kernel @k(%d: memref<256x256xf4E2M1FN>, %s: memref<2x2x32x4x4xf8E8M0FNU>, %t: f32) schedule <tile = 128x128x128, stages = 2, warps = 2x2> arguments ["d", "s", "t"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    // expected-error @below {{'fp4gpu.epilogue' op expected no 'tensor_scale' for #fp4.mxfp4, got one}}
    fp4gpu.epilogue %zero -> %d scaled %s[%m, %n] tensor_scale(%t) {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : !fp4gpu.acc<128x128>, memref<256x256xf4E2M1FN> scaled memref<2x2x32x4x4xf8E8M0FNU>
  }
}

// -----

// epilogue C6
fp4gpu.kernel @k(%d: memref<256x256xf4E2M1FN>, %s: memref<2x2x32x4x4xf8E8M0FNU>, %t: f32) schedule <tile = 128x128x128, stages = 2, warps = 2x2> arguments ["d", "s", "t"] {
  fp4gpu.for_tiles (%m, %n) in [256, 256] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    // expected-error @below {{'fp4gpu.epilogue' op expected a rule that #fp4.mxfp4 can use, got 'absmax'}}
    fp4gpu.epilogue %zero -> %d scaled %s[%m, %n] {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<absmax>} : !fp4gpu.acc<128x128>, memref<256x256xf4E2M1FN> scaled memref<2x2x32x4x4xf8E8M0FNU>
  }
}
