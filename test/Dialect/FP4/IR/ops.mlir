// RUN: fp4-opt %s | fp4-opt | FileCheck %s
// RUN: fp4-opt %s -emit-bytecode | fp4-opt | FileCheck %s
// RUN: fp4-opt %s -mlir-print-op-generic | fp4-opt | FileCheck %s

// CHECK-LABEL: func @quantize
// CHECK: fp4.quantize %{{.*}} : tensor<?x64xf32> -> !fp4.tensor<?x64, #fp4.mxfp4>
// CHECK: fp4.quantize %{{.*}} tensor_scale(%{{.*}}) random(%{{.*}} : tensor<?x64xi32>) {nan_policy = #fp4.nan_policy<saturate_inf>, scale_rule = #fp4.scale_rule<search>} : tensor<?x64xf32> -> !fp4.tensor<?x64, #fp4.nvfp4>
// CHECK: fp4.quantize %{{.*}} random(%{{.*}} : tensor<?x64xi32>) : tensor<?x64xf32> -> !fp4.tensor<?x64, #fp4.mxfp8e4m3>
func.func @quantize(%x: tensor<?x64xf32>, %s: f32, %r: tensor<?x64xi32>) {
  %0 = fp4.quantize %x : tensor<?x64xf32> -> !fp4.tensor<?x64, #fp4.mxfp4>
  %1 = fp4.quantize %x tensor_scale(%s) random(%r : tensor<?x64xi32>) {scale_rule = #fp4.scale_rule<search>, nan_policy = #fp4.nan_policy<saturate_inf>} : tensor<?x64xf32> -> !fp4.tensor<?x64, #fp4.nvfp4>
  %2 = fp4.quantize %x random(%r : tensor<?x64xi32>) : tensor<?x64xf32> -> !fp4.tensor<?x64, #fp4.mxfp8e4m3>
  return
}

// CHECK-LABEL: func @dequantize
// CHECK: fp4.dequantize %{{.*}} : !fp4.tensor<4x64, #fp4.mxfp4> -> tensor<4x64xf32>
// CHECK: fp4.dequantize %{{.*}} : !fp4.tensor<4x64, #fp4.mxfp4> -> tensor<?x64xbf16>
func.func @dequantize(%q: !fp4.tensor<4x64, #fp4.mxfp4>) {
  %0 = fp4.dequantize %q : !fp4.tensor<4x64, #fp4.mxfp4> -> tensor<4x64xf32>
  %1 = fp4.dequantize %q : !fp4.tensor<4x64, #fp4.mxfp4> -> tensor<?x64xbf16>
  return
}

// The plain types of every element and scale format.

// CHECK-LABEL: func @pack
// CHECK: fp4.pack %{{.*}}, %{{.*}} tensor_scale(%{{.*}}) : tensor<4x64xf4E2M1FN>, tensor<4x4xf8E4M3FN> -> !fp4.tensor<4x64, #fp4.nvfp4>
// CHECK: fp4.pack %{{.*}}, %{{.*}} : tensor<4x64xi8>, tensor<4x2xf8E8M0FNU> -> !fp4.tensor<4x64, #fp4.mxint8>
// CHECK: fp4.pack %{{.*}}, %{{.*}} : tensor<4x64xf4E2M1FN>, tensor<4x8xi8> -> !fp4.tensor<4x64, #fp4.format<element = f4E2M1FN, scale = ue5m3gc, block = 8>>
func.func @pack(%e: tensor<4x64xf4E2M1FN>, %s: tensor<4x4xf8E4M3FN>, %t: f32,
                %i: tensor<4x64xi8>, %x: tensor<4x2xf8E8M0FNU>, %u: tensor<4x8xi8>) {
  %0 = fp4.pack %e, %s tensor_scale(%t) : tensor<4x64xf4E2M1FN>, tensor<4x4xf8E4M3FN> -> !fp4.tensor<4x64, #fp4.nvfp4>
  %1 = fp4.pack %i, %x : tensor<4x64xi8>, tensor<4x2xf8E8M0FNU> -> !fp4.tensor<4x64, #fp4.mxint8>
  %2 = fp4.pack %e, %u : tensor<4x64xf4E2M1FN>, tensor<4x8xi8> -> !fp4.tensor<4x64, #fp4.format<element = f4E2M1FN, scale = ue5m3gc, block = 8>>
  return
}

// CHECK-LABEL: func @unpack
// CHECK: %{{.*}}, %{{.*}}, %{{.*}} = fp4.unpack %{{.*}} : !fp4.tensor<4x64, #fp4.nvfp4> -> tensor<4x64xf4E2M1FN>, tensor<4x4xf8E4M3FN>, f32
// CHECK: %{{.*}}, %{{.*}} = fp4.unpack %{{.*}} : !fp4.tensor<?x64, #fp4.mxfp6e2m3> -> tensor<?x64xf6E2M3FN>, tensor<?x2xf8E8M0FNU>
// CHECK: %{{.*}}, %{{.*}} = fp4.unpack %{{.*}} : !fp4.tensor<32x32, #fp4.format<element = f8E5M2, scale = f8E8M0FNU, block = 16x16>> -> tensor<32x32xf8E5M2>, tensor<2x2xf8E8M0FNU>
func.func @unpack(%q: !fp4.tensor<4x64, #fp4.nvfp4>, %p: !fp4.tensor<?x64, #fp4.mxfp6e2m3>,
                  %b: !fp4.tensor<32x32, #fp4.format<element = f8E5M2, scale = f8E8M0FNU, block = 16x16>>) {
  %0:3 = fp4.unpack %q : !fp4.tensor<4x64, #fp4.nvfp4> -> tensor<4x64xf4E2M1FN>, tensor<4x4xf8E4M3FN>, f32
  %1:2 = fp4.unpack %p : !fp4.tensor<?x64, #fp4.mxfp6e2m3> -> tensor<?x64xf6E2M3FN>, tensor<?x2xf8E8M0FNU>
  %2:2 = fp4.unpack %b : !fp4.tensor<32x32, #fp4.format<element = f8E5M2, scale = f8E8M0FNU, block = 16x16>> -> tensor<32x32xf8E5M2>, tensor<2x2xf8E8M0FNU>
  return
}

// CHECK-LABEL: func @rotate_quantize
// CHECK: fp4.rotate_quantize %{{.*}} block 16 : tensor<?x64xbf16> -> !fp4.tensor<?x64, #fp4.nvfp4>
// CHECK: fp4.rotate_quantize %{{.*}} block 4 signs [1, -1, -1, 1] tensor_scale(%{{.*}}) {nan_policy = #fp4.nan_policy<propagate>, scale_rule = #fp4.scale_rule<four_over_six>} : tensor<?x64xbf16> -> !fp4.tensor<?x64, #fp4.nvfp4>
func.func @rotate_quantize(%x: tensor<?x64xbf16>, %s: f32) {
  %0 = fp4.rotate_quantize %x block 16 : tensor<?x64xbf16> -> !fp4.tensor<?x64, #fp4.nvfp4>
  %1 = fp4.rotate_quantize %x block 4 signs [1, -1, -1, 1] tensor_scale(%s) {scale_rule = #fp4.scale_rule<four_over_six>, nan_policy = #fp4.nan_policy<propagate>} : tensor<?x64xbf16> -> !fp4.tensor<?x64, #fp4.nvfp4>
  return
}

// CHECK-LABEL: func @constant
// CHECK: fp4.constant <elements = dense<34> : tensor<2x16xi8>, scales = dense<127> : tensor<2x1xi8>> : !fp4.tensor<2x32, #fp4.mxfp4>
// CHECK: fp4.constant <elements = dense_resource<codes> : tensor<1x8xi8>, scales = dense<56> : tensor<1x1xi8>, tensor_scale = 5.000000e-01 : f32> {test.note} : !fp4.tensor<1x16, #fp4.nvfp4>
// CHECK: fp4.constant <elements = dense<0> : tensor<1x24xi8>, scales = dense<0> : tensor<1x1xi8>> : !fp4.tensor<1x32, #fp4.mxfp6e2m3>
func.func @constant() {
  %0 = fp4.constant <elements = dense<34> : tensor<2x16xi8>, scales = dense<127> : tensor<2x1xi8>> : !fp4.tensor<2x32, #fp4.mxfp4>
  %1 = fp4.constant <elements = dense_resource<codes> : tensor<1x8xi8>, scales = dense<56> : tensor<1x1xi8>, tensor_scale = 0.5 : f32> {test.note} : !fp4.tensor<1x16, #fp4.nvfp4>
  %2 = fp4.constant <elements = dense<0> : tensor<1x24xi8>, scales = dense<0> : tensor<1x1xi8>> : !fp4.tensor<1x32, #fp4.mxfp6e2m3>
  return
}

// CHECK-LABEL: func @parameter
// CHECK: fp4.parameter "model.layers.0.mlp.gate_proj.weight" : tensor<1408x512xbf16>
// CHECK: fp4.parameter "a \22quoted\22 name" {test.note} : tensor<2xi32>
func.func @parameter() {
  %0 = fp4.parameter "model.layers.0.mlp.gate_proj.weight" : tensor<1408x512xbf16>
  %1 = fp4.parameter "a \"quoted\" name" {test.note} : tensor<2xi32>
  return
}

// CHECK-LABEL: func @hadamard
// CHECK: fp4.hadamard %{{.*}} block 64 : tensor<?x64xf16>
// CHECK: fp4.hadamard %{{.*}} block 2 signs [-1, 1] : tensor<?x64xf16>
// CHECK: fp4.hadamard %{{.*}} block 2 signs [-1, 1] inverse : tensor<?x64xf16>
// CHECK: fp4.hadamard %{{.*}} block 2 inverse {test.note} : tensor<?x64xf16>
func.func @hadamard(%x: tensor<?x64xf16>) {
  %0 = fp4.hadamard %x block 64 : tensor<?x64xf16>
  %1 = fp4.hadamard %x block 2 signs [-1, 1] : tensor<?x64xf16>
  %2 = fp4.hadamard %x block 2 signs [-1, 1] inverse : tensor<?x64xf16>
  %3 = fp4.hadamard %x block 2 inverse {test.note} : tensor<?x64xf16>
  return
}

// CHECK-LABEL: func @matmul
// CHECK: fp4.matmul %{{.*}}, %{{.*}} : tensor<?x64xf32>, !fp4.tensor<8x64, #fp4.nvfp4> -> tensor<?x8xf32>
// CHECK: fp4.matmul %{{.*}}, %{{.*}} bias(%{{.*}} : tensor<8xbf16>) {activation = #fp4.activation<gelu>, fp4.layer = "l"} : !fp4.tensor<4x64, #fp4.mxfp4>, !fp4.tensor<8x64, #fp4.nvfp4> -> tensor<4x8xf16>
// CHECK: fp4.matmul %{{.*}}, %{{.*}} : !fp4.tensor<4x64, #fp4.mxfp4>, tensor<?x?xf32> -> tensor<?x?xf32>
func.func @matmul(%x: tensor<?x64xf32>, %q: !fp4.tensor<4x64, #fp4.mxfp4>, %w: !fp4.tensor<8x64, #fp4.nvfp4>, %b: tensor<8xbf16>, %d: tensor<?x?xf32>) {
  %0 = fp4.matmul %x, %w : tensor<?x64xf32>, !fp4.tensor<8x64, #fp4.nvfp4> -> tensor<?x8xf32>
  %1 = fp4.matmul %q, %w bias(%b : tensor<8xbf16>) {activation = #fp4.activation<gelu>, fp4.layer = "l"} : !fp4.tensor<4x64, #fp4.mxfp4>, !fp4.tensor<8x64, #fp4.nvfp4> -> tensor<4x8xf16>
  %2 = fp4.matmul %q, %d : !fp4.tensor<4x64, #fp4.mxfp4>, tensor<?x?xf32> -> tensor<?x?xf32>
  return
}

// CHECK: codes: "0x010000001032547698BADCFE"

{-#
  dialect_resources: {
    builtin: {
      codes: "0x010000001032547698BADCFE"
    }
  }
#-}
