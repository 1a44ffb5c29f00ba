// Chains on sm_90a, which multiplies neither microscaled matrices nor f8E4M3FN by
// NVFP4: rotation and quantization, the launch that makes bf16 of codes and
// scales, and the product, each checked by its meaning. Few rows and many, rows
// known at launch, a depth that ends within a chunk, computed tensor scales.
// RUN: rm -rf %t && mkdir %t && split-file %s %t
// RUN: fp4-compile %t/chain.mlir --target=sm_90a --algorithm=rtn --format=nvfp4 --rotation=16 -o %t/nvfp4
// RUN: fp4-run %t/nvfp4 --check --size rows=5 | FileCheck %s --check-prefix=CHAIN
// RUN: fp4-compile %t/chain.mlir --target=sm_90a --algorithm=rtn --format=mxfp4 --rotation=32 -o %t/mxfp4
// RUN: fp4-run %t/mxfp4 --check --size rows=5 | FileCheck %s --check-prefix=MXFP4
// RUN: fp4-run %t/nvfp4 --check --size rows=40 --seed=2 | FileCheck %s --check-prefix=MANY

// CHAIN: check {{.*}} (quantize_nvfp4_four_over_six_mx96_f32_h16_dynamic) elements: ok
// CHAIN: check {{.*}} (dequantize_nvfp4_mx96) out: ok, 480 elements
// CHAIN: check {{.*}} (matmul_nvfp4_m{{[0-9]*}}x16x96_f32_bf16_scaled) out: ok, 80 elements
// MXFP4: check {{.*}} (dequantize_mxfp4_mx96) out: ok, 480 elements
// MXFP4: check {{.*}} (matmul_mxfp4_m{{[0-9]*}}x16x96_f32_bf16_scaled) out: ok, 80 elements
// MANY: check {{.*}} (dequantize_nvfp4_mx96) out: ok, 3840 elements
// MANY: check {{.*}} (matmul_nvfp4_m{{[0-9]*}}x16x96_f32_bf16_scaled) out: ok, 640 elements

// Any codes and scales, and rows of 48.
// RUN: fp4-compile %t/inputs.mlir --target=sm_90a -o %t/inputs
// RUN: fp4-run %t/inputs --check --seed=7 | FileCheck %s --check-prefix=INPUTS
// INPUTS: check {{.*}} (dequantize_f8E4M3FN_7x48) out: ok, 336 elements
// INPUTS: check {{.*}} (dequantize_nvfp4_7x48) out: ok, 336 elements
// INPUTS: check {{.*}} (matmul_nvfp4_7x24x48_f32_bf16_scaled) out: ok, 168 elements
// INPUTS: check {{.*}} (matmul_nvfp4_7x24x48_f32_bf16) out: ok, 168 elements

// A value that is not what codes and scales say is found.
// RUN: sed -i 's/"format": "nvfp4"/"format": "mxfp4"/' %t/nvfp4/manifest.json
// RUN: not fp4-run %t/nvfp4 --check --size rows=5 2>&1 | FileCheck %s --check-prefix=WRONG
// WRONG: fp4-run: error:

//--- chain.mlir
func.func @main(%x: tensor<?x96xf32>) -> tensor<?x16xf32> {
  %w = arith.constant dense<0.5> : tensor<96x16xf32>
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %rows = tensor.dim %x, %c0 : tensor<?x96xf32>
  %empty = tensor.empty(%rows) : tensor<?x16xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x16xf32>) -> tensor<?x16xf32>
  %y = linalg.matmul ins(%x, %w : tensor<?x96xf32>, tensor<96x16xf32>) outs(%init : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

//--- inputs.mlir
func.func @main(%x: !fp4.tensor<7x48, #fp4.nvfp4>, %z: tensor<7x48xf8E4M3FN>, %w: !fp4.tensor<24x48, #fp4.nvfp4>) -> (tensor<7x24xf32>, tensor<7x24xf32>) {
  %a = fp4.matmul %x, %w : !fp4.tensor<7x48, #fp4.nvfp4>, !fp4.tensor<24x48, #fp4.nvfp4> -> tensor<7x24xf32>
  %b = fp4.matmul %z, %w : tensor<7x48xf8E4M3FN>, !fp4.tensor<24x48, #fp4.nvfp4> -> tensor<7x24xf32>
  return %a, %b : tensor<7x24xf32>, tensor<7x24xf32>
}
