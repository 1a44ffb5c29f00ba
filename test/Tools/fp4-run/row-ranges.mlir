// One artifact of a matmul whose rows only the launch knows: which kernel runs
// for numbers on both sides of every limit, and that its results are right.
// RUN: rm -rf %t && mkdir %t
// RUN: fp4-compile %s --algorithm=rtn --target=sm_120a -o %t/blackwell.fp4
// RUN: FileCheck %s --check-prefix=MANIFEST --input-file=%t/blackwell.fp4/manifest.json
// MANIFEST: "kernel": "matmul_nvfp4_mx96x1024_f32",
// MANIFEST: "alternatives": [
// MANIFEST: "kernel": "matmul_nvfp4_m16x96x1024_f32",
// MANIFEST-NEXT: "size": "rows",
// MANIFEST-NEXT: "at_most": 16
// MANIFEST: "kernel": "matmul_nvfp4_m256x96x1024_f32",
// MANIFEST-NEXT: "size": "rows",
// MANIFEST-NEXT: "at_most": 256
// RUN: fp4-run %t/blackwell.fp4 --check --size rows=1 | FileCheck %s --check-prefix=FEW
// RUN: fp4-run %t/blackwell.fp4 --check --size rows=16 | FileCheck %s --check-prefix=FEW
// RUN: fp4-run %t/blackwell.fp4 --check --size rows=17 | FileCheck %s --check-prefix=MORE
// RUN: fp4-run %t/blackwell.fp4 --check --size rows=256 | FileCheck %s --check-prefix=MORE
// RUN: fp4-run %t/blackwell.fp4 --check --size rows=257 | FileCheck %s --check-prefix=MANY
// FEW: (matmul_nvfp4_m16x96x1024_f32) out: ok
// MORE: (matmul_nvfp4_m256x96x1024_f32) out: ok
// MANY: (matmul_nvfp4_mx96x1024_f32) out: ok

func.func @f(%x: !fp4.tensor<?x1024, #fp4.nvfp4>) -> tensor<?x96xf32> {
  %w = fp4.constant <elements = dense<33> : tensor<96x512xi8>, scales = dense<60> : tensor<96x64xi8>, tensor_scale = 0.5 : f32> : !fp4.tensor<96x1024, #fp4.nvfp4>
  %y = fp4.matmul %x, %w : !fp4.tensor<?x1024, #fp4.nvfp4>, !fp4.tensor<96x1024, #fp4.nvfp4> -> tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}
