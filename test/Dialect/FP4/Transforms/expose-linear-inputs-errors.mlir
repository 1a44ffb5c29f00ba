// RUN: fp4-opt %s --fp4-expose-linear-inputs=entry=main --split-input-file --verify-diagnostics

// expected-error @+1 {{expected a function with a body called 'main'}}
module {
  func.func private @main(%x: tensor<2x2xf32>)
}

// -----

// expected-error @+1 {{expected fp4.matmul operations with a float weight, got none; run --convert-linalg-to-fp4 first}}
func.func @main(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  return %x : tensor<2x2xf32>
}

// -----

func.func @main(%x: tensor<2x2xf32>, %c: i1) -> tensor<2x2xf32> {
  %y = scf.if %c -> tensor<2x2xf32> {
    // expected-error @+1 {{expected to be directly in 'main' to have its input exposed, got it inside 'scf.if'}}
    %z = fp4.matmul %x, %x : tensor<2x2xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
    scf.yield %z : tensor<2x2xf32>
  } else {
    scf.yield %x : tensor<2x2xf32>
  }
  return %y : tensor<2x2xf32>
}

// -----

// expected-error @+1 {{expected no calls, since the results of the function change}}
func.func @main(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %y = fp4.matmul %x, %x : tensor<2x2xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}
func.func @caller(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %y = call @main(%x) : (tensor<2x2xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----

// expected-error @+1 {{expected one block, got 2}}
func.func @main(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %y = fp4.matmul %x, %x : tensor<2x2xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
  cf.br ^end
^end:
  return %y : tensor<2x2xf32>
}
