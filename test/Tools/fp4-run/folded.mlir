// 8-bit products by wgmma, checked within the bound of its sums: the scales are
// folded into the weight. With scales that do not fold, the same through bf16.
// RUN: rm -rf %t && mkdir %t && split-file %s %t
// RUN: fp4-compile %t/input.mlir --target=sm_90a -o %t/input
// RUN: fp4-run %t/input --check --seed=1 | FileCheck %s --check-prefix=INPUT
// RUN: fp4-run %t/input --check --seed=6 --async=early | FileCheck %s --check-prefix=INPUT
// INPUT: check {{.*}} (matmul_mxfp4_24x64x288_f32_bias_f32_e4m3) out: ok, 1536 elements
// RUN: fp4-compile %t/constant.mlir --target=sm_90a -o %t/constant --remarks=fp4gpu 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: fp4-run %t/constant --check --seed=2 | FileCheck %s --check-prefix=CONSTANT
// REMARK: multiplied as bf16, not as f8E4M3FN: scales in a row of the weight are more than 11 binades apart, or NaN
// CONSTANT: check {{.*}} (dequantize_f8E4M3FN_9x64) out: ok, 576 elements
// CONSTANT: check {{.*}} (matmul_mxfp4_9x8x64_f32_e4m3) out: ok, 72 elements
// CONSTANT: check {{.*}} (matmul_mxfp4_9x8x64_f32_bf16) out: ok, 72 elements

// A factor that is not what the kernel used is found.
// RUN: sed -i 's/"rhs_layout": "folded"/"rhs_layout": "fragments"/' %t/input/manifest.json
// RUN: not fp4-run %t/input --check 2>&1 | FileCheck %s --check-prefix=LAYOUT
// RUN: sed -i 's/"rhs_layout": "fragments"/"rhs_layout": "tiles"/' %t/input/manifest.json
// RUN: not fp4-run %t/input --check 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// LAYOUT: expected fragments of 64 rows and 288 columns in units of 2176 bytes, got [1, 3, 4352]
// UNKNOWN: expected meaning.rhs_layout to be fragments or folded, got 'tiles'

//--- input.mlir
func.func @main(%x: tensor<24x288xf8E4M3FN>, %w: !fp4.tensor<64x288, #fp4.mxfp4>, %b: tensor<64xf32>) -> tensor<24x64xf32> {
  %y = fp4.matmul %x, %w bias(%b : tensor<64xf32>) : tensor<24x288xf8E4M3FN>, !fp4.tensor<64x288, #fp4.mxfp4> -> tensor<24x64xf32>
  return %y : tensor<24x64xf32>
}

//--- constant.mlir
func.func @main(%x: tensor<9x64xf8E4M3FN>) -> (tensor<9x8xf32>, tensor<9x8xf32>) {
  %v = fp4.constant <elements = dense<0x53> : tensor<8x32xi8>, scales = dense<[[120, 131], [100, 100], [90, 91], [100, 100], [127, 126], [100, 100], [100, 100], [100, 100]]> : tensor<8x2xi8>> : !fp4.tensor<8x64, #fp4.mxfp4>
  %w = fp4.constant <elements = dense<0x53> : tensor<8x32xi8>, scales = dense<[[120, 132], [100, 100], [100, 100], [100, 100], [100, 100], [100, 100], [100, 100], [100, 100]]> : tensor<8x2xi8>> : !fp4.tensor<8x64, #fp4.mxfp4>
  %y = fp4.matmul %x, %v : tensor<9x64xf8E4M3FN>, !fp4.tensor<8x64, #fp4.mxfp4> -> tensor<9x8xf32>
  %z = fp4.matmul %x, %w : tensor<9x64xf8E4M3FN>, !fp4.tensor<8x64, #fp4.mxfp4> -> tensor<9x8xf32>
  return %y, %z : tensor<9x8xf32>, tensor<9x8xf32>
}
