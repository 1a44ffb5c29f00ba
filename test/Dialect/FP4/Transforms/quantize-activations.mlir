// RUN: fp4-opt %s --fp4-quantize-activations="format=mxfp4 scale-rule=even layers=mlp[.].*" | FileCheck %s
// RUN: fp4-opt %s --fp4-quantize-activations | FileCheck %s --check-prefix=DEFAULT

// One quantization for both layers; the attention layer is filtered out.

// CHECK-LABEL: func @quantizes_matching_layers
// CHECK-SAME: (%[[X:[^:]*]]: tensor<?x64xf32>)
// CHECK: %[[Q:.*]] = fp4.quantize %[[X]] {scale_rule = #fp4.scale_rule<even>} : tensor<?x64xf32> -> !fp4.tensor<?x64, #fp4.mxfp4>
// CHECK-NOT: fp4.quantize
// CHECK: fp4.matmul %[[Q]], %{{.*}} {fp4.layer = "mlp.gate"} : !fp4.tensor<?x64, #fp4.mxfp4>, tensor<32x64xf32> -> tensor<?x32xf32>
// CHECK: fp4.matmul %[[Q]], %{{.*}} {fp4.layer = "mlp.up"}
// CHECK: fp4.matmul %[[X]], %{{.*}} {fp4.layer = "attn.mlp.q"}
// DEFAULT-LABEL: func @quantizes_matching_layers
// DEFAULT: %[[Q:.*]] = fp4.quantize %{{.*}} : tensor<?x64xf32> -> !fp4.tensor<?x64, #fp4.nvfp4>
// DEFAULT-COUNT-3: fp4.matmul %[[Q]]
func.func @quantizes_matching_layers(%x: tensor<?x64xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>) {
  %w = fp4.parameter "w" : tensor<32x64xf32>
  %g = fp4.matmul %x, %w {fp4.layer = "mlp.gate"} : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
  %u = fp4.matmul %x, %w {fp4.layer = "mlp.up"} : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
  %q = fp4.matmul %x, %w {fp4.layer = "attn.mlp.q"} : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
  return %g, %u, %q : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>
}

// The weight is quantized already.

// DEFAULT-LABEL: func @quantizes_beside_quantized_weight
// DEFAULT: %[[Q:.*]] = fp4.quantize
// DEFAULT: fp4.matmul %[[Q]], %{{.*}} : !fp4.tensor<4x16, #fp4.nvfp4>, !fp4.tensor<1x16, #fp4.nvfp4>
func.func @quantizes_beside_quantized_weight(%x: tensor<4x16xf32>) -> tensor<4x1xf32> {
  %w = fp4.constant <elements = dense<34> : tensor<1x8xi8>, scales = dense<56> : tensor<1x1xi8>, tensor_scale = 1.0 : f32> : !fp4.tensor<1x16, #fp4.nvfp4>
  %y = fp4.matmul %x, %w : tensor<4x16xf32>, !fp4.tensor<1x16, #fp4.nvfp4> -> tensor<4x1xf32>
  return %y : tensor<4x1xf32>
}

// Does nothing: two activations, and an activation that is quantized already.

// DEFAULT-LABEL: func @keeps_other_products
// DEFAULT-NOT: fp4.quantize
func.func @keeps_other_products(%x: tensor<4x32xf32>, %v: tensor<8x32xf32>, %q: !fp4.tensor<4x32, #fp4.mxfp4>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %w = fp4.parameter "w" : tensor<8x32xf32>
  %y = fp4.matmul %x, %v : tensor<4x32xf32>, tensor<8x32xf32> -> tensor<4x8xf32>
  %z = fp4.matmul %q, %w : !fp4.tensor<4x32, #fp4.mxfp4>, tensor<8x32xf32> -> tensor<4x8xf32>
  return %y, %z : tensor<4x8xf32>, tensor<4x8xf32>
}

// What has 8 bits is quantized already.

// DEFAULT-LABEL: func @keeps_8_bits
// DEFAULT-NOT: fp4.quantize
// DEFAULT: fp4.matmul %{{.*}}
func.func @keeps_8_bits(%x: tensor<4x32xf8E4M3FN>) -> tensor<4x8xf32> {
  %w = fp4.constant <elements = dense<0> : tensor<8x16xi8>, scales = dense<127> : tensor<8x1xi8>> : !fp4.tensor<8x32, #fp4.mxfp4>
  %y = fp4.matmul %x, %w : tensor<4x32xf8E4M3FN>, !fp4.tensor<8x32, #fp4.mxfp4> -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
