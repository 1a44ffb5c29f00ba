// What fp4-run does when all is well: arguments by name, by number and in order,
// scalars, several results, comparison, packed 4-bit inputs.
// REQUIRES: numpy
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python -c "import numpy as n; n.save('%t/x.npy', n.array([[1, 2], [3, 4], [5, 6]], n.float32)); n.save('%t/s.npy', n.float32(10)); n.save('%t/y.npy', n.array([[11, 12], [13, 14], [15, 16]], n.float32)); n.save('%t/near.npy', n.array([[11, 12], [13, 14], [15, 16.5]], n.float32))"

// RUN: fp4-run %s --input x=%t/x.npy --input s=%t/s.npy --check=%t/y.npy --time | FileCheck %s --check-prefix=NAMES
// NAMES: result 0: F32 [3, 2]
// NAMES-NEXT: result 1: F32 []
// NAMES-NEXT: compile: {{[0-9.]+}} ms, run: {{[0-9.]+}} ms
// NAMES-NEXT: check 0: ok, relative error 0, largest difference 0, 0 of 6 differ
// RUN: fp4-run %s --input s=%t/s.npy --input %t/x.npy --check=%t/y.npy --check=%t/s.npy
// RUN: fp4-run %s --input 1=%t/s.npy --input 0=%t/x.npy --output %t/out.npy --check=%t/y.npy
// RUN: cmp %t/out.npy %t/y.npy

// A difference makes the exit status 1, unless it is within the tolerance:
// 0.5 / |y| = 0.5 / 33.5 = 0.0149.
// RUN: not fp4-run %s --input %t/x.npy --input %t/s.npy --check=%t/near.npy 2>&1 | FileCheck %s --check-prefix=FAR
// FAR: check 0: FAILED, relative error 0.0149, largest difference 0.5, 1 of 6 differ
// FAR: fp4-run: error: a result differs from its reference
// RUN: fp4-run %s --input %t/x.npy --input %t/s.npy --check=%t/near.npy --tolerance=0.02

func.func @main(%x: tensor<?x2xf32>, %s: f32) -> (tensor<?x2xf32>, f32) {
  %c0 = arith.constant 0 : index
  %rows = tensor.dim %x, %c0 : tensor<?x2xf32>
  %all = tensor.splat %s[%rows] : tensor<?x2xf32>
  %y = arith.addf %x, %all : tensor<?x2xf32>
  return %y, %s : tensor<?x2xf32>, f32
}
