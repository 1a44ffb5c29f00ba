// RUN: fp4-opt %s --convert-fp4gpu-to-nvvm=target=sm_100a --canonicalize | FileCheck %s
// RUN: fp4-opt %s --convert-fp4gpu-to-nvvm=target=sm_103a --canonicalize | FileCheck %s

// The kernel of sm120.mlir; only the warps of its schedule differ.

// CHECK: gpu.module @kernels [#nvvm.target<O = 3, chip = "{{sm_10[03]a}}", features = "+ptx88", verifyTarget = false>]
// CHECK-LABEL: llvm.func @mm(
// Ring and barriers as there; two more barriers and the address of tensor memory.
// CHECK-SAME: block = [192, 1, 1]
// CHECK-SAME: dynamic_shared_memory = 34880 : i64

// Instruction descriptors, E2M1 x E2M1, N = 128, UE8M0, M = 128: 0x08a00480 and,
// with scale ids 2, 0x48a004a0. Columns of tensor memory: 128 of accumulators
// and 2 x 4 of scales make the next power of two.
// CHECK-DAG: %[[FIRST:.*]] = arith.constant 144704640 : i32
// CHECK-DAG: %[[SECOND:.*]] = arith.constant 1218446496 : i32
// CHECK-DAG: %[[COLUMNS:.*]] = arith.constant 256 : i32
// CHECK-COUNT-6: nvvm.mbarrier.init
// CHECK: nvvm.tcgen05.alloc %{{.*}}, %[[COLUMNS]]
// CHECK: nvvm.tcgen05.relinquish_alloc_permit
// CHECK: nvvm.barrier0
// CHECK: nvvm.tcgen05.fence <after>
// CHECK: %[[BASE:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<3> -> i32

// The producer.
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global

// The issuing thread: a tile of scales for each side, then one product per depth
// step of 64, with the scales of byte 0 and of byte 2.
// CHECK: nvvm.elect.sync
// CHECK: nvvm.mbarrier.try_wait
// CHECK: nvvm.tcgen05.fence <after>
// CHECK: nvvm.tcgen05.mma_smem_desc
// CHECK-COUNT-2: nvvm.tcgen05.cp %{{.*}}, %{{.*}} {multicast = #nvvm.tcgen05_cp_multicast<warpx4>, shape = #nvvm.tcgen05_cp_shape<shape_32x128b>}
// CHECK: nvvm.tcgen05.mma.block_scale {{.*}}, %[[FIRST]], {{.*}} {blockScale = #nvvm.tcgen05_mma_block_scale<block32>, ctaGroup = #nvvm.cta_group<cta_1>, kind = #nvvm.block_scale_kind<mxf4>}
// CHECK: nvvm.tcgen05.mma.block_scale {{.*}}, %[[SECOND]], %true{{.*}}, {{.*}} {blockScale = #nvvm.tcgen05_mma_block_scale<block32>
// CHECK: nvvm.tcgen05.commit
// CHECK: nvvm.tcgen05.commit

// The owners: a wait that returns the registers it makes valid.
// CHECK: nvvm.tcgen05.ld {{.*}} : vector<16xi32>
// CHECK: llvm.inline_asm has_side_effects asm_dialect = att "tcgen05.wait::ld.sync.aligned;"
// CHECK: nvvm.tcgen05.fence <before>
// CHECK: nvvm.mbarrier.arrive

// CHECK: nvvm.barrier0
// CHECK: nvvm.tcgen05.dealloc
fp4gpu.kernel @mm(%lhs: memref<128x128xf4E2M1FN>, %lhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %rhs: memref<128x128xf4E2M1FN>, %rhs_scales: memref<1x1x32x4x4xf8E8M0FNU>,
                  %bias: memref<128xf32>, %out: memref<128x128xf32>)
    schedule <tile = 128x128x128, stages = 2, warps = 4x1>
    arguments ["lhs", "lhs_scales", "rhs", "rhs_scales", "bias", "out"] {
  fp4gpu.for_tiles (%m, %n) in [128, 128] {
    %zero = fp4gpu.zero : !fp4gpu.acc<128x128>
    %sum = fp4gpu.pipeline 1 init(%zero) produce {
    ^bb0(%k: index):
      %a = fp4gpu.copy %lhs[%m, %k] : memref<128x128xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sa = fp4gpu.copy %lhs_scales[%m, %k] : memref<1x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
      %b = fp4gpu.copy %rhs[%n, %k] : memref<128x128xf4E2M1FN> -> !fp4gpu.tile<128x128xf4E2M1FN>
      %sb = fp4gpu.copy %rhs_scales[%n, %k] : memref<1x1x32x4x4xf8E8M0FNU> -> !fp4gpu.tile<1x1x32x4x4xf8E8M0FNU>
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
