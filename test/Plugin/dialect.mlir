// The plugin in Debian's own mlir-opt: parse, fold, verify. The fold needs
// symbols of the plugin and of libMLIR to agree on one copy of MLIR.
// RUN: mlir-opt --load-dialect-plugin=%fp4_plugin %s \
// RUN:   --pass-pipeline='builtin.module(func.func(canonicalize))' | FileCheck %s

// H * H = 1.
// CHECK-LABEL: func.func @cancels_rotations(
// CHECK-SAME:    %[[X:.*]]: tensor<4x32xf32>
// CHECK-NEXT:    return %[[X]]
func.func @cancels_rotations(%x: tensor<4x32xf32>) -> tensor<4x32xf32> {
  %0 = fp4.hadamard %x block 16 : tensor<4x32xf32>
  %1 = fp4.hadamard %0 block 16 : tensor<4x32xf32>
  return %1 : tensor<4x32xf32>
}

// Different blocks are different matrices.
// CHECK-LABEL: func.func @keeps_different_rotations(
// CHECK:         fp4.hadamard
// CHECK:         fp4.hadamard
func.func @keeps_different_rotations(%x: tensor<4x32xf32>) -> tensor<4x32xf32> {
  %0 = fp4.hadamard %x block 16 : tensor<4x32xf32>
  %1 = fp4.hadamard %0 block 32 : tensor<4x32xf32>
  return %1 : tensor<4x32xf32>
}

// CHECK-LABEL: func.func @keeps_types(
// CHECK-SAME:    %[[Q:.*]]: !fp4.tensor<4x32, #fp4.mxfp4>
// CHECK:         fp4.dequantize %[[Q]] : !fp4.tensor<4x32, #fp4.mxfp4> -> tensor<4x32xf32>
func.func @keeps_types(%q: !fp4.tensor<4x32, #fp4.mxfp4>) -> tensor<4x32xf32> {
  %0 = fp4.dequantize %q : !fp4.tensor<4x32, #fp4.mxfp4> -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}
