// RUN: fp4-opt %s --split-input-file --verify-diagnostics

// One function per numbered constraint of the op documentation.

func.func @quantize_c1(%x: tensor<4x32xf32>) {
  // expected-error @+1 {{'fp4.quantize' op expected 'input' of shape 2x32 (the shape of the result), got 4x32}}
  %0 = fp4.quantize %x : tensor<4x32xf32> -> !fp4.tensor<2x32, #fp4.mxfp4>
  return
}

// -----

func.func @quantize_c1_rank(%x: tensor<?x4x32xf32>) {
  // expected-error @+1 {{'fp4.quantize' op expected 'input' of shape ?x32 (the shape of the result), got ?x4x32}}
  %0 = fp4.quantize %x : tensor<?x4x32xf32> -> !fp4.tensor<?x32, #fp4.mxfp4>
  return
}

// -----

func.func @quantize_c2(%x: tensor<4x32xf32>) {
  // expected-error @+1 {{'fp4.quantize' op expected a 'scale_rule' that #fp4.mxfp4 can use, got absmax}}
  %0 = fp4.quantize %x {scale_rule = #fp4.scale_rule<absmax>} : tensor<4x32xf32> -> !fp4.tensor<4x32, #fp4.mxfp4>
  return
}

// -----

// four_over_six maps the largest value to 4 or 6: E2M1 only.

func.func @quantize_c2_four_over_six(%x: tensor<4x32xf32>) {
  // expected-error @+1 {{can use, got four_over_six}}
  %0 = fp4.quantize %x {scale_rule = #fp4.scale_rule<four_over_six>} : tensor<4x32xf32> -> !fp4.tensor<4x32, #fp4.format<element = f8E4M3FN, scale = f8E4M3FN, block = 32>>
  return
}

// -----

func.func @quantize_c3(%x: tensor<4x32xf32>, %s: f32) {
  // expected-error @+1 {{'fp4.quantize' op expected no 'tensor_scale' for #fp4.mxfp4, got one}}
  %0 = fp4.quantize %x tensor_scale(%s) : tensor<4x32xf32> -> !fp4.tensor<4x32, #fp4.mxfp4>
  return
}

// -----

func.func @quantize_c4(%x: tensor<4x32xf32>, %r: tensor<4x16xi32>) {
  // expected-error @+1 {{'fp4.quantize' op expected 'random' of shape 4x32 (the shape of 'input'), got 4x16}}
  %0 = fp4.quantize %x random(%r : tensor<4x16xi32>) : tensor<4x32xf32> -> !fp4.tensor<4x32, #fp4.mxfp4>
  return
}

// -----

func.func @quantize_of_integers(%x: tensor<4x32xi32>) {
  // expected-error @+1 {{'fp4.quantize' op operand #0 must be ranked tensor of 32-bit float or bfloat16 type or 16-bit float values, but got 'tensor<4x32xi32>'}}
  %0 = fp4.quantize %x : tensor<4x32xi32> -> !fp4.tensor<4x32, #fp4.mxfp4>
  return
}

// -----

func.func @dequantize_c1(%q: !fp4.tensor<4x32, #fp4.mxfp4>) {
  // expected-error @+1 {{'fp4.dequantize' op expected 'result' of shape 4x32 (the shape of 'input'), got 4x16}}
  %0 = fp4.dequantize %q : !fp4.tensor<4x32, #fp4.mxfp4> -> tensor<4x16xf32>
  return
}

// -----

func.func @pack_c1(%e: tensor<4x16xf4E2M1FN>, %s: tensor<4x1xf8E8M0FNU>) {
  // expected-error @+1 {{'fp4.pack' op expected 'elements' of shape 4x32 (that of the microscaled tensor), got 4x16}}
  %0 = fp4.pack %e, %s : tensor<4x16xf4E2M1FN>, tensor<4x1xf8E8M0FNU> -> !fp4.tensor<4x32, #fp4.mxfp4>
  return
}

// -----

func.func @pack_c1_element_type(%e: tensor<4x32xi4>, %s: tensor<4x1xf8E8M0FNU>) {
  // expected-error @+1 {{'fp4.pack' op expected 'elements' with element type 'f4E2M1FN', got 'i4'}}
  %0 = fp4.pack %e, %s : tensor<4x32xi4>, tensor<4x1xf8E8M0FNU> -> !fp4.tensor<4x32, #fp4.mxfp4>
  return
}

// -----

func.func @pack_c2(%e: tensor<4x32xf4E2M1FN>, %s: tensor<4x4xf8E8M0FNU>) {
  // expected-error @+1 {{'fp4.pack' op expected 'scales' of shape 4x1 (one per block), got 4x4}}
  %0 = fp4.pack %e, %s : tensor<4x32xf4E2M1FN>, tensor<4x4xf8E8M0FNU> -> !fp4.tensor<4x32, #fp4.mxfp4>
  return
}

// -----

func.func @pack_c2_element_type(%e: tensor<4x32xf4E2M1FN>, %s: tensor<4x1xi8>) {
  // expected-error @+1 {{'fp4.pack' op expected 'scales' with element type 'f8E8M0FNU', got 'i8'}}
  %0 = fp4.pack %e, %s : tensor<4x32xf4E2M1FN>, tensor<4x1xi8> -> !fp4.tensor<4x32, #fp4.mxfp4>
  return
}

// -----

func.func @pack_c3(%e: tensor<4x16xf4E2M1FN>, %s: tensor<4x1xf8E4M3FN>) {
  // expected-error @+1 {{'fp4.pack' op expected a 'tensor_scale' for #fp4.nvfp4, got none}}
  %0 = fp4.pack %e, %s : tensor<4x16xf4E2M1FN>, tensor<4x1xf8E4M3FN> -> !fp4.tensor<4x16, #fp4.nvfp4>
  return
}

// -----

func.func @pack_c3_without(%e: tensor<4x32xf4E2M1FN>, %s: tensor<4x1xf8E8M0FNU>, %t: f32) {
  // expected-error @+1 {{'fp4.pack' op expected no 'tensor_scale' for #fp4.mxfp4, got one}}
  %0 = fp4.pack %e, %s tensor_scale(%t) : tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU> -> !fp4.tensor<4x32, #fp4.mxfp4>
  return
}

// -----

func.func @unpack_c1(%q: !fp4.tensor<4x32, #fp4.mxfp4>) {
  // expected-error @+1 {{'fp4.unpack' op expected 'elements' with element type 'f4E2M1FN', got 'f6E2M3FN'}}
  %0:2 = fp4.unpack %q : !fp4.tensor<4x32, #fp4.mxfp4> -> tensor<4x32xf6E2M3FN>, tensor<4x1xf8E8M0FNU>
  return
}

// -----

func.func @unpack_c2(%q: !fp4.tensor<4x32, #fp4.mxfp4>) {
  // expected-error @+1 {{'fp4.unpack' op expected 'scales' of shape 4x1 (one per block), got 4x2}}
  %0:2 = fp4.unpack %q : !fp4.tensor<4x32, #fp4.mxfp4> -> tensor<4x32xf4E2M1FN>, tensor<4x2xf8E8M0FNU>
  return
}

// -----

func.func @unpack_c3(%q: !fp4.tensor<4x16, #fp4.nvfp4>) {
  // expected-error @+1 {{'fp4.unpack' op expected a 'tensor_scale' for #fp4.nvfp4, got none}}
  %0:2 = fp4.unpack %q : !fp4.tensor<4x16, #fp4.nvfp4> -> tensor<4x16xf4E2M1FN>, tensor<4x1xf8E4M3FN>
  return
}

// -----

func.func @rotate_quantize_c1(%x: tensor<4x32xf32>) {
  // expected-error @+1 {{'fp4.rotate_quantize' op expected a last dimension that is a multiple of block 64, got 32}}
  %0 = fp4.rotate_quantize %x block 64 : tensor<4x32xf32> -> !fp4.tensor<4x32, #fp4.mxfp4>
  return
}

// -----

func.func @rotate_quantize_c2(%x: tensor<4x32xf32>) {
  // expected-error @+1 {{'fp4.rotate_quantize' op expected a 'scale_rule' that #fp4.nvfp4 can use, got even}}
  %0 = fp4.rotate_quantize %x block 32 {scale_rule = #fp4.scale_rule<even>} : tensor<4x32xf32> -> !fp4.tensor<4x32, #fp4.nvfp4>
  return
}

// -----

func.func @rotate_quantize_c2_tensor_scale(%x: tensor<4x32xf32>, %s: f32) {
  // expected-error @+1 {{'fp4.rotate_quantize' op expected no 'tensor_scale' for #fp4.mxfp4, got one}}
  %0 = fp4.rotate_quantize %x block 32 tensor_scale(%s) : tensor<4x32xf32> -> !fp4.tensor<4x32, #fp4.mxfp4>
  return
}

// -----

func.func @constant_c1() {
  // expected-error @+1 {{'fp4.constant' op expected a static type, got '!fp4.tensor<?x32, #fp4.mxfp4>'}}
  %0 = fp4.constant <elements = dense<0> : tensor<1x16xi8>, scales = dense<0> : tensor<1x1xi8>> : !fp4.tensor<?x32, #fp4.mxfp4>
  return
}

// -----

func.func @constant_c2() {
  // expected-error @+1 {{'fp4.constant' op expected 'elements' of shape 1x16 (bit-packed rows), got 1x32}}
  %0 = fp4.constant <elements = dense<0> : tensor<1x32xi8>, scales = dense<0> : tensor<1x1xi8>> : !fp4.tensor<1x32, #fp4.mxfp4>
  return
}

// -----

func.func @constant_c2_element_type() {
  // expected-error @+1 {{'fp4.constant' op expected 'elements' with element type 'i8', got 'i4'}}
  %0 = fp4.constant <elements = dense<0> : tensor<1x16xi4>, scales = dense<0> : tensor<1x1xi8>> : !fp4.tensor<1x32, #fp4.mxfp4>
  return
}

// -----

func.func @constant_c3() {
  // expected-error @+1 {{'fp4.constant' op expected 'scales' of shape 1x1 (one per block), got 1x2}}
  %0 = fp4.constant <elements = dense<0> : tensor<1x16xi8>, scales = dense<0> : tensor<1x2xi8>> : !fp4.tensor<1x32, #fp4.mxfp4>
  return
}

// -----

func.func @constant_c4() {
  // expected-error @+1 {{'fp4.constant' op expected a 'tensor_scale' for #fp4.nvfp4, got none}}
  %0 = fp4.constant <elements = dense<0> : tensor<1x8xi8>, scales = dense<0> : tensor<1x1xi8>> : !fp4.tensor<1x16, #fp4.nvfp4>
  return
}

// -----

func.func @constant_c4_without() {
  // expected-error @+1 {{'fp4.constant' op expected no 'tensor_scale' for #fp4.mxfp4, got one}}
  %0 = fp4.constant <elements = dense<0> : tensor<1x16xi8>, scales = dense<0> : tensor<1x1xi8>, tensor_scale = 1.0 : f32> : !fp4.tensor<1x32, #fp4.mxfp4>
  return
}

// -----

func.func @constant_c4_type() {
  // expected-error @+1 {{'fp4.constant' op expected 'tensor_scale' of type f32, got 'f64'}}
  %0 = fp4.constant <elements = dense<0> : tensor<1x8xi8>, scales = dense<0> : tensor<1x1xi8>, tensor_scale = 1.0 : f64> : !fp4.tensor<1x16, #fp4.nvfp4>
  return
}

// -----

func.func @parameter_c1() {
  // expected-error @+1 {{'fp4.parameter' op expected a static type, got 'tensor<?x32xf32>'}}
  %0 = fp4.parameter "w" : tensor<?x32xf32>
  return
}

// -----

func.func @hadamard_c1(%x: tensor<4x48xf32>) {
  // expected-error @+1 {{'fp4.hadamard' op expected 'block' to be a power of two in 2..1024, got 24}}
  %0 = fp4.hadamard %x block 24 : tensor<4x48xf32>
  return
}

// -----

func.func @hadamard_c1_negative(%x: tensor<4x48xf32>) {
  // expected-error @+1 {{'fp4.hadamard' op expected 'block' to be a power of two in 2..1024, got -16}}
  %0 = fp4.hadamard %x block -16 : tensor<4x48xf32>
  return
}

// -----

func.func @hadamard_c2(%x: tensor<4x48xf32>) {
  // expected-error @+1 {{'fp4.hadamard' op expected a last dimension that is a multiple of block 32, got 48}}
  %0 = fp4.hadamard %x block 32 : tensor<4x48xf32>
  return
}

// -----

func.func @hadamard_c2_dynamic(%x: tensor<4x?xf32>) {
  // expected-error @+1 {{'fp4.hadamard' op expected a static last dimension, got 'tensor<4x?xf32>'}}
  %0 = fp4.hadamard %x block 32 : tensor<4x?xf32>
  return
}

// -----

func.func @hadamard_c2_scalar(%x: tensor<f32>) {
  // expected-error @+1 {{'fp4.hadamard' op expected a static last dimension, got 'tensor<f32>'}}
  %0 = fp4.hadamard %x block 32 : tensor<f32>
  return
}

// -----

func.func @hadamard_c3(%x: tensor<4x32xf32>) {
  // expected-error @+1 {{'fp4.hadamard' op expected 4 'signs', got 2}}
  %0 = fp4.hadamard %x block 4 signs [1, -1] : tensor<4x32xf32>
  return
}

// -----

func.func @hadamard_c3_value(%x: tensor<4x32xf32>) {
  // expected-error @+1 {{'fp4.hadamard' op expected 'signs' to be 1 or -1, got 0}}
  %0 = fp4.hadamard %x block 2 signs [1, 0] : tensor<4x32xf32>
  return
}

// -----

func.func @matmul_c1(%x: tensor<4x32xf32>, %w: tensor<8x64xf32>) {
  // expected-error @+1 {{'fp4.matmul' op expected 'rhs' of shape 8x32 (columns of 'lhs'), got 8x64}}
  %0 = fp4.matmul %x, %w : tensor<4x32xf32>, tensor<8x64xf32> -> tensor<4x8xf32>
  return
}

// -----

func.func @matmul_c1_rank(%x: tensor<2x4x32xf32>, %w: tensor<8x32xf32>) {
  // expected-error @+1 {{'fp4.matmul' op expected 'lhs' of rank 2, got rank 3}}
  %0 = fp4.matmul %x, %w : tensor<2x4x32xf32>, tensor<8x32xf32> -> tensor<4x8xf32>
  return
}

// -----

func.func @matmul_c1_result(%x: tensor<4x32xf32>, %w: !fp4.tensor<8x32, #fp4.mxfp4>) {
  // expected-error @+1 {{'fp4.matmul' op expected 'result' of shape 4x8 (rows of 'lhs' x rows of 'rhs'), got 8x4}}
  %0 = fp4.matmul %x, %w : tensor<4x32xf32>, !fp4.tensor<8x32, #fp4.mxfp4> -> tensor<8x4xf32>
  return
}

// -----

func.func @matmul_c2(%x: tensor<4x32xf32>, %w: tensor<8x32xf32>, %b: tensor<4xf32>) {
  // expected-error @+1 {{'fp4.matmul' op expected 'bias' of shape 8 (rows of 'rhs'), got 4}}
  %0 = fp4.matmul %x, %w bias(%b : tensor<4xf32>) : tensor<4x32xf32>, tensor<8x32xf32> -> tensor<4x8xf32>
  return
}
