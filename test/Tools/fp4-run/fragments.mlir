// A weight in the order of fragments is drawn with scales that the order allows: seeds 1 and 6 once drew exponents that are too far
// apart, where the kernel need not be exact.
// RUN: rm -rf %t && fp4-compile %s --target=sm_90a -o %t
// RUN: fp4-run %t --check --seed=1 | FileCheck %s
// RUN: fp4-run %t --check --seed=6 | FileCheck %s
// RUN: sed 's/mxfp4/nvfp4/g; s/f32/bf16/g' %s | fp4-compile - --target=sm_90a -o %t
// RUN: fp4-run %t --check --seed=1 | FileCheck %s

// CHECK: check launch0 {{.*}} out: ok, 512 elements

func.func @main(%x: tensor<4x256xbf16>, %w: !fp4.tensor<128x256, #fp4.mxfp4>) -> tensor<4x128xf32> {
  %y = fp4.matmul %x, %w : tensor<4x256xbf16>, !fp4.tensor<128x256, #fp4.mxfp4> -> tensor<4x128xf32>
  return %y : tensor<4x128xf32>
}
