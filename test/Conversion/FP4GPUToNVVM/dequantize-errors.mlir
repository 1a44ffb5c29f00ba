// RUN: fp4-opt %s --split-input-file --verify-diagnostics --convert-fp4gpu-to-nvvm=target=sm_90a

// expected-error @below {{expected a schedule with a tile of 8192 elements in a power of two of 32 to 1024 columns and the depth 1, got #fp4gpu.schedule<tile = 64x64x1, stages = 1, warps = 8x1>}}
fp4gpu.kernel @tile(%x: memref<16x64xf8E4M3FN>, %y: memref<16x64xbf16>)
    schedule <tile = 64x64x1, stages = 1, warps = 8x1> arguments ["x", "y"] {
  fp4gpu.for_tiles (%m, %n) in [16, 64] {
    fp4gpu.dequantize %x[%m, %n] -> %y : memref<16x64xf8E4M3FN> -> memref<16x64xbf16>
  }
}

// -----

fp4gpu.kernel @two(%x: memref<16x64xf8E4M3FN>, %y: memref<16x64xbf16>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1> arguments ["x", "y"] {
  fp4gpu.for_tiles (%m, %n) in [16, 64] {
    fp4gpu.dequantize %x[%m, %n] -> %y : memref<16x64xf8E4M3FN> -> memref<16x64xbf16>
    // expected-error @below {{expected no other operation than the loop over tiles around it}}
    fp4gpu.dequantize %x[%m, %n] -> %y : memref<16x64xf8E4M3FN> -> memref<16x64xbf16>
  }
}

// -----

fp4gpu.kernel @columns(%x: memref<16x64xf8E4M3FN>, %y: memref<16x64xbf16>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1> arguments ["x", "y"] {
  // expected-error @below {{expected the columns of 'out', 64, as second size, got 128}}
  fp4gpu.for_tiles (%m, %n) in [16, 128] {
    fp4gpu.dequantize %x[%m, %n] -> %y : memref<16x64xf8E4M3FN> -> memref<16x64xbf16>
  }
}

// -----

fp4gpu.kernel @other(%x: memref<16x64xf8E4M3FN>, %y: memref<16x64xbf16>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1> arguments ["x", "y"] {
  fp4gpu.for_tiles (%m, %n) in [16, 64] {
    // expected-error @below {{expected no other operation than the loop over tiles around it}}
    fp4gpu.dequantize %x[%m, %n] -> %y : memref<16x64xf8E4M3FN> -> memref<16x64xbf16>
    %c = arith.constant 0 : index
  }
}

// -----

fp4gpu.kernel @indices(%x: memref<16x64xf8E4M3FN>, %y: memref<16x64xbf16>)
    schedule <tile = 128x64x1, stages = 1, warps = 8x1> arguments ["x", "y"] {
  fp4gpu.for_tiles (%m, %n) in [16, 64] {
    // expected-error @below {{expected the indices of the loop over tiles}}
    fp4gpu.dequantize %x[%n, %m] -> %y : memref<16x64xf8E4M3FN> -> memref<16x64xbf16>
  }
}
