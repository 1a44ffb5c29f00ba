// A product of two matrices that the caller has packed.
func.func @main(%x: !fp4.tensor<?x256, #fp4.nvfp4>, %w: !fp4.tensor<128x256, #fp4.nvfp4>) -> tensor<?x128xf32> {
  %y = fp4.matmul %x, %w : !fp4.tensor<?x256, #fp4.nvfp4>, !fp4.tensor<128x256, #fp4.nvfp4> -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}
