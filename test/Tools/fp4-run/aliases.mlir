// Results that share memory with each other, with an argument or with a constant,
// and programs that would like to compute in place in a mapped input.
// REQUIRES: numpy
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python -c "import numpy as n; n.save('%t/x.npy', n.array([1, 2, 3, 4], n.float32)); n.save('%t/two.npy', n.array([2, 2, 3, 4], n.float32)); n.save('%t/c.npy', n.arange(4, dtype=n.float32))"
// RUN: cp %t/x.npy %t/before.npy
// RUN: fp4-run %s --input %t/x.npy --check %t/two.npy --check %t/two.npy --check %t/x.npy --check %t/c.npy
// RUN: cmp %t/x.npy %t/before.npy

func.func @main(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %c0 = arith.constant 0 : index
  %two = arith.constant 2.0 : f32
  %constant = arith.constant dense<[0.0, 1.0, 2.0, 3.0]> : tensor<4xf32>
  %y = tensor.insert %two into %x[%c0] : tensor<4xf32>
  return %y, %y, %x, %constant : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}
