// RUN: fp4-opt %s --fp4-fuse-rotations --split-input-file | FileCheck %s
// RUN: fp4-opt %s --fp4-fuse-rotations=fold-constants=false --split-input-file | FileCheck %s --check-prefix=LAZY

// The rows [1, 1] and [3, 1] rotated in blocks of 2 are [2, 0] / sqrt(2) =
// [1.41421354, 0] and [4, 2] / sqrt(2) = [2.82842708, 1.41421354]: float32, though the
// weight is bf16. With fold-constants=false the rotation of the constant stays.

// CHECK-LABEL: func @folds_into_constant
// CHECK: %[[X:.*]] = fp4.hadamard %{{.*}} block 2 : tensor<4x2xf32>
// CHECK: %[[W:.*]] = arith.constant dense<{{\[\[}}1.41421354, 0.000000e+00], [2.82842708, 1.41421354]]> : tensor<2x2xf32>
// CHECK: fp4.matmul %[[X]], %[[W]]
// LAZY-LABEL: func @folds_into_constant
// LAZY-COUNT-2: fp4.hadamard
func.func @folds_into_constant(%x: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<[[1.0, 1.0], [3.0, 1.0]]> : tensor<2x2xbf16>
  %f = arith.extf %w : tensor<2x2xbf16> to tensor<2x2xf32>
  %xr = fp4.hadamard %x block 2 : tensor<4x2xf32>
  %wr = fp4.hadamard %f block 2 : tensor<2x2xf32>
  %y = fp4.matmul %xr, %wr : tensor<4x2xf32>, tensor<2x2xf32> -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// -----

// The layer in front absorbs the rotation of its result, block 4: every column
// of W (1, 1, 1, 1 and 2, 0, 2, 0) becomes H times it, (2, 0, 0, 0) and
// (2, 2, 0, 0); so does the bias (4, 0, 0, 0) -> (2, 2, 2, 2).

// CHECK-LABEL: func @absorbs_into_rows_and_bias
// CHECK-SAME: (%[[X:[^:]*]]: tensor<4x2xf32>)
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[}}2.000000e+00, 2.000000e+00], [0.000000e+00, 2.000000e+00], [0.000000e+00, 0.000000e+00], [0.000000e+00, 0.000000e+00]]> : tensor<4x2xf32>
// CHECK-DAG: %[[B:.*]] = arith.constant dense<2.000000e+00> : tensor<4xf32>
// CHECK: %[[Y:.*]] = fp4.matmul %[[X]], %[[W]] bias(%[[B]] : tensor<4xf32>) {fp4.layer = "v"}
// CHECK-NEXT: return %[[Y]]
func.func @absorbs_into_rows_and_bias(%x: tensor<4x2xf32>) -> tensor<4x4xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [1.0, 0.0], [1.0, 2.0], [1.0, 0.0]]> : tensor<4x2xbf16>
  %b = arith.constant dense<[4.0, 0.0, 0.0, 0.0]> : tensor<4xbf16>
  %y = fp4.matmul %x, %w bias(%b : tensor<4xbf16>) {fp4.layer = "v"} : tensor<4x2xf32>, tensor<4x2xbf16> -> tensor<4x4xf32>
  %r = fp4.hadamard %y block 4 : tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}

// -----

// With signs D the matrix is R = D H and the rows take R^T = H D: signs first.
// D = (-1, 1, 1, 1) makes the column (1, 1, 1, 1) into H (-1, 1, 1, 1) =
// (1, -1, -1, -1).

// CHECK-LABEL: func @absorbs_signs
// CHECK: arith.constant dense<{{\[\[}}1.000000e+00], [-1.000000e+00], [-1.000000e+00], [-1.000000e+00]]> : tensor<4x1xf32>
// CHECK-NOT: fp4.hadamard
func.func @absorbs_signs(%x: tensor<4x1xf32>) -> tensor<4x4xf32> {
  %w = arith.constant dense<1.0> : tensor<4x1xf32>
  %y = fp4.matmul %x, %w : tensor<4x1xf32>, tensor<4x1xf32> -> tensor<4x4xf32>
  %r = fp4.hadamard %y block 4 signs [-1, 1, 1, 1] : tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}

// -----

// CHECK-LABEL: func @keeps_rotation_behind_activation
// CHECK: %[[Y:.*]] = fp4.matmul
// CHECK: fp4.hadamard %[[Y]]
func.func @keeps_rotation_behind_activation(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %w = arith.constant dense<1.0> : tensor<4x4xf32>
  %y = fp4.matmul %x, %w {activation = #fp4.activation<silu>} : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %r = fp4.hadamard %y block 4 : tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}

// -----

// Neither a weight that is not constant nor one that is not loaded, nor an
// operation without a model.

// CHECK-LABEL: func @keeps_rotation_of_unknown_value
// CHECK-COUNT-4: fp4.hadamard
func.func @keeps_rotation_of_unknown_value(%x: tensor<4x4xf32>, %w: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) {
  %p = fp4.parameter "p" : tensor<4x4xf32>
  %y = fp4.matmul %x, %w : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %z = fp4.matmul %x, %p : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %e = math.exp %x : tensor<4x4xf32>
  %0 = fp4.hadamard %y block 4 : tensor<4x4xf32>
  %1 = fp4.hadamard %z block 4 : tensor<4x4xf32>
  %2 = fp4.hadamard %e block 4 : tensor<4x4xf32>
  %3 = fp4.hadamard %x block 4 : tensor<4x4xf32>
  return %0, %1, %2, %3 : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// The plain value is needed too: absorbing would only trade a rotation for an
// inverse one, so nothing moves.

// CHECK-LABEL: func @keeps_rotation_with_two_users
// CHECK: %[[Y:.*]] = fp4.matmul
// CHECK: %[[R:.*]] = fp4.hadamard %[[Y]]
// CHECK: return %[[R]], %[[Y]]
func.func @keeps_rotation_with_two_users(%x: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %w = arith.constant dense<1.0> : tensor<4x4xf32>
  %y = fp4.matmul %x, %w : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %r = fp4.hadamard %y block 4 : tensor<4x4xf32>
  return %r, %y : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// One rotation for q, k and v, though each came with its own. The fourth has
// another block and stays.

// CHECK-LABEL: func @shares_rotation_of_one_value
// CHECK-SAME: (%[[X:[^:]*]]: tensor<4x4xf32>)
// CHECK-DAG: %[[R4:.*]] = fp4.hadamard %[[X]] block 4
// CHECK-DAG: %[[R2:.*]] = fp4.hadamard %[[X]] block 2
// CHECK-NOT: fp4.hadamard
// CHECK: return %[[R4]], %[[R4]], %[[R4]], %[[R2]]
func.func @shares_rotation_of_one_value(%x: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) {
  %q = fp4.hadamard %x block 4 : tensor<4x4xf32>
  %k = fp4.hadamard %x block 4 : tensor<4x4xf32>
  %v = fp4.hadamard %x block 4 : tensor<4x4xf32>
  %o = fp4.hadamard %x block 2 : tensor<4x4xf32>
  return %q, %k, %v, %o : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

// Splitting heads and swapping leading dimensions keep blocks of 4 whole, so
// the layer absorbs the rotation: [4, 8] -> [4, 2, 4] -> [2, 4, 4].

// CHECK-LABEL: func @passes_reshape_and_transpose
// CHECK-NOT: fp4.hadamard
func.func @passes_reshape_and_transpose(%x: tensor<4x8xf32>) -> tensor<2x4x4xf32> {
  %w = arith.constant dense<1.0> : tensor<8x8xf32>
  %y = fp4.matmul %x, %w : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
  %h = tensor.expand_shape %y [[0], [1, 2]] output_shape [4, 2, 4] : tensor<4x8xf32> into tensor<4x2x4xf32>
  %e = tensor.empty() : tensor<2x4x4xf32>
  %t = linalg.transpose ins(%h : tensor<4x2x4xf32>) outs(%e : tensor<2x4x4xf32>) permutation = [1, 0, 2]
  %r = fp4.hadamard %t block 4 : tensor<2x4x4xf32>
  return %r : tensor<2x4x4xf32>
}

// -----

// The same in blocks of 8 after joining heads: [4, 2, 4] -> [4, 8] does not
// keep a block of 8 whole.

// CHECK-LABEL: func @keeps_rotation_behind_joining_reshape
// CHECK: %[[Y:.*]] = tensor.collapse_shape
// CHECK: fp4.hadamard %[[Y]] block 8
func.func @keeps_rotation_behind_joining_reshape(%x: tensor<8x8xf32>) -> tensor<4x8xf32> {
  %w = arith.constant dense<1.0> : tensor<4x8xf32>
  %y = fp4.matmul %x, %w : tensor<8x8xf32>, tensor<4x8xf32> -> tensor<8x4xf32>
  %h = tensor.expand_shape %y [[0, 1], [2]] output_shape [4, 2, 4] : tensor<8x4xf32> into tensor<4x2x4xf32>
  %j = tensor.collapse_shape %h [[0], [1, 2]] : tensor<4x2x4xf32> into tensor<4x8xf32>
  %r = fp4.hadamard %j block 8 : tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// -----

// CHECK-LABEL: func @keeps_rotation_behind_transposed_rows
// CHECK: fp4.hadamard
func.func @keeps_rotation_behind_transposed_rows(%x: tensor<4x8xf32>) -> tensor<8x4xf32> {
  %w = arith.constant dense<1.0> : tensor<8x8xf32>
  %y = fp4.matmul %x, %w : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  %t = linalg.transpose ins(%y : tensor<4x8xf32>) outs(%e : tensor<8x4xf32>) permutation = [1, 0]
  %r = fp4.hadamard %t block 4 : tensor<8x4xf32>
  return %r : tensor<8x4xf32>
}

// -----

// Casts, negation and scaling by a splat pass; both summands are layers.

// CHECK-LABEL: func @passes_elementwise
// CHECK-NOT: fp4.hadamard
func.func @passes_elementwise(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %w = arith.constant dense<1.0> : tensor<4x4xf32>
  %half = arith.constant dense<0.5> : tensor<4x4xf32>
  %a = fp4.matmul %x, %w : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xbf16>
  %b = fp4.matmul %x, %w : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %af = arith.extf %a : tensor<4x4xbf16> to tensor<4x4xf32>
  %s = arith.mulf %half, %b : tensor<4x4xf32>
  %n = arith.negf %s : tensor<4x4xf32>
  %d = arith.divf %n, %half : tensor<4x4xf32>
  %y = arith.subf %af, %d : tensor<4x4xf32>
  %r = fp4.hadamard %y block 4 : tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}

// -----

// CHECK-LABEL: func @keeps_rotation_behind_channel_scaling
// CHECK: fp4.hadamard
func.func @keeps_rotation_behind_channel_scaling(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %w = arith.constant dense<1.0> : tensor<4x4xf32>
  %c = arith.constant dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>
  %a = fp4.matmul %x, %w : tensor<1x4xf32>, tensor<4x4xf32> -> tensor<1x4xf32>
  %s = arith.mulf %a, %c : tensor<1x4xf32>
  %r = fp4.hadamard %s block 4 : tensor<1x4xf32>
  return %r : tensor<1x4xf32>
}

// -----

#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
#n = affine_map<(m, n) -> (n)>

// linalg by its body: (a - b * c[m]) / 2 + v[n] is linear in a, b and v. The
// constant v = (4, 0, 0, 0) rotates to (2, 2, 2, 2).

// CHECK-LABEL: func @passes_linear_generic
// CHECK-NOT: fp4.hadamard
// CHECK: arith.constant dense<2.000000e+00> : tensor<4xf32>
// CHECK-NOT: fp4.hadamard
func.func @passes_linear_generic(%x: tensor<4x4xf32>, %c: tensor<4xf32>) -> tensor<4x4xf32> {
  %w = arith.constant dense<1.0> : tensor<4x4xf32>
  %v = arith.constant dense<[4.0, 0.0, 0.0, 0.0]> : tensor<4xf32>
  %a = fp4.matmul %x, %w : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %b = fp4.matmul %x, %w : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %e = tensor.empty() : tensor<4x4xf32>
  %two = arith.constant 2.0 : f32
  %y = linalg.generic {indexing_maps = [#mn, #mn, #m, #n, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%a, %b, %c, %v : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4x4xf32>) {
    ^bb0(%p: f32, %q: f32, %s: f32, %t: f32, %o: f32):
      %0 = arith.mulf %q, %s : f32
      %1 = arith.subf %p, %0 : f32
      %2 = arith.divf %1, %two : f32
      %3 = arith.addf %2, %t : f32
      linalg.yield %3 : f32
  } -> tensor<4x4xf32>
  %r = fp4.hadamard %y block 4 : tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}

// -----

// A constant splat is a factor above and a summand here: (1, 1, 1, 1) rotates
// to (2, 0, 0, 0).

// CHECK-LABEL: func @rotates_constant_summand
// CHECK-NOT: fp4.hadamard
// CHECK: arith.constant dense<{{\[\[}}2.000000e+00, 0.000000e+00, 0.000000e+00, 0.000000e+00]]>
// CHECK-NOT: fp4.hadamard
func.func @rotates_constant_summand(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  %w = arith.constant dense<2.0> : tensor<4x4xf32>
  %one = arith.constant dense<1.0> : tensor<1x4xf32>
  %a = fp4.matmul %x, %w : tensor<1x4xf32>, tensor<4x4xf32> -> tensor<1x4xf32>
  %e = tensor.empty() : tensor<1x4xf32>
  %y = linalg.add ins(%a, %one : tensor<1x4xf32>, tensor<1x4xf32>) outs(%e : tensor<1x4xf32>) -> tensor<1x4xf32>
  %r = fp4.hadamard %y block 4 : tensor<1x4xf32>
  return %r : tensor<1x4xf32>
}

// -----

#mn = affine_map<(m, n) -> (m, n)>

// A product of two values is not linear, nor is a sum with a constant that is
// not rotated with it (a + 1).

// CHECK-LABEL: func @keeps_rotation_behind_product
// CHECK: fp4.hadamard
func.func @keeps_rotation_behind_product(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %w = arith.constant dense<1.0> : tensor<4x4xf32>
  %a = fp4.matmul %x, %w : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %b = fp4.matmul %x, %w : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %e = tensor.empty() : tensor<4x4xf32>
  %y = linalg.mul ins(%a, %b : tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %r = fp4.hadamard %y block 4 : tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}

// CHECK-LABEL: func @keeps_rotation_behind_shift
// CHECK: fp4.hadamard
func.func @keeps_rotation_behind_shift(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %w = arith.constant dense<1.0> : tensor<4x4xf32>
  %one = arith.constant 1.0 : f32
  %a = fp4.matmul %x, %w : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %e = tensor.empty() : tensor<4x4xf32>
  %y = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) {
    ^bb0(%p: f32, %o: f32):
      %0 = arith.addf %p, %one : f32
      linalg.yield %0 : f32
  } -> tensor<4x4xf32>
  %r = fp4.hadamard %y block 4 : tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}

// -----

// A reader that is a float layer absorbs the rotation in its columns, so that
// the value can be kept rotated although two readers see it.

// CHECK-LABEL: func @absorbs_into_columns_of_other_reader
// CHECK-NOT: fp4.hadamard
// CHECK-DAG: %[[Y:.*]] = fp4.matmul %{{.*}}, %{{.*}} {fp4.layer = "embed"}
// CHECK-DAG: %[[H:.*]] = arith.constant dense<{{\[\[}}2.000000e+00, 0.000000e+00, 0.000000e+00, 0.000000e+00]]> : tensor<1x4xf32>
// CHECK: fp4.matmul %[[Y]], %[[H]] {fp4.input_rotation = 4 : i64, fp4.layer = "head"}
// CHECK-NOT: fp4.hadamard
func.func @absorbs_into_columns_of_other_reader(%x: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x1xf32>) {
  %w = arith.constant dense<1.0> : tensor<4x4xf32>
  %v = arith.constant dense<1.0> : tensor<1x4xbf16>
  %y = fp4.matmul %x, %w {fp4.layer = "embed"} : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %r = fp4.hadamard %y block 4 : tensor<4x4xf32>
  %h = fp4.matmul %y, %v {fp4.layer = "head"} : tensor<4x4xf32>, tensor<1x4xbf16> -> tensor<4x1xf32>
  return %r, %h : tensor<4x4xf32>, tensor<4x1xf32>
}

// -----

// Attention's value path, two heads of 4: v_proj -> heads -> probabilities times
// values -> back -> the rotation in front of o_proj. The contraction is linear
// in the rows of v, so v_proj absorbs the rotation: H times its columns
// (1, 1, 1, 1) is (2, 0, 0, 0).

// CHECK-LABEL: func @passes_attention_values
// CHECK-NOT: fp4.hadamard
// CHECK: %[[W:.*]] = arith.constant dense<{{\[\[}}2.000000e+00], [0.000000e+00], [0.000000e+00], [0.000000e+00], [2.000000e+00], [0.000000e+00], [0.000000e+00], [0.000000e+00]]>
// CHECK: fp4.matmul %{{.*}}, %[[W]]
// CHECK-NOT: fp4.hadamard
func.func @passes_attention_values(%x: tensor<3x1xf32>, %p: tensor<2x3x3xf32>) -> tensor<3x8xf32> {
  %w = arith.constant dense<1.0> : tensor<8x1xf32>
  %zero = arith.constant dense<0.0> : tensor<2x3x4xf32>
  %e0 = tensor.empty() : tensor<2x3x4xf32>
  %e1 = tensor.empty() : tensor<3x2x4xf32>
  %v = fp4.matmul %x, %w : tensor<3x1xf32>, tensor<8x1xf32> -> tensor<3x8xf32>
  %h = tensor.expand_shape %v [[0], [1, 2]] output_shape [3, 2, 4] : tensor<3x8xf32> into tensor<3x2x4xf32>
  %t = linalg.transpose ins(%h : tensor<3x2x4xf32>) outs(%e0 : tensor<2x3x4xf32>) permutation = [1, 0, 2]
  %a = linalg.batch_matmul ins(%p, %t : tensor<2x3x3xf32>, tensor<2x3x4xf32>) outs(%zero : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %b = linalg.transpose ins(%a : tensor<2x3x4xf32>) outs(%e1 : tensor<3x2x4xf32>) permutation = [1, 0, 2]
  %c = tensor.collapse_shape %b [[0], [1, 2]] : tensor<3x2x4xf32> into tensor<3x8xf32>
  %r = fp4.hadamard %c block 4 : tensor<3x8xf32>
  return %r : tensor<3x8xf32>
}

// -----

// The other factor of a contraction varies along the summed dimension only:
// scores = q k^T has no rotation to pass to q's last dimension.

// CHECK-LABEL: func @keeps_rotation_of_scores
// CHECK: fp4.hadamard
func.func @keeps_rotation_of_scores(%x: tensor<4x1xf32>, %k: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %w = arith.constant dense<1.0> : tensor<4x1xf32>
  %zero = arith.constant dense<0.0> : tensor<4x4xf32>
  %q = fp4.matmul %x, %w : tensor<4x1xf32>, tensor<4x1xf32> -> tensor<4x4xf32>
  %s = linalg.matmul ins(%q, %k : tensor<4x4xf32>, tensor<4x4xf32>) outs(%zero : tensor<4x4xf32>) -> tensor<4x4xf32>
  %r = fp4.hadamard %s block 4 : tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}
