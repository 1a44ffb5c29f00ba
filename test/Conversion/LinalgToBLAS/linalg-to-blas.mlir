// RUN: fp4-opt %s --convert-linalg-to-blas | FileCheck %s

// CHECK: func.func private @fp4_host_sgemm(memref<?x?xf32, strided<[?, ?], offset: ?>>, memref<?x?xf32, strided<[?, ?], offset: ?>>, memref<?x?xf32, strided<[?, ?], offset: ?>>)

// CHECK-LABEL: func.func @matmul
// CHECK-SAME: %[[A:.*]]: memref<4x8xf32>, %[[B:.*]]: memref<8x6xf32>, %[[C:.*]]: memref<4x6xf32>
func.func @matmul(%a: memref<4x8xf32>, %b: memref<8x6xf32>, %c: memref<4x6xf32>) {
  // CHECK-NOT: linalg
  // CHECK-DAG: %[[VIEW_A:.*]] = memref.subview %[[A]][0, 0] [4, 8] [1, 1]
  // CHECK-DAG: %[[VIEW_B:.*]] = memref.subview %[[B]][0, 0] [8, 6] [1, 1]
  // CHECK-DAG: %[[VIEW_C:.*]] = memref.subview %[[C]][0, 0] [4, 6] [1, 1]
  // CHECK-NOT: memref.transpose
  // CHECK: call @fp4_host_sgemm
  linalg.matmul ins(%a, %b : memref<4x8xf32>, memref<8x6xf32>) outs(%c : memref<4x6xf32>)
  return
}

// A weight [N, K] is read as [K, N] through its strides, and widened first.

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (n, k)>
#product = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func.func @bf16_weight
// CHECK-SAME: %[[A:.*]]: memref<?x8xf32>, %[[B:.*]]: memref<6x8xbf16>
func.func @bf16_weight(%a: memref<?x8xf32>, %b: memref<6x8xbf16>, %c: memref<?x6xf32>) {
  // CHECK: %[[WIDE:.*]] = memref.alloc() : memref<6x8xf32>
  // CHECK: linalg.generic {{.*}} ins(%[[B]] : memref<6x8xbf16>) outs(%[[WIDE]] : memref<6x8xf32>)
  // CHECK: arith.extf
  // CHECK: %[[VIEW:.*]] = memref.subview %[[WIDE]]
  // CHECK: memref.transpose %[[VIEW]] (d0, d1) -> (d1, d0)
  // CHECK: call @fp4_host_sgemm
  // CHECK: memref.dealloc %[[WIDE]]
  linalg.matmul indexing_maps = [#lhs, #rhs, #product]
      ins(%a, %b : memref<?x8xf32>, memref<6x8xbf16>) outs(%c : memref<?x6xf32>)
  return
}

// The scores of grouped attention: sequence b, key head h and query g of that
// head are loops; the key does not depend on g.

#query = affine_map<(b, h, g, i, j, d) -> (b, i, h, g, d)>
#key = affine_map<(b, h, g, i, j, d) -> (b, j, h, d)>
#score = affine_map<(b, h, g, i, j, d) -> (b, h, g, i, j)>

// CHECK-LABEL: func.func @scores
// CHECK-SAME: %[[Q:.*]]: memref<2x5x3x4x8xf32>, %[[K:.*]]: memref<2x5x3x8xf32>, %[[S:.*]]: memref<2x3x4x5x5xf32>
func.func @scores(%q: memref<2x5x3x4x8xf32>, %k: memref<2x5x3x8xf32>, %s: memref<2x3x4x5x5xf32>) {
  // CHECK: scf.for %[[ONE:[a-z0-9]+]] =
  // CHECK: scf.for %[[TWO:[a-z0-9]+]] =
  // CHECK: scf.for %[[THREE:[a-z0-9]+]] =
  // CHECK: memref.subview %[[Q]][%[[ONE]], 0, %[[TWO]], %[[THREE]], 0] [1, 5, 1, 1, 8] [1, 1, 1, 1, 1]
  // CHECK: memref.subview %[[K]][%[[ONE]], 0, %[[TWO]], 0] [1, 5, 1, 8] [1, 1, 1, 1]
  // CHECK: memref.transpose
  // CHECK: memref.subview %[[S]][%[[ONE]], %[[TWO]], %[[THREE]], 0, 0] [1, 1, 1, 5, 5] [1, 1, 1, 1, 1]
  // CHECK: call @fp4_host_sgemm
  linalg.generic {indexing_maps = [#query, #key, #score],
                  iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : memref<2x5x3x4x8xf32>, memref<2x5x3x8xf32>) outs(%s : memref<2x3x4x5x5xf32>) {
  ^bb0(%x: f32, %y: f32, %sum: f32):
    %term = arith.mulf %x, %y : f32
    %next = arith.addf %sum, %term : f32
    linalg.yield %next : f32
  }
  return
}

// Not a product of two matrices: no n, integers, and a body that also
// subtracts.

// CHECK-LABEL: func.func @others
func.func @others(%a: memref<4x8xf32>, %v: memref<8xf32>, %y: memref<4xf32>,
                  %i: memref<4x8xi32>, %j: memref<8x6xi32>, %k: memref<4x6xi32>,
                  %b: memref<6x8xf32>, %c: memref<4x6xf32>) {
  // CHECK: linalg.matvec
  linalg.matvec ins(%a, %v : memref<4x8xf32>, memref<8xf32>) outs(%y : memref<4xf32>)
  // CHECK: linalg.matmul
  linalg.matmul ins(%i, %j : memref<4x8xi32>, memref<8x6xi32>) outs(%k : memref<4x6xi32>)
  // CHECK: linalg.generic
  // CHECK-NOT: call
  linalg.generic {indexing_maps = [#lhs, #rhs, #product], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<4x8xf32>, memref<6x8xf32>) outs(%c : memref<4x6xf32>) {
  ^bb0(%x: f32, %w: f32, %sum: f32):
    %term = arith.mulf %x, %w : f32
    %next = arith.subf %sum, %term : f32
    linalg.yield %next : f32
  }
  return
}
