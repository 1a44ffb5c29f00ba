// f16 activations: the weight is decoded to f16, by mma.sync and by wgmma, from
// the same bytes as for bf16.
// RUN: rm -rf %t && fp4-compile %s --target=sm_90a --activations=none --rotation=0 -o %t
// RUN: fp4-run %t --check --seed=1 | FileCheck %s
// RUN: fp4-run %t --check --seed=2 --async=random:7 | FileCheck %s
// CHECK: check {{.*}} (matmul_nvfp4_5x72x304_f16_f16) out: ok, 360 elements
// CHECK: check {{.*}} (matmul_mxfp4_5x72x288_f32_f16) out: ok, 360 elements
// CHECK: check {{.*}} (matmul_nvfp4_24x64x304_f16_f16) out: ok, 1536 elements
// CHECK: check {{.*}} (matmul_mxfp4_24x64x288_f32_f16) out: ok, 1536 elements
// CHECK: check {{.*}} (matmul_mxfp4_5x8x64_f32_f16) out: ok, 40 elements
// RUN: grep -c 'wgmma.mma_async.sync.aligned.m64n32k16.f32.f16.f16' %t/kernels.sm_90a.ptx
// RUN: rm -rf %t && fp4-compile %s --target=sm_120a --activations=none --rotation=0 -o %t
// RUN: fp4-run %t --check --seed=3 | FileCheck %s

func.func @main(%x: tensor<5x304xf16>, %y: tensor<5x288xf16>, %z: tensor<24x304xf16>, %u: tensor<24x288xf16>, %t: tensor<5x64xf16>,
                %v: !fp4.tensor<72x304, #fp4.nvfp4>, %w: !fp4.tensor<72x288, #fp4.mxfp4>,
                %p: !fp4.tensor<64x304, #fp4.nvfp4>, %q: !fp4.tensor<64x288, #fp4.mxfp4>)
    -> (tensor<5x72xf16>, tensor<5x72xf32>, tensor<24x64xf16>, tensor<24x64xf32>, tensor<5x8xf32>) {
  %a = fp4.matmul %x, %v : tensor<5x304xf16>, !fp4.tensor<72x304, #fp4.nvfp4> -> tensor<5x72xf16>
  %b = fp4.matmul %y, %w : tensor<5x288xf16>, !fp4.tensor<72x288, #fp4.mxfp4> -> tensor<5x72xf32>
  %c = fp4.matmul %z, %p : tensor<24x304xf16>, !fp4.tensor<64x304, #fp4.nvfp4> -> tensor<24x64xf16>
  %d = fp4.matmul %u, %q : tensor<24x288xf16>, !fp4.tensor<64x288, #fp4.mxfp4> -> tensor<24x64xf32>
  // Scales 23 binades apart, elements of 0.5: the smallest float16.
  %k = fp4.constant <elements = dense<0x71> : tensor<8x32xi8>, scales = dense<[[120, 97], [100, 100], [120, 120], [99, 98], [97, 97], [120, 97], [110, 111], [100, 100]]> : tensor<8x2xi8>> : !fp4.tensor<8x64, #fp4.mxfp4>
  %e = fp4.matmul %t, %k : tensor<5x64xf16>, !fp4.tensor<8x64, #fp4.mxfp4> -> tensor<5x8xf32>
  return %a, %b, %c, %d, %e : tensor<5x72xf16>, tensor<5x72xf32>, tensor<24x64xf16>, tensor<24x64xf32>, tensor<5x8xf32>
}
