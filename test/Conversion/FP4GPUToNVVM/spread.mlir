// RUN: fp4-opt %s --convert-fp4-to-fp4gpu=target=sm_120a --convert-fp4gpu-to-nvvm=target=sm_120a | FileCheck %s

// Elements of 4 and 6 bits that meet others are spread to bytes: by TMA, 16
// elements to 16 bytes with a gap, and by ldmatrix, a byte for each. e2m1 is
// read from bits 2 to 5. The barrier counts bytes without gaps: of the stage,
// 8 x 128 bytes of activations, 32 x 64 of weights, and a scale tile for both.

// CHECK-LABEL: llvm.func @matmul_mxfp8e4m3_mxfp4_4x64x256_f32(
// CHECK-SAME: box = [128, 8], data_type = "uint8", {{.*}} shape = [256, 4], strides = [256], swizzle = "128B"
// CHECK-SAME: box = [128, 32], data_type = "16u4_align16b", {{.*}} shape = [256, 64], strides = [128], swizzle = "128B"
// CHECK: arith.constant 4096 : i32
// CHECK: nvvm.ldmatrix {{.*}}b8x16.b4x16_p64>, {{.*}}shape = #nvvm.ld_st_matrix_shape<m = 8, n = 16>}
// CHECK: arith.shli
// CHECK: nvvm.ldmatrix {{.*}} {eltType = #nvvm.ld_st_matrix_elt_type<b16>
// CHECK: nvvm.mma.block_scale {{.*}}kind = #nvvm.block_scale_kind<mxf8f6f4>, multiplicandAPtxType = #nvvm.mma_type<e2m1>, multiplicandBPtxType = #nvvm.mma_type<e4m3>
func.func @few(%x: !fp4.tensor<4x256, #fp4.mxfp8e4m3>, %w: !fp4.tensor<64x256, #fp4.mxfp4>) -> tensor<4x64xf32> {
  %y = fp4.matmul %x, %w : !fp4.tensor<4x256, #fp4.mxfp8e4m3>, !fp4.tensor<64x256, #fp4.mxfp4> -> tensor<4x64xf32>
  return %y : tensor<4x64xf32>
}

// CHECK-LABEL: llvm.func @matmul_mxfp6e2m3_mxfp6e3m2_128x64x128_f32(
// CHECK-SAME: data_type = "16u6_align16b", {{.*}} shape = [128, 128], strides = [96]
// CHECK: nvvm.ldmatrix {{.*}} {eltType = #nvvm.ld_st_matrix_elt_type<b8x16.b6x16_p32>
// CHECK: nvvm.mma.block_scale {{.*}}multiplicandAPtxType = #nvvm.mma_type<e2m3>, multiplicandBPtxType = #nvvm.mma_type<e3m2>
func.func @six_bits(%x: !fp4.tensor<128x128, #fp4.mxfp6e2m3>, %w: !fp4.tensor<64x128, #fp4.mxfp6e3m2>) -> tensor<128x64xf32> {
  %y = fp4.matmul %x, %w : !fp4.tensor<128x128, #fp4.mxfp6e2m3>, !fp4.tensor<64x128, #fp4.mxfp6e3m2> -> tensor<128x64xf32>
  return %y : tensor<128x64xf32>
}
