// A weight of more than 4 MB as float32 goes through rtn in several pieces. With
// a Hessian it goes in one; the bits are the same. The 17 values repeat, so that
// no two pieces begin alike.

// RUN: %python %S/write-safetensors.py %t.safetensors "w:BF16:70000,64:.5,-.25,1,-.75,.125,0,-1,.375,.875,-.5,.25,3,-2.5,.0625,7,-1.5,.3" "h:F32:64,64:diag=1"
// RUN: fp4-opt %s --fp4-load-parameters=path=%t.safetensors --fp4-insert-rotations=block=16 --fp4-quantize-weights=algorithm=rtn > %t.pieces.mlir
// RUN: fp4-opt %s --fp4-load-parameters=path=%t.safetensors --fp4-insert-rotations=block=16 --fp4-quantize-weights="algorithm=rtn hessians=%t.safetensors" > %t.whole.mlir
// RUN: cmp %t.pieces.mlir %t.whole.mlir

func.func @large(%x: tensor<1x64xf32>) -> tensor<1x70000xf32> {
  %w = fp4.parameter "w" : tensor<70000x64xbf16>
  %y = fp4.matmul %x, %w {fp4.layer = "h"} : tensor<1x64xf32>, tensor<70000x64xbf16> -> tensor<1x70000xf32>
  return %y : tensor<1x70000xf32>
}
