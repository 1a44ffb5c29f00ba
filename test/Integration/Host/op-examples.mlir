// RUN: fp4-run %s --entry=main --shared-libs=%fp4_check
// RUN: not fp4-run %s --entry=finds_a_difference --shared-libs=%fp4_check 2>&1 | FileCheck %s
//
// The same with Debian's own tools: nothing of ours is needed at run time.
// RUN: mlir-opt --load-dialect-plugin=%fp4_plugin %s --pass-pipeline='builtin.module(fp4-lower-to-llvm)' -o %t.mlir
// RUN: mlir-runner %t.mlir -e main -entry-point-result=void --shared-libs=%fp4_check
//
// The examples of the operations' documentation (FP4*Ops.td), with their values,
// as functions that take nothing, so that their inputs are not folded away by
// chance: the host program does not fold.

// CHECK: check: expected element 1 to be 2, got 3

func.func private @expect_equal_f32(tensor<*xf32>, tensor<*xf32>)
func.func private @expect_equal_i8(tensor<*xi8>, tensor<*xi8>)
func.func private @expect_close_f32(tensor<*xf32>, tensor<*xf32>, f32)

func.func @main() {
  call @quantize() : () -> ()
  call @dequantize() : () -> ()
  call @pack() : () -> ()
  call @unpack() : () -> ()
  call @constant() : () -> ()
  call @rotate_quantize() : () -> ()
  call @hadamard() : () -> ()
  call @matmul() : () -> ()
  return
}

// The check itself can fail.
func.func @finds_a_difference() {
  %got = arith.constant dense<[1.0, 3.0]> : tensor<2xf32>
  %expected = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %g = tensor.cast %got : tensor<2xf32> to tensor<*xf32>
  %e = tensor.cast %expected : tensor<2xf32> to tensor<*xf32>
  call @expect_equal_f32(%g, %e) : (tensor<*xf32>, tensor<*xf32>) -> ()
  return
}

// [head..., 0 x (32 - 8)] as a row.
func.func private @row(%head: tensor<1x8xf32>) -> tensor<1x32xf32> {
  %zeros = arith.constant dense<0.0> : tensor<1x32xf32>
  %row = tensor.insert_slice %head into %zeros[0, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<1x32xf32>
  return %row : tensor<1x32xf32>
}

func.func private @expect_row(%got: tensor<1x32xf32>, %head: tensor<1x8xf32>) {
  %row = call @row(%head) : (tensor<1x8xf32>) -> tensor<1x32xf32>
  %g = tensor.cast %got : tensor<1x32xf32> to tensor<*xf32>
  %e = tensor.cast %row : tensor<1x32xf32> to tensor<*xf32>
  call @expect_equal_f32(%g, %e) : (tensor<*xf32>, tensor<*xf32>) -> ()
  return
}

func.func private @expect_scale(%got: tensor<1x1xf8E8M0FNU>, %code: tensor<1x1xi8>) {
  %bits = arith.bitcast %got : tensor<1x1xf8E8M0FNU> to tensor<1x1xi8>
  %g = tensor.cast %bits : tensor<1x1xi8> to tensor<*xi8>
  %e = tensor.cast %code : tensor<1x1xi8> to tensor<*xi8>
  call @expect_equal_i8(%g, %e) : (tensor<*xi8>, tensor<*xi8>) -> ()
  return
}

// Codes of f4E2M1FN in the order of their values: 0.5 is 1, 1.0 is 2, 1.5 is 3,
// 2.0 is 4, 3.0 is 5, 4.0 is 6, 6.0 is 7, -6.0 is 15. f8E8M0FNU 1.0 is 127.

func.func private @quantize() {
  %head = arith.constant dense<[[0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0, 7.0]]> : tensor<1x8xf32>
  %input = call @row(%head) : (tensor<1x8xf32>) -> tensor<1x32xf32>
  %q = fp4.quantize %input : tensor<1x32xf32> -> !fp4.tensor<1x32, #fp4.mxfp4>
  %elements, %scales = fp4.unpack %q : !fp4.tensor<1x32, #fp4.mxfp4> -> tensor<1x32xf4E2M1FN>, tensor<1x1xf8E8M0FNU>
  %one = arith.constant dense<127> : tensor<1x1xi8>
  call @expect_scale(%scales, %one) : (tensor<1x1xf8E8M0FNU>, tensor<1x1xi8>) -> ()
  // With scale 1 the decoded values are the elements.
  %x = fp4.dequantize %q : !fp4.tensor<1x32, #fp4.mxfp4> -> tensor<1x32xf32>
  %expected = arith.constant dense<[[0.0, 1.0, 1.0, 2.0, 2.0, 4.0, 4.0, 6.0]]> : tensor<1x8xf32>
  call @expect_row(%x, %expected) : (tensor<1x32xf32>, tensor<1x8xf32>) -> ()
  return
}

// elements: [0.5, -6.0, 3.0, 0.0, ...], scales: [2.0]
func.func private @packed_example() -> !fp4.tensor<1x32, #fp4.mxfp4> {
  %codes = arith.constant dense<[[1, 15, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]> : tensor<1x32xi8>
  %nibbles = arith.trunci %codes : tensor<1x32xi8> to tensor<1x32xi4>
  %elements = arith.bitcast %nibbles : tensor<1x32xi4> to tensor<1x32xf4E2M1FN>
  %code = arith.constant dense<128> : tensor<1x1xi8>
  %scales = arith.bitcast %code : tensor<1x1xi8> to tensor<1x1xf8E8M0FNU>
  %q = fp4.pack %elements, %scales : tensor<1x32xf4E2M1FN>, tensor<1x1xf8E8M0FNU> -> !fp4.tensor<1x32, #fp4.mxfp4>
  return %q : !fp4.tensor<1x32, #fp4.mxfp4>
}

func.func private @dequantize() {
  %q = call @packed_example() : () -> !fp4.tensor<1x32, #fp4.mxfp4>
  %x = fp4.dequantize %q : !fp4.tensor<1x32, #fp4.mxfp4> -> tensor<1x32xf32>
  %expected = arith.constant dense<[[1.0, -12.0, 6.0, 0.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<1x8xf32>
  call @expect_row(%x, %expected) : (tensor<1x32xf32>, tensor<1x8xf32>) -> ()
  return
}

func.func private @pack() {
  %q = call @packed_example() : () -> !fp4.tensor<1x32, #fp4.mxfp4>
  %x = fp4.dequantize %q : !fp4.tensor<1x32, #fp4.mxfp4> -> tensor<1x32xf32>
  %expected = arith.constant dense<[[1.0, -12.0, 6.0, 0.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<1x8xf32>
  call @expect_row(%x, %expected) : (tensor<1x32xf32>, tensor<1x8xf32>) -> ()
  return
}

func.func private @unpack() {
  %q = call @packed_example() : () -> !fp4.tensor<1x32, #fp4.mxfp4>
  %elements, %scales = fp4.unpack %q : !fp4.tensor<1x32, #fp4.mxfp4> -> tensor<1x32xf4E2M1FN>, tensor<1x1xf8E8M0FNU>
  %two = arith.constant dense<128> : tensor<1x1xi8>
  call @expect_scale(%scales, %two) : (tensor<1x1xf8E8M0FNU>, tensor<1x1xi8>) -> ()
  %nibbles = arith.bitcast %elements : tensor<1x32xf4E2M1FN> to tensor<1x32xi4>
  %codes = arith.extui %nibbles : tensor<1x32xi4> to tensor<1x32xi8>
  %first = tensor.extract_slice %codes[0, 0] [1, 4] [1, 1] : tensor<1x32xi8> to tensor<1x4xi8>
  %expected = arith.constant dense<[[1, 15, 5, 0]]> : tensor<1x4xi8>
  %zeros = arith.constant dense<0> : tensor<1x4xi8>
  %copy = arith.addi %first, %zeros : tensor<1x4xi8>
  %g = tensor.cast %copy : tensor<1x4xi8> to tensor<*xi8>
  %e = tensor.cast %expected : tensor<1x4xi8> to tensor<*xi8>
  call @expect_equal_i8(%g, %e) : (tensor<*xi8>, tensor<*xi8>) -> ()
  return
}

func.func private @constant() {
  %w = fp4.constant <
      elements = dense<[[33, 67, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]> : tensor<1x16xi8>,
      scales = dense<128> : tensor<1x1xi8>> : !fp4.tensor<1x32, #fp4.mxfp4>
  %x = fp4.dequantize %w : !fp4.tensor<1x32, #fp4.mxfp4> -> tensor<1x32xf32>
  %expected = arith.constant dense<[[1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<1x8xf32>
  call @expect_row(%x, %expected) : (tensor<1x32xf32>, tensor<1x8xf32>) -> ()
  return
}

// Rotated: [1.0 x 16, 0.0 x 16]. amax 1 has exponent 0, so the scale is 2^-2
// (code 125), and the elements are 4.0.
func.func private @rotate_quantize() {
  %head = arith.constant dense<[[4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<1x8xf32>
  %input = call @row(%head) : (tensor<1x8xf32>) -> tensor<1x32xf32>
  %q = fp4.rotate_quantize %input block 16 : tensor<1x32xf32> -> !fp4.tensor<1x32, #fp4.mxfp4>
  %elements, %scales = fp4.unpack %q : !fp4.tensor<1x32, #fp4.mxfp4> -> tensor<1x32xf4E2M1FN>, tensor<1x1xf8E8M0FNU>
  %quarter = arith.constant dense<125> : tensor<1x1xi8>
  call @expect_scale(%scales, %quarter) : (tensor<1x1xf8E8M0FNU>, tensor<1x1xi8>) -> ()
  %x = fp4.dequantize %q : !fp4.tensor<1x32, #fp4.mxfp4> -> tensor<1x32xf32>
  %ones = arith.constant dense<1.0> : tensor<1x16xf32>
  %zeros = arith.constant dense<0.0> : tensor<1x32xf32>
  %expected = tensor.insert_slice %ones into %zeros[0, 0] [1, 16] [1, 1] : tensor<1x16xf32> into tensor<1x32xf32>
  %g = tensor.cast %x : tensor<1x32xf32> to tensor<*xf32>
  %e = tensor.cast %expected : tensor<1x32xf32> to tensor<*xf32>
  call @expect_equal_f32(%g, %e) : (tensor<*xf32>, tensor<*xf32>) -> ()
  return
}

func.func private @hadamard() {
  %x = arith.constant dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>
  %y = fp4.hadamard %x block 4 : tensor<1x4xf32>
  %expected = arith.constant dense<[[5.0, -1.0, -2.0, 0.0]]> : tensor<1x4xf32>
  %g = tensor.cast %y : tensor<1x4xf32> to tensor<*xf32>
  %e = tensor.cast %expected : tensor<1x4xf32> to tensor<*xf32>
  call @expect_equal_f32(%g, %e) : (tensor<*xf32>, tensor<*xf32>) -> ()
  return
}

func.func private @matmul() {
  %lhs = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %rhs = arith.constant dense<[[3.0, 4.0], [5.0, 6.0]]> : tensor<2x2xf32>
  %bias = arith.constant dense<[0.0, -20.0]> : tensor<2xf32>
  %y = fp4.matmul %lhs, %rhs bias(%bias : tensor<2xf32>) {activation = #fp4.activation<relu>}
      : tensor<1x2xf32>, tensor<2x2xf32> -> tensor<1x2xf32>
  %expected = arith.constant dense<[[11.0, 0.0]]> : tensor<1x2xf32>
  %g = tensor.cast %y : tensor<1x2xf32> to tensor<*xf32>
  %e = tensor.cast %expected : tensor<1x2xf32> to tensor<*xf32>
  call @expect_equal_f32(%g, %e) : (tensor<*xf32>, tensor<*xf32>) -> ()
  return
}
