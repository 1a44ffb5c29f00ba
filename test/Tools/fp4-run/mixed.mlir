// MXFP8 activations by an MXFP4 weight, and MXFP6 of both kinds, checked by the
// meaning of their kernels.
// RUN: rm -rf %t && mkdir %t
// RUN: fp4-compile %s --algorithm=rtn -o %t/mixed.fp4
// RUN: fp4-run %t/mixed.fp4 --check --seed=3 | FileCheck %s
// CHECK: check {{.*}} (matmul_mxfp8e4m3_mxfp4_5x24x256_f32) out: ok, 120 elements
// CHECK: check {{.*}} (matmul_mxfp6e3m2_mxfp6e2m3_5x16x128_f32) out: ok, 80 elements

func.func @main(%x: !fp4.tensor<5x256, #fp4.mxfp8e4m3>, %z: !fp4.tensor<5x128, #fp4.mxfp6e3m2>) -> (tensor<5x24xf32>, tensor<5x16xf32>) {
  %w = fp4.constant <elements = dense<115> : tensor<24x128xi8>, scales = dense<126> : tensor<24x8xi8>> : !fp4.tensor<24x256, #fp4.mxfp4>
  %v = fp4.constant <elements = dense<93> : tensor<16x96xi8>, scales = dense<128> : tensor<16x4xi8>> : !fp4.tensor<16x128, #fp4.mxfp6e2m3>
  %a = fp4.matmul %x, %w : !fp4.tensor<5x256, #fp4.mxfp8e4m3>, !fp4.tensor<24x256, #fp4.mxfp4> -> tensor<5x24xf32>
  %b = fp4.matmul %z, %v : !fp4.tensor<5x128, #fp4.mxfp6e3m2>, !fp4.tensor<16x128, #fp4.mxfp6e2m3> -> tensor<5x16xf32>
  return %a, %b : tensor<5x24xf32>, tensor<5x16xf32>
}
