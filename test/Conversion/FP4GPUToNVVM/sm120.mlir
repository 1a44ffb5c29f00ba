// RUN: fp4-opt %s --convert-fp4gpu-to-nvvm=target=sm_120a --canonicalize | FileCheck %s

// One product of 128 x 128 x 256 in MXFP4, its epilogue adding a vector.

// CHECK: gpu.module @kernels [#nvvm.target<O = 3, chip = "sm_120a", features = "+ptx87", verifyTarget = false>]
// CHECK: llvm.mlir.global external @shared_memory() {addr_space = 3 : i32, alignment = 1024 : i64, dso_local} : !llvm.array<0 x i8>

// CHECK-LABEL: llvm.func @mm(
// CHECK-SAME: %[[LHS:[^:]*]]: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant}
// CHECK-SAME: %[[LHS_SCALES:[^:]*]]: !llvm.ptr<1> {llvm.align = 16 : i64, llvm.noalias}
// CHECK-SAME: %[[RHS:[^:]*]]: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant}
// CHECK-SAME: %[[RHS_SCALES:[^:]*]]: !llvm.ptr<1>
// CHECK-SAME: %[[BIAS:[^:]*]]: !llvm.ptr<1>
// CHECK-SAME: %[[OUT:[^:]*]]: !llvm.ptr<1>

// A stage is 2 x 8192 bytes of elements and 2 x 512 of scales; two of them and
// four barriers. Four warps multiply, one copies.
// CHECK-SAME: block = [160, 1, 1]
// CHECK-SAME: dynamic_shared_memory = 34848 : i64
// CHECK-SAME: nvvm.kernel
// CHECK-SAME: nvvm.reqntid = array<i32: 160, 1, 1>

// A barrier each for full (one arrival and the bytes) and empty (four warps).
// CHECK: %[[TID:.*]] = nvvm.read.ptx.sreg.tid.x
// CHECK-COUNT-4: nvvm.mbarrier.init
// CHECK: nvvm.fence.mbarrier.init
// CHECK: nvvm.barrier0

// The producer: rows of 64 bytes by TMA, 512 bytes of scales each.
// CHECK: nvvm.elect.sync
// CHECK: scf.while
// CHECK: nvvm.mbarrier.try_wait
// CHECK: nvvm.mbarrier.arrive.expect_tx
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[LHS]], %{{.*}}, box[%{{.*}}, %{{.*}}] {isCTAOnly = true}
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[RHS]], %{{.*}}, box[%{{.*}}, %{{.*}}] {isCTAOnly = true}
// CHECK: nvvm.cp.async.bulk.shared.cluster.global
// CHECK: nvvm.cp.async.bulk.shared.cluster.global

// A consumer warp owns 64 x 64: per depth step of 64, four fragments of the
// left and four of the right side, and 4 x 8 products. One load of scales for
// each side serves both steps of a stage. Those of the first stage and its
// first step are loaded ahead of the loop.
// CHECK: scf.while
// CHECK: nvvm.mbarrier.try_wait
// CHECK-COUNT-8: nvvm.ldmatrix
// CHECK: llvm.load %{{.*}} {alignment = 8 : i64} : !llvm.ptr<3> -> vector<2xi32>
// CHECK: llvm.load %{{.*}} {alignment = 8 : i64} : !llvm.ptr<3> -> vector<2xi32>

// In the loop those of the second step come ahead of the products of the first.
// CHECK: scf.for
// CHECK-NOT: nvvm.mma
// CHECK-NOT: llvm.load
// CHECK-COUNT-8: nvvm.ldmatrix
// CHECK-COUNT-32: nvvm.mma.block_scale {{.*}}blockScaleFormat = #nvvm.block_scale_format<ue8m0>, kind = #nvvm.block_scale_kind<mxf4>

// Among the products of the second step the stage is given back, and the first
// step of the next stage is loaded, if there is one.
// CHECK-NOT: nvvm.ldmatrix
// CHECK-COUNT-8: nvvm.mma.block_scale
// CHECK: nvvm.bar.warp.sync
// CHECK: nvvm.mbarrier.arrive
// CHECK: scf.if
// CHECK: nvvm.mbarrier.try_wait
// CHECK-COUNT-8: nvvm.ldmatrix
// CHECK-COUNT-2: llvm.load %{{.*}} {alignment = 8 : i64} : !llvm.ptr<3> -> vector<2xi32>
// CHECK: } else {
// CHECK-COUNT-24: nvvm.mma.block_scale
// CHECK-NOT: nvvm.mma.block_scale
// CHECK: scf.yield

// The epilogue: two columns of the vector, two elements of the row.
// CHECK: llvm.load %{{.*}} {alignment = 8 : i64} : !llvm.ptr<1> -> vector<2xf32>
// CHECK: %[[A:.*]] = arith.addf %{{.*}}, %{{.*}} : f32
// CHECK: llvm.store %{{.*}}, %{{.*}} {alignment = 8 : i64} : vector<2xf32>, !llvm.ptr<1>
fp4gpu.kernel @mm(%lhs: memref<128x256xf4E2M1FN>, %lhs_scales: memref<1x2x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x256xf4E2M1FN>, %rhs_scales: memref<1x2x32x4x4xf8E8M0FNU>,
                  %bias: memref<128xf32>, %out: memref<128x128xf32>)
    schedule <tile = 128x128x128, stages = 2, warps = 2x2>
    arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "bias", "out"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    %sum = fp4gpu.pipeline 2 init(%zero) produce {
    ^bb0(%k: index):
      %a = fp4gpu.copy %lhs[%m, %k] : memref<128x256xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sa = fp4gpu.copy %lhs_scales[%m, %k] : memref<1x2x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      %b = fp4gpu.copy %rhs[%n, %k] : memref<128x256xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sb = fp4gpu.copy %rhs_scales[%n, %k] : memref<1x2x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %a, %sa, %b, %sb : !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
    } consume {
    ^bb0(%c: !fp4gpu.acc<128x128>, %a: !fp4gpu.tile<128x128xf4E2M1FN>, %sa: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, %b: !fp4gpu.tile<128x128xf4E2M1FN>, %sb: !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>):
      %d = fp4gpu.mma %c, %a scaled %sa, %b scaled %sb : !fp4gpu.acc<128x128>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>, !fp4gpu.tile<128x128xf4E2M1FN>, !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      fp4gpu.yield %d : !fp4gpu.acc<128x128>
    } : !fp4gpu.acc<128x128>
    fp4gpu.epilogue %sum -> %out[%m, %n] columns(%bias : memref<128xf32>) {
    ^bb0(%x: f32, %v: f32):
      %y = arith.addf %x, %v : f32
      fp4gpu.yield %y : f32
    } : !fp4gpu.acc<128x128>, memref<128x128xf32>
  }
}
