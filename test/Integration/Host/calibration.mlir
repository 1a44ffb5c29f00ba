// The statistics that fp4-run collects: X^T X / rows of each layer's input, for a
// layer behind a nonlinearity too, with a rotation left out, over several chunks
// of rows (2500 rows, 1024 a run).
// REQUIRES: numpy
// RUN: %python %reference/check_calibration.py %s %t

func.func private @square(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %y = arith.mulf %x, %x : tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

func.func @main(%x: tensor<?x4xf32>, %offset: tensor<1x4xf32>) -> tensor<?x2xf32> {
  %w1 = arith.constant dense<[[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0],
                              [0.0, 0.0, 3.0, 1.0], [0.0, 0.0, 0.0, 4.0]]> : tensor<4x4xf32>
  %w2 = arith.constant dense<0.5> : tensor<2x4xbf16>
  %rotated = fp4.hadamard %x block 4 : tensor<?x4xf32>
  %h = fp4.matmul %rotated, %w1 {fp4.layer = "first"} : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %also = fp4.matmul %x, %w1 {fp4.layer = "same.input"} : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %sum = arith.addf %h, %also : tensor<?x4xf32>
  %s = call @square(%sum) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %y = fp4.matmul %s, %w2 : tensor<?x4xf32>, tensor<2x4xbf16> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
