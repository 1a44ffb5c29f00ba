// RUN: fp4-opt %s --convert-fp4-to-linalg --split-input-file --verify-diagnostics

func.func @parameter_is_left(%x: tensor<2x4xf32>) -> tensor<2x3xf32> {
  // expected-error @+1 {{expected the value of "mlp.up.weight" to be loaded; run --fp4-load-parameters first}}
  %w = fp4.parameter "mlp.up.weight" : tensor<3x4xf32>
  %y = fp4.matmul %x, %w : tensor<2x4xf32>, tensor<3x4xf32> -> tensor<2x3xf32>
  return %y : tensor<2x3xf32>
}

// -----

// Only fp4, func, scf and cf operations carry microscaled values.

func.func @unknown_carrier(%q: !fp4.tensor<2x32, #fp4.mxfp4>, %c: i1) -> !fp4.tensor<2x32, #fp4.mxfp4> {
  // expected-error @+1 {{failed to legalize operation 'arith.select'}}
  %r = arith.select %c, %q, %q : !fp4.tensor<2x32, #fp4.mxfp4>
  return %r : !fp4.tensor<2x32, #fp4.mxfp4>
}
