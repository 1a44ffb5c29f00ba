// RUN: fp4-opt %s --convert-fp4gpu-to-nvvm=target=sm_90a --canonicalize | FileCheck %s

// Eight rows, two units of the depth, a warp for each.

// CHECK: llvm.mlir.global external @decode_factors(dense<[8, 64, 69, 1048592, 1879076864, 8388736, 16, 134744064, 134744072, 67109888]>
// CHECK-LABEL: llvm.func @few_rows(
// CHECK-SAME: %[[X:[^:]*]]: !llvm.ptr {llvm.align = 64 : i64, llvm.byval
// CHECK-SAME: %[[W:[^:]*]]: !llvm.ptr<1>
// The activation: rows of 64 columns, one box for both units.
// CHECK-SAME: box = [64, 8, 2]
// Two warps multiply, one copies the weight, one the activation.
// CHECK-SAME: block = [128, 1, 1]
// CHECK-SAME: programmatic_launch = true

// A unit: four row tiles of 16, each with one load of codes and one of scales;
// 9 instructions decode the eight codes of a step, of which 3 are products.
// CHECK-COUNT-2: nvvm.ldmatrix
// CHECK: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
// CHECK: llvm.load %{{.*}} {alignment = 8 : i64} : !llvm.ptr<3> -> vector<2xi32>
// CHECK-COUNT-2: nvvm.prmt
// CHECK: nvvm.mma.sync A[%{{.*}}] B[%{{.*}}] C[%{{.*}}] {{.*}}shape = #nvvm.shape<m = 16, n = 8, k = 16>
// CHECK-COUNT-15: nvvm.mma.sync
// CHECK: nvvm.mbarrier.arrive

// The sums of both warps meet.
// CHECK: nvvm.barrier id = %{{.*}} number_of_threads = %{{.*}}

// CHECK: nvvm.cp.async.bulk.shared.cluster.global %{{.*}}, %{{.*}} l2_cache_hint
// CHECK: nvvm.griddepcontrol wait
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[X]]
fp4gpu.kernel @few_rows(%lhs: memref<8x128xbf16>, %rhs: memref<1x2x2304xi8>, %out: memref<8x64xf32>)
    schedule <tile = 8x64x128, stages = 2, warps = 1x1> arguments ["lhs", "rhs", "out"] {
  fp4gpu.for_tiles (%m, %n) in [8, 64] {
    %zero = fp4gpu.zero : !fp4gpu.acc<8x64>
    %sum = fp4gpu.pipeline 1 init(%zero) produce {
    ^bb0(%k: index):
      %x = fp4gpu.copy %lhs[%m, %k] : memref<8x128xbf16> -> !fp4gpu.tile<8x128xbf16>
      %w = fp4gpu.copy %rhs[%n, %k] : memref<1x2x2304xi8> -> !fp4gpu.tile<1x2x2304xi8>
      fp4gpu.yield %x, %w : !fp4gpu.tile<8x128xbf16>, !fp4gpu.tile<1x2x2304xi8>
    } consume {
    ^bb0(%c: !fp4gpu.acc<8x64>, %x: !fp4gpu.tile<8x128xbf16>, %w: !fp4gpu.tile<1x2x2304xi8>):
      %d = fp4gpu.mma_decode %c, %x, %w : !fp4gpu.acc<8x64>, !fp4gpu.tile<8x128xbf16>, !fp4gpu.tile<1x2x2304xi8> as #fp4.nvfp4
      fp4gpu.yield %d : !fp4gpu.acc<8x64>
    } : !fp4gpu.acc<8x64>
    fp4gpu.epilogue %sum -> %out[%m, %n] {
    ^bb0(%x: f32):
      fp4gpu.yield %x : f32
    } : !fp4gpu.acc<8x64>, memref<8x64xf32>
  }
}
