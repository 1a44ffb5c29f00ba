// RUN: fp4-opt %s --canonicalize --split-input-file | FileCheck %s

//===----------------------------------------------------------------------===//
// Algebra
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func @hadamard_twice
// CHECK-SAME: (%[[X:.*]]: tensor<4x32xf32>)
// CHECK-NEXT: return %[[X]]
func.func @hadamard_twice(%x: tensor<4x32xf32>) -> tensor<4x32xf32> {
  %0 = fp4.hadamard %x block 16 : tensor<4x32xf32>
  %1 = fp4.hadamard %0 block 16 : tensor<4x32xf32>
  return %1 : tensor<4x32xf32>
}

// With signs only the inverse cancels, from either side.

// CHECK-LABEL: func @hadamard_inverse
// CHECK-SAME: (%[[X:.*]]: tensor<4x32xf32>)
// CHECK-NEXT: return %[[X]], %[[X]]
func.func @hadamard_inverse(%x: tensor<4x32xf32>) -> (tensor<4x32xf32>, tensor<4x32xf32>) {
  %0 = fp4.hadamard %x block 2 signs [1, -1] : tensor<4x32xf32>
  %1 = fp4.hadamard %0 block 2 signs [1, -1] inverse : tensor<4x32xf32>
  %2 = fp4.hadamard %x block 2 signs [1, -1] inverse : tensor<4x32xf32>
  %3 = fp4.hadamard %2 block 2 signs [1, -1] : tensor<4x32xf32>
  return %1, %3 : tensor<4x32xf32>, tensor<4x32xf32>
}

// Does nothing: another block, other signs, and signs applied twice forward.

// CHECK-LABEL: func @hadamard_of_another
// CHECK-COUNT-6: fp4.hadamard
func.func @hadamard_of_another(%x: tensor<4x32xf32>) -> (tensor<4x32xf32>, tensor<4x32xf32>, tensor<4x32xf32>) {
  %0 = fp4.hadamard %x block 16 : tensor<4x32xf32>
  %1 = fp4.hadamard %0 block 32 : tensor<4x32xf32>
  %2 = fp4.hadamard %x block 2 signs [1, -1] : tensor<4x32xf32>
  %3 = fp4.hadamard %2 block 2 signs [-1, 1] inverse : tensor<4x32xf32>
  %4 = fp4.hadamard %x block 2 signs [1, -1] : tensor<4x32xf32>
  %5 = fp4.hadamard %2 block 2 signs [1, -1] : tensor<4x32xf32>
  %6 = fp4.hadamard %4 block 4 : tensor<4x32xf32>
  return %1, %3, %6 : tensor<4x32xf32>, tensor<4x32xf32>, tensor<4x32xf32>
}

// -----

// CHECK-LABEL: func @pack_of_unpack
// CHECK-SAME: (%[[Q:.*]]: !fp4.tensor<4x16, #fp4.nvfp4>)
// CHECK-NEXT: return %[[Q]]
func.func @pack_of_unpack(%q: !fp4.tensor<4x16, #fp4.nvfp4>) -> !fp4.tensor<4x16, #fp4.nvfp4> {
  %e, %s, %t = fp4.unpack %q : !fp4.tensor<4x16, #fp4.nvfp4> -> tensor<4x16xf4E2M1FN>, tensor<4x1xf8E4M3FN>, f32
  %p = fp4.pack %e, %s tensor_scale(%t) : tensor<4x16xf4E2M1FN>, tensor<4x1xf8E4M3FN> -> !fp4.tensor<4x16, #fp4.nvfp4>
  return %p : !fp4.tensor<4x16, #fp4.nvfp4>
}

// CHECK-LABEL: func @unpack_of_pack
// CHECK-SAME: (%[[E:.*]]: tensor<4x16xf4E2M1FN>, %[[S:.*]]: tensor<4x1xf8E4M3FN>, %[[T:.*]]: f32)
// CHECK-NEXT: return %[[E]], %[[S]], %[[T]]
func.func @unpack_of_pack(%e: tensor<4x16xf4E2M1FN>, %s: tensor<4x1xf8E4M3FN>, %t: f32) -> (tensor<4x16xf4E2M1FN>, tensor<4x1xf8E4M3FN>, f32) {
  %p = fp4.pack %e, %s tensor_scale(%t) : tensor<4x16xf4E2M1FN>, tensor<4x1xf8E4M3FN> -> !fp4.tensor<4x16, #fp4.nvfp4>
  %e2, %s2, %t2 = fp4.unpack %p : !fp4.tensor<4x16, #fp4.nvfp4> -> tensor<4x16xf4E2M1FN>, tensor<4x1xf8E4M3FN>, f32
  return %e2, %s2, %t2 : tensor<4x16xf4E2M1FN>, tensor<4x1xf8E4M3FN>, f32
}

// Does nothing: parts of two tensors, and another tensor scale.

// CHECK-LABEL: func @pack_of_mixed_parts
// CHECK-COUNT-2: fp4.pack
func.func @pack_of_mixed_parts(%q: !fp4.tensor<4x16, #fp4.nvfp4>, %r: !fp4.tensor<4x16, #fp4.nvfp4>, %u: f32) -> (!fp4.tensor<4x16, #fp4.nvfp4>, !fp4.tensor<4x16, #fp4.nvfp4>) {
  %e, %s, %t = fp4.unpack %q : !fp4.tensor<4x16, #fp4.nvfp4> -> tensor<4x16xf4E2M1FN>, tensor<4x1xf8E4M3FN>, f32
  %e2, %s2, %t2 = fp4.unpack %r : !fp4.tensor<4x16, #fp4.nvfp4> -> tensor<4x16xf4E2M1FN>, tensor<4x1xf8E4M3FN>, f32
  %p = fp4.pack %e, %s2 tensor_scale(%t) : tensor<4x16xf4E2M1FN>, tensor<4x1xf8E4M3FN> -> !fp4.tensor<4x16, #fp4.nvfp4>
  %o = fp4.pack %e, %s tensor_scale(%u) : tensor<4x16xf4E2M1FN>, tensor<4x1xf8E4M3FN> -> !fp4.tensor<4x16, #fp4.nvfp4>
  return %p, %o : !fp4.tensor<4x16, #fp4.nvfp4>, !fp4.tensor<4x16, #fp4.nvfp4>
}

// -----

// Power-of-two scales under floor find every decoded value again.

// CHECK-LABEL: func @quantize_of_dequantize
// CHECK-SAME: (%[[Q:[^:]*]]: !fp4.tensor<?x32, #fp4.mxfp4>
// CHECK-NEXT: return %[[Q]]
func.func @quantize_of_dequantize(%q: !fp4.tensor<?x32, #fp4.mxfp4>) -> !fp4.tensor<?x32, #fp4.mxfp4> {
  %x = fp4.dequantize %q : !fp4.tensor<?x32, #fp4.mxfp4> -> tensor<?x32xf32>
  %p = fp4.quantize %x : tensor<?x32xf32> -> !fp4.tensor<?x32, #fp4.mxfp4>
  return %p : !fp4.tensor<?x32, #fp4.mxfp4>
}

// Does nothing: mantissas in the scales; E4M3, whose largest significand is
// not all ones; E5M2, which holds infinities; a rule that may choose another
// scale; values rounded in between; random rounding; another format.

// CHECK-LABEL: func @requantization_that_may_differ
// CHECK-COUNT-7: fp4.quantize
func.func @requantization_that_may_differ(
    %n: !fp4.tensor<4x32, #fp4.nvfp4>, %q: !fp4.tensor<4x32, #fp4.mxfp4>, %e: !fp4.tensor<4x32, #fp4.mxfp8e4m3>,
    %i: !fp4.tensor<4x32, #fp4.mxfp8e5m2>, %u: tensor<4x32xi32>)
    -> (!fp4.tensor<4x32, #fp4.nvfp4>, !fp4.tensor<4x32, #fp4.mxfp8e4m3>, !fp4.tensor<4x32, #fp4.mxfp8e5m2>,
        !fp4.tensor<4x32, #fp4.mxfp4>, !fp4.tensor<4x32, #fp4.mxfp4>, !fp4.tensor<4x32, #fp4.mxfp4>, !fp4.tensor<4x32, #fp4.mxfp6e2m3>) {
  %xn = fp4.dequantize %n : !fp4.tensor<4x32, #fp4.nvfp4> -> tensor<4x32xf32>
  %xe = fp4.dequantize %e : !fp4.tensor<4x32, #fp4.mxfp8e4m3> -> tensor<4x32xf32>
  %xi = fp4.dequantize %i : !fp4.tensor<4x32, #fp4.mxfp8e5m2> -> tensor<4x32xf32>
  %xq = fp4.dequantize %q : !fp4.tensor<4x32, #fp4.mxfp4> -> tensor<4x32xf32>
  %xh = fp4.dequantize %q : !fp4.tensor<4x32, #fp4.mxfp4> -> tensor<4x32xf16>
  %0 = fp4.quantize %xn : tensor<4x32xf32> -> !fp4.tensor<4x32, #fp4.nvfp4>
  %1 = fp4.quantize %xe : tensor<4x32xf32> -> !fp4.tensor<4x32, #fp4.mxfp8e4m3>
  %2 = fp4.quantize %xi : tensor<4x32xf32> -> !fp4.tensor<4x32, #fp4.mxfp8e5m2>
  %3 = fp4.quantize %xq {scale_rule = #fp4.scale_rule<rceil>} : tensor<4x32xf32> -> !fp4.tensor<4x32, #fp4.mxfp4>
  %4 = fp4.quantize %xh : tensor<4x32xf16> -> !fp4.tensor<4x32, #fp4.mxfp4>
  %5 = fp4.quantize %xq random(%u : tensor<4x32xi32>) : tensor<4x32xf32> -> !fp4.tensor<4x32, #fp4.mxfp4>
  %6 = fp4.quantize %xq : tensor<4x32xf32> -> !fp4.tensor<4x32, #fp4.mxfp6e2m3>
  return %0, %1, %2, %3, %4, %5, %6 : !fp4.tensor<4x32, #fp4.nvfp4>, !fp4.tensor<4x32, #fp4.mxfp8e4m3>, !fp4.tensor<4x32, #fp4.mxfp8e5m2>,
        !fp4.tensor<4x32, #fp4.mxfp4>, !fp4.tensor<4x32, #fp4.mxfp4>, !fp4.tensor<4x32, #fp4.mxfp4>, !fp4.tensor<4x32, #fp4.mxfp6e2m3>
}

// -----

//===----------------------------------------------------------------------===//
// Constants (each operation's example with its values is in examples.mlir)
//===----------------------------------------------------------------------===//

// A given tensor scale of 2: amax / 6 / 2 = 0.5 is the E4M3 code 0x30 = 48;
// 6 / (0.5 * 2) = 6 is code 7.

// CHECK-LABEL: func @quantize_with_tensor_scale
// CHECK: fp4.constant <elements = dense<119> : tensor<1x8xi8>, scales = dense<48> : tensor<1x1xi8>, tensor_scale = 2.000000e+00 : f32>
func.func @quantize_with_tensor_scale() -> !fp4.tensor<1x16, #fp4.nvfp4> {
  %x = arith.constant dense<6.0> : tensor<1x16xf32>
  %two = arith.constant 2.0 : f32
  %q = fp4.quantize %x tensor_scale(%two) : tensor<1x16xf32> -> !fp4.tensor<1x16, #fp4.nvfp4>
  return %q : !fp4.tensor<1x16, #fp4.nvfp4>
}

// Does nothing: an unknown tensor scale, one that nothing can be divided by,
// random rounding, and a dynamic result.

// CHECK-LABEL: func @quantize_of_constant_that_stays
// CHECK-COUNT-5: quantize
func.func @quantize_of_constant_that_stays(%s: f32, %u: tensor<1x16xi32>) -> (!fp4.tensor<1x16, #fp4.nvfp4>, !fp4.tensor<1x16, #fp4.nvfp4>, !fp4.tensor<1x16, #fp4.nvfp4>, !fp4.tensor<?x16, #fp4.nvfp4>, !fp4.tensor<1x16, #fp4.nvfp4>) {
  %x = arith.constant dense<6.0> : tensor<1x16xf32>
  %zero = arith.constant 0.0 : f32
  %inf = arith.constant 0x7F800000 : f32
  %0 = fp4.quantize %x tensor_scale(%s) : tensor<1x16xf32> -> !fp4.tensor<1x16, #fp4.nvfp4>
  %1 = fp4.quantize %x tensor_scale(%zero) : tensor<1x16xf32> -> !fp4.tensor<1x16, #fp4.nvfp4>
  %2 = fp4.quantize %x random(%u : tensor<1x16xi32>) : tensor<1x16xf32> -> !fp4.tensor<1x16, #fp4.nvfp4>
  %3 = fp4.quantize %x : tensor<1x16xf32> -> !fp4.tensor<?x16, #fp4.nvfp4>
  %4 = fp4.rotate_quantize %x block 4 tensor_scale(%inf) : tensor<1x16xf32> -> !fp4.tensor<1x16, #fp4.nvfp4>
  return %0, %1, %2, %3, %4 : !fp4.tensor<1x16, #fp4.nvfp4>, !fp4.tensor<1x16, #fp4.nvfp4>, !fp4.tensor<1x16, #fp4.nvfp4>, !fp4.tensor<?x16, #fp4.nvfp4>, !fp4.tensor<1x16, #fp4.nvfp4>
}

// NaN in a block gives the NaN scale 0xFF, and a block of NaN when decoded.

// CHECK-LABEL: func @quantize_of_nan
// CHECK: arith.constant dense<0x7FC00000> : tensor<1x32xf32>
func.func @quantize_of_nan() -> tensor<1x32xf32> {
  %x = arith.constant dense<0x7FC00000> : tensor<1x32xf32>
  %q = fp4.quantize %x : tensor<1x32xf32> -> !fp4.tensor<1x32, #fp4.mxfp4>
  %d = fp4.dequantize %q : !fp4.tensor<1x32, #fp4.mxfp4> -> tensor<1x32xf32>
  return %d : tensor<1x32xf32>
}

// Two-dimensional blocks: one scale for 4 x 4 values. The largest, 8, gives
// 2^(3 - 2) = 2, code 128: 8 / 2 = 4 is code 6, 1 / 2 = 0.5 is code 1.

// CHECK-LABEL: func @quantize_two_dimensional_block
// CHECK: fp4.constant <elements = dense<{{\[\[}}17, 17], [17, 17], [17, 17], [17, 97]]> : tensor<4x2xi8>, scales = dense<-128> : tensor<1x1xi8>>
func.func @quantize_two_dimensional_block() -> !fp4.tensor<4x4, #fp4.format<element = f4E2M1FN, scale = f8E8M0FNU, block = 4x4>> {
  %x = arith.constant dense<[[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 8.0]]> : tensor<4x4xf32>
  %q = fp4.quantize %x : tensor<4x4xf32> -> !fp4.tensor<4x4, #fp4.format<element = f4E2M1FN, scale = f8E8M0FNU, block = 4x4>>
  return %q : !fp4.tensor<4x4, #fp4.format<element = f4E2M1FN, scale = f8E8M0FNU, block = 4x4>>
}

// bf16 results are rounded once, at the end: 5 / 2 * 0.70710677 is
// 1.7677669, in bf16 1.765625.

// CHECK-LABEL: func @hadamard_of_bf16
// CHECK: arith.constant dense<{{\[\[}}1.765630e+00, {{.*}}> : tensor<1x2xbf16>
func.func @hadamard_of_bf16() -> tensor<1x2xbf16> {
  %x = arith.constant dense<[[1.5, 1.0]]> : tensor<1x2xbf16>
  %y = fp4.hadamard %x block 2 : tensor<1x2xbf16>
  return %y : tensor<1x2xbf16>
}

// Signs come first forward and last in the inverse:
// H (-1, 2) = (1, -3) / sqrt(2), and then the inverse of (1, 0).

// CHECK-LABEL: func @hadamard_with_signs
// CHECK-DAG: arith.constant dense<{{\[\[}}0.707106769, -2.12132025]]>
// CHECK-DAG: arith.constant dense<{{\[\[}}-0.707106769, 0.707106769]]>
func.func @hadamard_with_signs() -> (tensor<1x2xf32>, tensor<1x2xf32>) {
  %x = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %e = arith.constant dense<[[1.0, 0.0]]> : tensor<1x2xf32>
  %y = fp4.hadamard %x block 2 signs [-1, 1] : tensor<1x2xf32>
  %z = fp4.hadamard %e block 2 signs [-1, 1] inverse : tensor<1x2xf32>
  return %y, %z : tensor<1x2xf32>, tensor<1x2xf32>
}

// Nothing to compute on: no elements at all.

// CHECK-LABEL: func @empty_tensors
// CHECK: fp4.constant <elements = dense<> : tensor<0x16xi8>, scales = dense<> : tensor<0x1xi8>> : !fp4.tensor<0x32, #fp4.mxfp4>
func.func @empty_tensors() -> !fp4.tensor<0x32, #fp4.mxfp4> {
  %x = arith.constant dense<> : tensor<0x32xf32>
  %r = fp4.hadamard %x block 32 : tensor<0x32xf32>
  %q = fp4.quantize %r : tensor<0x32xf32> -> !fp4.tensor<0x32, #fp4.mxfp4>
  return %q : !fp4.tensor<0x32, #fp4.mxfp4>
}

// -----

// Does nothing: the bytes of the resource are not there, or too few.

// CHECK-LABEL: func @unreadable_resources
// CHECK: fp4.hadamard
// CHECK: fp4.dequantize
// CHECK: fp4.unpack
// CHECK: fp4.quantize
func.func @unreadable_resources() -> (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1x32xf4E2M1FN>, !fp4.tensor<1x32, #fp4.mxfp4>) {
  %x = arith.constant dense_resource<missing> : tensor<1x32xf32>
  %y = arith.constant dense_resource<short> : tensor<1x32xf32>
  %c = fp4.constant <elements = dense_resource<short> : tensor<1x16xi8>, scales = dense<127> : tensor<1x1xi8>> : !fp4.tensor<1x32, #fp4.mxfp4>
  %0 = fp4.hadamard %x block 32 : tensor<1x32xf32>
  %1 = fp4.dequantize %c : !fp4.tensor<1x32, #fp4.mxfp4> -> tensor<1x32xf32>
  %2, %s = fp4.unpack %c : !fp4.tensor<1x32, #fp4.mxfp4> -> tensor<1x32xf4E2M1FN>, tensor<1x1xf8E8M0FNU>
  %3 = fp4.quantize %y : tensor<1x32xf32> -> !fp4.tensor<1x32, #fp4.mxfp4>
  return %0, %1, %2, %3 : tensor<1x32xf32>, tensor<1x32xf32>, tensor<1x32xf4E2M1FN>, !fp4.tensor<1x32, #fp4.mxfp4>
}

{-#
  dialect_resources: {
    builtin: {
      short: "0x0400000000000000"
    }
  }
#-}

// -----

// More than a kilobyte becomes a resource and prints in hexadecimal. Every
// rotated block of 512 ones is (22.6274166, 0, ...): float32 0x41B504F3.

// CHECK-LABEL: func @large_constant_becomes_resource
// CHECK: %[[C:.*]] = arith.constant dense_resource<rotated> : tensor<1x512xf32>
// CHECK: fp4.constant <elements = dense_resource<fp4_elements> : tensor<64x64xi8>, scales = dense<125> : tensor<64x4xi8>>
// CHECK: rotated: "0x40000000F304B54100000000
// CHECK: fp4_elements: "0x40000000666666666
func.func @large_constant_becomes_resource() -> (tensor<1x512xf32>, !fp4.tensor<64x128, #fp4.mxfp4>) {
  %x = arith.constant dense<1.0> : tensor<1x512xf32>
  %r = fp4.hadamard %x block 512 : tensor<1x512xf32>
  %w = arith.constant dense<1.0> : tensor<64x128xbf16>
  %q = fp4.quantize %w : tensor<64x128xbf16> -> !fp4.tensor<64x128, #fp4.mxfp4>
  return %r, %q : tensor<1x512xf32>, !fp4.tensor<64x128, #fp4.mxfp4>
}
