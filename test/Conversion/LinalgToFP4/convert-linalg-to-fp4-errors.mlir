// RUN: fp4-opt %s --convert-linalg-to-fp4=require-constant --split-input-file --verify-diagnostics

func.func @weight_is_an_argument(%x: tensor<4x2xf32>, %w: tensor<2x3xf32>, %init: tensor<4x3xf32>) -> tensor<4x3xf32> {
  // expected-error @+1 {{weight is not a constant}}
  %y = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x3xf32>) outs(%init : tensor<4x3xf32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// -----

// The resource has no bytes, and the weight would have to be transposed.

func.func @weight_is_not_there(%x: tensor<4x2xf32>, %init: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %w = arith.constant dense_resource<missing> : tensor<2x3xf32>
  // expected-error @+1 {{cannot read the weight's resource}}
  %y = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x3xf32>) outs(%init : tensor<4x3xf32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}
