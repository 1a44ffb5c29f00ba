// RUN: fp4-opt %s --convert-fp4-to-linalg --canonicalize | FileCheck %s

// A microscaled value is its codes, its scales and, in NVFP4, its tensor scale,
// wherever it goes.

// CHECK-LABEL: func @identity
// CHECK-SAME: (%[[C:.*]]: tensor<?x32xi8>, %[[S:.*]]: tensor<?x2xi8>, %[[T:.*]]: f32) -> (tensor<?x32xi8>, tensor<?x2xi8>, f32)
// CHECK: return %[[C]], %[[S]], %[[T]]
func.func @identity(%q: !fp4.tensor<?x32, #fp4.nvfp4>) -> !fp4.tensor<?x32, #fp4.nvfp4> {
  return %q : !fp4.tensor<?x32, #fp4.nvfp4>
}

// CHECK-LABEL: func @call
// CHECK-SAME: (%[[C:.*]]: tensor<?x32xi8>, %[[S:.*]]: tensor<?x2xi8>, %[[T:.*]]: f32)
// CHECK: %[[R:.*]]:3 = call @identity(%[[C]], %[[S]], %[[T]])
// CHECK: return %[[R]]#0, %[[R]]#1, %[[R]]#2
func.func @call(%q: !fp4.tensor<?x32, #fp4.nvfp4>) -> !fp4.tensor<?x32, #fp4.nvfp4> {
  %r = call @identity(%q) : (!fp4.tensor<?x32, #fp4.nvfp4>) -> !fp4.tensor<?x32, #fp4.nvfp4>
  return %r : !fp4.tensor<?x32, #fp4.nvfp4>
}

// CHECK-LABEL: func @branches
// CHECK-SAME: (%[[F:.*]]: i1, %[[C1:.*]]: tensor<1x32xi8>, %[[S1:.*]]: tensor<1x1xi8>, %[[C2:.*]]: tensor<1x32xi8>, %[[S2:.*]]: tensor<1x1xi8>)
// CHECK-DAG: %[[C:.*]] = arith.select %[[F]], %[[C1]], %[[C2]]
// CHECK-DAG: %[[S:.*]] = arith.select %[[F]], %[[S1]], %[[S2]]
// CHECK: return %[[C]], %[[S]]
func.func @branches(%f: i1, %a: !fp4.tensor<1x32, #fp4.mxfp4>, %b: !fp4.tensor<1x32, #fp4.mxfp4>) -> !fp4.tensor<1x32, #fp4.mxfp4> {
  %r = scf.if %f -> !fp4.tensor<1x32, #fp4.mxfp4> {
    scf.yield %a : !fp4.tensor<1x32, #fp4.mxfp4>
  } else {
    scf.yield %b : !fp4.tensor<1x32, #fp4.mxfp4>
  }
  return %r : !fp4.tensor<1x32, #fp4.mxfp4>
}

// CHECK-LABEL: func @blocks
// CHECK-SAME: (%[[C:.*]]: tensor<1x32xi8>, %[[S:.*]]: tensor<1x1xi8>)
// CHECK: return %[[C]], %[[S]]
func.func @blocks(%a: !fp4.tensor<1x32, #fp4.mxfp4>) -> !fp4.tensor<1x32, #fp4.mxfp4> {
  cf.br ^next(%a : !fp4.tensor<1x32, #fp4.mxfp4>)
^next(%b: !fp4.tensor<1x32, #fp4.mxfp4>):
  return %b : !fp4.tensor<1x32, #fp4.mxfp4>
}

// Plain programs are left alone.

// CHECK-LABEL: func @plain
// CHECK-NEXT: %[[Y:.*]] = arith.addf
// CHECK-NEXT: return %[[Y]] : tensor<?x32xf32>
func.func @plain(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %y = arith.addf %x, %x : tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
