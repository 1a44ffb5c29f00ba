// RUN: fp4-opt %s --convert-fp4gpu-to-nvvm=target=sm_90a --canonicalize | FileCheck %s --check-prefixes=CHECK,ALU
// RUN: fp4-opt %s --convert-fp4gpu-to-nvvm=target=sm_120a --canonicalize | FileCheck %s --check-prefixes=CHECK,CVT
// RUN: fp4-opt %s --convert-fp4gpu-to-nvvm=target=sm_100a --canonicalize | FileCheck %s --check-prefixes=CHECK,CVT

// 128 rows by 128 columns, four lanes to a row: two parts of 64 rows.

// CHECK-LABEL: llvm.func @quantize(
// CHECK-SAME: %[[INPUT:[^:]*]]: !llvm.ptr<1> {llvm.align = 16 : i64, llvm.noalias}
// CHECK-SAME: %[[ROWS:[^:]*]]: i32
// CHECK-SAME: %[[ELEMENTS:[^:]*]]: !llvm.ptr<1>
// CHECK-SAME: %[[SCALES:[^:]*]]: !llvm.ptr<1>
// CHECK-SAME: shape = ["rows", 64]
// CHECK-SAME: shape = [{size = "rows", tile = 128 : i64}, 1, 32, 4, 4]
// CHECK-SAME: block = [256, 1, 1], blocks_per_multiprocessor = 4 : i64, dynamic_shared_memory = 0 : i64
// CHECK-SAME: grid = {x = [{size = "rows", tile = 128 : i64}, {size = 64 : i64, tile = 128 : i64}, {size = 2 : i64, tile = 1 : i64}]}

// Four loads of 16 bytes; zeros beyond the rows and columns.
// CHECK: scf.for
// CHECK: %[[VECTORS:.*]]:4 = scf.if
// CHECK-COUNT-4: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<8xbf16>
// CHECK: else
// CHECK: arith.extf

// Five rounds of 32 butterflies' sums and differences.
// CHECK-COUNT-80: arith.subf

// One scale, 32 codes.
// CHECK: arith.maxsi
// ALU-COUNT-96: arith.minsi
// ALU: nvvm.prmt
// CVT-COUNT-16: nvvm.convert.f32x2.to.f4x2
// CHECK: llvm.store %{{.*}}, %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK: llvm.store %{{.*}}, %{{.*}} {alignment = 1 : i64} : i8, !llvm.ptr<1>
fp4gpu.kernel @quantize(%input: memref<?x64xbf16>, %rows: index, %elements: memref<?x64xf4E2M1FN>,
                        %scales: memref<?x1x32x4x4xf8E8M0FNU>)
    schedule <tile = 128x128x1, stages = 1, warps = 8x1>
    arguments ["input", "rows", "elements", "scales"] {
  fp4gpu.for_tiles (%m, %n) in [%rows, 64] {
    fp4gpu.quantize (%input)[%m, %n] -> %elements, %scales rotation 32 {
    ^bb0(%x: bf16):
      %y = arith.extf %x : bf16 to f32
      fp4gpu.yield %y : f32
    } {format = #fp4.mxfp4, rule = #fp4.scale_rule<floor>} : memref<?x64xbf16> -> memref<?x64xf4E2M1FN>, memref<?x1x32x4x4xf8E8M0FNU>
  }
}
