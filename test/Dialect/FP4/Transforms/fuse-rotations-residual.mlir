// RUN: fp4-opt %s --fp4-fuse-rotations --canonicalize --cse --split-input-file | FileCheck %s

// Rotations that go up through normalizations to the residual stream.

#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
#n = affine_map<(m, n) -> (n)>

// RMSNorm in two operations: the sum of squares does not see the rotation, the
// scaling by 1 / sqrt(mean) is the same along a row, and the gain (1, 2, 3, 4)
// goes into the next weight. The rows (1, 1, 1, 1) times the gain are
// (1, 2, 3, 4), rotated (5, -1, -2, 0). The gain is remembered.

// CHECK-LABEL: func @passes_rms_norm
// CHECK-SAME: (%[[X:[^:]*]]: tensor<2x4xf32>)
// CHECK-DAG: %[[E:.*]] = arith.constant dense<{{\[\[}}2.000000e+00, 2.000000e+00, 2.000000e+00, 2.000000e+00], [0.000000e+00, {{.*}}> : tensor<4x4xf32>
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[}}5.000000e+00, -1.000000e+00, -2.000000e+00, 0.000000e+00]]> : tensor<1x4xf32>
// CHECK-NOT: fp4.hadamard
// CHECK: %[[S:.*]] = fp4.matmul %[[X]], %[[E]]
// CHECK: %[[SQ:.*]] = linalg.generic {{.*}} ins(%[[S]] : tensor<2x4xf32>)
// CHECK: %[[N:.*]] = linalg.generic {{.*}} ins(%[[S]], %[[SQ]] : tensor<2x4xf32>, tensor<2xf32>)
// CHECK-COUNT-2: arith.mulf
// CHECK-NOT: arith.mulf
// CHECK: fp4.matmul %[[N]], %[[W]] {fp4.input_gain = dense<[1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00]> : tensor<4xf32>, fp4.input_rotation = 4 : i64, fp4.layer = "up"}
// CHECK-NOT: fp4.hadamard
func.func @passes_rms_norm(%x: tensor<2x4xf32>) -> tensor<2x1xf32> {
  %embed = arith.constant dense<1.0> : tensor<4x4xf32>
  %up = arith.constant dense<1.0> : tensor<1x4xf32>
  %g = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %zero = arith.constant dense<0.0> : tensor<2xf32>
  %eps = arith.constant 1.0e-5 : f32
  %quarter = arith.constant 0.25 : f32
  %s = fp4.matmul %x, %embed : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  %sq = linalg.generic {indexing_maps = [#mn, #m], iterator_types = ["parallel", "reduction"]}
      ins(%s : tensor<2x4xf32>) outs(%zero : tensor<2xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.mulf %a, %a : f32
      %1 = arith.addf %o, %0 : f32
      linalg.yield %1 : f32
  } -> tensor<2xf32>
  %e = tensor.empty() : tensor<2x4xf32>
  %n = linalg.generic {indexing_maps = [#mn, #m, #n, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%s, %sq, %g : tensor<2x4xf32>, tensor<2xf32>, tensor<4xf32>) outs(%e : tensor<2x4xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32, %o: f32):
      %mean = arith.mulf %b, %quarter : f32
      %sum = arith.addf %mean, %eps : f32
      %root = math.rsqrt %sum : f32
      %0 = arith.mulf %a, %root : f32
      %1 = arith.mulf %c, %0 : f32
      linalg.yield %1 : f32
  } -> tensor<2x4xf32>
  %nr = fp4.hadamard %n block 4 : tensor<2x4xf32>
  %ur = fp4.hadamard %up block 4 : tensor<1x4xf32>
  %y = fp4.matmul %nr, %ur {fp4.input_rotation = 4 : i64, fp4.layer = "up"} : tensor<2x4xf32>, tensor<1x4xf32> -> tensor<2x1xf32>
  return %y : tensor<2x1xf32>
}

// -----

#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>

// The same norm spelled with named operations: square, reduce, broadcast, mul.
// The gain is (1, 1, 1, 1) times a broadcast and disappears with its linalg.mul.

// CHECK-LABEL: func @passes_named_rms_norm
// CHECK-NOT: fp4.hadamard
// CHECK: linalg.square
// CHECK: linalg.reduce
// CHECK: %[[N:.*]] = linalg.mul
// CHECK-NOT: linalg.mul
// CHECK-NOT: fp4.hadamard
// CHECK: fp4.matmul %[[N]], %{{.*}} {fp4.input_gain = dense<[1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00]> : tensor<4xf32>
func.func @passes_named_rms_norm(%x: tensor<2x4xf32>) -> tensor<2x1xf32> {
  %embed = arith.constant dense<1.0> : tensor<4x4xf32>
  %up = arith.constant dense<1.0> : tensor<1x4xf32>
  %g = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %zero = arith.constant dense<0.0> : tensor<2xf32>
  %e = tensor.empty() : tensor<2x4xf32>
  %v = tensor.empty() : tensor<2xf32>
  %s = fp4.matmul %x, %embed : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  %sq = linalg.square ins(%s : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %sum = linalg.reduce {arith.addf} ins(%sq : tensor<2x4xf32>) outs(%zero : tensor<2xf32>) dimensions = [1]
  %r = linalg.rsqrt ins(%sum : tensor<2xf32>) outs(%v : tensor<2xf32>) -> tensor<2xf32>
  %rb = linalg.broadcast ins(%r : tensor<2xf32>) outs(%e : tensor<2x4xf32>) dimensions = [1]
  %n = linalg.mul ins(%s, %rb : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %gb = linalg.broadcast ins(%g : tensor<4xf32>) outs(%e : tensor<2x4xf32>) dimensions = [0]
  %ng = linalg.mul ins(%n, %gb : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %nr = fp4.hadamard %ng block 4 : tensor<2x4xf32>
  %ur = fp4.hadamard %up block 4 : tensor<1x4xf32>
  %y = fp4.matmul %nr, %ur {fp4.layer = "up"} : tensor<2x4xf32>, tensor<1x4xf32> -> tensor<2x1xf32>
  return %y : tensor<2x1xf32>
}

// -----

// The gain has another reader than layers, so the norm blocks.

// CHECK-LABEL: func @keeps_rotation_behind_shared_gain
// CHECK: linalg.mul
// CHECK: fp4.hadamard
func.func @keeps_rotation_behind_shared_gain(%x: tensor<2x4xf32>) -> (tensor<2x1xf32>, tensor<2x4xf32>) {
  %embed = arith.constant dense<1.0> : tensor<4x4xf32>
  %up = arith.constant dense<1.0> : tensor<1x4xf32>
  %g = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %e = tensor.empty() : tensor<2x4xf32>
  %s = fp4.matmul %x, %embed : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  %gb = linalg.broadcast ins(%g : tensor<4xf32>) outs(%e : tensor<2x4xf32>) dimensions = [0]
  %ng = linalg.mul ins(%s, %gb : tensor<2x4xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %nr = fp4.hadamard %ng block 4 : tensor<2x4xf32>
  %ur = fp4.hadamard %up block 4 : tensor<1x4xf32>
  %y = fp4.matmul %nr, %ur {fp4.layer = "up"} : tensor<2x4xf32>, tensor<1x4xf32> -> tensor<2x1xf32>
  return %y, %ng : tensor<2x1xf32>, tensor<2x4xf32>
}

// -----

#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>

// A sum of x is no sum of squares: it sees the rotation, and an inverse one
// would cost as much as is saved.

// CHECK-LABEL: func @keeps_rotation_beside_plain_sum
// CHECK: %[[S:.*]] = fp4.matmul
// CHECK-DAG: fp4.hadamard %[[S]]
// CHECK-DAG: linalg.generic {{.*}} ins(%[[S]]
func.func @keeps_rotation_beside_plain_sum(%x: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2xf32>) {
  %embed = arith.constant dense<1.0> : tensor<4x4xf32>
  %zero = arith.constant dense<0.0> : tensor<2xf32>
  %s = fp4.matmul %x, %embed : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  %sum = linalg.generic {indexing_maps = [#mn, #m], iterator_types = ["parallel", "reduction"]}
      ins(%s : tensor<2x4xf32>) outs(%zero : tensor<2xf32>) {
    ^bb0(%a: f32, %o: f32):
      %1 = arith.addf %o, %a : f32
      linalg.yield %1 : f32
  } -> tensor<2xf32>
  %r = fp4.hadamard %s block 4 : tensor<2x4xf32>
  return %r, %sum : tensor<2x4xf32>, tensor<2xf32>
}

// -----

// Three layers on a residual stream that comes from an argument and is
// returned: instead of three rotations, one at the entry and one at the exit.
// (The functions between stream and layer are left out.)

// CHECK-LABEL: func @rotates_residual_stream
// CHECK-SAME: (%[[X:[^:]*]]: tensor<2x4xf32>)
// CHECK: %[[X0:.*]] = fp4.hadamard %[[X]] block 4
// CHECK: %[[Y0:.*]] = fp4.matmul %[[X0]], %{{.*}} {fp4.layer = "l0"}
// CHECK: %[[X1:.*]] = arith.addf %[[X0]], %[[Y0]]
// CHECK: %[[Y1:.*]] = fp4.matmul %[[X1]], %{{.*}} {fp4.layer = "l1"}
// CHECK: %[[X2:.*]] = arith.addf %[[X1]], %[[Y1]]
// CHECK: %[[P:.*]] = fp4.hadamard %[[X2]] block 4
// CHECK: %[[Y2:.*]] = fp4.matmul %[[X2]], %{{.*}} {fp4.layer = "l2"}
// CHECK-NOT: fp4.hadamard
// CHECK: %[[X3:.*]] = arith.addf %[[P]], %[[Y2]]
// CHECK: return %[[X3]]
func.func @rotates_residual_stream(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %w = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0], [4.0, 3.0, 2.0, 1.0]]> : tensor<4x4xf32>
  %wr = fp4.hadamard %w block 4 : tensor<4x4xf32>
  %r0 = fp4.hadamard %x block 4 : tensor<2x4xf32>
  %y0 = fp4.matmul %r0, %wr {fp4.layer = "l0"} : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  %x1 = arith.addf %x, %y0 : tensor<2x4xf32>
  %r1 = fp4.hadamard %x1 block 4 : tensor<2x4xf32>
  %y1 = fp4.matmul %r1, %wr {fp4.layer = "l1"} : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  %x2 = arith.addf %x1, %y1 : tensor<2x4xf32>
  %r2 = fp4.hadamard %x2 block 4 : tensor<2x4xf32>
  %y2 = fp4.matmul %r2, %wr {fp4.layer = "l2"} : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  %x3 = arith.addf %x2, %y2 : tensor<2x4xf32>
  return %x3 : tensor<2x4xf32>
}

// -----

// With one layer there is nothing to gain: the rotation stays next to its
// quantization.

// CHECK-LABEL: func @keeps_rotation_of_short_stream
// CHECK: %[[X1:.*]] = arith.addf
// CHECK: %[[R:.*]] = fp4.hadamard %[[X1]]
// CHECK: fp4.quantize %[[R]]
func.func @keeps_rotation_of_short_stream(%x: tensor<2x32xf32>, %z: tensor<2x32xf32>) -> (!fp4.tensor<2x32, #fp4.mxfp4>, tensor<2x32xf32>) {
  %x1 = arith.addf %x, %z : tensor<2x32xf32>
  %r = fp4.hadamard %x1 block 4 : tensor<2x32xf32>
  %q = fp4.quantize %r : tensor<2x32xf32> -> !fp4.tensor<2x32, #fp4.mxfp4>
  return %q, %x1 : !fp4.tensor<2x32, #fp4.mxfp4>, tensor<2x32xf32>
}
