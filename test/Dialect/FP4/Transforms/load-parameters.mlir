// RUN: %python %S/write-safetensors.py %t.safetensors "a.weight:F32:2,2:0,1,2,3" "b:BF16:2,3:1,2,3,4,5,6"
// RUN: fp4-opt %s --fp4-load-parameters=path=%t.safetensors | FileCheck %s

// Both uses of "a.weight" share one resource. The bytes 0000803F are 1.0.

// CHECK-LABEL: func @loads
// CHECK: %[[A:.*]] = arith.constant dense_resource<a.weight> : tensor<2x2xf32>
// CHECK: %[[B:.*]] = arith.constant dense_resource<a.weight> : tensor<2x2xf32>
// CHECK: return %[[A]], %[[B]]
func.func @loads() -> (tensor<2x2xf32>, tensor<2x2xf32>) {
  %a = fp4.parameter "a.weight" : tensor<2x2xf32>
  %b = fp4.parameter "a.weight" : tensor<2x2xf32>
  return %a, %b : tensor<2x2xf32>, tensor<2x2xf32>
}

// The transposition that --convert-linalg-to-fp4 leaves is carried out:
// [[1, 2, 3], [4, 5, 6]] becomes [[1, 4], [2, 5], [3, 6]].

// CHECK-LABEL: func @transposes
// CHECK: %[[T:.*]] = arith.constant dense<{{\[\[}}1.000000e+00, 4.000000e+00], [2.000000e+00, 5.000000e+00], [3.000000e+00, 6.000000e+00]]> : tensor<3x2xbf16>
// CHECK-NEXT: return %[[T]]
func.func @transposes() -> tensor<3x2xbf16> {
  %w = fp4.parameter "b" : tensor<2x3xbf16>
  %e = tensor.empty() : tensor<3x2xbf16>
  %t = linalg.transpose ins(%w : tensor<2x3xbf16>) outs(%e : tensor<3x2xbf16>) permutation = [1, 0]
  return %t : tensor<3x2xbf16>
}

// Does nothing where there is no parameter.

// CHECK-LABEL: func @keeps_constants
// CHECK: arith.constant dense<1.000000e+00> : tensor<2xf32>
func.func @keeps_constants() -> tensor<2xf32> {
  %c = arith.constant dense<1.0> : tensor<2xf32>
  return %c : tensor<2xf32>
}

// CHECK: a.weight: "0x04000000000000000000803F0000004000004040"
