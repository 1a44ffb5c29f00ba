// RUN: fp4-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(gpu.module(fp4-check-gpu-legality))'

// Most of these would abort LLVM.

gpu.module @m [#nvvm.target<chip = "sm_100a", features = "+ptx88", verifyTarget = false>] {
  llvm.func @f(%a: i32, %c: f32, %s: i32) {
    %byte = llvm.mlir.constant(0 : i16) : i16
    %thread = llvm.mlir.constant(0 : i16) : i16
    // expected-error @below {{'nvvm.mma.block_scale' op does not exist on sm_100a; targets that have it: sm_120a, sm_120f, sm_121a}}
    %d = nvvm.mma.block_scale A[%a, %a, %a, %a] B[%a, %a] C[%c, %c, %c, %c] scaleA[%s, %byte, %thread] scaleB[%s, %byte, %thread] {shape = #nvvm.shape<m = 16, n = 8, k = 64>, multiplicandAPtxType = #nvvm.mma_type<e2m1>, multiplicandBPtxType = #nvvm.mma_type<e2m1>, scaleVecSize = #nvvm.scale_vec_size<x2>, blockScaleFormat = #nvvm.block_scale_format<ue8m0>, kind = #nvvm.block_scale_kind<mxf4>} : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
    llvm.return
  }
}

// -----

gpu.module @m [#nvvm.target<chip = "sm_120a", features = "+ptx86", verifyTarget = false>] {
  llvm.func @f(%a: i32, %c: f32, %s: i32) {
    %byte = llvm.mlir.constant(0 : i16) : i16
    %thread = llvm.mlir.constant(0 : i16) : i16
    // expected-error @below {{'nvvm.mma.block_scale' op expected PTX version 8.7 or later, got 8.6}}
    %d = nvvm.mma.block_scale A[%a, %a, %a, %a] B[%a, %a] C[%c, %c, %c, %c] scaleA[%s, %byte, %thread] scaleB[%s, %byte, %thread] {shape = #nvvm.shape<m = 16, n = 8, k = 64>, multiplicandAPtxType = #nvvm.mma_type<e2m1>, multiplicandBPtxType = #nvvm.mma_type<e2m1>, scaleVecSize = #nvvm.scale_vec_size<x2>, blockScaleFormat = #nvvm.block_scale_format<ue8m0>, kind = #nvvm.block_scale_kind<mxf4>} : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
    llvm.return
  }
}

// -----

gpu.module @m [#nvvm.target<chip = "sm_120a", features = "+ptx87", verifyTarget = false>] {
  llvm.func @f(%a: i32, %c: f32, %s: i32) {
    %byte = llvm.mlir.constant(1 : i16) : i16
    %thread = llvm.mlir.constant(0 : i16) : i16
    // expected-error @below {{'nvvm.mma.block_scale' op expected byte id A to be a constant multiple of 2 below 4, got 1}}
    %d = nvvm.mma.block_scale A[%a, %a, %a, %a] B[%a, %a] C[%c, %c, %c, %c] scaleA[%s, %byte, %thread] scaleB[%s, %byte, %thread] {shape = #nvvm.shape<m = 16, n = 8, k = 64>, multiplicandAPtxType = #nvvm.mma_type<e2m1>, multiplicandBPtxType = #nvvm.mma_type<e2m1>, scaleVecSize = #nvvm.scale_vec_size<x2>, blockScaleFormat = #nvvm.block_scale_format<ue8m0>, kind = #nvvm.block_scale_kind<mxf4>} : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
    llvm.return
  }
}

// -----

gpu.module @m [#nvvm.target<chip = "sm_120a", features = "+ptx87", verifyTarget = false>] {
  llvm.func @f(%a: i32, %c: f32, %s: i32, %v: i16) {
    %byte = llvm.mlir.constant(0 : i16) : i16
    %thread = llvm.mlir.constant(0 : i16) : i16
    // expected-error @below {{'nvvm.mma.block_scale' op expected byte id B to be a constant multiple of 4 below 4}}
    %d = nvvm.mma.block_scale A[%a, %a, %a, %a] B[%a, %a] C[%c, %c, %c, %c] scaleA[%s, %byte, %thread] scaleB[%s, %v, %thread] {shape = #nvvm.shape<m = 16, n = 8, k = 64>, multiplicandAPtxType = #nvvm.mma_type<e2m1>, multiplicandBPtxType = #nvvm.mma_type<e2m1>, scaleVecSize = #nvvm.scale_vec_size<x4>, blockScaleFormat = #nvvm.block_scale_format<ue4m3>, kind = #nvvm.block_scale_kind<mxf4nvf4>} : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
    llvm.return
  }
}

// -----

gpu.module @m [#nvvm.target<chip = "sm_121a", features = "+ptx88", verifyTarget = false>] {
  llvm.func @f(%d: !llvm.ptr<6>, %a: i64, %i: i32, %e: i1) {
    // expected-error @below {{'nvvm.tcgen05.mma.block_scale' op does not exist on sm_121a; targets that have it: sm_100a, sm_103a}}
    nvvm.tcgen05.mma.block_scale %d, %a, %a, %i, %e, %d, %d {kind = #nvvm.block_scale_kind<mxf4>, ctaGroup = #nvvm.cta_group<cta_1>, blockScale = #nvvm.tcgen05_mma_block_scale<block32>} : (!llvm.ptr<6>, i64, i64, i32, i1, !llvm.ptr<6>, !llvm.ptr<6>)
    llvm.return
  }
}

// -----

// LLVM aborts on block16 before PTX 8.8.

gpu.module @m [#nvvm.target<chip = "sm_100a", features = "+ptx86", verifyTarget = false>] {
  llvm.func @f(%d: !llvm.ptr<6>, %a: i64, %i: i32, %e: i1) {
    // expected-error @below {{'nvvm.tcgen05.mma.block_scale' op expected PTX version 8.8 or later, got 8.6}}
    nvvm.tcgen05.mma.block_scale %d, %a, %a, %i, %e, %d, %d {kind = #nvvm.block_scale_kind<mxf4>, ctaGroup = #nvvm.cta_group<cta_1>, blockScale = #nvvm.tcgen05_mma_block_scale<block32>} : (!llvm.ptr<6>, i64, i64, i32, i1, !llvm.ptr<6>, !llvm.ptr<6>)
    llvm.return
  }
}

// -----

gpu.module @m [#nvvm.target<chip = "sm_100a", features = "+ptx88", verifyTarget = false>] {
  llvm.func @f() {
    // expected-error @below {{'nvvm.cluster.arrive' op is not known to be legal on sm_100a}}
    nvvm.cluster.arrive
    llvm.return
  }
}

// -----

// expected-error @below {{'gpu.module' op has the unsupported target 'sm_80'; supported: sm_90a, sm_100a, sm_103a, sm_120a, sm_120f, sm_121a}}
gpu.module @m [#nvvm.target<chip = "sm_80", features = "+ptx88", verifyTarget = false>] {
  llvm.func @f() {
    llvm.return
  }
}

// -----

// expected-error @below {{'gpu.module' op expected the feature '+ptx88' or later, got ''}}
gpu.module @m [#nvvm.target<chip = "sm_100a", features = "", verifyTarget = false>] {
  llvm.func @f() {
    llvm.return
  }
}

// -----

// expected-error @below {{'gpu.module' op expected one #nvvm.target}}
gpu.module @m {
  llvm.func @f() {
    llvm.return
  }
}

// -----

gpu.module @m [#nvvm.target<chip = "sm_120a", features = "+ptx87", verifyTarget = false>] {
  llvm.func @f(%a: i32, %c: f32, %s: i32) {
    %byte = llvm.mlir.constant(2 : i16) : i16
    %thread = llvm.mlir.constant(2 : i16) : i16
    // expected-error @below {{'nvvm.mma.block_scale' op expected thread id A to be a constant multiple of 1 below 2, got 2}}
    %d = nvvm.mma.block_scale A[%a, %a, %a, %a] B[%a, %a] C[%c, %c, %c, %c] scaleA[%s, %byte, %thread] scaleB[%s, %byte, %thread] {shape = #nvvm.shape<m = 16, n = 8, k = 64>, multiplicandAPtxType = #nvvm.mma_type<e2m1>, multiplicandBPtxType = #nvvm.mma_type<e2m1>, scaleVecSize = #nvvm.scale_vec_size<x2>, blockScaleFormat = #nvvm.block_scale_format<ue8m0>, kind = #nvvm.block_scale_kind<mxf4>} : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
    llvm.return
  }
}

// -----

gpu.module @m [#nvvm.target<chip = "sm_120a", features = "+ptx87", verifyTarget = false>] {
  llvm.func @f(%a: i32, %c: f32, %s: i32) {
    %byte = llvm.mlir.constant(0 : i16) : i16
    %thread = llvm.mlir.constant(4 : i16) : i16
    // expected-error @below {{'nvvm.mma.block_scale' op expected thread id B to be a constant multiple of 1 below 4, got 4}}
    %d = nvvm.mma.block_scale A[%a, %a, %a, %a] B[%a, %a] C[%c, %c, %c, %c] scaleA[%s, %byte, %byte] scaleB[%s, %byte, %thread] {shape = #nvvm.shape<m = 16, n = 8, k = 64>, multiplicandAPtxType = #nvvm.mma_type<e2m1>, multiplicandBPtxType = #nvvm.mma_type<e2m1>, scaleVecSize = #nvvm.scale_vec_size<x2>, blockScaleFormat = #nvvm.block_scale_format<ue8m0>, kind = #nvvm.block_scale_kind<mxf4>} : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
    llvm.return
  }
}
