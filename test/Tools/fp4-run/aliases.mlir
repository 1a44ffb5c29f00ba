// Results that share memory with each other, with an argument or with a constant,
// and programs that would like to compute in place in a mapped input.
// REQUIRES: numpy
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python -c "import numpy as n; n.save('%t/x.npy', n.array([1, 2, 3, 4], n.float32)); n.save('%t/two.npy', n.array([2, 2, 3, 4], n.float32)); n.save('%t/c.npy', n.arange(4, dtype=n.float32))"
// RUN: cp %t/x.npy %t/before.npy
// RUN: fp4-run %s --entry=aliases --input %t/x.npy --check=%t/two.npy --check=%t/two.npy --check=%t/x.npy --check=%t/c.npy
// RUN: cmp %t/x.npy %t/before.npy
// RUN: %python -c "import numpy as n; x = n.arange(24, dtype=n.float32).reshape(4, 6); n.save('%t/m.npy', x); n.save('%t/columns.npy', n.ascontiguousarray(x[:, 1:5:2])); n.save('%t/t.npy', n.ascontiguousarray(x.T))"
// RUN: fp4-run %s --entry=strided --input %t/m.npy --check=%t/columns.npy --check=%t/t.npy

func.func @aliases(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %c0 = arith.constant 0 : index
  %two = arith.constant 2.0 : f32
  %constant = arith.constant dense<[0.0, 1.0, 2.0, 3.0]> : tensor<4xf32>
  %y = tensor.insert %two into %x[%c0] : tensor<4xf32>
  return %y, %y, %x, %constant : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// A copy between different strides.
func.func @strided(%x: tensor<4x6xf32>) -> (tensor<4x2xf32>, tensor<6x4xf32>) {
  %columns = tensor.extract_slice %x[0, 1] [4, 2] [1, 2] : tensor<4x6xf32> to tensor<4x2xf32>
  %empty = tensor.empty() : tensor<6x4xf32>
  %t = linalg.transpose ins(%x : tensor<4x6xf32>) outs(%empty : tensor<6x4xf32>) permutation = [1, 0]
  return %columns, %t : tensor<4x2xf32>, tensor<6x4xf32>
}
