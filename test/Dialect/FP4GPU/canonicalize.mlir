// RUN: fp4-opt %s --canonicalize | FileCheck %s

// Scales 1..4 of row 0 come first in the 128x4 tile, those of row 1 sixteen
// bytes later; the other 126 rows are padding. Elements stay as they are.

// CHECK-LABEL: func.func @prepack_of_constant
// CHECK-DAG: %[[SCALES:.*]] = arith.constant dense<"0x01020304{{0{24}()}}05060708{{0+}}"> : tensor<1x1x32x4x4xi8>
// CHECK-DAG: %[[ELEMENTS:.*]] = arith.constant dense<33> : tensor<2x64xi8>
// CHECK: return %[[ELEMENTS]], %[[SCALES]]
func.func @prepack_of_constant() -> (tensor<2x64xi8>, tensor<1x1x32x4x4xi8>) {
  %q = fp4.constant <
      elements = dense<33> : tensor<2x64xi8>,
      scales = dense<[[1, 2, 3, 4], [5, 6, 7, 8]]> : tensor<2x4xi8>>
      : !fp4.tensor<2x128, #fp4.mxfp4>
  %e, %s = fp4gpu.prepack %q : !fp4.tensor<2x128, #fp4.mxfp4>
      -> tensor<2x64xi8>, tensor<1x1x32x4x4xi8>
  return %e, %s : tensor<2x64xi8>, tensor<1x1x32x4x4xi8>
}

// Five blocks of 16 take two tiles of four; the second, 512 bytes behind the
// first, holds one scale and padding. Rows of 40 bytes are padded to 48.

// CHECK-LABEL: func.func @prepack_pads_blocks
// CHECK-DAG: arith.constant dense<"0x01020304{{(0{127}){8}()}}05{{0+}}"> : tensor<1x2x32x4x4xi8>
// CHECK-DAG: arith.constant dense<{{\[\[(33, ){40}(0, ){7}0\]\]}}> : tensor<1x48xi8>
// CHECK-DAG: arith.constant dense<2.500000e-01> : tensor<f32>
func.func @prepack_pads_blocks() -> (tensor<1x48xi8>, tensor<1x2x32x4x4xi8>, tensor<f32>) {
  %q = fp4.constant <
      elements = dense<33> : tensor<1x40xi8>,
      scales = dense<[[1, 2, 3, 4, 5]]> : tensor<1x5xi8>,
      tensor_scale = 2.500000e-01 : f32>
      : !fp4.tensor<1x80, #fp4.nvfp4>
  %e, %s, %t = fp4gpu.prepack %q : !fp4.tensor<1x80, #fp4.nvfp4>
      -> tensor<1x48xi8>, tensor<1x2x32x4x4xi8>, tensor<f32>
  return %e, %s, %t : tensor<1x48xi8>, tensor<1x2x32x4x4xi8>, tensor<f32>
}

// CHECK-LABEL: func.func @prepack_of_unprepack
// CHECK-SAME: %[[E:.*]]: tensor<2x64xi8>, %[[S:.*]]: tensor<1x1x32x4x4xi8>
// CHECK-NEXT: return %[[E]], %[[S]]
func.func @prepack_of_unprepack(%e: tensor<2x64xi8>, %s: tensor<1x1x32x4x4xi8>)
    -> (tensor<2x64xi8>, tensor<1x1x32x4x4xi8>) {
  %q = fp4gpu.unprepack %e, %s : tensor<2x64xi8>, tensor<1x1x32x4x4xi8>
      -> !fp4.tensor<2x128, #fp4.mxfp4>
  %f, %t = fp4gpu.prepack %q : !fp4.tensor<2x128, #fp4.mxfp4>
      -> tensor<2x64xi8>, tensor<1x1x32x4x4xi8>
  return %f, %t : tensor<2x64xi8>, tensor<1x1x32x4x4xi8>
}

// CHECK-LABEL: func.func @keeps_prepack_of_argument
// CHECK: fp4gpu.prepack
func.func @keeps_prepack_of_argument(%q: !fp4.tensor<2x128, #fp4.mxfp4>)
    -> (tensor<2x64xi8>, tensor<1x1x32x4x4xi8>) {
  %e, %s = fp4gpu.prepack %q : !fp4.tensor<2x128, #fp4.mxfp4>
      -> tensor<2x64xi8>, tensor<1x1x32x4x4xi8>
  return %e, %s : tensor<2x64xi8>, tensor<1x1x32x4x4xi8>
}

// Rows 1 ... 16 and 101 ... 116 by turns of eight. Row r of the scales, one
// block of which is not zero, is the first byte of entry r.

// CHECK-LABEL: func.func @interleave
// CHECK-DAG: arith.constant dense<{{.}}[1], [2], [3], [4], [5], [6], [7], [8], [101], [102], [103], [104], [105], [106], [107], [108]]> : tensor<16x1xi8>
// CHECK-DAG: arith.constant dense<"0x{{((07)(00){15}){8}((09)(00){15}){8}(00)+}}"> : tensor<1x1x32x4x4xi8>
func.func @interleave() -> (tensor<16x1xi8>, tensor<1x1x32x4x4xi8>) {
  %a = arith.constant dense<[[1], [2], [3], [4], [5], [6], [7], [8]]> : tensor<8x1xi8>
  %b = arith.constant dense<[[101], [102], [103], [104], [105], [106], [107], [108]]> : tensor<8x1xi8>
  %p = fp4.constant <elements = dense<0> : tensor<8x16xi8>, scales = dense<7> : tensor<8x1xi8>> : !fp4.tensor<8x32, #fp4.mxfp4>
  %q = fp4.constant <elements = dense<0> : tensor<8x16xi8>, scales = dense<9> : tensor<8x1xi8>> : !fp4.tensor<8x32, #fp4.mxfp4>
  %pe, %ps = fp4gpu.prepack %p : !fp4.tensor<8x32, #fp4.mxfp4> -> tensor<8x16xi8>, tensor<1x1x32x4x4xi8>
  %qe, %qs = fp4gpu.prepack %q : !fp4.tensor<8x32, #fp4.mxfp4> -> tensor<8x16xi8>, tensor<1x1x32x4x4xi8>
  %e, %s = fp4gpu.interleave %a scaled %ps, %b scaled %qs : tensor<8x1xi8>, tensor<1x1x32x4x4xi8> -> tensor<16x1xi8>, tensor<1x1x32x4x4xi8>
  return %e, %s : tensor<16x1xi8>, tensor<1x1x32x4x4xi8>
}

// CHECK-LABEL: func.func @keeps_interleave_of_arguments
// CHECK: fp4gpu.interleave %{{.*}} scaled %{{.*}}, %{{.*}} scaled %{{.*}} : tensor<8x16xi8>, tensor<1x1x32x4x4xi8> -> tensor<16x16xi8>, tensor<1x1x32x4x4xi8>
func.func @keeps_interleave_of_arguments(%a: tensor<8x16xi8>, %s: tensor<1x1x32x4x4xi8>) -> (tensor<16x16xi8>, tensor<1x1x32x4x4xi8>) {
  %e, %t = fp4gpu.interleave %a scaled %s, %a scaled %s : tensor<8x16xi8>, tensor<1x1x32x4x4xi8> -> tensor<16x16xi8>, tensor<1x1x32x4x4xi8>
  return %e, %t : tensor<16x16xi8>, tensor<1x1x32x4x4xi8>
}
