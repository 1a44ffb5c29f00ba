// RUN: fp4-opt %s --pass-pipeline='builtin.module(gpu.module(fp4-check-gpu-legality))' | FileCheck %s

// What the targets have passes unchanged.

// CHECK-LABEL: gpu.module @sm120
// CHECK: nvvm.mma.block_scale
gpu.module @sm120 [#nvvm.target<chip = "sm_120a", features = "+ptx87">] {
  llvm.func @mma(%a: i32, %c: f32, %s: i32) {
    %byte = llvm.mlir.constant(2 : i16) : i16
    %thread = llvm.mlir.constant(1 : i16) : i16
    %d = nvvm.mma.block_scale A[%a, %a, %a, %a] B[%a, %a] C[%c, %c, %c, %c] scaleA[%s, %byte, %thread] scaleB[%s, %byte, %thread] {shape = #nvvm.shape<m = 16, n = 8, k = 64>, multiplicandAPtxType = #nvvm.mma_type<e2m1>, multiplicandBPtxType = #nvvm.mma_type<e2m1>, scaleVecSize = #nvvm.scale_vec_size<x2>, blockScaleFormat = #nvvm.block_scale_format<ue8m0>, kind = #nvvm.block_scale_kind<mxf4>} : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
    llvm.return
  }
}

// CHECK-LABEL: gpu.module @sm100
// CHECK: nvvm.tcgen05.mma.block_scale
gpu.module @sm100 [#nvvm.target<chip = "sm_103a", features = "+ptx90", verifyTarget = false>] {
  llvm.func @mma(%d: !llvm.ptr<6>, %a: i64, %i: i32, %e: i1) {
    nvvm.tcgen05.mma.block_scale %d, %a, %a, %i, %e, %d, %d {kind = #nvvm.block_scale_kind<mxf4nvf4>, ctaGroup = #nvvm.cta_group<cta_1>, blockScale = #nvvm.tcgen05_mma_block_scale<block16>} : (!llvm.ptr<6>, i64, i64, i32, i1, !llvm.ptr<6>, !llvm.ptr<6>)
    llvm.return
  }
}
