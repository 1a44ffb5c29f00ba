// RUN: split-file %s %t
// RUN: fp4-opt %t/rtn.mlir --fp4-quantize-weights="algorithm=rtn format=mxfp4" --split-input-file | FileCheck %t/rtn.mlir
// RUN: fp4-opt %t/rtn.mlir --fp4-quantize-weights="algorithm=rtn format=mxfp4" --split-input-file 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: fp4-opt %t/nvfp4.mlir --fp4-quantize-weights="algorithm=rtn layers=kept|mlp[.]up" | FileCheck %t/nvfp4.mlir
// RUN: %python %S/write-safetensors.py %t/h.safetensors "pair:F32:32,32:diag=2,1=1,32=1"
// RUN: fp4-opt %t/gptq.mlir --fp4-quantize-weights="algorithm=rtn format=mxfp4 hessians=%t/h.safetensors" | FileCheck %t/gptq.mlir --check-prefixes=CHECK,RTN
// RUN: fp4-opt %t/gptq.mlir --fp4-quantize-weights="algorithm=gptq format=mxfp4 hessians=%t/h.safetensors" | FileCheck %t/gptq.mlir --check-prefixes=CHECK,GPTQ
// RUN: fp4-opt %t/gptq.mlir --fp4-quantize-weights="algorithm=gptq format=mxfp4 hessians=%t/h.safetensors damping=0.5" 2>&1 | FileCheck %s --check-prefix=DAMPED

// The errors .25 .25 .25 .25 .5 .5 1 1 have the squares 4 / 16 + 2 / 4 + 2 = 2.75,
// those of the values sum to 97.75: 2.75 / 97.75 = 0.02813.
// REMARK: remark: layer 'ties' quantized to #fp4.mxfp4 by rtn: relative error 2.813e-02, {{[0-9.]+}} s
// DAMPED: remark: layer 'pair' quantized to #fp4.mxfp4 by gptq: relative error {{[0-9.]+}}e-{{[0-9]+}}, {{[0-9.]+}}e-{{[0-9]+}} by rounding to nearest, damping 0.5, dead columns 0, {{[0-9.]+}} s

//--- rtn.mlir
// The largest magnitude 7 gives the scale 2^(2 - 2), code 127. The elements
// are 0, 1, 1, 2, 2, 4, 4, 6, codes 0, 2, 2, 4, 4, 6, 6, 7: bytes 0x20, 0x42,
// 0x64, 0x76.

// CHECK-LABEL: func @rounds_to_nearest_even
// CHECK-SAME: (%[[X:[^:]*]]: tensor<4x32xf32>)
// CHECK: %[[W:.*]] = fp4.constant <elements = dense<{{\[\[}}32, 66, 100, 118, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]> : tensor<1x16xi8>, scales = dense<127> : tensor<1x1xi8>> : !fp4.tensor<1x32, #fp4.mxfp4>
// CHECK-NOT: arith.constant
// CHECK: fp4.matmul %[[X]], %[[W]] {fp4.layer = "ties"} : tensor<4x32xf32>, !fp4.tensor<1x32, #fp4.mxfp4> -> tensor<4x1xf32>
func.func @rounds_to_nearest_even(%x: tensor<4x32xf32>) -> tensor<4x1xf32> {
  %w = arith.constant dense<[[0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0, 7.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
                              0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<1x32xf32>
  %y = fp4.matmul %x, %w {fp4.layer = "ties"} : tensor<4x32xf32>, tensor<1x32xf32> -> tensor<4x1xf32>
  return %y : tensor<4x1xf32>
}

// -----

// [4, 0, 0, ...] rotated in blocks of 16 is sixteen ones and sixteen zeros. The
// scale is 2^(0 - 2), code 125; 1 / 2^-2 = 4 is code 6: bytes 0x66 and 0.

// CHECK-LABEL: func @reads_through_rotation_and_cast
// CHECK-NOT: fp4.hadamard
// CHECK: fp4.constant <elements = dense<{{\[\[}}102, 102, 102, 102, 102, 102, 102, 102, 0, 0, 0, 0, 0, 0, 0, 0]]> : tensor<1x16xi8>, scales = dense<125> : tensor<1x1xi8>>
func.func @reads_through_rotation_and_cast(%x: tensor<4x32xf32>) -> tensor<4x1xf32> {
  %w = arith.constant dense<[[4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
                              0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<1x32xbf16>
  %f = arith.extf %w : tensor<1x32xbf16> to tensor<1x32xf32>
  %r = fp4.hadamard %f block 16 : tensor<1x32xf32>
  %y = fp4.matmul %x, %r : tensor<4x32xf32>, tensor<1x32xf32> -> tensor<4x1xf32>
  return %y : tensor<4x1xf32>
}

// -----

// One fp4.constant for both users; more than a kilobyte becomes resources.

// CHECK-LABEL: func @shares_constant
// CHECK: %[[W:.*]] = fp4.constant <elements = dense_resource<tied.elements> : tensor<64x64xi8>, scales = dense<127> : tensor<64x4xi8>>
// CHECK-NOT: fp4.constant
// CHECK: fp4.matmul %{{.*}}, %[[W]]
// CHECK: fp4.matmul %{{.*}}, %[[W]]
// CHECK: tied.elements: "0x40000000666666
func.func @shares_constant(%x: tensor<4x128xf32>) -> (tensor<4x64xf32>, tensor<4x64xf32>) {
  %w = arith.constant dense<4.0> : tensor<64x128xf32>
  %y = fp4.matmul %x, %w {fp4.layer = "tied"} : tensor<4x128xf32>, tensor<64x128xf32> -> tensor<4x64xf32>
  %z = fp4.matmul %x, %w {fp4.layer = "tied"} : tensor<4x128xf32>, tensor<64x128xf32> -> tensor<4x64xf32>
  return %y, %z : tensor<4x64xf32>, tensor<4x64xf32>
}

// -----

// Does nothing: two activations, and a weight that is quantized already.

// CHECK-LABEL: func @keeps_other_products
// CHECK-NOT: fp4.constant
// CHECK: fp4.matmul
// CHECK: fp4.matmul
func.func @keeps_other_products(%x: tensor<4x32xf32>, %v: tensor<8x32xf32>, %q: !fp4.tensor<8x32, #fp4.mxfp4>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %y = fp4.matmul %x, %v : tensor<4x32xf32>, tensor<8x32xf32> -> tensor<4x8xf32>
  %z = fp4.matmul %x, %q : tensor<4x32xf32>, !fp4.tensor<8x32, #fp4.mxfp4> -> tensor<4x8xf32>
  return %y, %z : tensor<4x8xf32>, tensor<4x8xf32>
}

//--- nvfp4.mlir
// Tensor scale 6 / 2688; every block then has the largest scale 448, code 126,
// and the largest element, code 7. "lm_head" is not selected.

// CHECK-LABEL: func @two_level_scales_of_selected_layers
// CHECK-DAG: %[[H:.*]] = arith.constant dense<6.000000e+00> : tensor<2x16xbf16>
// CHECK-DAG: %[[U:.*]] = fp4.constant <elements = dense<119> : tensor<2x8xi8>, scales = dense<126> : tensor<2x1xi8>, tensor_scale = 0.00223214296 : f32> : !fp4.tensor<2x16, #fp4.nvfp4>
// CHECK: fp4.matmul %{{.*}}, %[[U]] {fp4.layer = "mlp.up"}
// CHECK: fp4.matmul %{{.*}}, %[[H]] {fp4.layer = "lm_head"}
func.func @two_level_scales_of_selected_layers(%x: tensor<4x16xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  %w = arith.constant dense<6.0> : tensor<2x16xbf16>
  %y = fp4.matmul %x, %w {fp4.layer = "mlp.up"} : tensor<4x16xf32>, tensor<2x16xbf16> -> tensor<4x2xf32>
  %z = fp4.matmul %x, %w {fp4.layer = "lm_head"} : tensor<4x16xf32>, tensor<2x16xbf16> -> tensor<4x2xf32>
  return %y, %z : tensor<4x2xf32>, tensor<4x2xf32>
}

//--- gptq.mlir
// The scale is 1 (largest magnitude 4). 1.2 -> 1 and 0.7 -> 0.5 to nearest:
// byte 0x12. The first two inputs are correlated, H = [[2, 1], [1, 2]]: GPTQ
// leaves 0.2 of 1.2 behind, which moves 0.7 to 0.7 + 0.2 * 1 / 2 = 0.8 -> 1:
// byte 0x22. The last byte holds the code 6 of 4.0 in its high nibble.

// CHECK-LABEL: func @compensates
// RTN: elements = dense<{{\[\[}}18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 96]]>
// GPTQ: elements = dense<{{\[\[}}34, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 96]]>
// CHECK-SAME: scales = dense<127>
func.func @compensates(%x: tensor<4x32xf32>) -> tensor<4x1xf32> {
  %w = arith.constant dense<[[1.2, 0.7, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
                              0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0]]> : tensor<1x32xf32>
  %y = fp4.matmul %x, %w {fp4.layer = "pair"} : tensor<4x32xf32>, tensor<1x32xf32> -> tensor<4x1xf32>
  return %y : tensor<4x1xf32>
}

// The same weight behind a rotated input. In blocks of 2 the Hessian becomes
// diag(3, 1): nothing to compensate, so GPTQ rounds to nearest.

// CHECK-LABEL: func @rotates_hessian_by_operand
// CHECK: elements = dense<{{\[\[}}18, 0
func.func @rotates_hessian_by_operand(%x: tensor<4x32xf32>) -> tensor<4x1xf32> {
  %w = arith.constant dense<[[1.2, 0.7, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
                              0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0]]> : tensor<1x32xf32>
  %r = fp4.hadamard %x block 2 : tensor<4x32xf32>
  %y = fp4.matmul %r, %w {fp4.layer = "pair"} : tensor<4x32xf32>, tensor<1x32xf32> -> tensor<4x1xf32>
  return %y : tensor<4x1xf32>
}

// CHECK-LABEL: func @rotates_hessian_by_quantized_operand
// CHECK: elements = dense<{{\[\[}}18, 0
func.func @rotates_hessian_by_quantized_operand(%x: tensor<4x32xf32>) -> tensor<4x1xf32> {
  %w = arith.constant dense<[[1.2, 0.7, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
                              0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0]]> : tensor<1x32xf32>
  %r = fp4.hadamard %x block 2 : tensor<4x32xf32>
  %q = fp4.quantize %r : tensor<4x32xf32> -> !fp4.tensor<4x32, #fp4.mxfp4>
  %y = fp4.matmul %q, %w {fp4.layer = "pair"} : !fp4.tensor<4x32, #fp4.mxfp4>, tensor<1x32xf32> -> tensor<4x1xf32>
  return %y : tensor<4x1xf32>
}

// CHECK-LABEL: func @rotates_hessian_by_rotate_quantize
// CHECK: elements = dense<{{\[\[}}18, 0
func.func @rotates_hessian_by_rotate_quantize(%x: tensor<4x32xf32>) -> tensor<4x1xf32> {
  %w = arith.constant dense<[[1.2, 0.7, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
                              0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0]]> : tensor<1x32xf32>
  %q = fp4.rotate_quantize %x block 2 : tensor<4x32xf32> -> !fp4.tensor<4x32, #fp4.mxfp4>
  %y = fp4.matmul %q, %w {fp4.layer = "pair"} : !fp4.tensor<4x32, #fp4.mxfp4>, tensor<1x32xf32> -> tensor<4x1xf32>
  return %y : tensor<4x1xf32>
}

// The rotation has moved away, and the attribute remembers it.

// CHECK-LABEL: func @rotates_hessian_by_attribute
// CHECK: elements = dense<{{\[\[}}18, 0
func.func @rotates_hessian_by_attribute(%x: tensor<4x32xf32>) -> tensor<4x1xf32> {
  %w = arith.constant dense<[[1.2, 0.7, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
                              0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0]]> : tensor<1x32xf32>
  %y = fp4.matmul %x, %w {fp4.layer = "pair", fp4.input_rotation = 2 : i64} : tensor<4x32xf32>, tensor<1x32xf32> -> tensor<4x1xf32>
  return %y : tensor<4x1xf32>
}

// The second channel had the gain 1/4: H = [[2, 4], [4, 32]]. GPTQ visits it
// first, leaves 0.2 of 0.7 behind, which moves 1.2 to 1.2 + 0.2 * 4 / 2 = 1.6
// -> 1.5, code 3: byte 0x13.

// CHECK-LABEL: func @removes_gain_from_hessian
// RTN: elements = dense<{{\[\[}}18, 0
// GPTQ: elements = dense<{{\[\[}}19, 0
func.func @removes_gain_from_hessian(%x: tensor<4x32xf32>) -> tensor<4x1xf32> {
  %w = arith.constant dense<[[1.2, 0.7, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
                              0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0]]> : tensor<1x32xf32>
  %y = fp4.matmul %x, %w {fp4.layer = "pair", fp4.input_gain = dense<[
      1.0, 0.25, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0,
      1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]> : tensor<32xf32>}
      : tensor<4x32xf32>, tensor<1x32xf32> -> tensor<4x1xf32>
  return %y : tensor<4x1xf32>
}
