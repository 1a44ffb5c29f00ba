// A loop carries a tensor that every iteration computes anew: three doublings are eight times the input, and none leave it alone.
// REQUIRES: numpy
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python -c "import numpy as n; x = n.ones((4, 32), n.float32); n.save('%t/x.npy', x); n.save('%t/y.npy', 8 * x); n.save('%t/w.npy', 2 * n.eye(32, dtype=n.float32)); n.save('%t/3.npy', n.int32(3)); n.save('%t/0.npy', n.int32(0))"
// RUN: fp4-run %s --input %t/x.npy --input %t/w.npy --input %t/3.npy --check=%t/y.npy
// RUN: fp4-run %s --input %t/x.npy --input %t/w.npy --input %t/0.npy --check=%t/x.npy

// Ones and twos are exact in E2M1, and so is twice the identity.
func.func @main(%x: tensor<4x32xf32>, %w: tensor<32x32xf32>, %count: tensor<i32>) -> tensor<4x32xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.extract %count[] : tensor<i32>
  %end = arith.index_cast %n : i32 to index
  %weight = fp4.quantize %w : tensor<32x32xf32> -> !fp4.tensor<32x32, #fp4.mxfp4>
  %r = scf.for %i = %c0 to %end step %c1 iter_args(%z = %x) -> (tensor<4x32xf32>) {
    %q = fp4.quantize %z : tensor<4x32xf32> -> !fp4.tensor<4x32, #fp4.mxfp4>
    %y = fp4.matmul %q, %weight : !fp4.tensor<4x32, #fp4.mxfp4>, !fp4.tensor<32x32, #fp4.mxfp4> -> tensor<4x32xf32>
    scf.yield %y : tensor<4x32xf32>
  }
  return %r : tensor<4x32xf32>
}
