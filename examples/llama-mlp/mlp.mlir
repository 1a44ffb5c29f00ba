// The MLP block of a Llama layer, as a front end hands it over: linalg on
// tensors, the weights named in a safetensors file. W is [out, in], so the
// matmuls read it transposed.

#activations = affine_map<(m, n, k) -> (m, k)>
#weights = affine_map<(m, n, k) -> (n, k)>
#result = affine_map<(m, n, k) -> (m, n)>
#elementwise = affine_map<(m, n) -> (m, n)>

func.func @mlp(%x: tensor<?x512xf32>) -> tensor<?x512xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %tokens = tensor.dim %x, %c0 : tensor<?x512xf32>

  %w_gate = fp4.parameter "gate_proj.weight" : tensor<1408x512xbf16>
  %w_up = fp4.parameter "up_proj.weight" : tensor<1408x512xbf16>
  %w_down = fp4.parameter "down_proj.weight" : tensor<512x1408xbf16>

  %wide = tensor.empty(%tokens) : tensor<?x1408xf32>
  %wide_zero = linalg.fill ins(%zero : f32) outs(%wide : tensor<?x1408xf32>) -> tensor<?x1408xf32>
  %gate = linalg.matmul indexing_maps = [#activations, #weights, #result]
      ins(%x, %w_gate : tensor<?x512xf32>, tensor<1408x512xbf16>)
      outs(%wide_zero : tensor<?x1408xf32>) -> tensor<?x1408xf32>
  %up = linalg.matmul indexing_maps = [#activations, #weights, #result]
      ins(%x, %w_up : tensor<?x512xf32>, tensor<1408x512xbf16>)
      outs(%wide_zero : tensor<?x1408xf32>) -> tensor<?x1408xf32>

  // silu(gate) * up
  %hidden = linalg.generic {indexing_maps = [#elementwise, #elementwise, #elementwise],
                            iterator_types = ["parallel", "parallel"]}
      ins(%gate, %up : tensor<?x1408xf32>, tensor<?x1408xf32>)
      outs(%wide : tensor<?x1408xf32>) {
  ^bb0(%g: f32, %u: f32, %unused: f32):
    %negative = arith.negf %g : f32
    %exp = math.exp %negative : f32
    %denominator = arith.addf %exp, %one : f32
    %silu = arith.divf %g, %denominator : f32
    %product = arith.mulf %silu, %u : f32
    linalg.yield %product : f32
  } -> tensor<?x1408xf32>

  %narrow = tensor.empty(%tokens) : tensor<?x512xf32>
  %narrow_zero = linalg.fill ins(%zero : f32) outs(%narrow : tensor<?x512xf32>) -> tensor<?x512xf32>
  %y = linalg.matmul indexing_maps = [#activations, #weights, #result]
      ins(%hidden, %w_down : tensor<?x1408xf32>, tensor<512x1408xbf16>)
      outs(%narrow_zero : tensor<?x512xf32>) -> tensor<?x512xf32>
  return %y : tensor<?x512xf32>
}
