// Epilogues with activations, gates, vectors and residuals, checked by their
// meaning.
// REQUIRES: numpy
// RUN: rm -rf %t && mkdir %t
// RUN: split-file %s %t
// RUN: fp4-compile %t/gated.mlir --algorithm=rtn -o %t/gated.fp4
// RUN: fp4-run %t/gated.fp4 --check --size rows=40 | FileCheck %s --check-prefix=GATED
// GATED: result 0: BF16 [40, 16]
// GATED: check {{.*}} (matmul_mxfp4_m{{[0-9]*}}x16x128_bf16_{{.*}}gated_mulf_addf) out: ok, 640 elements
// RUN: fp4-compile %t/gelu.mlir --algorithm=rtn --target=sm_100a -o %t/gelu.fp4
// RUN: fp4-run %t/gelu.fp4 --check --seed=3 | FileCheck %s --check-prefix=GELU
// GELU: check {{.*}} (matmul_mxfp4_8x16x128_f32_bias_f32_gelu_{{.*}}) out: ok, 128 elements

// A tail that is not what the manifest says is found.
// RUN: sed -i 's/t0 = mulf:f32 p0 column0/t0 = addf:f32 p0 column0/' %t/gelu.fp4/manifest.json
// RUN: not fp4-run %t/gelu.fp4 --check --seed=3 2>&1 | FileCheck %s --check-prefix=WRONG
// WRONG: check {{.*}} out: FAILED, 128 elements, {{.*}} wrong
// WRONG: fp4-run: error: a launch differs from its reference

//--- gated.mlir
func.func @main(%x: !fp4.tensor<?x128, #fp4.mxfp4>, %r: tensor<?x16xbf16>) -> tensor<?x16xbf16> {
  %g = fp4.constant <elements = dense<33> : tensor<16x64xi8>, scales = dense<127> : tensor<16x4xi8>> : !fp4.tensor<16x128, #fp4.mxfp4>
  %u = fp4.constant <elements = dense<122> : tensor<16x64xi8>, scales = dense<120> : tensor<16x4xi8>> : !fp4.tensor<16x128, #fp4.mxfp4>
  %a = fp4.matmul %x, %u : !fp4.tensor<?x128, #fp4.mxfp4>, !fp4.tensor<16x128, #fp4.mxfp4> -> tensor<?x16xbf16>
  %b = fp4.matmul %x, %g {activation = #fp4.activation<silu>} : !fp4.tensor<?x128, #fp4.mxfp4>, !fp4.tensor<16x128, #fp4.mxfp4> -> tensor<?x16xbf16>
  %y = arith.mulf %b, %a : tensor<?x16xbf16>
  %z = arith.addf %y, %r : tensor<?x16xbf16>
  return %z : tensor<?x16xbf16>
}

//--- gelu.mlir
#m = affine_map<(i, j) -> (i, j)>
#v = affine_map<(i, j) -> (j)>
func.func @main(%x: !fp4.tensor<8x128, #fp4.mxfp4>, %bias: tensor<16xf32>, %v: tensor<16xf32>) -> tensor<8x16xf32> {
  %w = fp4.constant <elements = dense<33> : tensor<16x64xi8>, scales = dense<118> : tensor<16x4xi8>> : !fp4.tensor<16x128, #fp4.mxfp4>
  %y = fp4.matmul %x, %w bias(%bias : tensor<16xf32>) {activation = #fp4.activation<gelu>} : !fp4.tensor<8x128, #fp4.mxfp4>, !fp4.tensor<16x128, #fp4.mxfp4> -> tensor<8x16xf32>
  %e = tensor.empty() : tensor<8x16xf32>
  %z = linalg.generic {indexing_maps = [#m, #v, #m], iterator_types = ["parallel", "parallel"]}
      ins(%y, %v : tensor<8x16xf32>, tensor<16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %p = arith.mulf %a, %c : f32
    %q = math.tanh %p : f32
    linalg.yield %q : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}
