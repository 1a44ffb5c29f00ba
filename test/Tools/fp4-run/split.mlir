// Four blocks compute a tile and wait for one another: as many have to run, also
// where the emulator has fewer processors.
// RUN: rm -rf %t && fp4-compile %s --target=sm_90a --activations=none --rotation=0 -o %t
// RUN: grep 'red.release.gpu.global.add' %t/kernels.sm_90a.ptx
// RUN: fp4-run %t --check --seed=1 | FileCheck %s
// CHECK: check launch0 (matmul_nvfp4_40x64x2048_f32_bf16) out: ok, 2560 elements
func.func @main(%x: tensor<40x2048xbf16>, %w: !fp4.tensor<64x2048, #fp4.nvfp4>) -> tensor<40x64xf32> {
  %y = fp4.matmul %x, %w : tensor<40x2048xbf16>, !fp4.tensor<64x2048, #fp4.nvfp4> -> tensor<40x64xf32>
  return %y : tensor<40x64xf32>
}
