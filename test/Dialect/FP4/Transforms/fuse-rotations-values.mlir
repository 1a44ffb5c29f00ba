// Rotations change no result: two transformer-like blocks on a residual stream,
// run as they are and after insertion and fusion. Float32 differences stay
// below 1e-5: about ten roundings of 2^-24 each, on sums of some hundred terms.

// RUN: %python %S/write-safetensors.py %t.safetensors "embed:F32:32,8:.7,-.4,.1,.9,-1.1,.3,-.2" "up0:BF16:64,32:.5,-.25,1,-.75,.125,0,-1,.375,.875,-.5,.25" "down0:BF16:32,64:-.5,.75,.25,-.125,1,0,-.875,.625,.5" "up1:BF16:64,32:.25,1,-.5,.125,-.75,.5,-.25" "down1:BF16:32,64:1,-.5,.25,.75,-.125,-1,.5,0,.375,-.25,.125" "head:BF16:16,32:.5,1,-.25,-.5,.75" "bias:F32:32:.1,-.3,.2" "g0:F32:32:.5,1.5,2,-1,.75" "g1:F32:32:1,.25,3" "x:F32:4,8:1,-2,.5,3,-.25,.75,2,-1,1.5"
// RUN: fp4-opt %s --fp4-load-parameters=path=%t.safetensors -o %t.plain.mlir
// RUN: fp4-opt %t.plain.mlir --fp4-insert-rotations=block=16 --fp4-fuse-rotations -o %t.fused.mlir
// RUN: FileCheck %s < %t.fused.mlir
// RUN: fp4-run %t.plain.mlir --input %t.safetensors:x --output %t.npy
// RUN: fp4-run %t.fused.mlir --input %t.safetensors:x --check=%t.npy --tolerance=1e-5
// RUN: not fp4-run %t.plain.mlir --entry=other --input %t.safetensors:x --check=%t.npy --tolerance=1e-5

// Before the second layer of each block a rotation stays, behind the
// activation; the stream itself is rotated from the embedding to the head.
// CHECK-LABEL: func @main
// CHECK-COUNT-2: fp4.hadamard
// CHECK-NOT: fp4.hadamard
// CHECK-LABEL: func @other

#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
#n = affine_map<(m, n) -> (n)>

func.func @main(%x: tensor<4x8xf32>) -> tensor<4x16xf32> {
  %embed = fp4.parameter "embed" : tensor<32x8xf32>
  %up0 = fp4.parameter "up0" : tensor<64x32xbf16>
  %down0 = fp4.parameter "down0" : tensor<32x64xbf16>
  %up1 = fp4.parameter "up1" : tensor<64x32xbf16>
  %down1 = fp4.parameter "down1" : tensor<32x64xbf16>
  %head = fp4.parameter "head" : tensor<16x32xbf16>
  %bias = fp4.parameter "bias" : tensor<32xf32>
  %g0 = fp4.parameter "g0" : tensor<32xf32>
  %g1 = fp4.parameter "g1" : tensor<32xf32>
  %zero = arith.constant dense<0.0> : tensor<4xf32>
  %scale = arith.constant 0.03125 : f32
  %eps = arith.constant 1.0e-5 : f32
  %e = tensor.empty() : tensor<4x32xf32>

  %s0 = fp4.matmul %x, %embed bias(%bias : tensor<32xf32>) : tensor<4x8xf32>, tensor<32x8xf32> -> tensor<4x32xf32>
  %q0 = linalg.generic {indexing_maps = [#mn, #m], iterator_types = ["parallel", "reduction"]}
      ins(%s0 : tensor<4x32xf32>) outs(%zero : tensor<4xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.mulf %a, %a : f32
      %1 = arith.addf %o, %0 : f32
      linalg.yield %1 : f32
  } -> tensor<4xf32>
  %n0 = linalg.generic {indexing_maps = [#mn, #m, #n, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%s0, %q0, %g0 : tensor<4x32xf32>, tensor<4xf32>, tensor<32xf32>) outs(%e : tensor<4x32xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32, %o: f32):
      %0 = arith.mulf %b, %scale : f32
      %1 = arith.addf %0, %eps : f32
      %2 = math.sqrt %1 : f32
      %3 = arith.divf %a, %2 : f32
      %4 = arith.mulf %3, %c : f32
      linalg.yield %4 : f32
  } -> tensor<4x32xf32>
  %u0 = fp4.matmul %n0, %up0 {activation = #fp4.activation<silu>} : tensor<4x32xf32>, tensor<64x32xbf16> -> tensor<4x64xf32>
  %d0 = fp4.matmul %u0, %down0 : tensor<4x64xf32>, tensor<32x64xbf16> -> tensor<4x32xf32>
  %s1 = linalg.add ins(%s0, %d0 : tensor<4x32xf32>, tensor<4x32xf32>) outs(%e : tensor<4x32xf32>) -> tensor<4x32xf32>

  %q1 = linalg.generic {indexing_maps = [#mn, #m], iterator_types = ["parallel", "reduction"]}
      ins(%s1 : tensor<4x32xf32>) outs(%zero : tensor<4xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.mulf %a, %a : f32
      %1 = arith.addf %o, %0 : f32
      linalg.yield %1 : f32
  } -> tensor<4xf32>
  %n1 = linalg.generic {indexing_maps = [#mn, #m, #n, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%s1, %q1, %g1 : tensor<4x32xf32>, tensor<4xf32>, tensor<32xf32>) outs(%e : tensor<4x32xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32, %o: f32):
      %0 = arith.mulf %b, %scale : f32
      %1 = arith.addf %0, %eps : f32
      %2 = math.sqrt %1 : f32
      %3 = arith.divf %a, %2 : f32
      %4 = arith.mulf %3, %c : f32
      linalg.yield %4 : f32
  } -> tensor<4x32xf32>
  %u1 = fp4.matmul %n1, %up1 {activation = #fp4.activation<silu>} : tensor<4x32xf32>, tensor<64x32xbf16> -> tensor<4x64xf32>
  %d1 = fp4.matmul %u1, %down1 : tensor<4x64xf32>, tensor<32x64xbf16> -> tensor<4x32xf32>
  %s2 = linalg.add ins(%s1, %d1 : tensor<4x32xf32>, tensor<4x32xf32>) outs(%e : tensor<4x32xf32>) -> tensor<4x32xf32>
  %y = fp4.matmul %s2, %head : tensor<4x32xf32>, tensor<16x32xbf16> -> tensor<4x16xf32>
  return %y : tensor<4x16xf32>
}

// Another function of the same arguments, to show that the check can fail.

func.func @other(%x: tensor<4x8xf32>) -> tensor<4x16xf32> {
  %embed = fp4.parameter "embed" : tensor<32x8xf32>
  %head = fp4.parameter "head" : tensor<16x32xbf16>
  %s = fp4.matmul %x, %embed : tensor<4x8xf32>, tensor<32x8xf32> -> tensor<4x32xf32>
  %y = fp4.matmul %s, %head : tensor<4x32xf32>, tensor<16x32xbf16> -> tensor<4x16xf32>
  return %y : tensor<4x16xf32>
}
