// RUN: split-file %s %t
// RUN: not fp4-opt %t/empty.mlir --fp4-quantize-activations=format=fp3 2>&1 | FileCheck %s --check-prefix=FORMAT
// RUN: not fp4-opt %t/empty.mlir --fp4-quantize-activations=scale-rule=best 2>&1 | FileCheck %s --check-prefix=RULE
// RUN: not fp4-opt %t/empty.mlir --fp4-quantize-activations=scale-rule=floor 2>&1 | FileCheck %s --check-prefix=ILLEGAL
// RUN: not fp4-opt %t/empty.mlir --fp4-quantize-activations=layers=[a 2>&1 | FileCheck %s --check-prefix=REGEX
// RUN: fp4-opt %t/block.mlir --fp4-quantize-activations=format=mxfp4 --verify-diagnostics
// RUN: fp4-opt %t/dynamic.mlir --fp4-quantize-activations=format=mxfp4 --verify-diagnostics

// FORMAT: error: unknown format 'fp3'; known formats are nvfp4, mxfp4, mxfp6e2m3, mxfp6e3m2, mxfp8e4m3, mxfp8e5m2, mxint8
// RULE: error: expected 'scale-rule' to be one of floor, rceil, even, absmax, four_over_six, search, got 'best'
// ILLEGAL: error: expected a 'scale-rule' that #fp4.nvfp4 can use, got 'floor'
// REGEX: error: expected 'layers' to be a regular expression, got '[a': brackets ([ ]) not balanced

//--- empty.mlir
module {
}

//--- block.mlir
func.func @k_is_not_a_multiple(%x: tensor<4x48xf32>) -> tensor<4x8xf32> {
  %w = fp4.parameter "w" : tensor<8x48xf32>
  // expected-error @+1 {{layer 'l0': expected K to be a multiple of the block 32 of #fp4.mxfp4, got 48}}
  %y = fp4.matmul %x, %w {fp4.layer = "l0"} : tensor<4x48xf32>, tensor<8x48xf32> -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

//--- dynamic.mlir
func.func @k_is_dynamic(%x: tensor<4x?xf32>) -> tensor<4x8xf32> {
  %w = fp4.parameter "w" : tensor<8x64xf32>
  // expected-error @+1 {{layer: expected 'lhs' with a static K, got 'tensor<4x?xf32>'}}
  %y = fp4.matmul %x, %w : tensor<4x?xf32>, tensor<8x64xf32> -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
