// RUN: fp4-run %s --shared-libs=%fp4_check
//
// f8E4M3FN activations on the host, in all bits: zero, the smallest subnormal
// (2^-9), the smallest normal (2^-6), 1, 3, 256, the largest (448, negative) and
// -1, each times one MXFP4 element of 1.0 with the scale 2.

func.func private @expect_equal_f32(tensor<*xf32>, tensor<*xf32>)

func.func @main() {
  %codes = arith.constant dense<"0x000108384478FEB8"> : tensor<8xi8>
  %x8 = arith.bitcast %codes : tensor<8xi8> to tensor<8xf8E4M3FN>
  %x = tensor.expand_shape %x8 [[0, 1]] output_shape [8, 1] : tensor<8xf8E4M3FN> into tensor<8x1xf8E4M3FN>
  %zero = arith.constant dense<0.0> : tensor<8x32xf8E4M3FN>
  %lhs = tensor.insert_slice %x into %zero[0, 0] [8, 1] [1, 1] : tensor<8x1xf8E4M3FN> into tensor<8x32xf8E4M3FN>
  %w = fp4.constant <elements = dense<0x22> : tensor<1x16xi8>, scales = dense<128> : tensor<1x1xi8>> : !fp4.tensor<1x32, #fp4.mxfp4>
  %y = fp4.matmul %lhs, %w : tensor<8x32xf8E4M3FN>, !fp4.tensor<1x32, #fp4.mxfp4> -> tensor<8x1xf32>
  %e = arith.constant dense<[[0.0], [0.00390625], [0.03125], [2.0], [6.0], [512.0], [-896.0], [-2.0]]> : tensor<8x1xf32>
  %g = tensor.cast %y : tensor<8x1xf32> to tensor<*xf32>
  %f = tensor.cast %e : tensor<8x1xf32> to tensor<*xf32>
  call @expect_equal_f32(%g, %f) : (tensor<*xf32>, tensor<*xf32>) -> ()
  return
}
