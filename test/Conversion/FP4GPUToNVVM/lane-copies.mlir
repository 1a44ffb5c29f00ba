// RUN: fp4-opt %s --convert-fp4-to-fp4gpu=target=sm_120a --convert-fp4gpu-to-nvvm=target=sm_120a --cse | FileCheck %s

// Rows of 24 bytes, which no prepack has padded.
// CHECK-LABEL: llvm.func @unpadded(
// CHECK-COUNT-2: kind = "pointer", name = "{{[lr]hs}}", shape = [16, 48]
// CHECK-COUNT-2: nvvm.cp.async.shared.global %{{.*}}, %{{.*}}, 8, cache = ca
// CHECK: nvvm.mma.block_scale
fp4gpu.kernel @unpadded(%lhs: memref<16x48xf4E2M1FN>, %lhs_scales: memref<1x1x32x4x4xf8E4M3FN>,
                        %rhs: memref<16x48xf4E2M1FN>, %rhs_scales: memref<1x1x32x4x4xf8E4M3FN>,
                        %out: memref<16x16xf32>)
    schedule <tile = 16x16x64, stages = 2, warps = 1x1>
    arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "out"] {
  fp4gpu.for_tiles (%m, %n) in [16, 16] {
    %zero = fp4gpu.zero : !fp4gpu.acc<16x16>
    %sum = fp4gpu.pipeline 1 init(%zero) produce {
    ^bb0(%k: index):
      %a = fp4gpu.copy %lhs[%m, %k] : memref<16x48xf4E2M1FN> -> !fp4gpu.tile<16x64xf4E2M1FN>
      %sa = fp4gpu.copy %lhs_scales[%m, %k] shared_by 8 : memref<1x1x32x4x4xf8E4M3FN> -> !fp4gpu.tile<1x1x32x4x4xf8E4M3FN>
      %b = fp4gpu.copy %rhs[%n, %k] : memref<16x48xf4E2M1FN> -> !fp4gpu.tile<16x64xf4E2M1FN>
      %sb = fp4gpu.copy %rhs_scales[%n, %k] shared_by 8 : memref<1x1x32x4x4xf8E4M3FN> -> !fp4gpu.tile<1x1x32x4x4xf8E4M3FN>
      fp4gpu.yield %a, %sa, %b, %sb : !fp4gpu.tile<16x64xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E4M3FN>, !fp4gpu.tile<16x64xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E4M3FN>
    } consume {
    ^bb0(%c: !fp4gpu.acc<16x16>, %a: !fp4gpu.tile<16x64xf4E2M1FN>, %sa: !fp4gpu.tile<1x1x32x4x4xf8E4M3FN>, %b: !fp4gpu.tile<16x64xf4E2M1FN>, %sb: !fp4gpu.tile<1x1x32x4x4xf8E4M3FN>):
      %d = fp4gpu.mma %c, %a scaled %sa part %m, %b scaled %sb part %n : !fp4gpu.acc<16x16>, !fp4gpu.tile<16x64xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E4M3FN>, !fp4gpu.tile<16x64xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E4M3FN>
      fp4gpu.yield %d : !fp4gpu.acc<16x16>
    } : !fp4gpu.acc<16x16>
    fp4gpu.epilogue %sum -> %out[%m, %n] {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } : !fp4gpu.acc<16x16>, memref<16x16xf32>
  }
}

// TMA spreads 4- and 6-bit elements to bytes by 128, so at other depths the
// lanes of the producer do: 16 elements at a time, of 4 bits 8 bytes. The
// barrier counts 32 lanes and the thread that announces 8 x 128 bytes of
// activations and two scale tiles.

// CHECK-LABEL: llvm.func @matmul_mxfp8e4m3_mxfp4_4x64x160_f32(
// CHECK-SAME: box = [128, 8], data_type = "uint8", {{.*}} shape = [160, 4], strides = [160]
// CHECK-SAME: {kind = "pointer", name = "rhs", shape = [64, 160], type = "f4E2M1FN"}
// CHECK: nvvm.mbarrier.init %{{.*}}, %c33_i32
// CHECK: nvvm.mbarrier.arrive.expect_tx %{{.*}}, %c2048_i32
// CHECK: %[[PRESENT:.*]] = arith.select %{{.*}}, %c8_i32{{.*}}, %c0_i32
// CHECK: nvvm.cp.async.shared.global %{{.*}}, %{{.*}}, 8, cache = ca, %[[PRESENT]]
// CHECK-NOT: nvvm.cp.async.shared.global
// CHECK: nvvm.cp.async.mbarrier.arrive %{{.*}} {noinc = true}
// CHECK: nvvm.cp.async.commit.group
// CHECK: nvvm.cp.async.wait.group 0
// CHECK: nvvm.mma.block_scale
func.func @four_bits(%x: !fp4.tensor<4x160, #fp4.mxfp8e4m3>, %w: !fp4.tensor<64x160, #fp4.mxfp4>) -> tensor<4x64xf32> {
  %y = fp4.matmul %x, %w : !fp4.tensor<4x160, #fp4.mxfp8e4m3>, !fp4.tensor<64x160, #fp4.mxfp4> -> tensor<4x64xf32>
  return %y : tensor<4x64xf32>
}

// Of 6 bits 12 bytes, at multiples of 4; rows are whole elements.
// CHECK-LABEL: llvm.func @matmul_mxfp6e2m3_mx64x32_f32(
// CHECK-SAME: {kind = "pointer", name = "lhs", shape = ["rows", 32], type = "f6E2M3FN"}
// CHECK-SAME: {kind = "pointer", name = "rhs", shape = [64, 32], type = "f6E2M3FN"}
// CHECK-COUNT-6: nvvm.cp.async.shared.global %{{.*}}, %{{.*}}, 4, cache = ca
// CHECK-NOT: nvvm.cp.async.shared.global
// CHECK: nvvm.mma.block_scale
func.func @six_bits(%x: !fp4.tensor<?x32, #fp4.mxfp6e2m3>, %w: !fp4.tensor<64x32, #fp4.mxfp6e2m3>) -> tensor<?x64xf32> {
  %y = fp4.matmul %x, %w : !fp4.tensor<?x32, #fp4.mxfp6e2m3>, !fp4.tensor<64x32, #fp4.mxfp6e2m3> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
