// RUN: fp4-opt %s --fp4-prepack-weights=target=sm_90a --convert-fp4-to-fp4gpu=target=sm_90a | FileCheck %s

// Two products of one input, joined at compile time: their rows alternate in one
// array, and each has its factor, 256 times its tensor scale.

// CHECK-LABEL: func.func @gated
// CHECK-DAG: %[[W:.*]] = arith.constant dense_resource<{{.*}}> : tensor<1x2x2304xi8>
// CHECK-DAG: %[[F:.*]] = arith.constant dense<1.280000e+02> : tensor<f32>
// CHECK-DAG: %[[G:.*]] = arith.constant dense<6.400000e+01> : tensor<f32>
// CHECK: fp4gpu.launch @matmul_nvfp4_4x8x64_f32_with_silu_f16_gated_mulf(%arg0, %[[W]], %[[F]], %[[G]])
func.func @gated(%x: tensor<4x64xf16>) -> tensor<4x8xf32> {
  %v = fp4.constant <elements = dense<33> : tensor<8x32xi8>, scales = dense<56> : tensor<8x4xi8>, tensor_scale = 0.5 : f32> : !fp4.tensor<8x64, #fp4.nvfp4>
  %w = fp4.constant <elements = dense<18> : tensor<8x32xi8>, scales = dense<56> : tensor<8x4xi8>, tensor_scale = 0.25 : f32> : !fp4.tensor<8x64, #fp4.nvfp4>
  %u = fp4.matmul %x, %v : tensor<4x64xf16>, !fp4.tensor<8x64, #fp4.nvfp4> -> tensor<4x8xf32>
  %g = fp4.matmul %x, %w {activation = #fp4.activation<silu>} : tensor<4x64xf16>, !fp4.tensor<8x64, #fp4.nvfp4> -> tensor<4x8xf32>
  %y = arith.mulf %g, %u : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// CHECK: fp4gpu.kernel @matmul_nvfp4_4x8x64_f32_with_silu_f16_gated_mulf(%lhs: memref<4x64xf16>, %rhs: memref<1x2x2304xi8>, %rhs_factor: memref<f32>, %second_factor: memref<f32>, %out: memref<4x8xf32>)
// CHECK: fp4gpu.for_tiles (%{{.*}}, %{{.*}}) in [4, 16]
// CHECK: fp4gpu.epilogue %{{.*}} gated -> %out
