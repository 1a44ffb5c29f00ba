// Folding (Numerics, at compile time) and running (compiled arithmetic) give the
// same bits. The first command runs the program as it is, the second after
// everything is folded.
// REQUIRES: numpy
// RUN: rm -rf %t && mkdir -p %t
// RUN: fp4-run %s --output %t/0.npy --output %t/1.npy --output %t/2.npy --output %t/3.npy --output %t/4.npy --output %t/5.npy --output %t/6.npy
// RUN: fp4-opt %s --canonicalize -o %t/folded.mlir
// RUN: FileCheck %s < %t/folded.mlir
// RUN: fp4-run %t/folded.mlir --check=%t/0.npy --check=%t/1.npy --check=%t/2.npy --check=%t/3.npy --check=%t/4.npy --check=%t/5.npy --check=%t/6.npy

// CHECK-NOT: fp4.quantize
// CHECK-NOT: fp4.dequantize
// CHECK-NOT: fp4.hadamard

func.func @main() -> (tensor<2x16xf32>, tensor<2x16xf32>, tensor<2x16xf32>, tensor<2x16xf32>,
                      tensor<2x16xf32>, tensor<2x16xbf16>, tensor<2x16xf32>) {
  // Row 0 has an infinity, row 1 ties and subnormals of NVFP4.
  %x = arith.constant dense<[
      [0x7F800000, 1.0, -2.0, 3.5, 0.25, 0.0, -0.0, 100.0, 1.0e30, 5.0, 2.5, 1.25, 0.75, 1.75, -7.0, 6.0],
      [6.0, 5.0, 3.5, 2.5, 1.75, 1.25, 0.75, 0.25, -6.0, -5.0, -3.5, 0.1, 1.0e-3, -0.25, 1.0e-30, 0.0]]> : tensor<2x16xf32>
  %y = arith.constant dense<[
      [0.5, 1.0, -2.0, 3.5, 0.25, 0.0, -0.0, 100.0, 33.0, 5.0, 2.5, 1.25, 0.75, 1.75, -7.0, 6.0],
      [6.0, 5.0, 3.5, 2.5, 1.75, 1.25, 0.75, 0.25, -6.0, -5.0, -3.5, 0.1, 1.0e-3, -0.25, 1.0e-30, 0.0]]> : tensor<2x16xf32>

  // The infinity counts as the largest float for the tensor scale too.
  %q0 = fp4.quantize %x {nan_policy = #fp4.nan_policy<saturate_inf>} : tensor<2x16xf32> -> !fp4.tensor<2x16, #fp4.nvfp4>
  %d0 = fp4.dequantize %q0 : !fp4.tensor<2x16, #fp4.nvfp4> -> tensor<2x16xf32>
  %q1 = fp4.quantize %x : tensor<2x16xf32> -> !fp4.tensor<2x16, #fp4.nvfp4>
  %d1 = fp4.dequantize %q1 : !fp4.tensor<2x16, #fp4.nvfp4> -> tensor<2x16xf32>
  %q2 = fp4.quantize %y {scale_rule = #fp4.scale_rule<four_over_six>} : tensor<2x16xf32> -> !fp4.tensor<2x16, #fp4.nvfp4>
  %d2 = fp4.dequantize %q2 : !fp4.tensor<2x16, #fp4.nvfp4> -> tensor<2x16xf32>
  %t = arith.constant 0.0375 : f32
  %q3 = fp4.quantize %y tensor_scale(%t) {scale_rule = #fp4.scale_rule<search>} : tensor<2x16xf32> -> !fp4.tensor<2x16, #fp4.nvfp4>
  %d3 = fp4.dequantize %q3 : !fp4.tensor<2x16, #fp4.nvfp4> -> tensor<2x16xf32>
  %h = fp4.hadamard %y block 8 signs [1, -1, 1, 1, -1, -1, 1, 1] : tensor<2x16xf32>
  %q5 = fp4.quantize %h {scale_rule = #fp4.scale_rule<even>} : tensor<2x16xf32> -> !fp4.tensor<2x16, #fp4.format<element = f6E2M3FN, scale = f8E8M0FNU, block = 8>>
  %d5 = fp4.dequantize %q5 : !fp4.tensor<2x16, #fp4.format<element = f6E2M3FN, scale = f8E8M0FNU, block = 8>> -> tensor<2x16xbf16>
  %elements, %scales, %scale = fp4.unpack %q2 : !fp4.tensor<2x16, #fp4.nvfp4> -> tensor<2x16xf4E2M1FN>, tensor<2x1xf8E4M3FN>, f32
  %q6 = fp4.pack %elements, %scales tensor_scale(%scale) : tensor<2x16xf4E2M1FN>, tensor<2x1xf8E4M3FN> -> !fp4.tensor<2x16, #fp4.nvfp4>
  %d6 = fp4.dequantize %q6 : !fp4.tensor<2x16, #fp4.nvfp4> -> tensor<2x16xf32>
  return %d0, %d1, %d2, %d3, %h, %d5, %d6 : tensor<2x16xf32>, tensor<2x16xf32>, tensor<2x16xf32>, tensor<2x16xf32>, tensor<2x16xf32>, tensor<2x16xbf16>, tensor<2x16xf32>
}
