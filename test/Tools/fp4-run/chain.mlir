// Two matmuls, the first of which quantizes its result for the second one: two
// launches, checked by their meaning on the emulator.
// RUN: rm -rf %t && mkdir %t
// RUN: fp4-compile %s --algorithm=rtn -o %t/chain.fp4
// RUN: fp4-run %t/chain.fp4 --check --size rows=40 | FileCheck %s
// CHECK: check {{.*}} (matmul_nvfp4_m256x96x128_bf16_relu_to_mxfp4_even) elements: ok
// CHECK: check {{.*}} (matmul_nvfp4_m256x96x128_bf16_relu_to_mxfp4_even) scales: ok
// CHECK: check {{.*}} (matmul_mxfp4_m256x16x96_f32) out: ok, 640 elements

func.func @chain(%x: !fp4.tensor<?x128, #fp4.nvfp4>) -> tensor<?x16xf32> {
  %w = fp4.constant <elements = dense<33> : tensor<96x64xi8>, scales = dense<60> : tensor<96x8xi8>, tensor_scale = 0.5 : f32> : !fp4.tensor<96x128, #fp4.nvfp4>
  %v = fp4.constant <elements = dense<122> : tensor<16x48xi8>, scales = dense<120> : tensor<16x3xi8>> : !fp4.tensor<16x96, #fp4.mxfp4>
  %y = fp4.matmul %x, %w {activation = #fp4.activation<relu>} : !fp4.tensor<?x128, #fp4.nvfp4>, !fp4.tensor<96x128, #fp4.nvfp4> -> tensor<?x96xbf16>
  %q = fp4.quantize %y {scale_rule = #fp4.scale_rule<even>} : tensor<?x96xbf16> -> !fp4.tensor<?x96, #fp4.mxfp4>
  %z = fp4.matmul %q, %v : !fp4.tensor<?x96, #fp4.mxfp4>, !fp4.tensor<16x96, #fp4.mxfp4> -> tensor<?x16xf32>
  return %z : tensor<?x16xf32>
}
