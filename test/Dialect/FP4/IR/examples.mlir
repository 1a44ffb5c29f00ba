// RUN: fp4-opt %s --canonicalize | FileCheck %s

// The examples of the op documentation (FP4*Ops.td) with their values: constants
// fold to what is documented there.

// Codes 0, 2, 2, 4, 4, 6, 6, 7 are 0.0, 1.0, 1.0, 2.0, 2.0, 4.0, 4.0, 6.0:
// bytes 0x20, 0x42, 0x64, 0x76. Scale 1.0 is the E8M0 code 127.

// CHECK-LABEL: func @quantize
// CHECK: fp4.constant <elements = dense<{{\[\[}}32, 66, 100, 118, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]> : tensor<1x16xi8>, scales = dense<127> : tensor<1x1xi8>>
func.func @quantize() -> !fp4.tensor<1x32, #fp4.mxfp4> {
  %input = arith.constant dense<[[0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0, 7.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
                                  0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<1x32xf32>
  %q = fp4.quantize %input : tensor<1x32xf32> -> !fp4.tensor<1x32, #fp4.mxfp4>
  return %q : !fp4.tensor<1x32, #fp4.mxfp4>
}

// Elements 0.5, -6.0, 3.0 are the codes 1, 15, 5: bytes 0xF1 and 0x05. Scale
// 2.0 is the code 128.

// CHECK-LABEL: func @dequantize
// CHECK: arith.constant dense<{{\[\[}}1.000000e+00, -1.200000e+01, 6.000000e+00, 0.000000e+00, {{.*}}> : tensor<1x32xf32>
func.func @dequantize() -> tensor<1x32xf32> {
  %q = fp4.constant <
      elements = dense<[[0xF1, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]> : tensor<1x16xi8>,
      scales = dense<128> : tensor<1x1xi8>> : !fp4.tensor<1x32, #fp4.mxfp4>
  %x = fp4.dequantize %q : !fp4.tensor<1x32, #fp4.mxfp4> -> tensor<1x32xf32>
  return %x : tensor<1x32xf32>
}

// CHECK-LABEL: func @pack
// CHECK: fp4.constant <elements = dense<{{\[\[}}-15, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]> : tensor<1x16xi8>, scales = dense<-128> : tensor<1x1xi8>>
func.func @pack() -> !fp4.tensor<1x32, #fp4.mxfp4> {
  %elements = arith.constant dense<[[0.5, -6.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
                                     0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<1x32xf4E2M1FN>
  %scales = arith.constant dense<2.0> : tensor<1x1xf8E8M0FNU>
  %q = fp4.pack %elements, %scales
      : tensor<1x32xf4E2M1FN>, tensor<1x1xf8E8M0FNU> -> !fp4.tensor<1x32, #fp4.mxfp4>
  return %q : !fp4.tensor<1x32, #fp4.mxfp4>
}

// CHECK-LABEL: func @unpack
// CHECK-DAG: %[[E:.*]] = arith.constant dense<{{\[\[}}5.000000e-01, -6.000000e+00, 3.000000e+00, 0.000000e+00, {{.*}}> : tensor<1x32xf4E2M1FN>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<2.000000e+00> : tensor<1x1xf8E8M0FNU>
// CHECK: return %[[E]], %[[S]]
func.func @unpack() -> (tensor<1x32xf4E2M1FN>, tensor<1x1xf8E8M0FNU>) {
  %q = fp4.constant <
      elements = dense<[[0xF1, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]> : tensor<1x16xi8>,
      scales = dense<128> : tensor<1x1xi8>> : !fp4.tensor<1x32, #fp4.mxfp4>
  %elements, %scales = fp4.unpack %q
      : !fp4.tensor<1x32, #fp4.mxfp4> -> tensor<1x32xf4E2M1FN>, tensor<1x1xf8E8M0FNU>
  return %elements, %scales : tensor<1x32xf4E2M1FN>, tensor<1x1xf8E8M0FNU>
}

// [4, 0, ...] rotates to sixteen ones: elements 4.0 (code 6, bytes 0x66) with
// scale 0.25 (code 125).

// CHECK-LABEL: func @rotate_quantize
// CHECK: fp4.constant <elements = dense<{{\[\[}}102, 102, 102, 102, 102, 102, 102, 102, 0, 0, 0, 0, 0, 0, 0, 0]]> : tensor<1x16xi8>, scales = dense<125> : tensor<1x1xi8>>
func.func @rotate_quantize() -> !fp4.tensor<1x32, #fp4.mxfp4> {
  %input = arith.constant dense<[[4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
                                  0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<1x32xf32>
  %q = fp4.rotate_quantize %input block 16 : tensor<1x32xf32> -> !fp4.tensor<1x32, #fp4.mxfp4>
  return %q : !fp4.tensor<1x32, #fp4.mxfp4>
}

// CHECK-LABEL: func @constant
// CHECK: arith.constant dense<{{\[\[}}1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00, 0.000000e+00, {{.*}}> : tensor<1x32xf32>
func.func @constant() -> tensor<1x32xf32> {
  %w = fp4.constant <
      elements = dense<[[33, 67, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]> : tensor<1x16xi8>,
      scales = dense<128> : tensor<1x1xi8>> : !fp4.tensor<1x32, #fp4.mxfp4>
  %x = fp4.dequantize %w : !fp4.tensor<1x32, #fp4.mxfp4> -> tensor<1x32xf32>
  return %x : tensor<1x32xf32>
}

// CHECK-LABEL: func @hadamard
// CHECK: arith.constant dense<{{\[\[}}5.000000e+00, -1.000000e+00, -2.000000e+00, 0.000000e+00]]> : tensor<1x4xf32>
func.func @hadamard() -> tensor<1x4xf32> {
  %x = arith.constant dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>
  %y = fp4.hadamard %x block 4 : tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}
