// RUN: fp4-opt %s --convert-linalg-to-fp4 --split-input-file | FileCheck %s

// linalg.matmul has the weight as [K, N]; fp4.matmul wants [N, K], so the
// constant [[1, 2, 3], [4, 5, 6]] is transposed here.

// CHECK-LABEL: func @transposes_constant
// CHECK-SAME: (%[[X:[^:]*]]: tensor<4x2xf32>)
// CHECK: %[[W:.*]] = arith.constant dense<{{\[\[}}1.000000e+00, 4.000000e+00], [2.000000e+00, 5.000000e+00], [3.000000e+00, 6.000000e+00]]> : tensor<3x2xf32>
// CHECK: %[[Y:.*]] = fp4.matmul %[[X]], %[[W]] {fp4.layer = "linear0"} : tensor<4x2xf32>, tensor<3x2xf32> -> tensor<4x3xf32>
// CHECK-NOT: linalg
// CHECK: return %[[Y]]
func.func @transposes_constant(%x: tensor<4x2xf32>) -> tensor<4x3xf32> {
  %w = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<4x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x3xf32>) -> tensor<4x3xf32>
  %y = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x3xf32>) outs(%init : tensor<4x3xf32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// -----

#x = affine_map<(m, n, k) -> (m, k)>
#wt = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>

// The weight is [N, K] already. Two layers: the names count in program order,
// and the parameter's name loses ".weight".

// CHECK-LABEL: func @names_layers
// CHECK-SAME: (%[[X:[^:]*]]: tensor<?x64xf32>,
// CHECK-DAG: %[[W0:.*]] = fp4.parameter "mlp.up.weight" : tensor<32x64xbf16>
// CHECK-DAG: %[[W1:.*]] = arith.constant dense<5.000000e-01> : tensor<16x32xf32>
// CHECK: %[[H:.*]] = fp4.matmul %[[X]], %[[W0]] {fp4.layer = "mlp.up"} : tensor<?x64xf32>, tensor<32x64xbf16> -> tensor<?x32xf32>
// CHECK: %[[Y:.*]] = fp4.matmul %[[H]], %[[W1]] {fp4.layer = "linear1"}
// CHECK: return %[[Y]]
func.func @names_layers(%x: tensor<?x64xf32>, %e0: tensor<?x32xf32>, %e1: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %w0 = fp4.parameter "mlp.up.weight" : tensor<32x64xbf16>
  %w0f = arith.extf %w0 : tensor<32x64xbf16> to tensor<32x64xf32>
  %w1 = arith.constant dense<0.5> : tensor<16x32xf32>
  %zero = arith.constant 0.0 : f32
  %i0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<?x32xf32>) -> tensor<?x32xf32>
  %h = linalg.matmul indexing_maps = [#x, #wt, #y]
      ins(%x, %w0f : tensor<?x64xf32>, tensor<32x64xf32>) outs(%i0 : tensor<?x32xf32>) -> tensor<?x32xf32>
  %i1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?x16xf32>) -> tensor<?x16xf32>
  %y = linalg.generic {indexing_maps = [#x, #wt, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%h, %w1 : tensor<?x32xf32>, tensor<16x32xf32>) outs(%i1 : tensor<?x16xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %c, %p : f32
      linalg.yield %s : f32
  } -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

// -----

// A resource constant gives its key as the name.

// CHECK-LABEL: func @names_layer_after_resource
// CHECK: fp4.matmul %{{.*}}, %{{.*}} {fp4.layer = "layers.0.down"}
func.func @names_layer_after_resource(%x: tensor<1x2xf32>, %init: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %w = arith.constant dense_resource<layers.0.down.weight> : tensor<2x2xf32>
  %zero = arith.constant dense<0.0> : tensor<1x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<1x2xf32>, tensor<2x2xf32>) outs(%zero : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

{-#
  dialect_resources: {
    builtin: {
      layers.0.down.weight: "0x040000000000803F000000400000404000008040"
    }
  }
#-}

// -----

// A parameter stored as [K, N] keeps a transposition that
// --fp4-load-parameters carries out.

// CHECK-LABEL: func @keeps_transposed_parameter
// CHECK: %[[W:.*]] = fp4.parameter "w" : tensor<64x32xbf16>
// CHECK: %[[WT:.*]] = linalg.transpose ins(%[[W]] : tensor<64x32xbf16>) outs(%{{.*}} : tensor<32x64xbf16>) permutation = [1, 0]
// CHECK: fp4.matmul %{{.*}}, %[[WT]] {fp4.layer = "w"} : tensor<8x64xbf16>, tensor<32x64xbf16> -> tensor<8x32xf32>
func.func @keeps_transposed_parameter(%x: tensor<8x64xbf16>) -> tensor<8x32xf32> {
  %w = fp4.parameter "w" : tensor<64x32xbf16>
  %zero = arith.constant dense<0.0> : tensor<8x32xf32>
  %y = linalg.matmul ins(%x, %w : tensor<8x64xbf16>, tensor<64x32xbf16>) outs(%zero : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// Batch dimensions collapse: the weight is broadcast over the batch, as
// exporters write x[B, S, K] * w[K, N].

// CHECK-LABEL: func @collapses_broadcast_batch
// CHECK-SAME: (%[[X:[^:]*]]: tensor<2x?x4xf32>
// CHECK: %[[W:.*]] = arith.constant dense<1.000000e+00> : tensor<3x4xf32>
// CHECK: %[[M:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0, 1], [2]] : tensor<2x?x4xf32> into tensor<?x4xf32>
// CHECK: %[[Y:.*]] = fp4.matmul %[[M]], %[[W]] {{.*}} : tensor<?x4xf32>, tensor<3x4xf32> -> tensor<?x3xf32>
// CHECK: %[[S:.*]] = tensor.dim %[[X]], %{{.*}} : tensor<2x?x4xf32>
// CHECK: %[[R:.*]] = tensor.expand_shape %[[Y]] {{\[\[}}0, 1], [2]] output_shape [2, %[[S]], 3] : tensor<?x3xf32> into tensor<2x?x3xf32>
// CHECK: return %[[R]]
func.func @collapses_broadcast_batch(%x: tensor<2x?x4xf32>, %e: tensor<2x?x3xf32>) -> tensor<2x?x3xf32> {
  %w = arith.constant dense<1.0> : tensor<4x3xf32>
  %we = tensor.empty() : tensor<2x4x3xf32>
  %wb = linalg.broadcast ins(%w : tensor<4x3xf32>) outs(%we : tensor<2x4x3xf32>) dimensions = [0]
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<2x?x3xf32>) -> tensor<2x?x3xf32>
  %y = linalg.batch_matmul ins(%x, %wb : tensor<2x?x4xf32>, tensor<2x4x3xf32>) outs(%init : tensor<2x?x3xf32>) -> tensor<2x?x3xf32>
  return %y : tensor<2x?x3xf32>
}

// -----

// A batch of one: the constant [1, K, N] is the matrix [K, N].

// CHECK-LABEL: func @drops_batch_of_one
// CHECK: %[[W:.*]] = arith.constant dense<{{\[\[}}1.000000e+00, 3.000000e+00], [2.000000e+00, 4.000000e+00]]> : tensor<2x2xf32>
// CHECK: fp4.matmul %{{.*}}, %[[W]]
func.func @drops_batch_of_one(%x: tensor<1x5x2xf32>) -> tensor<1x5x2xf32> {
  %w = arith.constant dense<[[[1.0, 2.0], [3.0, 4.0]]]> : tensor<1x2x2xf32>
  %zero = arith.constant dense<0.0> : tensor<1x5x2xf32>
  %y = linalg.batch_matmul ins(%x, %w : tensor<1x5x2xf32>, tensor<1x2x2xf32>) outs(%zero : tensor<1x5x2xf32>) -> tensor<1x5x2xf32>
  return %y : tensor<1x5x2xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>

// The weight hides behind a transposition, a widening linalg.generic, a
// tensor.cast and a reshape that drops a unit dimension. Stored [N, K] and
// transposed to [K, N] for linalg.matmul: used as it is.

// CHECK-LABEL: func @sees_through_copies
// CHECK-SAME: (%[[X:[^:]*]]: tensor<4x2xf32>)
// CHECK: %[[W:.*]] = arith.constant dense<{{.*}}> : tensor<3x2xbf16>
// CHECK-NOT: linalg
// CHECK: fp4.matmul %[[X]], %[[W]] {{.*}} : tensor<4x2xf32>, tensor<3x2xbf16> -> tensor<4x3xf32>
func.func @sees_through_copies(%x: tensor<4x2xf32>) -> tensor<4x3xf32> {
  %w = arith.constant dense<[[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]]> : tensor<1x3x2xbf16>
  %w2 = tensor.collapse_shape %w [[0, 1], [2]] : tensor<1x3x2xbf16> into tensor<3x2xbf16>
  %c = tensor.cast %w2 : tensor<3x2xbf16> to tensor<?x2xbf16>
  %d = tensor.cast %c : tensor<?x2xbf16> to tensor<3x2xbf16>
  %we = tensor.empty() : tensor<3x2xf32>
  %wf = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%d : tensor<3x2xbf16>) outs(%we : tensor<3x2xf32>) {
    ^bb0(%a: bf16, %b: f32):
      %e = arith.extf %a : bf16 to f32
      linalg.yield %e : f32
  } -> tensor<3x2xf32>
  %te = tensor.empty() : tensor<2x3xf32>
  %wt = linalg.transpose ins(%wf : tensor<3x2xf32>) outs(%te : tensor<2x3xf32>) permutation = [1, 0]
  %zero = arith.constant dense<0.0> : tensor<4x3xf32>
  %y = linalg.matmul ins(%x, %wt : tensor<4x2xf32>, tensor<2x3xf32>) outs(%zero : tensor<4x3xf32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// -----

// CHECK-LABEL: func @vector_times_matrix
// CHECK: %[[M:.*]] = tensor.expand_shape %{{.*}} {{\[\[}}0, 1]] output_shape [1, 2] : tensor<2xf32> into tensor<1x2xf32>
// CHECK: %[[Y:.*]] = fp4.matmul %[[M]], %{{.*}} -> tensor<1x3xf32>
// CHECK: tensor.collapse_shape %[[Y]] {{\[\[}}0, 1]] : tensor<1x3xf32> into tensor<3xf32>
func.func @vector_times_matrix(%x: tensor<2xf32>) -> tensor<3xf32> {
  %w = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %zero = arith.constant dense<0.0> : tensor<3xf32>
  %y = linalg.vecmat ins(%x, %w : tensor<2xf32>, tensor<2x3xf32>) outs(%zero : tensor<3xf32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}

// -----

// linalg.matvec has the weight on its left.

// CHECK-LABEL: func @matrix_times_vector
// CHECK: %[[W:.*]] = arith.constant dense<{{.*}}> : tensor<3x2xf32>
// CHECK: fp4.matmul %{{.*}}, %[[W]] {{.*}} : tensor<1x2xf32>, tensor<3x2xf32> -> tensor<1x3xf32>
func.func @matrix_times_vector(%x: tensor<2xf32>) -> tensor<3xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %zero = arith.constant dense<0.0> : tensor<3xf32>
  %y = linalg.matvec ins(%w, %x : tensor<3x2xf32>, tensor<2xf32>) outs(%zero : tensor<3xf32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}

// -----

// CHECK-LABEL: func @dynamic_k_becomes_static
// CHECK: %[[M:.*]] = tensor.cast %{{.*}} : tensor<?x?xf32> to tensor<?x2xf32>
// CHECK: %[[Y:.*]] = fp4.matmul %[[M]], %{{.*}} -> tensor<?x3xf32>
// CHECK: tensor.cast %[[Y]] : tensor<?x3xf32> to tensor<?x?xf32>
func.func @dynamic_k_becomes_static(%x: tensor<?x?xf32>, %e: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %w = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %y = linalg.matmul ins(%x, %w : tensor<?x?xf32>, tensor<2x3xf32>) outs(%init : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// -----

// CHECK-LABEL: func @broadcast_accumulator_is_bias
// CHECK: %[[B:.*]] = arith.constant dense<[1.000000e+00, 2.000000e+00, 3.000000e+00]>
// CHECK: %[[Y:.*]] = fp4.matmul %{{.*}}, %{{.*}} bias(%[[B]] : tensor<3xf32>)
// CHECK-NEXT: return %[[Y]]
func.func @broadcast_accumulator_is_bias(%x: tensor<4x2xf32>) -> tensor<4x3xf32> {
  %w = arith.constant dense<1.0> : tensor<2x3xf32>
  %b = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %e = tensor.empty() : tensor<4x3xf32>
  %init = linalg.broadcast ins(%b : tensor<3xf32>) outs(%e : tensor<4x3xf32>) dimensions = [0]
  %y = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x3xf32>) outs(%init : tensor<4x3xf32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// -----

// An accumulator that is repeated along the other dimension is no bias.

// CHECK-LABEL: func @other_accumulator_is_added
// CHECK: %[[I:.*]] = linalg.broadcast ins(%{{.*}} : tensor<4xf32>) outs(%{{.*}} : tensor<4x3xf32>) dimensions = [1]
// CHECK: %[[Y:.*]] = fp4.matmul %{{.*}}, %{{.*}} {fp4.layer = "linear0"}
// CHECK: %[[S:.*]] = linalg.add ins(%[[Y]], %[[I]] : tensor<4x3xf32>, tensor<4x3xf32>)
// CHECK: return %[[S]]
func.func @other_accumulator_is_added(%x: tensor<4x2xf32>, %b: tensor<4xf32>) -> tensor<4x3xf32> {
  %w = arith.constant dense<1.0> : tensor<2x3xf32>
  %e = tensor.empty() : tensor<4x3xf32>
  %init = linalg.broadcast ins(%b : tensor<4xf32>) outs(%e : tensor<4x3xf32>) dimensions = [1]
  %y = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x3xf32>) outs(%init : tensor<4x3xf32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// -----

#mn = affine_map<(m, n) -> (m, n)>
#n = affine_map<(m, n) -> (n)>

// CHECK-LABEL: func @generic_bias_add
// CHECK-SAME: (%{{.*}}: tensor<4x2xf32>, %[[B:[^:]*]]: tensor<3xf32>)
// CHECK: %[[Y:.*]] = fp4.matmul %{{.*}}, %{{.*}} bias(%[[B]] : tensor<3xf32>)
// CHECK-NEXT: return %[[Y]]
func.func @generic_bias_add(%x: tensor<4x2xf32>, %b: tensor<3xf32>) -> tensor<4x3xf32> {
  %w = arith.constant dense<1.0> : tensor<2x3xf32>
  %zero = arith.constant dense<0.0> : tensor<4x3xf32>
  %y = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x3xf32>) outs(%zero : tensor<4x3xf32>) -> tensor<4x3xf32>
  %e = tensor.empty() : tensor<4x3xf32>
  %z = linalg.generic {indexing_maps = [#mn, #n, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%y, %b : tensor<4x3xf32>, tensor<3xf32>) outs(%e : tensor<4x3xf32>) {
    ^bb0(%p: f32, %q: f32, %o: f32):
      %s = arith.addf %p, %q : f32
      linalg.yield %s : f32
  } -> tensor<4x3xf32>
  return %z : tensor<4x3xf32>
}

// -----

// The bias is defined between the product and the addition, so the matmul
// moves behind it.

// CHECK-LABEL: func @late_bias_add
// CHECK: %[[B:.*]] = math.exp
// CHECK: %[[Y:.*]] = fp4.matmul %{{.*}}, %{{.*}} bias(%[[B]] : tensor<3xf32>)
// CHECK-NEXT: return %[[Y]]
func.func @late_bias_add(%x: tensor<4x2xf32>, %c: tensor<3xf32>) -> tensor<4x3xf32> {
  %w = arith.constant dense<1.0> : tensor<2x3xf32>
  %zero = arith.constant dense<0.0> : tensor<4x3xf32>
  %y = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x3xf32>) outs(%zero : tensor<4x3xf32>) -> tensor<4x3xf32>
  %b = math.exp %c : tensor<3xf32>
  %e = tensor.empty() : tensor<4x3xf32>
  %bb = linalg.broadcast ins(%b : tensor<3xf32>) outs(%e : tensor<4x3xf32>) dimensions = [0]
  %z = linalg.add ins(%y, %bb : tensor<4x3xf32>, tensor<4x3xf32>) outs(%e : tensor<4x3xf32>) -> tensor<4x3xf32>
  return %z : tensor<4x3xf32>
}

// -----

#mn = affine_map<(m, n) -> (m, n)>
#n = affine_map<(m, n) -> (n)>

// The product has a second user, which must not see the bias.

// CHECK-LABEL: func @keeps_bias_add_with_two_users
// CHECK: %[[Y:.*]] = fp4.matmul %{{.*}}, %{{.*}} {fp4.layer = "linear0"}
// CHECK: %[[Z:.*]] = arith.addf %[[Y]]
// CHECK: return %[[Y]], %[[Z]]
func.func @keeps_bias_add_with_two_users(%x: tensor<4x2xf32>, %b: tensor<3xf32>) -> (tensor<4x3xf32>, tensor<4x3xf32>) {
  %w = arith.constant dense<1.0> : tensor<2x3xf32>
  %zero = arith.constant dense<0.0> : tensor<4x3xf32>
  %y = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x3xf32>) outs(%zero : tensor<4x3xf32>) -> tensor<4x3xf32>
  %e = tensor.empty() : tensor<4x3xf32>
  %bb = linalg.broadcast ins(%b : tensor<3xf32>) outs(%e : tensor<4x3xf32>) dimensions = [0]
  %z = arith.addf %y, %bb : tensor<4x3xf32>
  return %y, %z : tensor<4x3xf32>, tensor<4x3xf32>
}

// -----

// Does nothing: the product of two activations.

// CHECK-LABEL: func @keeps_product_of_activations
// CHECK: linalg.matmul
// CHECK-NOT: fp4.matmul
func.func @keeps_product_of_activations(%x: tensor<4x2xf32>, %w: tensor<2x3xf32>, %init: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %y = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x3xf32>) outs(%init : tensor<4x3xf32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// -----

// Does nothing: a different weight for every batch entry.

// CHECK-LABEL: func @keeps_batched_weights
// CHECK: linalg.batch_matmul
func.func @keeps_batched_weights(%x: tensor<2x5x2xf32>, %init: tensor<2x5x2xf32>) -> tensor<2x5x2xf32> {
  %w = arith.constant dense<1.0> : tensor<2x2x2xf32>
  %y = linalg.batch_matmul ins(%x, %w : tensor<2x5x2xf32>, tensor<2x2x2xf32>) outs(%init : tensor<2x5x2xf32>) -> tensor<2x5x2xf32>
  return %y : tensor<2x5x2xf32>
}

// -----

// Does nothing: integers, and a weight narrowed on the way (which rounds).

// CHECK-LABEL: func @keeps_other_types
// CHECK: linalg.matmul
// CHECK: linalg.matmul
func.func @keeps_other_types(%x: tensor<4x2xi32>, %i: tensor<4x3xi32>, %f: tensor<4x2xbf16>, %g: tensor<4x3xf32>) -> (tensor<4x3xi32>, tensor<4x3xf32>) {
  %w = arith.constant dense<1> : tensor<2x3xi32>
  %y = linalg.matmul ins(%x, %w : tensor<4x2xi32>, tensor<2x3xi32>) outs(%i : tensor<4x3xi32>) -> tensor<4x3xi32>
  %v = arith.constant dense<1.1> : tensor<2x3xf32>
  %n = arith.truncf %v : tensor<2x3xf32> to tensor<2x3xbf16>
  %z = linalg.matmul ins(%f, %n : tensor<4x2xbf16>, tensor<2x3xbf16>) outs(%g : tensor<4x3xf32>) -> tensor<4x3xf32>
  return %y, %z : tensor<4x3xi32>, tensor<4x3xf32>
}
